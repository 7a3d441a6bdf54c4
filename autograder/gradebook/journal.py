"""What a grading run keeps on disk so that an interruption loses nothing.

A journal says how far each submission got. A lock, which dies with its process, keeps a second run
out and tells the next one what the last one may have left behind.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging import Logger
from pathlib import Path
from typing import BinaryIO, TextIO

from filelock import lock_descriptor

from autograder import files
from autograder.grading.messages import NotGradedError
from autograder.kernels import sandbox

MAX_FILES = 10_000  # of one submission, folders too
MAX_TOTAL = 2**30  # bytes of the files that are read
PENDING, GRADING, GRADED, FAILED = "pending", "grading", "graded", "failed"


class RefusedError(Exception):
    """The run, or one submission, cannot be graded; the message says why and what to do."""


def explain(error: Exception) -> str:
    """An exception in one sentence, with what to do about it if that is known."""
    text = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    if isinstance(error, RefusedError | NotGradedError):
        return text
    full = "disk is full" in text or "No space left on device" in text
    if full or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full: make room and run the command again."
    if "readonly database" in text:
        return "The gradebook is read-only: make its file and folder writable and run again."
    if "database is locked" in text:
        return "The gradebook is locked by another program: end that program and run again."
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} cannot be used: {error.strerror}."
    return f"{type(error).__name__}: {text}"


def has_left(entry: dict[str, str], book: str, known: bool) -> bool:
    """Whether the gradebook `book` has had a student whom it no longer has."""
    return not known and entry.get("book") == book


def is_outdated(entry: dict[str, str], version: str) -> bool:
    """Whether grades are of another version of the assignment than `version`."""
    return entry.get("state") == GRADED and entry.get("version", version) != version


def place(autograded: Path, assignment: str) -> Path:
    """The journal of an assignment, next to the folder of autograded submissions."""
    return autograded.parent / "journal" / f"{assignment}.jsonl"


def read(path: Path) -> dict[str, dict[str, str]]:
    """Student -> last entry (state, digest, reason, time) of the journal at `path`.

    `book`, which names the gradebook that has the student's grades, comes from an earlier one.
    """
    entries: dict[str, dict[str, str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
            before = entries.get(entry["student"], {})
            kept = {"book": before["book"]} if "book" in before else {}
            entries[entry["student"]] = kept | entry
        except ValueError:  # the run was killed in the middle of a line
            continue
    return entries


def append(path: Path, state: str, digests: dict[str, str], **further: str) -> None:
    """Write one line per student of `digests` and wait until the disk has them.

    `further`: what else to put into the lines (reason, tier, version, lacks, book).
    """
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    lines = b""
    for student, digest in digests.items():
        entry = {"time": now, "student": student, "state": state, "digest": digest}
        lines += json.dumps(entry | further).encode() + b"\n"
    with open(path, "ab+") as file:
        file.write(b"\n" * _ends_in_half_a_line(file) + lines)
        file.flush()
        os.fsync(file.fileno())


def _ends_in_half_a_line(file: BinaryIO) -> bool:
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def fingerprint(folder: Path, too_large: int) -> str:
    """Digest of the names and contents of a submission's files; links and devices are not opened.

    If a file has more than `too_large` bytes, nobody reads it, and only its size and time count.
    Raises RefusedError if the folder holds more than a grader can take, or a notebook is not a
    regular file: a link could lead to the solutions or to another submission.
    """
    mode = folder.lstat().st_mode
    if not stat.S_ISDIR(mode):
        raise RefusedError(f"{folder.name} is {_kind(mode)}: ask for a folder with the notebooks")
    entries, total = [], 0
    for path, mode, size in files.walk(folder):
        name = f"{folder.name}/{path}"
        if mode == files.UNREADABLE:
            raise RefusedError(f"{name} cannot be read: fix its permissions, or remove it")
        if path.suffix == ".ipynb" and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise RefusedError(f"{name} is {_kind(mode)}: ask for the file itself")
        total += size if stat.S_ISREG(mode) and size <= too_large else 0
        entries.append((path, mode, size))
        if len(entries) > MAX_FILES or total > MAX_TOTAL:
            raise RefusedError(
                f"{folder.name} holds more than {MAX_FILES:,} files or {MAX_TOTAL // 2**30} GiB: "
                "remove what is not part of the submission"
            )
    digest = hashlib.sha256(b".\0d\0")
    for path, mode, size in sorted(entries):
        content = stat.filemode(mode)[0]
        if stat.S_ISREG(mode) and size > too_large:
            content += f"{size} {(folder / path).stat().st_mtime_ns}"
        elif stat.S_ISREG(mode):
            with open(folder / path, "rb") as file:
                content += hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path}\0{content}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link, which is not followed"
    return "a file" if stat.S_ISREG(mode) else "no regular file"


@contextmanager
def only_run(path: Path, log: Logger) -> Iterator[None]:
    """Hold the lock file `path`; meanwhile, temporary files go to this run's own folder.

    Raises RefusedError if another process holds the lock. The lock file names the folder, so that a
    later run removes it if this one is killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="utf-8") as file:
        file.seek(0)
        folders = [Path(line) for line in file.read().splitlines()] if _lock(file, log) else []
        for folder in folders:
            remove_scratch(folder)
        before = tempfile.tempdir
        folders.append(Path(tempfile.gettempdir(), f"grading-{secrets.token_hex(4)}"))
        file.write(f"{folders[-1]}\n")
        file.flush()
        folders[-1].mkdir(0o700)
        tempfile.tempdir = str(folders[-1])
        try:
            yield
        finally:
            tempfile.tempdir = before
            for folder in folders:  # the old ones too: a kernel may outlive its run for a second
                remove_scratch(folder)
            file.truncate(0)


def _lock(file: TextIO, log: Logger) -> bool:
    """True with the lock, False if the system has none; RefusedError if another process has it."""
    try:
        locked = lock_descriptor(file.fileno(), blocking=False)
    except OSError:
        log.warning("Locks do not work on this system: make sure that only one run grades.")
        return False
    if not locked:
        raise RefusedError(
            f"Another run is grading {Path(file.name).stem!r}: wait until it has finished, or "
            "end it, and run the command again."
        )
    return True


def remove_scratch(folder: Path) -> None:
    """Delete a folder for temporary files of a run; anything else is left alone."""
    ours = folder.name.startswith("grading-") and folder.is_dir() and not folder.is_symlink()
    if ours and (os.name != "posix" or folder.stat().st_uid == os.getuid()):
        sandbox.remove_folder(str(folder))


def make_secret(path: Path) -> None:
    """Create the file with the seed of the hidden test sets; if two runs do so, one file wins.

    Raises RefusedError for an empty file, whose seed everybody would know.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(16) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # unlike a rename it never replaces a file
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    if not path.read_text(encoding="utf-8").strip():
        raise RefusedError(f"{path} is empty, so hidden tests could be guessed: remove the file.")
