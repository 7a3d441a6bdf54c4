"""Sorts what one student handed in: which file is which notebook, and where the others belong.

A notebook is known by its cells, not by its name. Of several versions the newest counts, by the
time or the number that the platform gave; what a student's archive says of its files does not.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO

from nbgrader.api import Assignment, Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import find_all_notebooks
from sqlalchemy import make_url

from autograder.submissions import archives, recovery
from autograder.submissions.archives import (
    BROKEN,
    Budget,
    HostileError,
    TooLargeError,
    stop_if_full,
)
from autograder.submissions.collect import is_junk
from autograder.submissions.names import HandedOut
from autograder.submissions.notebooks import read_submission
from autograder.submissions.platforms import COPY, NOTEBOOK, Parts

ARCHIVES = (".zip", ".tar", ".tgz", ".gz")
HALF = 0.5  # of a notebook's cells must be there


class LeftOutError(Exception):
    """A student's submission is not collected; the message says why."""


@dataclass(frozen=True)
class Piece:
    """A file that a student handed in: where it is now and what is known about it."""

    path: Path
    name: Parts  # where the student had it
    shown: str  # what the platform called it
    time: datetime | None  # the platform's
    order: int
    entry_time: float  # of the file in the download: only for comparing versions
    turn: int  # later downloads on the command line come after earlier ones
    given: str = ""  # the last part of its name before a suffix of the platform's was taken off
    handed_out: HandedOut | None = None


@dataclass
class Sorted:
    """A submission as it will be in nbgrader's folder, and what to say about it."""

    places: dict[Parts, Path] = field(default_factory=dict)
    notebooks: dict[str, tuple[Piece, str]] = field(default_factory=dict)  # with how it was known
    left_out: list[tuple[str, str]] = field(default_factory=list)  # file, why
    time: datetime | None = None


# ------------------------------------------------------------------ the assignment's notebooks


@dataclass(frozen=True)
class Expected:
    """A notebook of the assignment: its name, its cells' names, its locked cells' text."""

    name: str
    ids: frozenset[str]
    texts: frozenset[str]


def expected_notebooks(course: CourseDirectory) -> list[Expected]:
    """As the gradebook knows them, else as they were released."""
    name = course.assignment_id
    url = make_url(course.db_url)
    if url.get_backend_name() != "sqlite" or os.path.exists(url.database or ""):
        with Gradebook(course.db_url) as gradebook:
            found = gradebook.db.query(Assignment).filter(Assignment.name == name).one_or_none()
            notebooks = sorted(found.notebooks, key=lambda each: each.name) if found else []
            if notebooks:
                return [_expected(each) for each in notebooks]
    release = Path(course.format_path(course.release_directory, ".", name))
    return [_released(release / path) for path in sorted(find_all_notebooks(str(release)))]


def _expected(notebook: recovery.Notebook) -> Expected:
    cells = recovery.official_cells(notebook, {}).values()
    texts = {_letters(cell.released) for cell in cells if cell.locked}
    return Expected(notebook.name, frozenset(c.name for c in cells), frozenset(texts - {""}))


def _released(path: Path) -> Expected:
    cells = json.loads(path.read_text(encoding="utf-8")).get("cells", [])
    marked = [cell for cell in cells if "grade_id" in cell["metadata"].get("nbgrader", {})]
    ids = {cell["metadata"]["nbgrader"]["grade_id"] for cell in marked}
    locked = [cell for cell in marked if cell["metadata"]["nbgrader"].get("locked")]
    texts = {_letters("".join(cell["source"])) for cell in locked}
    return Expected(path.stem, frozenset(ids), frozenset(texts - {""}))


def _letters(text: str) -> str:
    return "".join(text.split())


