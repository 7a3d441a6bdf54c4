"""Who got how many points, and why: read from the gradebook and from what was handed in."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from logging import Logger
from pathlib import Path

from nbgrader.api import (
    Assignment,
    Grade,
    Gradebook,
    Notebook,
    SubmittedAssignment,
    SubmittedNotebook,
    TaskCell,
)
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import ExportPlugin
from sqlalchemy import func

from autograder.api import wire
from autograder.gradebook import journal
from autograder.submissions import alerts

GRADED, BY_HAND = "graded", "to be graded by hand"
IN_PART, NOT_GRADED = "graded in part", "not graded"
LONGEST_TEXT, MOST_TEXTS = 500, 100  # of one note or alert; of a row's
LONGEST_CELL = 32_000  # characters; Excel cuts a cell at 32,767
FORMULA = re.compile(r"^(?=\s*[=+\-@＝＋－＠])|(?<=;)(?=\s*[=+\-@＝＋－＠])")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


@dataclass
class Score:
    """One question or task of one student. `points` None: nobody has graded it yet."""

    notebook: str
    question: str
    points: float | None
    max_score: float
    by_hand: bool


@dataclass
class Row:
    """One student's scores, notes and alerts (see `alerts`) on one assignment.

    What has a name of nbgrader's has nbgrader's value: `raw_score` is the `score` of its submission
    (points by hand before automatic ones, and extra credit), `score` what it exports.
    """

    student: str
    raw_score: float = 0.0
    late_submission_penalty: float = 0.0
    max_score: float = 0.0
    scores: list[Score] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    failed: str = ""  # why the last run could not grade what was handed in
    reasons: dict[str, str] = field(default_factory=dict)  # notebook -> why it was not graded

    @property
    def score(self) -> float:
        """The points less what was lost by handing in late."""
        return max(0.0, self.raw_score - self.late_submission_penalty)

    @property
    def complete(self) -> bool:
        """Whether every question has its points."""
        return all(score.points is not None for score in self.scores)

    @property
    def not_graded(self) -> str:
        """Why this submission, or a part of it, was not graded; empty if it was."""
        texts = [f"{notebook}.ipynb: {reason}" for notebook, reason in self.reasons.items()]
        return "; ".join([self.failed] * bool(self.failed) + texts)

    @property
    def status(self) -> str:
        """How far it is: GRADED, BY_HAND, IN_PART or NOT_GRADED."""
        known = any(score.points is not None for score in self.scores)
        if self.failed or (self.reasons and not known):
            return NOT_GRADED
        if self.reasons:
            return IN_PART
        return GRADED if self.complete else BY_HAND


def read(course: CourseDirectory, students: Collection[str] | None = None) -> list[Row]:
    """The rows of the course's present assignment; `students`: only theirs."""
    with Gradebook(course.db_url, course.course_id) as gradebook:
        return rows(gradebook, course.assignment_id, *folders(course), students)


def folders(course: CourseDirectory) -> tuple[Path, Path]:
    """Where submissions are, and where graded ones."""
    root = Path(course.root)
    return root / course.submitted_directory, root / course.autograded_directory


def rows(
    gradebook: Gradebook,
    assignment: str,
    submitted: Path,
    autograded: Path,
    students: Collection[str] | None = None,
) -> list[Row]:
    """One row per student who has handed something in, in alphabetical order."""
    entry = gradebook.find_assignment(assignment)
    grades, penalties = _grades(gradebook, entry), _penalties(gradebook, entry)
    names = penalties.keys() | set(_who_handed_in(submitted, assignment))
    names = names if students is None else names & set(students)
    last_run = journal.read(journal.place(autograded, assignment))
    table = []
    for student in sorted(names):
        row, own = Row(student, max_score=entry.max_score), grades.get(student, {})
        row.raw_score = sum(points for points in own.values() if points is not None)
        row.late_submission_penalty = penalties.get(student, 0.0)
        if last_run.get(student, {}).get("state") == journal.FAILED:
            row.failed = _tidy([str(last_run[student].get("reason"))])[0]
        places = submitted / student / assignment, autograded / student / assignment
        _fill(row, entry.notebooks, own, *places)
        table.append(row)
    return table


def _who_handed_in(submitted: Path, assignment: str) -> Iterable[str]:
    with suppress(FileNotFoundError):
        for student in os.listdir(submitted):
            try:
                if stat.S_ISDIR(os.stat(submitted / student / assignment).st_mode):
                    yield student
            except PermissionError:  # something is there
                yield student
            except OSError:
                continue


