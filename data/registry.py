"""The sources of the public corpora, and the three places where one is looked for.

In this order: the folder named by `COURSE_DATA`, the user's cache (`COURSE_CACHE` overrides where
it is), a checksummed download. What is parsed is kept in the cache as a folder that either exists
complete or not at all.
"""

import contextlib
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

CHECKSUMS = "SHA256SUMS"  # written into every parsed corpus, read by `verify_build`
LOCK_TIMEOUT_S = 900
CONNECT_TIMEOUT_S = 10


class CorpusError(Exception):
    """A corpus cannot be used; the message is one sentence that says what to do."""


class CorpusMissing(CorpusError):  # noqa: N818 - "missing" says more than "error"
    """No real corpus was found and none could be downloaded: go on with the built-in one."""


class CorpusDamaged(CorpusError):  # noqa: N818
    """A file was found, but it is unreadable or not what its publisher released."""


@dataclass(frozen=True)
class Source:
    """A file as its publisher serves it: tried from `urls` in turn; `checksum` is "name:hex"."""

    file: str
    urls: tuple[str, ...]
    checksum: str | None
    megabytes: float


@dataclass(frozen=True)
class Corpus:
    """One row of `python -m data list`; licences and papers are in data/README.md."""

    name: str
    what: str
    size: str
    licence: str


IMDB = Source(
    "aclImdb_v1.tar.gz",
    (
        "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        "https://d2l-data.s3-accelerate.amazonaws.com/aclImdb_v1.tar.gz",
    ),
    "md5:7c2ac02c03563afcf9b574c7e56c153a",
    84.1,
)
IMDB_WORD_INDEX = Source(
    "imdb_word_index.json",
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/imdb_word_index.json",),
    "sha256:f3dd6f811f312fbc3fdecb86a58901912da26da47f47f69b802e6102a24e711e",
    1.6,
)
# Project Gutenberg revises its files, so this one is checked by content (data/moby_dick.py).
MOBY_DICK = Source(
    "moby_dick.txt",
    (
        "https://www.gutenberg.org/cache/epub/2701/pg2701.txt",
        "https://www.gutenberg.org/files/2701/2701-0.txt",
    ),
    None,
    1.3,
)
GLOVE_6B = Source(
    "glove.6B.zip",
    (
        "https://nlp.stanford.edu/data/glove.6B.zip",
        "https://huggingface.co/stanfordnlp/glove/resolve/main/glove.6B.zip",
    ),
    "sha256:617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
    862.2,
)

CORPORA = (
    Corpus(
        "imdb",
        "50,000 labelled film reviews (Maas et al., 2011)",
        f"{IMDB.megabytes:.0f} MB",
        "free for research, cite the paper",
    ),
    Corpus(
        "moby_dick",
        "the novel, for the language model",
        f"{MOBY_DICK.megabytes:.0f} MB",
        "public domain",
    ),
    Corpus("glove", "400,000 GloVe word vectors, 50-d", "76 MB", "PDDL 1.0"),
    Corpus(
        "glove-300d",
        "the same words, 300-d",
        f"{GLOVE_6B.megabytes:.0f} MB",
        "PDDL 1.0",
    ),
    Corpus("longmemory", "generated reviews in which order decides", "any", "MIT"),
)


def quick() -> bool:
    """Whether `COURSE_QUICK=1` asks for small corpora."""
    return os.environ.get("COURSE_QUICK") == "1"


def course_data() -> Path | None:
    """The folder named by `COURSE_DATA`, None when it is not set; CorpusMissing for a bad name."""
    name = os.environ.get("COURSE_DATA")
    if not name:
        return None
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise CorpusMissing(
            f"COURSE_DATA names {name}, which is not a folder: "
            "set it to the folder that holds the corpora, or unset it."
        )
    return folder


def cache_dir() -> Path:
    """The cache: `COURSE_CACHE`, else the user's cache folder for `rnn-course`."""
    name = os.environ.get("COURSE_CACHE")
    if name:
        return Path(name).expanduser()
    import pooch

    return Path(pooch.os_cache("rnn-course"))


def find(*names: str) -> Path | None:
    """The first of these files or folders in `COURSE_DATA`, else in the cache, else None."""
    folders = [folder for folder in (course_data(), cache_dir()) if folder]
    paths = (folder / name for folder in folders for name in names)
    return next((path for path in paths if path.exists()), None)


