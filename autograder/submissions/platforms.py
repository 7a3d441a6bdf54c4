"""How the platforms name what they give out: whose a file is, and when it came.

A layout is a class with one method, `read`, and a line in LAYOUTS. It sees a path of a download as
its parts, outermost first, and believes only what the platform has put in front: what follows is
the student's. Nobody is guessed: a name that fits no student, or two, is a claim without one.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

import yaml

from autograder.submissions.roster import Roster, Student, folded

Parts = tuple[str, ...]

ENOUGH = 0.5  # the part of the files that a layout must explain
DEEPEST = 2  # folders around what the platform gave
COPY = re.compile(r"(?: ?\(\d+\)|[-_ ]\d{1,2}|[-_ ]*[Cc]opy ?\d*)$")  # what browsers append
NOTEBOOK = re.compile(r"\.ipynb(?:\.(?:txt|json))?$", re.IGNORECASE)


@dataclass(frozen=True)
class Claim:
    """What a path says: that a file belongs to a student.

    `owner` is the platform's name for the student; if two owners claim to be one student, neither
    is trusted. `name` is where the file belongs in the submission; empty: a note of the platform's
    own, which nobody handed in. `given` is its name before a platform's suffix was removed. The
    newest has the latest `time`, else the highest `order`.
    """

    owner: str
    student: Student | None
    name: Parts
    time: datetime | None = None
    order: int = 0
    given: str = ""
    why: str = ""  # why there is no student, if it is not that nobody has the name


@dataclass(frozen=True)
class Listing:
    """What a layout may look at besides a path."""

    roster: Roster
    paths: Sequence[Parts]  # all of the download, without the folders around it
    read: Callable[[Parts], bytes]
    zone: tzinfo = UTC  # of times that say none
    usual: frozenset[str] = frozenset()  # names of the assignment and its notebooks, folded


class Layout:
    """What all layouts have. `example` is a path as the platform makes it."""

    name = ""
    example = ""
    own: frozenset[str] = frozenset()  # files that the platform puts beside the submissions
    by_platform = True  # else students can choose these names, and one file must be all there is
    known_only = False  # the layout is recognized by the names of students

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.roster = listing.roster

    def read(self, parts: Parts) -> list[Claim]:
        """Whose the file is; more than one in a group; empty: it is not of this layout."""
        raise NotImplementedError

    def time(self, text: str, *formats: str) -> datetime | None:
        """A time without a zone, by the first format that fits."""
        for form in formats:
            try:
                return datetime.strptime(text, form).replace(tzinfo=self.listing.zone)
            except ValueError:
                continue
        return None


class Canvas(Layout):
    """`<name>_[LATE_]<user>_<attachment>_<file>`, or `[LATE_]anon_<id>_…` while it is anonymous.

    Names hold letters, digits and `_`, so a name or a file may look like another user's number:
    where there are two ways to read it, the one whose name is the student's counts.
    """

    name = "Canvas"
    example = "lovelaceada_LATE_101_5550_pipeline-1.ipynb"
    _numbers = re.compile(r"(?=_(?:LATE_)?(\d+)_(\d+)_(.+)$)")
    _hidden = re.compile(r"(?:LATE_)?(anon_[A-Za-z0-9]+)_(\d+)_(.+)$")

    def read(self, parts: Parts) -> list[Claim]:
        if len(parts) != 1:
            return []
        if match := self._hidden.match(parts[0]):
            owner, order, file = match.groups()
            student = self.roster.find(owner, owner.removeprefix("anon_"))
            why = "" if student else "Canvas hides who this is until anonymous grading has ended"
            return [self._claim(owner, student, order, file, why)]
        ways = [
            (parts[0][: match.start()], *match.groups())
            for match in self._numbers.finditer(parts[0])
            if re.fullmatch(r"\w+", parts[0][: match.start()])
            if not parts[0][: match.start()].endswith("_LATE")
        ]
        if not ways:
            return []
        name, user, order, file = ways[0]
        student, why = self._student(name, user), ""
        if len(ways) > 1:
            known = [(way, found) for way in ways if (found := self._student(*way[:2]))]
            sure = [(way, found) for way, found in known if _is_called(found, way[0])]
            if len(sure) == 1 or (len(known) == 1 and not known[0][1].names):
                (name, user, order, file), student = (sure or known)[0]
            elif known:
                student, why = None, "its name can be read in more than one way"
        return [self._claim(f"{name}_{user}", student, order, file, why)]

    def _student(self, name: str, user: str) -> Student | None:
        """By number; by name only who has no other number."""
        found = self.roster.find(user)
        named = self.roster.find(name)
        return found or (named if named and not named.lms_user_id else None)

    def _claim(self, owner: str, student: Student | None, order: str, file: str, why: str) -> Claim:
        stem, extension = os.path.splitext(file)
        plain = re.sub(r"-\d+$", "", stem) + extension  # Canvas's mark of another submission
        return Claim(owner, student, (plain,), order=int(order), given=file, why=why)


def _is_called(student: Student, name: str) -> bool:
    return folded(name) in map(folded, student.names)


class Moodle(Layout):
    """`<full name>_<participant>_assignsubmission_file[_]`, a folder or in front of a file's name.

    The number is another one in each assignment, so only the name says who it is.
    """

    name = "Moodle"
    example = "Ada Lovelace_4711_assignsubmission_file/pipeline.ipynb"
    _prefix = re.compile(r"(.+?_\d+)_assignsubmission_([a-z]+)_?(.*)$", re.DOTALL)

    def read(self, parts: Parts) -> list[Claim]:
        match = self._prefix.match(parts[0])
        if not match:
            return []
        owner, kind, rest = match.groups()
        inside = (rest, *parts[1:]) if rest else parts[1:]
        if not inside:
            return []
        if kind != "file":  # onlinetext, comments: typed into Moodle
            inside = ()
        return [Claim(owner, self.roster.find(owner.rpartition("_")[0]), inside)]


class Brightspace(Layout):
    """`<numbers> - <full name> - <time>/<file>`, in older versions ` - <file>`; and index.html."""

    name = "Brightspace"
    example = "39786-640693 - Ada Lovelace - Oct 10, 2025 1022 AM/pipeline.ipynb"
    own = frozenset({"index.html"})
    _prefix = re.compile(
        r"\d+-\d+ - (.+?) - (\w+\.? \d{1,2}, \d{4} \d{1,2}):?(\d\d)( [AP]M)(?: - (.+))?$"
    )

    def read(self, parts: Parts) -> list[Claim]:
        match = self._prefix.match(parts[0])
        if not match:
            return []
        owner, hour, minute, half, rest = match.groups()
        inside = (rest, *parts[1:]) if rest else parts[1:]
        if not inside:
            return []
        form = "%d, %Y %I:%M %p"
        time = self.time(f"{hour}:{minute}{half}", f"%b {form}", f"%B {form}")
        return [Claim(owner, self.roster.find(owner), inside, time)]


class Blackboard(Layout):
    """`<assignment>_<user>_attempt_<time>_<file>`, and a note `…_attempt_<time>.txt` for each.

    Both names may hold `_`: the assignment is what comes first in most students' names.
    """

    name = "Blackboard"
    example = "Homework 1_ada_attempt_2027-01-15-22-59-01_pipeline.ipynb"
    _form = re.compile(r"(.+?)_attempt_(\d{4}(?:-\d\d){5})(?:_(.+)|\.txt)$")

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        found: Counter[str] = Counter()
        for match in filter(None, (self._form.match(parts[0]) for parts in listing.paths)):
            for place in (place for place, letter in enumerate(match[1]) if letter == "_"):
                if self.roster.find(match[1][place + 1 :]):
                    found[match[1][: place + 1]] += 1
                    break
        self._assignment = found.most_common(1)[0][0] if found else ""

    def read(self, parts: Parts) -> list[Claim]:
        match = self._form.match(parts[0])
        if not match or len(parts) != 1:
            return []
        head, when, file = match.groups()
        time = self.time(when, "%Y-%m-%d-%H-%M-%S")
        user = head.removeprefix(self._assignment)
        student = self.roster.find(user) if self._assignment and user != head else None
        return [Claim(user, student, (file,) if file else (), time)]


class Gradescope(Layout):
    """`submission_<number>/<file>`, and submission_metadata.yml, which says whose and when."""

    name = "Gradescope"
    example = "assignment_9100_export/submission_71/pipeline.ipynb"
    own = frozenset({"submission_metadata.yml"})

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        self._entries: dict[str, Any] = {}
        if ("submission_metadata.yml",) in listing.paths:
            content = listing.read(("submission_metadata.yml",))
            try:
                loaded = yaml.load(content, _Yaml)
            except (yaml.YAMLError, ValueError, RecursionError):
                loaded = None
            self._entries = loaded if isinstance(loaded, dict) else {}

    def read(self, parts: Parts) -> list[Claim]:
        entry = self._entries.get(parts[0])
        if not isinstance(entry, dict):
            return []
        time = entry.get(":created_at")
        if isinstance(time, datetime):
            time = time if time.tzinfo else time.replace(tzinfo=UTC)
        else:
            time = None
        claims = []
        for person in entry.get(":submitters") or ():
            words = [str(person.get(key) or "") for key in (":sid", ":email", ":name")]
            owner = words[1] or words[0] or words[2]
            inside = parts[1:] or parts
            claims.append(Claim(owner, self.roster.find(*words), inside, time))
        return claims


class _Yaml(yaml.SafeLoader):
    """Reads Ruby's times and symbols, too, as what they hold."""