def _grades(gradebook: Gradebook, assignment: Assignment) -> dict[str, dict[str, float | None]]:
    """Student -> cell's id -> points as nbgrader counts them; None if nobody has graded it."""
    query = (
        gradebook.db.query(
            SubmittedAssignment.student_id,
            Grade.cell_id,
            Grade.auto_score,
            Grade.manual_score,
            Grade.score,
        )
        .select_from(Grade)
        .join(SubmittedNotebook, SubmittedNotebook.id == Grade.notebook_id)
        .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
        .filter(SubmittedAssignment.assignment_id == assignment.id)
    )
    grades: dict[str, dict[str, float | None]] = {}
    for student, cell, auto, manual, score in query:
        graded = auto is not None or manual is not None
        grades.setdefault(student, {})[cell] = score if graded else None
    return grades


def _penalties(gradebook: Gradebook, assignment: Assignment) -> dict[str, float]:
    """Student -> late_submission_penalty of everybody whose submission the gradebook has."""
    query = (
        gradebook.db.query(
            SubmittedAssignment.student_id, func.sum(SubmittedNotebook.late_submission_penalty)
        )
        .select_from(SubmittedAssignment)
        .outerjoin(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .filter(SubmittedAssignment.assignment_id == assignment.id)
        .group_by(SubmittedAssignment.student_id)
    )
    return {student: penalty or 0.0 for student, penalty in query}


def _fill(
    row: Row,
    notebooks: list[Notebook],
    grades: dict[str, float | None],
    handed_in: Path,
    autograded: Path,
) -> None:
    """Add the scores, notes and alerts."""
    row.notes, row.alerts = [row.failed] * bool(row.failed), [*alerts.in_files(handed_in)]
    expected = sorted(notebooks, key=lambda notebook: notebook.name)
    for notebook in expected:
        name, scores = f"{notebook.name}.ipynb", list(_scores(notebook, grades))
        reason = ""
        notes: list[str] = []
        found: list[str] = []
        if not os.path.isfile(handed_in / name):
            reason = f"was not handed in{_look_alike(handed_in, expected)}"
        elif os.path.isfile(autograded / name):
            reason, notes, found = _record(autograded / name)
        elif not row.failed:
            reason = "has not been graded: run nbgrader autograde"
        row.scores += scores
        row.notes += [f"{name}: {text}" for text in notes or [reason] * bool(reason)]
        row.alerts += [f"{name}: {text}" for text in found]
        if reason and any(score.points is None for score in scores):
            row.reasons[notebook.name] = _tidy([reason])[0]
    row.notes, row.alerts = _tidy(row.notes), _tidy(row.alerts)


def _scores(notebook: Notebook, grades: dict[str, float | None]) -> Iterable[Score]:
    written = {cell.name for cell in notebook.solution_cells}
    for cell in [*notebook.grade_cells, *notebook.task_cells]:
        by_hand = isinstance(cell, TaskCell) or cell.name in written
        yield Score(notebook.name, cell.name, grades.get(cell.id), cell.max_score, by_hand)


def _record(path: Path) -> tuple[str, list[str], list[str]]:
    """Of an autograded notebook: why it was not graded (or ""), the notes, the alerts."""
    try:
        notebook = json.loads(path.read_bytes())
        metadata = notebook["metadata"].get("autograder", {})
        cells = [cell["metadata"].get("autograder", {}) for cell in notebook["cells"]]
        notes = [*metadata.get("notes", []), *_marks(cells)]
        return metadata.get("not_graded", ""), notes, metadata.get("alerts", [])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "the autograded notebook is damaged: grade it again with --force", [], []


def _marks(records: list[dict]) -> list[str]:
    """How far the points of an autograded notebook can be trusted."""
    marks = []
    if any(record.get("where") == "in-kernel" for record in records):
        marks.append("in-kernel: the tests ran beside the student's code and can be forged")
    if any(record.get("unsandboxed") for record in records):
        marks.append("graded without a sandbox")
    return marks


def _look_alike(folder: Path, expected: list[Notebook]) -> str:
    known = {f"{notebook.name}.ipynb" for notebook in expected}
    others = []
    with suppress(OSError):
        others = sorted(name for name in os.listdir(folder) if name.endswith(".ipynb"))
    others = [name for name in others if name not in known][:3]
    return f"; is it {' or '.join(others)}? Rename it and grade again" if others else ""


def _tidy(texts: list[str]) -> list[str]:
    """Texts that can be shown: names and messages in them may be a student's choice."""
    more = len(texts) - MOST_TEXTS
    shown = [wire.clean(str(text), LONGEST_TEXT) for text in texts[:MOST_TEXTS]]
    return shown + [f"… and {more} more"] * (more > 0)


# ------------------------------------------------------------------ tables

Line = list[str | float | None]  # of a CSV file; None: an empty cell


def to_csv(assignment: str, table: list[Row]) -> str:
    """The table as CSV: one line per student, a column per question, then notes and alerts."""
    questions = [f"{s.notebook}.{s.question}" for s in table[0].scores] if table else []
    header = ["assignment", "student_id", "raw_score", "late_submission_penalty", "score"]
    lines: list[Line] = [[*header, "max_score", "status", *questions, "note", "alerts"]]
    for row in table:
        totals = [row.raw_score, row.late_submission_penalty, row.score, row.max_score]
        points = [score.points for score in row.scores]
        texts = ["; ".join(row.notes), "; ".join(row.alerts)]
        lines.append([assignment, row.student, *totals, row.status, *points, *texts])
    return _csv(lines)


class TableExportPlugin(ExportPlugin):
    """What the exporters of this module share: the report's rows, and a file written whole."""

    def export(self, gradebook: Gradebook) -> None:
        """Write the assignments asked for (default: all) to `--to` (default: grades.csv)."""
        places = folders(self.parent.coursedir)
        known = [assignment.name for assignment in gradebook.assignments]
        names = [str(name) for name in self.assignment] or known
        if unknown := sorted(set(names) - set(known)):
            self.parent.fail(f"The gradebook has no assignment {unknown[0]!r}, only {known}")
        students = [str(name) for name in self.student] or None
        tables = {name: rows(gradebook, name, *places, students) for name in names}
        target = Path(self.to or "grades.csv")
        text = self.text(gradebook, tables)
        try:
            write_atomically(target, text)
        except OSError as error:
            self.parent.fail(f"{target} cannot be written: {error.strerror}")
        for name, table in tables.items():
            for row in table:
                if row.not_graded:
                    student = wire.clean(row.student, LONGEST_TEXT)
                    self.log.warning("%s of %s: %s: %s", name, student, row.status, row.not_graded)

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """The file's contents; `tables` holds the rows by assignment."""
        raise NotImplementedError


class QuestionsExportPlugin(TableExportPlugin):
    """`nbgrader export`: points per question, empty where nobody has graded it yet, and notes."""

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """One table below the other."""
        return "".join(to_csv(name, table) for name, table in tables.items())


class CanvasExportPlugin(TableExportPlugin):
    """A CSV file that Canvas imports (Grades, Import): one column per assignment.

    `ID` is the gradebook's `lms_user_id`, `SIS Login ID` the student id of nbgrader. Who has a
    question that nobody has graded yet gets an empty cell, which Canvas passes over.
    """

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """A line of names, one of points possible, and one per student."""
        possible = [gradebook.find_assignment(name).max_score for name in tables]
        lines: list[Line] = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *tables]]
        lines.append(["Points Possible", "", "", "", "", *possible])
        people = _people(gradebook)
        for student, cells in _totals(tables, self.log).items():
            person = people.get(student, {})
            name = ", ".join(filter(None, (person.get("last_name"), person.get("first_name"))))
            lines.append([name or student, person.get("lms_user_id"), "", student, "", *cells])
        return _csv(lines)


