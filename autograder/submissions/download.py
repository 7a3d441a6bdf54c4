"""`autograder collect`: from a platform's download to `submitted/<student>/<assignment>`.

The platform decides whose a file is (see `platforms`), and its cells decide what it is (see
`sorting`). A submission is laid out next to its place and then renamed, so that there is never half
of one; whatever is wrong with one student's files costs nobody else theirs. The last table names
what was left out.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import re
import shutil
import stat
import sys
import tempfile
import zoneinfo
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout
from nbgrader.apps.autogradeapp import AutogradeApp
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import parse_utc
from traitlets.config import Config

from autograder import files
from autograder.api import wire
from autograder.outputs import terminal
from autograder.submissions import archives, names, platforms, roster, sorting
from autograder.submissions.archives import BROKEN, Budget
from autograder.submissions.collect import Extractor, is_junk
from autograder.submissions.names import HandedOut
from autograder.submissions.platforms import Claim, Layout, Listing, Parts
from autograder.submissions.roster import Roster
from autograder.submissions.sorting import LeftOutError, Piece, Sorted

MOST_ENTRIES = 1_000_000  # of a download
STAGING = ".collecting"  # in the folder of submissions; nbgrader passes over hidden folders
DONE = ("new", "replaced", "unchanged")  # what is there is what the download holds
HEADS = ("student", "file", "time (UTC)", "recognized", "")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of `autograder collect`; further options go to nbgrader."""
    parser.add_argument("assignment")
    parser.add_argument(
        "download", nargs="+", type=Path, help="a zip file as it came, or a folder of its files"
    )
    parser.add_argument(
        "--roster", type=Path, help="a file like students.csv (default: the gradebook's students)"
    )
    parser.add_argument(
        "--pattern",
        help="for another layout: a regular expression with the groups student_id and, if needed, "
        "file_id and timestamp, for a path below the download with a / in front",
    )
    parser.add_argument(
        "--timezone", help="of times in names, such as Europe/Berlin (default: this machine's)"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace what was collected before, whatever its time"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")


class RefusedError(Exception):
    """Nothing was collected; the message says why and what to do."""


def main(options: argparse.Namespace, further: list[str]) -> int:
    """Collect as the options say; 1 if anybody or anything needs a person."""
    app = AutogradeApp()
    app.initialize(["--log-level=ERROR", *further])
    app.coursedir.assignment_id = options.assignment
    try:
        collection = Collection(app.coursedir, options, app.config)
        collection.run()
    except (RefusedError, roster.RosterError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "Stopped; everything collected so far is complete. The same command continues.",
            file=sys.stderr,
        )
        return 130
    print(collection.text())
    return 1 if collection.needs_a_person else 0


# ------------------------------------------------------------------ what was downloaded


@dataclass(frozen=True)
class Entry:
    """A file of a download. `problem`: why it is not what it seems; it cannot be opened then."""

    parts: Parts
    open: Callable[[], IO[bytes]]
    time: float = 0
    problem: str = ""

    @property
    def shown(self) -> str:
        """Its path, as it can be printed."""
        return wire.clean("/".join(self.parts), 300).replace("\n", " ")


@contextmanager
def opened(path: Path, known: Roster) -> Iterator[tuple[Path, list[Entry]]]:
    """The download and the files in it: a zip file, a folder, or a folder with one zip file."""
    if path.is_dir():
        inside = [each for each in sorted(path.iterdir()) if not each.name.startswith((".", "__"))]
        alone = len(inside) == 1 and inside[0].suffix.lower() == ".zip" and inside[0].is_file()
        if not alone or known.find(inside[0].stem):
            yield path, list(_entries_of_folder(path))
            return
        path = inside[0]
    try:
        with open(path, "rb") as file:
            try:
                found = list(archives.zip_members(file, Budget(2**63, MOST_ENTRIES)))
            except (*BROKEN, archives.TooLargeError) as error:
                raise RefusedError(
                    f"{path} is not a readable zip file ({error}): unpack it, and give the "
                    "folder instead"
                ) from None
            yield path, [_entry_of_zip(member) for member in found]
    except (FileNotFoundError, PermissionError) as error:
        raise RefusedError(f"{path} cannot be read: {error.strerror}") from None


