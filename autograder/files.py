"""Walks through folders that students have filled, whatever is in them; writes files whole."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

UNREADABLE = 0  # in place of a mode: the entry could not be looked at


def walk(top: Path) -> Iterator[tuple[Path, int, int]]:
    """(relative path, mode, size) of everything below `top`, sorted folder by folder.

    Links are not followed, so there are no loops, and nothing is opened. A folder that cannot be
    read comes once more, as UNREADABLE.
    """
    waiting = [Path()]  # no recursion: folders can be nested deeper than Python's stack
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(top / folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            yield folder, UNREADABLE, 0
            continue
        below = []
        for entry in entries:
            path = folder / entry.name
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                yield path, UNREADABLE, 0
                continue
            yield path, status.st_mode, status.st_size
            if stat.S_ISDIR(status.st_mode):
                below.append(path)
        waiting += reversed(below)


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path`; a crash leaves the old file or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
