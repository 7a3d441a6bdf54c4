"""Who is in the class: the gradebook's students or `students.csv`, and who of them is meant."""

from __future__ import annotations

import csv
import difflib
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.api import Student as Row
from nbgrader.apps import dbapp
from sqlalchemy import create_engine, make_url, select
from sqlalchemy.exc import SQLAlchemyError

# nbgrader's columns, and what they are called elsewhere (without spaces, in small letters).
COLUMNS = {
    "id": ("id", "studentid", "username", "login", "loginid", "sisloginid", "sid"),
    "first_name": ("firstname", "givenname"),
    "last_name": ("lastname", "surname", "familyname"),
    "email": ("email", "mail", "emailaddress"),
    "lms_user_id": ("lmsuserid", "lmsid", "canvasid", "canvasuserid", "participantid"),
}


class RosterError(Exception):
    """The file of students cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Student:
    """A student: nbgrader's id, and by what else a platform may name them."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""

    @property
    def names(self) -> list[str]:
        """The full name in both orders, if it is known."""
        both = [f"{self.first_name} {self.last_name}", f"{self.last_name} {self.first_name}"]
        return [name for name in both if name.strip()]


class Roster:
    """Finds students by id, platform's id, mail or name; a word that fits two fits nobody.

    >>> Roster([Student("ada", "Ada", "Lovelace")]).find("lovelace, ADA").id
    'ada'
    """

    def __init__(self, students: Iterable[Student]) -> None:
        self.students = {student.id: student for student in students}
        self._exact: dict[str, set[str]] = defaultdict(set)
        self._loose: dict[str, set[str]] = defaultdict(set)
        for student in self.students.values():
            for word in (student.lms_user_id, student.email):
                self._exact[word.casefold()].add(student.id)
            for word in (student.id, *student.names):
                self._loose[folded(word)].add(student.id)

    def find(self, *words: str) -> Student | None:
        """Whom the first of the words that fits names; None: nobody, or more than one."""
        for word in words:
            word = unicodedata.normalize("NFC", word.strip())
            if word in self.students:
                return self.students[word]
            for known, key in ((self._exact, word.casefold()), (self._loose, folded(word))):
                if key and len(known.get(key, ())) == 1:
                    return self.students[next(iter(known[key]))]
        return None

    def nearest(self, word: str) -> list[str]:
        """The ids of at most three students whose id or name looks like the word."""
        likely = difflib.get_close_matches(folded(word), self._loose, n=3, cutoff=0.5)
        return list(dict.fromkeys(name for key in likely for name in sorted(self._loose[key])))


def folded(text: str) -> str:
    """Letters and digits alone, small and without accents."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ø", "o"))
    return "".join(c for c in plain.casefold() if c.isalnum())


# ------------------------------------------------------------------ where it comes from


def is_there(db_url: str) -> bool:
    """Whether there is a gradebook; nbgrader's class would make one."""
    url = make_url(db_url)
    return url.get_backend_name() != "sqlite" or os.path.exists(url.database or "")


def from_gradebook(db_url: str) -> Roster:
    """The gradebook's students; nobody if there is no gradebook yet."""
    if not is_there(db_url):
        return Roster([])
    engine = create_engine(db_url)
    try:
        with engine.connect() as connection:  # nbgrader's Gradebook would make tables
            columns = [getattr(Row, name) for name in COLUMNS]
            rows = connection.execute(select(*columns)).all()
            return Roster(Student(*("" if value is None else value for value in r)) for r in rows)
    except SQLAlchemyError:
        return Roster([])
    finally:
        engine.dispose()


def from_file(path: Path) -> Roster:
    """The students of a file of comma- or semicolon-separated values, as Excel may write it."""
    return Roster(_read(path)[1].values())


def _read(path: Path) -> tuple[dict[str, int], dict[str, Student]]:
    """Column -> its place in the file; and id -> student."""
    rows = list(_rows(path))
    if not rows:
        raise RosterError(f"{path} is empty: it needs a header, id,first_name,last_name,email")
    places: dict[str, int] = {}
    for place, head in enumerate(rows[0]):
        for column, names in COLUMNS.items():
            if folded(head) in names:
                places.setdefault(column, place)
    if "id" not in places:
        raise RosterError(
            f"{path} has no column `id` (found: {', '.join(rows[0])}): it names a student's folder"
        )
    students: dict[str, Student] = {}
    for number, row in enumerate(rows[1:], start=2):
        values = {name: row[at].strip() for name, at in places.items() if at < len(row)}
        student = Student(**{key: unicodedata.normalize("NFC", v) for key, v in values.items()})
        if not is_folder(student.id):
            raise RosterError(f"{path}, student {number - 1}: {student.id!r} cannot be an id")
        if any(cell.strip() for cell in row[len(rows[0]) :]):
            raise RosterError(
                f"{path}, student {number - 1} ({student.id}): more cells than the header has; a "
                'name with a comma needs quotes: "Smith, Jr."'
            )
        if students.setdefault(student.id, student) != student:
            raise RosterError(f"{path} has two different students with the id {student.id!r}")
    return places, students


def install() -> None:
    """Let `nbgrader db student import` read what Excel writes, and say what is wrong with it."""
    dbapp.DbStudentImportApp.start = _import_students


def _import_students(app: dbapp.DbStudentImportApp) -> None:
    dbapp.DbBaseApp.start(app)
    if len(app.extra_args) != 1:
        app.fail("expected one file: nbgrader db student import students.csv")
    try:
        places, students = _read(Path(app.extra_args[0]))
    except RosterError as error:
        app.fail("%s", error)
    with Gradebook(app.coursedir.db_url, app.coursedir.course_id) as gradebook:
        for student in students.values():
            known = {name: getattr(student, name) or None for name in places if name != "id"}
            gradebook.update_or_create_student(student.id, **known)
    app.log.info("%d students imported, with %s", len(students), ", ".join(places))


def is_folder(name: str) -> bool:
    """Whether a student's folder can have this name."""
    bad = not name or "/" in name or name.startswith(".") or len(name) > 128
    return not bad and name.isprintable()


def _rows(path: Path) -> Iterator[list[str]]:
    """The rows that are not empty."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RosterError(f"{path} cannot be read: {error.strerror}") from None
    lines = _decoded(content).splitlines()
    separator = ","
    if lines and lines[0].lower().startswith("sep="):
        separator, lines = lines[0][4:5], lines[1:]
    elif heads := [line for line in lines if line.strip()]:
        separator = max(",;\t", key=heads[0].count)
    for row in csv.reader(lines, delimiter=separator):
        if any(value.strip() for value in row):
            yield row


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