def _ruby(loader: Any, tag: str, node: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True).get("utc")
    return loader.construct_object(node) if isinstance(node, yaml.SequenceNode) else node.value


_Yaml.add_multi_constructor("!ruby/", _ruby)


class FolderPerStudent(Layout):
    """`<student>/<file>`: id, platform's id, mail or name."""

    name = "one folder per student"
    example = "ada/pipeline.ipynb"
    known_only = True

    def read(self, parts: Parts) -> list[Claim]:
        if len(parts) < 2:
            return []
        return [Claim(parts[0], self.roster.find(parts[0]), parts[1:])]


class Google(Layout):
    """`<full name> - <file>`, Classroom's copy for each, or `<file> - <full name>.ipynb` of a form.

    In Drive a student can rename a file, also to a classmate's name.
    """

    name = "Google Classroom or Drive"
    example = "Ada Lovelace - pipeline.ipynb"
    by_platform = False
    known_only = True

    def read(self, parts: Parts) -> list[Claim]:
        file = parts[-1].removeprefix("Copy of ")
        if len(parts) != 1 or " - " not in file:
            return []
        stem, extension = _split(file)
        ways = [
            (student, rest)
            for name, _, rest in (stem.partition(" - "), stem.rpartition(" - ")[::-1])
            if (student := self.roster.find(name) or self.roster.find(COPY.sub("", name)))
        ]
        if len({student.id for student, _ in ways}) != 1:
            return [Claim(stem, None, parts)]
        student, rest = ways[0]
        return [Claim(student.id, student, (rest + extension,))]


