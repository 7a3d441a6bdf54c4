"""`nbgrader zip_collect` that believes the outside of a download, and no name a student has chosen.

Whose a file is says the outermost name that fits the pattern: the platform, or whoever filled the
folder, gave it. Everything below it, and whatever a student's own archive holds, is that student's.
What cannot be unpacked or collected costs that file, with a warning, and nothing else.
"""

from __future__ import annotations

import errno
import fnmatch
import gzip
import os
import re
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from nbgrader.api import Student
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin
from nbgrader.utils import find_all_notebooks, parse_utc
from sqlalchemy import create_engine, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from traitlets import Integer, List

from autograder import files
from autograder.api import wire

NESTED = 3  # archives in each other: the download, a student's, and one in it
DEPTH, LONGEST = 30, 1000  # of a file's path: folders, bytes
CHUNK = 2**20
JUNK = ["__MACOSX", ".DS_Store", "._*", "Thumbs.db", "desktop.ini"]
BROKEN = (  # what reading an archive can lead to
    *(OSError, ValueError, EOFError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, tarfile.TarError),
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for gigabytes of memory


class TooLargeError(Exception):
    """An archive holds more than it may; the message says how much that is."""


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


class Extractor(ExtractorPlugin):
    """Unpacks archives, also those in archives, into folders beside them that are named like them.

    What it did: `download` is the folder of the archive that holds the whole class, if there is
    one; `unpacked` are the archives whose files were unpacked (paths below the target).
    """

    max_bytes = Integer(2**30, help="How many bytes a student's archives may hold.").tag(
        config=True
    )
    max_files = Integer(10_000, help="How many files a student's archives may hold.").tag(
        config=True
    )

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Copy the files and unpack the archives of one folder into another."""
        source, self._target = Path(archive_path), Path(extracted_path)
        self.unpacked: set[Path] = set()
        self._budgets: dict[str, Budget] = {}
        found = [path for path, mode, _ in files.walk(source) if self._is_usable(path, mode)]
        if not found:
            self.log.warning("No files found in directory: %s", source)
        packed = {path for path in found if self._is_archive(path)}
        self.download = self._whole_class(source, packed)
        for path in found:
            if path not in packed or not self._unpack(source / path, path):
                with self._costs_only(path), open(source / path, "rb") as file:
                    self._write(file, self._place(path) if path in packed else path)

    def _is_usable(self, path: Path, mode: int) -> bool:
        if stat.S_ISDIR(mode):
            return False
        if mode == files.UNREADABLE:
            self.leave_out(path, "it cannot be read")
        elif not stat.S_ISREG(mode):
            self.leave_out(path, "it is a link or no regular file")
        elif not _is_short(path.parts):
            self.leave_out(path, "its path is too long")
        else:
            return True
        return False

    def leave_out(self, path: Path | str, reason: Any) -> None:
        """Say that a file is not collected."""
        self.log.warning("Left out: %s, because %s", _shown(path), _shown(reason))

    @contextmanager
    def _costs_only(self, path: Path | str) -> Iterator[None]:
        """What goes wrong with one file stops nothing, but a full disk does."""
        try:
            yield
        except BROKEN as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            self.leave_out(path, error)

    def _is_archive(self, path: Path) -> bool:
        extension = os.path.splitext(path.name)[1].lower()
        return extension in self.zip_ext and not is_junk(path, self.parent.coursedir)

    def _whole_class(self, source: Path, packed: set[Path]) -> Path | None:
        """The archive of a whole class: the only one, without folders or a student's name."""
        course = self.parent.coursedir
        top = [path for path in packed if len(path.parts) == 1]
        folders = [name for name in os.listdir(source) if (source / name).is_dir()]
        folders = [name for name in folders if not is_junk(Path(name), course)]
        if len(top) != 1 or is_student(course, _folder(top[0]).name):
            return None
        if folders:
            self.log.warning(
                "%s lies beside folders, so it is taken for one student's. If it is a whole class, "
                "unpack it here, or collect it alone.",
                _shown(top[0]),
            )
            return None
        if re.match(self.parent.collector_plugin_inst.named_regexp or "$^", f"/{top[0]}"):
            return None
        self.log.info("%s is taken for the submissions of the whole class", top[0])
        return _folder(top[0])

    # ---------------------------------------------------------------- archives

    def _unpack(self, archive: Path, path: Path, depth: int = 1) -> bool:
        """Unpack `archive`, which lies at `path`, and the archives in it. False: it cannot be."""
        folder = _folder(path)
        made = not (self._target / folder).exists()
        self.log.info("Extracting from: %s", _shown(path))
        try:
            with open(archive, "rb") as file:
                written = list(self._unpack_members(file, folder))
            if not written:
                raise ValueError("it holds nothing that can be unpacked")
        except (TooLargeError, *BROKEN) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            self.log.warning("Not unpacked: %s, because %s", _shown(path), _shown(error))
            if made:
                shutil.rmtree(self._target / folder, ignore_errors=True)
            return False
        self.unpacked.add(path)
        inside = [inner for inner in written if self._is_archive(inner)]
        for inner in inside if depth < NESTED else ():
            if not self._unpack(self._target / inner, inner, depth + 1):
                place = self._target / self._place(inner)
                place.parent.mkdir(exist_ok=True)
                (self._target / inner).rename(place)
        return True

    def _place(self, archive: Path) -> Path:
        """Where an archive stays that cannot be unpacked: in the folder of whose name it bears."""
        top = archive.parent == (self.download or Path())
        return _folder(archive) / archive.name if top else archive

    def _unpack_members(self, file: IO[bytes], folder: Path) -> Iterator[Path]:
        """Write an archive's files into `folder`; their paths."""
        budget = self._budget(folder)
        is_zip = zipfile.is_zipfile(file)
        file.seek(0)
        for name, member in (_zip if is_zip else _tar)(file, budget):
            with self._costs_only(f"{folder}/{name}"), member() as content:
                path = folder / _safe(name)
                self._write(content, path, budget)
                yield path

    def _budget(self, folder: Path) -> Budget:
        """What is left for the archives of whoever has `folder`; for a whole class: the disk."""
        if folder == self.download:
            return Budget(shutil.disk_usage(self._target).free // 2, 10**7)
        parts = folder.parts
        if self.download and parts[0] == self.download.name:
            parts = parts[1:]
        return self._budgets.setdefault(parts[0], Budget(self.max_bytes, self.max_files))

    def _write(self, source: IO[bytes], path: Path, budget: Budget | None = None) -> None:
        """Make a new file; nothing is left of it if that fails."""
        target = self._target / path
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


def _folder(archive: Path) -> Path:
    """Where an archive is unpacked: `work` for `work.zip` and for `work.tar.gz`."""
    name = os.path.splitext(archive.name)[0]  # unlike Path.stem it never leaves only dots
    inner, extension = os.path.splitext(name)
    return archive.with_name(inner if extension == ".tar" else name)


def _zip(file: IO[bytes], budget: Budget) -> Iterator[tuple[str, Callable]]:
    """Name and opener of every file in a zip file that is to be unpacked."""
    entries, last = 0, b""
    while chunk := file.read(CHUNK):  # counted before ZipFile makes an object of each
        entries += (last + chunk).count(b"PK\1\2")
        last = chunk[-3:]
        if entries > budget.files:
            raise TooLargeError(f"it holds more than {budget.files:,} files")
    with zipfile.ZipFile(file) as packed:
        members = [(_zip_name(info), info) for info in packed.infolist()]
        members = [(name, info) for name, info in members if not name.endswith("/")]
        total = sum(info.file_size for _, info in members)
        if total > budget.bytes:
            raise TooLargeError(
                f"it would need {total / 2**20:,.0f} MiB, at most {budget.bytes / 2**20:,.0f} fit"
            )
        budget.take(0, len(members))
        for name, info in members:
            yield name, partial(_open_in_zip, packed, info)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name in UTF-8 where a program forgot to say that it is, with `/` also from Windows."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _open_in_zip(packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.create_system == 3 and kind not in (0, stat.S_IFREG):  # 3: Unix
        raise ValueError("it is a link or no regular file")
    if info.compress_type not in METHODS:
        raise ValueError("it is packed in an unusual way")
    return packed.open(info)


def _tar(file: IO[bytes], budget: Budget) -> Iterator[tuple[str, Callable]]:
    """As `_zip`, of a tar file, which may be compressed by gzip."""
    compressed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    content = _Bounded(gzip.GzipFile(fileobj=file) if compressed else file, budget.bytes)
    with tarfile.open(fileobj=cast(IO[bytes], content), mode="r:") as packed:
        for member in packed:
            budget.take(0, 1)
            if not member.isdir():
                yield member.name, partial(_open_in_tar, packed, member)


def _open_in_tar(packed: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = packed.extractfile(member) if member.isreg() and not member.issparse() else None
    if content is None:
        raise ValueError("it is a link or no regular file")
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


# ------------------------------------------------------------------ names


def _safe(name: str) -> Path:
    """The path of an archive's file below the archive's folder. Raises ValueError."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or re.match(r"[A-Za-z]:/", name) or ".." in parts:
        raise ValueError("its name leads out of the archive")
    if not parts or not _is_short(parts):
        raise ValueError("its name is empty or too long")
    return Path(*parts)


def _is_short(parts: Sequence[str]) -> bool:
    return len(parts) <= DEPTH and len(os.fsencode("/".join(parts))) <= LONGEST


def _shown(text: Any) -> str:
    return wire.clean(str(text), 300).replace("\n", " ")


def is_junk(path: Path, course: CourseDirectory) -> bool:
    """Whether nbgrader's `ignore` or an operating system's habits name a part of the path."""
    patterns = [*course.ignore, *JUNK]
    return any(fnmatch.fnmatch(part, pattern) for part in path.parts for pattern in patterns)


def is_student(course: CourseDirectory, name: str) -> bool:
    """Whether somebody of this name is in the gradebook or has handed something in."""
    if Path(course.root, course.submitted_directory, name).is_dir():
        return True
    url = make_url(course.db_url)
    if url.get_backend_name() == "sqlite" and not os.path.exists(url.database or ""):
        return False
    engine = create_engine(url)
    try:
        with engine.connect() as connection:  # nbgrader's Gradebook would make tables
            return bool(connection.scalar(select(Student.id).where(Student.id == name)))
    except SQLAlchemyError:
        return False
    finally:
        engine.dispose()


# ------------------------------------------------------------------ whose a file is


@dataclass
class Found:
    """A file of a student's: where it lies, where it belongs, and the platform's time, if any."""

    source: Path
    place: tuple[str, ...]
    timestamp: datetime | None


class Collector(FileNameCollectorPlugin):
    """Finds whose a file is by the outermost part of its path that fits `named_regexp`.

    The pattern sees the path below the folder of extracted files, with a `/` in front and without
    the name of the archive that holds the whole class.
    """

    valid_ext: List[str] = List([], help="Extensions of the files to collect; empty: all.").tag(
        config=True
    )
    _plan: dict[Path, dict] | None = None

    def collect(self, submitted_file: str) -> dict | None:
        """Whose the file is and where it belongs; None: it is not collected."""
        names = re.compile(self.named_regexp).groupindex
        if not {"student_id", "file_id"} <= names.keys():
            return self._match(submitted_file)  # nbgrader says what is wrong
        if self._plan is None:
            self._plan = self._make_plan()
        return self._plan.get(Path(submitted_file))

    def _make_plan(self) -> dict[Path, dict]:
        app, plan = self.parent, {}
        self._extractor = app.extractor_plugin_inst
        root = Path(app._format_collect_path(app.extracted_directory))
        self._archives = {self._below(_folder(path)) for path in self._extractor.unpacked}
        by_student: dict[str, list[Found]] = defaultdict(list)
        for path, mode, _ in files.walk(root):
            if not stat.S_ISREG(mode) or path in self._extractor.unpacked:
                continue
            if is_junk(path, app.coursedir) or not self._is_valid(path):
                continue
            student, found = self._whose(path)
            if found:
                by_student[student].append(found)
            else:
                self._extractor.leave_out(path, student)
        for student, theirs in by_student.items():
            for one in self._sort_out(student, theirs):
                names = {"student_id": student, "file_id": "/".join(one.place)}
                plan[root / one.source] = names | {"timestamp": one.timestamp}
        return plan

    def _below(self, path: Path) -> tuple[str, ...]:
        """The parts of a path, without the folder of the archive that holds the whole class."""
        download = self._extractor.download
        return path.parts[1:] if download and path.parts[0] == download.name else path.parts

    def _is_valid(self, path: Path) -> bool:
        return not self.valid_ext or path.suffix in self.valid_ext

    def _whose(self, path: Path) -> tuple[str, Found | None]:
        """The student and the file; instead of the student a reason if it is nobody's."""
        parts = self._below(path)
        for end in range(1, len(parts) + 1):  # the first that fits is the outermost
            match = re.match(self.named_regexp, "/" + "/".join(parts[:end]))
            if match and match["student_id"] and match["file_id"]:
                break
        else:
            return "no part of its path fits named_regexp: whose is it?", None
        outside = next((n for n in range(1, len(parts)) if parts[:n] in self._archives), len(parts))
        if match.end("student_id") > len("/" + "/".join(parts[:outside])):
            return "only a name in a student's own archive says whose it is", None
        student = unicodedata.normalize("NFC", match["student_id"])
        wrong = "/" in student or student.startswith(".") or len(student) > 128
        if wrong or not student.isprintable():
            return f"{student!r} cannot be a student's name", None
        place = parts[end - 1 :]
        if len(place) == 1:
            extension = os.path.splitext(path)[1]
            place = tuple((match["file_id"].removesuffix(extension) + extension).split("/"))
            if {"", ".", ".."} & set(place):
                return f"{match['file_id']!r} cannot be a file's name", None
        return student, Found(path, place, self._timestamp(path, match.groupdict()))

    def _timestamp(self, path: Path, names: dict[str, str]) -> datetime | None:
        text = names.get("timestamp") or None
        with_dashes = re.fullmatch(r"(\d+-\d+-\d+)-(\d+)-(\d+)-(\d+)", text or "")  # Blackboard's
        try:
            return parse_utc("{} {}:{}:{}".format(*with_dashes.groups()) if with_dashes else text)
        except (ValueError, OverflowError):
            self.log.warning("%s: %s is no date and time", _shown(path), _shown(text))
            return None

    def _sort_out(self, student: str, found: list[Found]) -> Iterator[Found]:
        """The files of a student's that can be collected side by side."""
        home = self._home(student, found)
        inside = [one for one in found if one.place[: len(home)] == home]
        outside = [one for one in found if one.place[: len(home)] != home]
        for one in inside:
            one.place = one.place[len(home) :]
        taken: dict[tuple[str, ...], Found] = {}
        folders: set[tuple[str, ...]] = set()
        for one in [*inside, *outside]:
            above = {one.place[:length] for length in range(1, len(one.place))}
            twin = taken.get(one.place)
            newest_counts = twin and twin.timestamp and one.timestamp  # nbgrader finds it
            if one.place == ("timestamp.txt",):
                self._extractor.leave_out(one.source, "only the platform says when it came")
            elif (twin and not newest_counts) or one.place in folders or above & taken.keys():
                self._extractor.leave_out(one.source, f"{student} has two files of this name")
            else:
                taken[one.place] = one
                folders |= above
                yield one

    def _home(self, student: str, found: list[Found]) -> tuple[str, ...]:
        """The folder that is the submission: the outermost with a notebook, if it is only one."""
        course = self.parent.coursedir
        release = course.format_path(course.release_directory, ".", course.assignment_id)
        expected = {Path(name).name for name in find_all_notebooks(release)}
        for names in (expected, None):
            folders = {
                one.place[:-1]
                for one in found
                if (one.place[-1] in names if names else one.place[-1].endswith(".ipynb"))
            }
            outermost = min(map(len, folders), default=0)
            nearest = sorted(folder for folder in folders if len(folder) == outermost)
            if len(nearest) == 1:
                return nearest[0]
            if nearest:
                self.log.warning(
                    "%s: there are notebooks in %s, so none of these folders was taken for the "
                    "submission. If they are students, put them into the archive folder itself.",
                    student,
                    _shown(", ".join("/".join(folder) for folder in nearest)),
                )
                break
        return ()