def _entries_of_folder(top: Path) -> Iterator[Entry]:
    for path, mode, _ in files.walk(top):
        if stat.S_ISDIR(mode) or path == Path():
            continue
        problem, time = "", 0.0
        if mode == files.UNREADABLE:
            problem = "it cannot be read"
        elif not stat.S_ISREG(mode):
            problem = "it is a link or not a regular file"
        else:
            time = (top / path).lstat().st_mtime
        yield Entry(path.parts, lambda path=path: _open(top / path), time, problem)  # type: ignore[misc]


def _open(path: Path) -> IO[bytes]:
    return open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def _entry_of_zip(member: archives.Member) -> Entry:
    parts = tuple(part for part in member.name.split("/") if part not in ("", "."))
    out = member.name.startswith("/") or ".." in parts
    try:
        time = datetime(*member.time, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]
    except (ValueError, TypeError):
        time = 0.0
    problem = "its name leads outside the archive" if out else ""
    return Entry(parts or ("?",), member.open, time, problem)


# ------------------------------------------------------------------ the command


@dataclass
class Handed:
    """A file that is a student's, by the word of a layout."""

    entry: Entry
    claim: Claim
    layout: Layout
    turn: int  # which download
    outermost: str  # of its path, without the folders around what the platform gave


@dataclass
class Collection:
    """One run: what came, whose it is, and what happened to it."""

    course: CourseDirectory
    options: argparse.Namespace
    config: Config
    layouts: list[str] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    unknown: dict[str, list[Claim]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    handed_out: names.Names = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    needs_a_person: bool = False

    def run(self) -> None:
        """Everything but printing."""
        self.zone = _zone(self.options.timezone)
        self.roster = self._roster()
        self.expected = sorting.expected_notebooks(self.course)
        if not self.expected:
            raise RefusedError(
                f"no notebook of {self.course.assignment_id!r} is known: "
                f"`nbgrader generate_assignment {self.course.assignment_id}` first"
            )
        limits = Extractor(config=self.config)
        self.limits = limits.max_bytes, limits.max_files
        with self._staging() as staging:
            self._collect(0, list(self.options.download), staging, defaultdict(list))

    def _roster(self) -> Roster:
        if self.options.roster:
            found = roster.from_file(self.options.roster)
        else:
            found = roster.from_gradebook(self.course.db_url)
        if not found.students:
            raise RefusedError(
                "the gradebook has no students: give a file of them with --roster students.csv, "
                "or enter them with `nbgrader db student import students.csv`"
            )
        return found

    def _collect(
        self, turn: int, left: list[Path], staging: Path, handed: dict[str, list[Handed]]
    ) -> None:
        """Open the downloads one in the other, then lay out what each student handed in."""
        if turn < len(left):
            with opened(left[turn], self.roster) as (path, entries):
                self._attribute(path, entries, turn, handed)
                self._collect(turn + 1, left, staging, handed)
            return
        try:
            for student in sorted(handed):
                try:
                    self._one(student, handed[student], staging)
                except LeftOutError as error:
                    self._row(student, note=f"SKIPPED: {error}")
                    self.counts["skipped"] += 1
                    self.needs_a_person = True
        finally:
            if not self.options.dry_run:
                names.remember(self.course, self.handed_out)
        self.absent = sorted(self.roster.students.keys() - handed.keys())
        self.needs_a_person |= bool(self.unknown)

    # ---------------------------------------------------------------- whose it is

    def _attribute(
        self, path: Path, entries: list[Entry], turn: int, handed: dict[str, list[Handed]]
    ) -> None:
        entries = [entry for entry in entries if not is_junk(Path(*entry.parts), self.course)]
        if not entries:
            raise RefusedError(f"{path} holds no files")
        layout, depth = self._layout(path, entries)
        self.layouts.append(f"{path.name}: {layout.name}")
        for entry in entries:
            claims = layout.read(entry.parts[depth:]) if len(entry.parts) > depth else []
            if not claims and not (len(entry.parts) == depth + 1 and entry.parts[-1] in layout.own):
                self._row("", entry.shown, note="left out: nothing in its name says whose it is")
                self.needs_a_person = True
            for claim in claims:
                if claim.student is None:
                    self.unknown.setdefault(claim.owner, []).append(claim)
                elif claim.name:
                    outermost = entry.parts[depth]
                    handed[claim.student.id].append(Handed(entry, claim, layout, turn, outermost))

    def _layout(self, path: Path, entries: list[Entry]) -> tuple[Layout, int]:
        by_path = {entry.parts: entry for entry in entries}

        def read(parts: Parts) -> bytes:
            with by_path[parts].open() as file:
                return file.read(100 * 2**20)

        usual = {roster.folded(each.name) for each in self.expected}
        listing = Listing(
            self.roster,
            list(by_path),
            read,
            self.zone,
            frozenset(usual | {roster.folded(self.course.assignment_id)}),
        )
        if self.options.pattern:
            return platforms.Pattern(listing, _pattern(self.options.pattern)), 0
        if student := self.roster.find(path.name if path.is_dir() else path.stem):
            return platforms.OneStudent(listing, student), 0
        if found := platforms.recognize(listing):
            return found
        examples = ", ".join(entry.shown for entry in entries[:3])
        raise RefusedError(
            f"{path}: its layout is not known, or none of its names is a student's (it holds "
            f"{examples}): use --pattern to say where the student's id is, as in "
            r"--pattern '/(?P<student_id>\d+)-(?P<file_id>.+)'"
        )

    # ---------------------------------------------------------------- one student

    def _one(self, student: str, handed: list[Handed], staging: Path) -> None:
        """Sort and lay out one submission. Raises LeftOutError."""
        _check_owners(handed)
        unpacked, ready = staging / "unpacked", staging / "ready"
        for folder in (unpacked, ready):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        unpacker = sorting.Unpacker(unpacked, Budget(*self.limits), self.course)
        pieces: list[Piece] = []
        for each in handed:
            pieces += self._pieces(each, unpacker)
        found = sorting.sort_out(
            pieces, self.expected, all(each.layout.by_platform for each in handed)
        )
        found.left_out = unpacker.left_out + found.left_out
        if not found.places:
            reasons = "; ".join(f"{file}: {why}" for file, why in found.left_out)
            raise LeftOutError(reasons or "there is no file in it")
        for place, path in found.places.items():
            (ready / Path(*place)).parent.mkdir(parents=True, exist_ok=True)
            path.rename(ready / Path(*place))
        if found.time:
            (ready / "timestamp.txt").write_text(f"{_utc(found.time)} UTC")
        done = self._put(student, ready, staging, found.time)
        if done in DONE:
            pieces_by_name = {name: piece for name, (piece, _) in found.notebooks.items()}
            self.handed_out[student] = {
                name: piece.handed_out for name, piece in pieces_by_name.items() if piece.handed_out
            }
        self._say(student, found, done)

    def _pieces(self, handed: Handed, unpacker: sorting.Unpacker) -> Iterator[Piece]:
        entry, claim = handed.entry, handed.claim
        if entry.problem:
            raise LeftOutError(f"{entry.shown}: {entry.problem}")
        piece = Piece(
            Path(),
            claim.name,
            entry.shown,
            claim.time,
            claim.order,
            entry.time,
            handed.turn,
            claim.given,
            HandedOut(handed.layout.name, claim.owner, handed.outermost),
        )
        return unpacker.pieces(piece, entry.open)

    def _put(self, student: str, ready: Path, staging: Path, time: datetime | None) -> str:
        """Move a submission to its place, unless what is there must stay; what was done."""
        target = Path(
            self.course.format_path(
                self.course.submitted_directory, student, self.course.assignment_id
            )
        )
        if not target.exists():
            done = "new"
        elif _is_same(ready, target, with_time=time is not None):
            return "unchanged"
        elif self.options.force or _is_newer(time, target):
            done = "replaced"
        elif time and _time_of(target):
            return "older than what is there, which is kept"
        else:
            return "differs from what is there, which is kept; --force replaces it"
        if self.options.dry_run:
            return done
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = staging / "aside"
        if done == "replaced":
            (staging / "target").write_text(str(target))  # for `_put_back`, if this is cut short
            target.rename(aside)
        ready.rename(target)
        shutil.rmtree(aside, ignore_errors=True)
        return done

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """A folder on the disk of the submissions, for one run at a time."""
        if self.options.dry_run:
            with tempfile.TemporaryDirectory() as folder:
                yield Path(folder)
            return
        top = Path(self.course.root, self.course.submitted_directory)
        top.mkdir(parents=True, exist_ok=True)
        staging = top / STAGING
        try:
            with FileLock(top / f"{STAGING}.lock", timeout=0):
                _put_back(staging)
                staging.mkdir()
                try:
                    yield staging
                finally:
                    _put_back(staging)
        except Timeout:
            raise RefusedError(
                "another `autograder collect` is already running in this course"
            ) from None

    # ---------------------------------------------------------------- what is said

    def _row(
        self, student: str, file: str = "", time: str = "", what: str = "", note: str = ""
    ) -> None:
        cells = (student, file, time, what, note)
        self.rows.append(tuple(wire.clean(cell, 500).replace("\n", " ") for cell in cells))

    def _say(self, student: str, found: Sorted, done: str) -> None:
        if done in DONE:
            self.counts[done] += 1
        else:
            self.counts["kept"] += 1
            self.needs_a_person = True
        for name, (piece, how) in sorted(found.notebooks.items()):
            time = _utc(piece.time) if piece.time else ""
            self._row(student, piece.shown, time, f"{name} ({how})", done)
        others = len(found.places) - len(found.notebooks)
        if not found.notebooks:
            self._row(student, f"{others} files", "", "no notebook of the assignment", done)
            self.needs_a_person = True
        elif others:
            self._row(student, f"and {others} other file{'s' if others > 1 else ''}")
        for file, why in found.left_out:
            self._row(student, file, note=f"left out: {why}")

    def text(self) -> str:
        """All that a person needs to know."""
        lines = list(self.layouts)
        if self.rows:
            lines += ["", terminal.table(HEADS, self.rows, left=range(len(HEADS))), ""]
        for owner, claims in sorted(self.unknown.items()):
            why = next((claim.why for claim in claims if claim.why), "no student has this name")
            nearest = self.roster.nearest(re.sub(r"_?\d+$", "", owner))
            hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
            number = f"{len(claims)} file{'s' if len(claims) > 1 else ''}"
            lines.append(f"Not found: {wire.clean(owner, 100)!r} ({number}): {why}{hint}")
        if self.absent:
            lines.append(f"Nothing came from: {', '.join(self.absent)}")
        would = "Would be collected" if self.options.dry_run else "Collected"
        counted = [f"{self.counts[word]} {word}" for word in ("new", "replaced", "unchanged")]
        tail = [f"{self.counts[word]} {word}" for word in ("kept", "skipped") if self.counts[word]]
        if self.unknown:
            tail.append(f"{len(self.unknown)} not found")
        lines.append(f"{would}: {', '.join(counted + tail)}")
        return "\n".join(lines)


def _check_owners(handed: list[Handed]) -> None:
    """Raises LeftOutError where two names of one platform would be the same student."""
    owners: dict[object, set[str]] = defaultdict(set)
    for each in handed:
        once = each.turn if each.layout.known_only else -1
        owners[each.layout.name, once].add(each.claim.owner)
    for claimed in owners.values():
        if len(claimed) > 1:
            raise LeftOutError(f"two names claim to be this student: {', '.join(sorted(claimed))}")


def _pattern(text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise RefusedError(f"--pattern is not a regular expression: {error}") from None
    if "student_id" not in pattern.groupindex:
        raise RefusedError("--pattern needs a group (?P<student_id>…)")
    return pattern


def _zone(name: str | None) -> tzinfo:
    if name is None:
        return datetime.now().astimezone().tzinfo or UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise RefusedError(f"{name!r} is not a time zone; use one such as Europe/Berlin") from None


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


# ------------------------------------------------------------------ what is there already


def _put_back(staging: Path) -> None:
    """Undo what a run has left that was cut short between two renames."""
    aside = staging / "aside"
    if aside.exists():
        target = Path((staging / "target").read_text())
        if not target.exists():
            aside.rename(target)
    shutil.rmtree(staging, ignore_errors=True)


def _is_same(ready: Path, target: Path, with_time: bool) -> bool:
    """Whether both hold the same; a time that no platform gave was written by the instructor."""
    here, there = (_files(folder, with_time) for folder in (ready, target))
    return here == there and all(
        filecmp.cmp(ready / path, target / path, shallow=False) for path in here
    )


def _files(folder: Path, with_time: bool) -> set[Path]:
    found = {path for path, mode, _ in files.walk(folder) if not stat.S_ISDIR(mode)}
    return found if with_time else found - {Path("timestamp.txt")}


def _is_newer(time: datetime | None, target: Path) -> bool:
    there = _time_of(target)
    return bool(time and there and time.astimezone(UTC).replace(microsecond=0) > there)


def _time_of(target: Path) -> datetime | None:
    """What timestamp.txt says; it came from a platform, the exchange or the instructor."""
    with suppress(OSError, ValueError, OverflowError):
        found = parse_utc((target / "timestamp.txt").read_text().strip())
        return found.replace(tzinfo=UTC) if found else None
    return None