class FilePerStudent(Layout):
    """`<student>.zip`, `<student>_<notebook>-2.ipynb` or `<notebook> <student>.ipynb`."""

    name = "one file per student"
    example = "ada_pipeline.ipynb"
    known_only = True

    def read(self, parts: Parts) -> list[Claim]:
        if len(parts) != 1:
            return []
        stem = _split(parts[0])[0]
        found = {student.id: student for student in self._students(stem)}
        student = next(iter(found.values())) if len(found) == 1 else None
        owner = student.id if student else stem
        return [Claim(owner, student, parts, why="" if len(found) < 2 else "it names two students")]

    def _students(self, stem: str) -> Iterator[Student]:
        for text in (stem, COPY.sub("", stem)):
            if whole := self.roster.find(text):
                yield whole
                return
        for place in re.finditer(r"[-_ ]+", stem):
            for name, rest in (
                (stem[: place.start()], stem[place.end() :]),
                (COPY.sub("", stem[place.end() :]), stem[: place.start()]),
            ):
                usual = {folded(rest), folded(COPY.sub("", rest))} & self.listing.usual
                if usual and (student := self.roster.find(name)):
                    yield student


def _split(file: str) -> tuple[str, str]:
    """A file's name and extension, which may be `.ipynb.txt` or `.tar.gz`."""
    match = re.search(r"(?:\.ipynb\.\w+|\.tar\.\w+|\.\w+)$", file)
    return (file[: match.start()], match[0]) if match else (file, "")


