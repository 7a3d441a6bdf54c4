"""`nbgrader zip_collect` that believes the outside of a download, and no name a student has chosen.

Whose a file is says the outermost name that fits the pattern: the platform, or whoever filled the
folder, gave it. Everything below it, and whatever a student's own archive holds, is that student's.
What cannot be unpacked or collected costs that file, with a warning, and nothing else.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import nbgrader.exchange.default
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin
from nbgrader.utils import find_all_notebooks, parse_utc
from traitlets import Integer, List

from autograder import files
from autograder.api import wire
from autograder.submissions import archives, roster
from autograder.submissions.archives import (
    BROKEN,
    NESTED,
    Budget,
    TooLargeError,
    folder_of,
    is_short,
    safe_path,
    stop_if_full,
)

JUNK = ["__MACOSX", ".DS_Store", "._*", "Thumbs.db", "desktop.ini"]


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
            self.leave_out(path, "it is a link or not a regular file")
        elif not is_short(path.parts):
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
            stop_if_full(error)
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
        if len(top) != 1 or is_student(course, folder_of(top[0]).name):
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
        return folder_of(top[0])

    # ---------------------------------------------------------------- archives

    def _unpack(self, archive: Path, path: Path, depth: int = 1) -> bool:
        """Unpack `archive` at `path`, and the archives in it. False: that is not possible."""
        folder = folder_of(path)
        made = not (self._target / folder).exists()
        self.log.info("Extracting from: %s", _shown(path))
        try:
            with open(archive, "rb") as file:
                written = list(self._unpack_members(file, folder))
            if not written:
                raise ValueError("it holds nothing to unpack")
        except (TooLargeError, *BROKEN) as error:
            stop_if_full(error)
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
        return folder_of(archive) / archive.name if top else archive

    def _unpack_members(self, file: IO[bytes], folder: Path) -> Iterator[Path]:
        """Write an archive's files into `folder`; their paths."""
        budget = self._budget(folder)
        for member in archives.members(file, budget):
            with self._costs_only(f"{folder}/{member.name}"), member.open() as content:
                path = folder / safe_path(member.name)
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
        archives.write(source, self._target / path, budget)


# ------------------------------------------------------------------ names


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
    return name in roster.from_gradebook(course.db_url).students


# ------------------------------------------------------------------ whose a file is


@dataclass
class Found:
    """A student's file: where it is, where it belongs, and the platform's time, if any."""

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
        self._archives = {self._below(folder_of(path)) for path in self._extractor.unpacked}
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
        """The student and the file, or a reason instead of the student if it is nobody's."""
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
                self._extractor.leave_out(one.source, "only the platform decides when it came")
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


class ExchangeCollect(nbgrader.exchange.default.ExchangeCollect):
    """`nbgrader collect`, for which a student's file `timestamp.txt` is no time."""

    def do_copy(self, src: str, dest: str) -> None:
        """Copy a submission, with the time by which the exchange named its folder."""
        super().do_copy(src, dest)
        path, time = Path(dest, "timestamp.txt"), os.path.basename(src).split("+")[2]
        path.unlink(missing_ok=True)
        path.write_text(time, encoding="utf-8")
