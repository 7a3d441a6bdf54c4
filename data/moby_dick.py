"""Moby Dick by Herman Melville (1851) as Project Gutenberg publishes it."""

import contextlib
import hashlib
import re
import warnings
from collections import Counter
from pathlib import Path

from data import registry

# the edition on which the course's numbers were measured
MEASURED_SHA256 = "414df67a37ea3dbacc23311b96df4d6402cb29c4bf6ea533929b5c19930d6789"
NUM_CHAPTERS = 135
MIN_WORDS, MAX_WORDS = 205_000, 220_000  # of any complete edition, from chapter 1 to the epilogue
QUICK_CHARACTERS = 100_000

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_FIRST, _LAST = "Call me Ishmael", "orphan."


def available() -> bool:
    """Whether the novel is on this machine, so that nothing would be downloaded."""
    return where() is not None


def where() -> Path | None:
    """The file that would be read, or None."""
    with contextlib.suppress(registry.CorpusMissing):
        return registry.find(registry.MOBY_DICK.file)
    return None


def text() -> str:
    """The novel from the heading of chapter 1 to the last word of the epilogue.

    Leaves out Project Gutenberg's header, the front matter and its closing lines. Lines end in a
    plain new line, and curly quotes become straight ones, so that editions agree as far as they
    can. Raises CorpusMissing if there is no file, CorpusDamaged if it is not the whole novel.
    """
    _, novel = _whole()
    if not registry.quick():
        return novel
    return novel[: novel.index("\n\n", QUICK_CHARACTERS)] + "\n"


def words() -> list[str]:
    """The words of `text()` in order, in lower case: letters, with apostrophes only inside."""
    return _WORD.findall(text().lower())


def vocabulary(num_words: int = 10_000) -> list[str]:
    """The most frequent words, most frequent first; equally frequent ones alphabetically."""
    counts = Counter(words())
    return sorted(counts, key=lambda word: (-counts[word], word))[:num_words]


def fetch(progress: bool = True) -> Path:
    """The file that is read, downloaded if there is none or if the cache's copy is damaged."""
    return _whole()[0]


def verify() -> str:
    """Check that the whole novel is there; a sentence about it, or CorpusDamaged."""
    path, novel = _whole()
    measured = hashlib.sha256(path.read_bytes()).hexdigest() == MEASURED_SHA256
    edition = "the edition" if measured else "not the edition"
    return (
        f"{len(_WORD.findall(novel.lower())):,} words in {NUM_CHAPTERS} chapters, "
        f"{edition} that the course was measured on."
    )


def _whole() -> tuple[Path, str]:
    path = registry.find(registry.MOBY_DICK.file) or registry.download(registry.MOBY_DICK)
    try:
        return path, _novel(path)
    except registry.CorpusDamaged as damage:
        if path.parent != registry.cache_dir():  # COURSE_DATA is only read
            raise
        try:
            path = registry.download_again(registry.MOBY_DICK)
        except registry.CorpusError:
            raise damage from None
        warnings.warn(f"{path} was damaged: it has been downloaded again.", stacklevel=4)
        return path, _novel(path)


def _novel(path: Path) -> str:
    try:
        raw = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise registry.unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise _damaged(path, "is not UTF-8 text") from error
    raw = raw.replace("\r\n", "\n").translate(str.maketrans("‘’“”", "''\"\""))
    start = raw.rfind("CHAPTER 1", 0, raw.find(_FIRST))  # later than the table of contents
    end = raw.rfind(_LAST)
    if start < 0 or end < 0:
        raise _damaged(path, "does not run from chapter 1 to the epilogue")
    novel = raw[start : end + len(_LAST)] + "\n"
    chapters = len(re.findall(r"^CHAPTER \d+", novel, flags=re.MULTILINE))
    num_words = len(_WORD.findall(novel))
    if chapters != NUM_CHAPTERS or not MIN_WORDS <= num_words <= MAX_WORDS:
        raise _damaged(path, f"has {chapters} chapters and {num_words:,} words")
    return novel


def _damaged(path: Path, what: str) -> registry.CorpusDamaged:
    return registry.CorpusDamaged(
        f"{path} {what}, expected the {NUM_CHAPTERS} chapters of Moby Dick: "
        "delete it and fetch it again."
    )