class MoodleExportPlugin(TableExportPlugin):
    """A CSV file that Moodle imports (Grades, Import, CSV file): map from `username` or `email`."""

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """A line of names and one per student; cells are empty as for Canvas."""
        lines: list[Line] = [["username", "email", *tables]]
        people = _people(gradebook)
        for student, cells in _totals(tables, self.log).items():
            lines.append([student, people.get(student, {}).get("email"), *cells])
        return _csv(lines)


def _totals(tables: dict[str, list[Row]], log: Logger) -> dict[str, list[float | None]]:
    """Student -> one score per assignment; None if not handed in or not graded to the end."""
    by_student = [{row.student: row for row in table} for table in tables.values()]
    totals = {}
    for student in sorted({student for table in by_student for student in table}):
        found = [table.get(student) for table in by_student]
        totals[student] = [row.score if row and row.complete else None for row in found]
    for name, table in tables.items():
        waiting = sum(row.status == BY_HAND for row in table)
        left_out = sum(not row.complete for row in table) - waiting
        if waiting:
            log.warning("%s: left empty, because points by hand are missing: %d", name, waiting)
        if left_out:
            log.warning("%s: left empty, because not graded (see below): %d", name, left_out)
    return totals


def _people(gradebook: Gradebook) -> dict[str, dict[str, str]]:
    """Student -> names, mail address and number on the learning platform."""
    columns = ("first_name", "last_name", "email", "lms_user_id")
    return {
        person.id: {column: getattr(person, column) for column in columns}
        for person in gradebook.students
    }


def _csv(lines: list[Line]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([map(_cell, line) for line in lines])
    return text.getvalue()


def _cell(value: str | float | None) -> str:
    """A number as it is, and a text on one line that no spreadsheet takes for a formula.

    A text that would be one gets an apostrophe in front, also behind a semicolon, which separates
    cells in some countries.
    """
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f"{value:.15g}"
    text = re.sub(r"[\n\t]", " ", wire.clean(value, LONGEST_CELL))
    return text if NUMBER.fullmatch(text) else FORMULA.sub("'", text)


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
