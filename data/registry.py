"""The sources of the public corpora, and the three places to look for one.

In this order: the folder named by `COURSE_DATA`, the user's cache (`COURSE_CACHE` overrides where
it is), a download with a checksum. Parsed corpora are kept in the cache as a folder that is either
complete or absent; if one is damaged later, the next use notices and builds it again.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

CHECKSUMS = "SHA256SUMS"  # written into every parsed corpus, compared whenever it is used
LOCK_TIMEOUT_S = 900
CONNECT_TIMEOUT_S = 10


class CorpusError(Exception):
    """A corpus cannot be used; the message is one sentence that says what to do."""


class CorpusMissing(CorpusError):  # noqa: N818 - "missing" says more than "error"
    """No real corpus was found or could be downloaded: continue with the built-in one."""


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
    """One row of `python -m data list`; licenses and papers are in data/README.md."""

    name: str
    what: str
    size: str
    license: str


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
        "50,000 labeled film reviews (Maas et al., 2011)",
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


def check(path: Path, checksum: str | None) -> None:
    """Raise CorpusDamaged unless the file has this checksum ("sha256:…" or "md5:…").

    ValueError where there is none to compare with.
    """
    if checksum is None:
        raise ValueError(f"{path.name} has no checksum: check it by its content")
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


def download_again(source: Source) -> Path:
    """As `download`, in place of the file that the cache holds, which stays if it fails."""
    new = download(replace(source, file=f".{source.file}.{os.getpid()}"))
    with _cache_errors():
        return new.replace(cache_dir() / source.file)


def built(name: str) -> Path | None:
    """The folder `name` of the cache if anything is there, damaged or not, else None."""
    target = cache_dir() / name
    return target if os.path.lexists(target) else None


def build(name: str, fill: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, whole: made by `fill(folder)` if it is not there or damaged.

    `fill` works on a folder beside it that is renamed when complete, so an interrupted build leaves
    nothing that a reader could take for a corpus. Of several processes one builds, the rest wait.
    A warning names what was damaged; CorpusDamaged if that cannot be built again.
    """
    target = cache_dir() / name
    found = damage(name)
    if built(name) and not found:
        return target
    try:
        with _cache_errors():
            target.parent.mkdir(parents=True, exist_ok=True)
            with _lock(target.with_name(f"{name}.lock")):
                found = damage(name)  # another process may have built it in the meantime
                if found or not built(name):
                    _fill_and_rename(target, fill)
                if found:
                    warnings.warn(f"{target} was damaged ({found}): built again.", stacklevel=3)
    except CorpusError as error:
        if found is None:
            raise
        raise CorpusDamaged(
            f"{target} is damaged ({found}) and could not be built again. {error}"
        ) from error
    return target


def _fill_and_rename(target: Path, fill: Callable[[Path], None]) -> None:
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # left by a process that was killed
    unfinished.mkdir()
    try:
        fill(unfinished)
        sums = [f"{digest}  {name}\n" for name, digest in _checksums(_files(unfinished)).items()]
        text = "".join([f"# {target.name}\n", *sums])
        (unfinished / CHECKSUMS).write_text(text, encoding="utf-8")
        _remove(target)
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _remove(target: Path) -> None:
    # Renamed first: nobody sees half of it, and who has mapped its files keeps them. In its place,
    # because a folder that may not be written cannot be moved to another one.
    if not os.path.lexists(target):
        return
    aside = target.with_name(f".{target.name}.damaged-{os.getpid()}")
    target.rename(aside)
    if aside.is_symlink() or not aside.is_dir():
        aside.unlink()
        return
    aside.chmod(0o700)
    for place, folders, _ in os.walk(aside):
        for folder in (Path(place, name) for name in folders):
            if not folder.is_symlink():
                folder.chmod(0o700)
    shutil.rmtree(aside, ignore_errors=True)


def verify_build(name: str) -> Path:
    """The folder `name` of the cache; CorpusDamaged unless every file is as it was written."""
    found = damage(name)
    if found:
        raise CorpusDamaged(
            f"{cache_dir() / name} is damaged ({found}): python -m data fetch builds it again."
        )
    return cache_dir() / name


_checked: dict[Path, list[tuple]] = {}  # how the files of a folder looked when they were whole


def damage(name: str) -> str | None:
    """What is wrong with the folder `name` of the cache, in a few words; None if nothing is.

    Every byte is compared with its checksum, in one process once for as long as no file changes.
    """
    target = cache_dir() / name
    if not os.path.lexists(target):
        return None
    try:
        files = _files(target)
        look = [
            (file, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
            for file, stat in ((file, path.stat()) for file, path in files.items())
        ]
        if _checked.get(target) == look:
            return None
        found = _difference(target, files)
    except OSError as error:
        return f"{error.filename or target} cannot be read: {error.strerror or error}"
    if found is None:
        _checked[target] = look
    return found


def _difference(target: Path, files: dict[str, Path]) -> str | None:
    if CHECKSUMS not in files:
        return f"it has no {CHECKSUMS}"
    try:
        lines = files.pop(CHECKSUMS).read_bytes().decode().splitlines()
        names = [line[2:] for line in lines if line.startswith("# ")]
        sums = (line.split("  ", 1) for line in lines if not line.startswith("# "))
        recorded = {file: digest for digest, file in sums}
    except ValueError:
        return f"{CHECKSUMS} is not readable"
    if names not in ([], [target.name]):  # without a name: built by an older version of the course
        return f"it holds {' '.join(names)}"
    for file in sorted(recorded.keys() ^ files.keys()):
        return f"{file} is missing" if file in recorded else f"{file} does not belong there"
    changed = [file for file, digest in _checksums(files).items() if recorded[file] != digest]
    return f"{changed[0]} has changed" if changed else None


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


def _files(folder: Path) -> dict[str, Path]:
    # The regular files by relative name, without what file managers leave (.DS_Store).
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    walk = os.walk(folder, onerror=_raise)
    paths = sorted(Path(place, name) for place, _, names in walk for name in names)
    kept = (path for path in paths if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path for path in kept}


def _raise(error: OSError) -> None:
    raise error


def _checksums(files: dict[str, Path]) -> dict[str, str]:
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # hashing leaves Python's lock
        return dict(zip(files, pool.map(_sha256, files.values()), strict=True))


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