def which(path: Path, file: str, expected: Sequence[Expected]) -> tuple[str, str] | None:
    """The name of the notebook in a file called `file`, and how it was recognized."""
    cells = read_submission(path).cells
    ids = {name for cell in cells if (name := recovery.grade_id(cell))}
    texts = {_letters(cell.source) for cell in cells}
    for found, what, kind in ((ids, "ids", "cells"), (texts, "texts", "locked cells, by text")):
        shares = {
            each.name: (len(found & wanted) / len(wanted), len(found & wanted), len(wanted))
            for each in expected
            if (wanted := getattr(each, what))
        }
        most = max(shares.values(), default=(0.0, 0, 0))
        if most[0] >= HALF:
            best = [name for name, share in shares.items() if share == most]
            name = best[0] if len(best) == 1 else _by_name(file, best)
            return (name, f"{most[1]} of {most[2]} {kind}") if name else None
    name = _by_name(file, [each.name for each in expected], whole=True)
    return (name, "by its name alone") if name else None


def _by_name(file: str, names: Iterable[str], whole: bool = False) -> str | None:
    """The one name that the file's holds, the longest if there are several."""
    stem = _stem(file).casefold()
    fits = [name for name in names if name.casefold() == stem]
    if not fits and not whole:
        fits = sorted((name for name in names if name.casefold() in stem), key=len)
    return fits[-1] if fits else None


def _stem(file: str) -> str:
    """`pipeline` for `pipeline (1).ipynb.txt`."""
    return COPY.sub("", NOTEBOOK.sub("", file))


# ------------------------------------------------------------------ archives


class Unpacker:
    """Unpacks a student's archives into numbered files of `folder`, within what they may hold."""

    def __init__(self, folder: Path, budget: Budget, course: CourseDirectory) -> None:
        self._folder, self._budget, self._course = folder, budget, course
        self._number = 0
        self.left_out: list[tuple[str, str]] = []

    def pieces(self, start: Piece, opened: Callable[[], IO[bytes]]) -> Iterator[Piece]:
        """The file, or what is in it. Raises LeftOutError for what no honest student hands in."""
        try:
            check(start.name)
            self._budget.take(0, 1)
            with opened() as content:
                piece = self._written(start, content)
            yield from self._unpacked(piece, 1)
        except (HostileError, TooLargeError) as error:
            raise LeftOutError(f"{start.shown}: {error}") from None
        except BROKEN as error:
            stop_if_full(error)
            self.left_out.append((start.shown, str(error)))

    def _written(self, piece: Piece, content: IO[bytes]) -> Piece:
        self._number += 1
        path = self._folder / str(self._number)
        archives.write(content, path, self._budget)
        return replace(piece, path=path)

    def _unpacked(self, piece: Piece, depth: int) -> Iterator[Piece]:
        if depth > archives.NESTED or not piece.name[-1].lower().endswith(ARCHIVES):
            yield piece
            return
        around = (*piece.name[:-1], archives.folder_of(Path(piece.name[-1])).name)
        found = []
        try:
            with open(piece.path, "rb") as file:
                for member in archives.members(file, self._budget):
                    found += self._member(piece, around, member)
            if not found:
                raise ValueError("it holds nothing to unpack")
        except (HostileError, TooLargeError):
            raise
        except BROKEN as error:
            stop_if_full(error)
            self.left_out.append((piece.shown, f"kept packed: {error}"))
            yield piece
            return
        for inner in found:
            yield from self._unpacked(inner, depth + 1)

    def _member(self, piece: Piece, around: Parts, member: archives.Member) -> list[Piece]:
        if is_junk(Path(member.name), self._course):
            return []
        shown = f"{piece.shown}/{member.name}"
        try:
            name = (*around, *archives.safe_path(member.name).parts)
            check(name)
            with member.open() as content:
                return [self._written(replace(piece, name=name, shown=shown, given=""), content)]
        except HostileError as error:
            raise HostileError(f"{member.name}: {error}") from None
        except BROKEN as error:
            stop_if_full(error)
            self.left_out.append((shown, str(error)))
            return []


