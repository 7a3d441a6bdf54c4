"""Reads archives that students have made, and believes nothing that they say of themselves."""

from __future__ import annotations

import errno
import gzip
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, cast

NESTED = 3  # archives in each other: the download, a student's, and one in it
DEPTH, LONGEST = 30, 1000  # of a file's path: folders, bytes
CHUNK = 2**20
BROKEN = (  # what reading an archive can lead to
    *(OSError, ValueError, EOFError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, tarfile.TarError),
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for gigabytes of memory
UTF8 = 0x800  # the flag of a zip file's entry whose name is in UTF-8


class TooLargeError(Exception):
    """An archive holds more than it may; the message says how much that is."""


class HostileError(ValueError):
    """A file of an archive that no honest program writes there; the message says what it is."""


def stop_if_full(error: BaseException) -> None:
    """A full disk is not a student's fault."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        raise error


@dataclass
class Budget:
    """How much a student's archives may still hold, unpacked."""

    bytes: int
    files: int

    def take(self, size: int, number: int = 0) -> None:
        """Raises TooLargeError if there is not so much left."""
        self.bytes, self.files = self.bytes - size, self.files - number
        if self.bytes < 0 or self.files < 0:
            raise TooLargeError("it holds more files or bytes than a student's archives may")


@dataclass(frozen=True)
class Member:
    """A file in an archive. `open()` may raise any of BROKEN; `time` is what the archive says."""

    name: str
    open: Callable[[], IO[bytes]]
    time: tuple[int, ...] = ()


def members(file: IO[bytes], budget: Budget) -> Iterator[Member]:
    """The files to unpack from a zip or tar file, while `file` is open."""
    is_zip = zipfile.is_zipfile(file)
    file.seek(0)
    return (zip_members if is_zip else _tar_members)(file, budget)


def write(source: IO[bytes], target: Path, budget: Budget | None = None) -> None:
    """Make a new file; nothing is left of it if that fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "xb") as file:
        try:
            while chunk := source.read(CHUNK):
                if budget:
                    budget.take(len(chunk))
                file.write(chunk)
        except BaseException:
            target.unlink()
            raise


def folder_of(archive: Path) -> Path:
    """Where an archive is unpacked: `work` for `work.zip` and for `work.tar.gz`."""
    name = os.path.splitext(archive.name)[0]  # unlike Path.stem it never leaves only dots
    inner, extension = os.path.splitext(name)
    return archive.with_name(inner if extension == ".tar" else name)


def zip_members(file: IO[bytes], budget: Budget) -> Iterator[Member]:
    """The files in a zip file; they can be opened in any order."""
    entries, last = 0, b""
    while chunk := file.read(CHUNK):  # counted before ZipFile makes an object of each
        entries += (last + chunk).count(b"PK\1\2")
        last = chunk[-3:]
        if entries > budget.files:
            raise TooLargeError(f"it holds more than {budget.files:,} files")
    try:
        packed, wrong = zipfile.ZipFile(file), "strict"
    except UnicodeDecodeError:
        packed, wrong = zipfile.ZipFile(cast(IO[bytes], _Unflagged(file))), "surrogateescape"
    found = [(_zip_name(info, wrong), info) for info in packed.infolist()]
    found = [(name, info) for name, info in found if not name.endswith("/")]
    total = sum(info.file_size for _, info in found)
    if total > budget.bytes:
        raise TooLargeError(
            f"it would need {total / 2**20:,.0f} MiB, at most {budget.bytes / 2**20:,.0f} fit"
        )
    budget.take(0, len(found))
    for name, info in found:
        yield Member(name, partial(_open_in_zip, packed, info), info.date_time)


class _Unflagged:
    """A zip file in whose list no name says that it is UTF-8: one that is not would stop all."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """What is there, but for that flag."""
        content = bytearray(self._file.read(size))
        place = 0
        while content[place : place + 4] == b"PK\1\2" and len(content) >= place + 46:
            flags, *lengths = struct.unpack_from("<8xH18x3H", content, place)
            struct.pack_into("<H", content, place + 8, flags & ~UTF8)
            place += 46 + sum(lengths)
        return bytes(content)


def _zip_name(info: zipfile.ZipInfo, wrong: str) -> str:
    """The name in UTF-8 where a program forgot to say that it is, with `/` also from Windows."""
    name = info.filename
    if not info.flag_bits & UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8", wrong)
    return name.replace("\\", "/")


def _open_in_zip(packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.create_system == 3 and kind not in (0, stat.S_IFREG):  # 3: Unix
        raise HostileError("it is a link or not a regular file")
    if info.compress_type not in METHODS:
        raise ValueError("it is packed in an unusual way")
    return packed.open(info)


def _tar_members(file: IO[bytes], budget: Budget) -> Iterator[Member]:
    """The files in a tar file, which may be compressed by gzip, each to be opened at once."""
    compressed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    content = _Bounded(gzip.GzipFile(fileobj=file) if compressed else file, budget.bytes)
    with tarfile.open(fileobj=cast(IO[bytes], content), mode="r:") as packed:
        for member in packed:
            budget.take(0, 1)
            if not member.isdir():
                yield Member(member.name, partial(_open_in_tar, packed, member))


def _open_in_tar(packed: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = packed.extractfile(member) if member.isreg() and not member.issparse() else None
    if content is None:
        raise HostileError("it is a link or not a regular file")
    return content


class _Bounded:
    """A file whose first bytes can be read, not too many at once: tarfile trusts what it reads."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, most: int) -> None:
        self._file, self._most = file, most + CHUNK  # some more for headers
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        """At most a chunk."""
        if not 0 <= size <= CHUNK or self.tell() > self._most:
            raise TooLargeError("it holds more than a student's archives may")
        return self._file.read(size)

    def seek(self, place: int) -> int:
        """Go to a place that may be read."""
        if place > self._most:
            raise TooLargeError("it holds more than a student's archives may")
        return self._file.seek(place)


def safe_path(name: str) -> Path:
    """The path of an archive's file below the archive's folder. Raises ValueError."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or re.match(r"[A-Za-z]:/", name) or ".." in parts:
        raise HostileError("its name leads outside the archive")
    if not parts or not is_short(parts):
        raise ValueError("its name is empty or too long")
    return Path(*parts)


def is_short(parts: Sequence[str]) -> bool:
    return len(parts) <= DEPTH and len(os.fsencode("/".join(parts))) <= LONGEST