class Pattern(Layout):
    """What the instructor's pattern says, in the outermost part of the path that fits."""

    name = "the given pattern"

    def __init__(self, listing: Listing, pattern: re.Pattern[str]) -> None:
        super().__init__(listing)
        self._pattern = pattern

    def read(self, parts: Parts) -> list[Claim]:
        for end in range(1, len(parts) + 1):
            match = self._pattern.match("/" + "/".join(parts[:end]))
            names = match.groupdict() if match else {}
            if not names.get("student_id"):
                continue
            file = names.get("file_id")
            inside = parts[end:] if file is None else tuple(file.split("/")) + parts[end:]
            if not inside:
                continue
            when = re.sub(r"\D", "", names.get("timestamp") or "")[:14]
            time = self.time(when, "%Y%m%d%H%M%S", "%Y%m%d%H%M")
            owner = names["student_id"]
            return [Claim(owner, self.roster.find(owner), inside, time)]
        return []


class OneStudent(Layout):
    """A download that is called like a student."""

    name = "one student's files"

    def __init__(self, listing: Listing, student: Student) -> None:
        super().__init__(listing)
        self._student = student

    def read(self, parts: Parts) -> list[Claim]:
        return [Claim(self._student.id, self._student, parts)]


# Whichever explains most files counts, of two the first.
LAYOUTS: list[type[Layout]] = [
    Gradescope,
    Moodle,
    Canvas,
    Brightspace,
    Blackboard,
    FolderPerStudent,
    Google,
    FilePerStudent,
]


def recognize(listing: Listing) -> tuple[Layout, int] | None:
    """The layout, and how many folders are around it; None: no layout explains half of the files.

    A folder around it is removed only if there is no other next to it.
    """
    around: Parts = ()
    for depth in range(DEEPEST + 1):
        inside = [parts[depth:] for parts in listing.paths if parts[:depth] == around]
        inside = [parts for parts in inside if parts]
        here = Listing(
            listing.roster,
            inside,
            lambda parts, around=around: listing.read((*around, *parts)),  # type: ignore[misc]
            listing.zone,
            listing.usual,
        )
        if best := _best(here, least=2 if depth else 1):
            return best, depth
        folders = {parts[0] for parts in inside if len(parts) > 1}
        if len(folders) != 1:
            return None
        around = (*around, *folders)
    return None


def _best(listing: Listing, least: int) -> Layout | None:
    """The layout that explains most files; `least`: how many students it must know for that."""
    best, most = None, 0.0
    for make in LAYOUTS:
        layout = make(listing)
        paths = [parts for parts in listing.paths if not (len(parts) == 1 and parts[0] in make.own)]
        read = [layout.read(parts) for parts in paths]
        if make.known_only:
            read = [claims for claims in read if any(claim.student for claim in claims)]
            known = {claim.student for claims in read for claim in claims if claim.student}
            if len(known) < least:
                continue
        share = sum(map(bool, read)) / max(1, len(paths))
        if share >= ENOUGH and share > most:
            best, most = layout, share
    return best