def check(name: Parts) -> None:
    """Raises HostileError for a path that leads elsewhere or is not UTF-8; ValueError: too long."""
    try:
        "/".join(name).encode()
    except UnicodeEncodeError:
        raise HostileError("its name is no UTF-8") from None
    if not name or {"", ".", ".."} & set(name) or "\0" in "".join(name):
        raise HostileError("its name leads elsewhere")
    if not archives.is_short(name) or any(len(os.fsencode(part)) > 255 for part in name):
        raise ValueError("its name is too long")


# ------------------------------------------------------------------ places


def sort_out(pieces: list[Piece], expected: Sequence[Expected], by_platform: bool) -> Sorted:
    """Where each file belongs. `by_platform`: nobody but the platform could name the files."""
    made = Sorted()
    versions = defaultdict(list)
    others = []
    for piece in pieces:
        is_notebook = NOTEBOOK.search(piece.name[-1])
        found = which(piece.path, piece.name[-1], expected) if is_notebook else None
        if found:
            versions[found[0]].append((piece, found[1]))
        else:
            others.append(piece)
    for name, those in versions.items():
        if len(those) > 1 and not by_platform:
            files = ", ".join(piece.shown for piece, _ in those)
            raise LeftOutError(
                f"several files claim to be {name}, and anybody can name one: {files}"
            )
        newest, *older = _newest_first([piece for piece, _ in those], name)
        made.notebooks[name] = next(pair for pair in those if pair[0] is newest)
        made.places[(f"{name}.ipynb",)] = newest.path
        for piece in older:
            same_time = _age([newest, piece])(newest) == _age([newest, piece])(piece)
            why = "of the same time as" if same_time else "older than"
            made.left_out.append((piece.shown, f"{why} {newest.shown}"))
    home = _home(piece for piece, _ in made.notebooks.values())
    _place_others(made, others, home)
    taken = [piece for piece, _ in made.notebooks.values()] or others
    made.time = max((piece.time for piece in taken if piece.time), default=None)
    return made


def _newest_first(pieces: list[Piece], name: str) -> list[Piece]:
    """By age; of the same age, what has the assignment's own name comes first."""
    age = _age(pieces)
    own = f"{name}.ipynb".casefold()
    return sorted(pieces, key=lambda p: (age(p), p.name[-1].casefold() == own), reverse=True)


def _age(pieces: Sequence[Piece]) -> Callable[[Piece], tuple[float, int]]:
    """What grows with the time: by the best that is known of all of them."""
    if all(piece.time for piece in pieces):
        return lambda piece: (piece.time.timestamp() if piece.time else 0, piece.turn)
    if all(piece.order for piece in pieces):
        return lambda piece: (piece.order, piece.turn)
    return lambda piece: (piece.entry_time, piece.turn)


def _home(notebooks: Iterable[Piece]) -> Parts:
    """The folder of the notebooks: it is the submission, and folders around it are removed."""
    folders = [piece.name[:-1] for piece in notebooks]
    shared: list[str] = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) != 1:
            break
        shared.append(parts[0])
    return tuple(shared)


def _place_others(made: Sorted, others: list[Piece], home: Parts) -> None:
    by_place = defaultdict(list)
    for piece in others:
        inside = piece.name[: len(home)] == home and len(piece.name) > len(home)
        by_place[piece.name[len(home) :] if inside else piece.name].append(piece)
    for place, pieces in list(by_place.items()):
        given = {piece.given for piece in pieces}
        if len(given) == len(pieces) > 1 and all(given):  # the student's own numbers, then
            del by_place[place]
            for piece in pieces:
                by_place[(*place[:-1], piece.given)].append(piece)
    folders: set[Parts] = set()
    for place, pieces in by_place.items():
        newest, *older = _newest_first(pieces, "")
        above = {place[:length] for length in range(1, len(place))}
        if place == ("timestamp.txt",):
            why = "only the platform decides when it came"
        elif place in made.places or place in folders or above & made.places.keys():
            why = "another file has this name"
        else:
            made.places[place] = newest.path
            folders |= above
            made.left_out += [(piece.shown, f"older than {newest.shown}") for piece in older]
            continue
        made.left_out += [(piece.shown, why) for piece in pieces]