def check(path: Path, checksum: str) -> None:
    """Raise CorpusDamaged unless the file has this checksum ("sha256:…" or "md5:…")."""
    algorithm, expected = checksum.split(":")
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error
    if found != expected:
        raise CorpusDamaged(
            f"{path} has the {algorithm} {found[:12]}…, expected {expected[:12]}…: "
            "delete it and fetch it again."
        )


def unreadable(path: Path, error: OSError) -> CorpusDamaged:
    """The exception for a file that exists but cannot be read."""
    return CorpusDamaged(
        f"{path} cannot be read ({error.strerror or error}): make it readable or remove it."
    )


def download(source: Source) -> Path:
    """Fetch a file into the cache, with a progress bar, and check it; nothing partial stays.

    CorpusMissing when no host answers, CorpusDamaged when what they serve has another checksum.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    fetch = pooch.HTTPDownloader(progressbar=True, chunk_size=1 << 16, timeout=CONNECT_TIMEOUT_S)
    wrong = None
    with _cache_errors():
        for url in source.urls:
            try:
                path = pooch.retrieve(
                    url, source.checksum, source.file, path=cache_dir(), downloader=fetch
                )
                return Path(path)
            except requests.RequestException:
                continue
            except ValueError as error:  # pooch: the checksum does not match
                wrong = error
    if wrong:
        raise CorpusDamaged(
            f"What was downloaded as {source.file} is not the published file: try again later, "
            "or put the file into the folder named by COURSE_DATA."
        ) from wrong
    hosts = " and ".join(dict.fromkeys(url.split("/")[2] for url in source.urls))
    raise CorpusMissing(
        f"{source.file} is not on this machine and {hosts} could not be reached: connect to the "
        "internet, or put the file into the folder named by COURSE_DATA."
    )


def build(name: str, fill: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, made by `fill(folder)` if it is not there yet.

    `fill` works on a folder beside it that is renamed when complete, so an interrupted build leaves
    nothing that a reader could take for a corpus. Of several processes one builds, the rest wait.
    """
    target = cache_dir() / name
    if target.is_dir():
        return target
    with _cache_errors():
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target.with_name(f"{name}.lock")):
            if not target.is_dir():
                _fill_and_rename(target, fill)
    return target


def _fill_and_rename(target: Path, fill: Callable[[Path], None]) -> None:
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # left by a process that was killed
    unfinished.mkdir()
    try:
        fill(unfinished)
        sums = [f"{digest}  {name}\n" for name, digest in _checksums(unfinished).items()]
        (unfinished / CHECKSUMS).write_text("".join(sums), encoding="utf-8")
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def verify_build(name: str) -> Path:
    """The folder `name` of the cache after comparing every file with its recorded checksum."""
    target = cache_dir() / name
    try:
        lines = (target / CHECKSUMS).read_text(encoding="utf-8").splitlines()
        recorded = {file: digest for digest, file in (line.split("  ") for line in lines)}
        found = _checksums(target)
    except (OSError, ValueError) as error:
        raise CorpusDamaged(f"{target} is not complete: delete it and fetch again.") from error
    changed = sorted(f for f in recorded | found if recorded.get(f) != found.get(f))
    if changed:
        raise CorpusDamaged(f"{target / changed[0]} has changed: delete {target} and fetch again.")
    return target


@contextlib.contextmanager
def atomic_text(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 text file for writing that appears under its name only when complete."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(unfinished, "w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _checksums(folder: Path) -> dict[str, str]:
    sums = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != CHECKSUMS:
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            sums[path.relative_to(folder).as_posix()] = digest
    return sums


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    # The one file lock in the standard library that works on Linux, macOS and Windows is SQLite's;
    # the operating system releases it when the process ends, however it ends.
    database = sqlite3.connect(path, timeout=LOCK_TIMEOUT_S, isolation_level=None)
    try:
        try:
            database.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise OSError(f"{path.name}: {error}") from error
            raise CorpusError(
                f"Another process has held {path} for {LOCK_TIMEOUT_S} s: "
                "wait for it to finish, or end it."
            ) from error
        yield
    finally:
        database.close()


@contextlib.contextmanager
def _cache_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CorpusError(
            f"The cache {cache_dir()} cannot be written ({error.strerror or error}): free some "
            "space there, or set COURSE_CACHE to another folder."
        ) from error
