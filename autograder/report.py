"""Who got how many points, and why: read from the gradebook and from what was handed in."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from logging import Logger
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import ExportPlugin

from autograder import alerts, journal


@dataclass
class Score:
    """One question of one student. `points` None: not graded, or waiting to be graded by hand."""

    notebook: str
    question: str
    points: float | None
    maximum: float
    by_hand: bool


@dataclass
class Row:
    """One student's scores, notes and alerts (see `alerts`) on one assignment."""

    student: str
    late_penalty: float = 0.0
    scores: list[Score] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)

    @property
    def points(self) -> float:
        return sum(score.points or 0.0 for score in self.scores)

    @property
    def score(self) -> float:
        """The points less what was lost by handing in late."""
        return max(0.0, self.points - self.late_penalty)

    @property
    def complete(self) -> bool:
        """Whether every question has its points."""
        return all(score.points is not None for score in self.scores)

    @property
    def maximum(self) -> float:
        return sum(score.maximum for score in self.scores)


def rows(gradebook: Gradebook, assignment: str, submitted: Path, autograded: Path) -> list[Row]:
    """One row per student who has handed something in, in alphabetical order."""
    students = sorted(path.parent.name for path in submitted.glob(f"*/{assignment}"))
    entries = journal.read(journal.place(autograded, assignment))
    folders = submitted, autograded
    return [_row(gradebook, assignment, name, entries.get(name, {}), *folders) for name in students]


def _row(
    gradebook: Gradebook,
    assignment: str,
    student: str,
    entry: dict[str, str],
    submitted: Path,
    autograded: Path,
) -> Row:
    row = Row(student)
    if entry.get("state") == journal.FAILED:
        row.notes.append(entry["reason"])
    with suppress(MissingEntry):  # never graded
        submission = gradebook.find_submission(assignment, student)
        row.late_penalty = submission.late_submission_penalty or 0.0
    handed_in = submitted / student / assignment
    row.alerts += alerts.in_files(handed_in)
    expected = sorted(gradebook.find_assignment(assignment).notebooks, key=lambda n: n.name)
    names = {notebook.name for notebook in expected}
    for notebook in expected:
        path = autograded / student / assignment / f"{notebook.name}.ipynb"
        if path.exists() and (handed_in / path.name).exists():
            graded = nbformat.read(path, as_version=4)
            metadata = graded.metadata.get("autograder", {})
            reason = metadata.get("not_graded", "")
            texts = [*metadata.get("notes", []), *_marks(graded)]
            row.alerts += [f"{path.name}: {text}" for text in metadata.get("alerts", [])]
        elif (handed_in / path.name).exists():
            reason = "the submission could not be graded; see the log of nbgrader autograde"
            texts = [reason]
        else:
            reason = f"was not handed in{_look_alike(handed_in, names)}"
            texts = [reason]
        row.notes += [f"{path.name}: {text}" for text in texts]
        row.scores += _scores(gradebook, assignment, student, notebook, bool(reason))
    return row


def _marks(notebook: nbformat.NotebookNode) -> list[str]:
    """How far the points of an autograded notebook can be trusted."""
    records = [cell.metadata.get("autograder", {}) for cell in notebook.cells]
    marks = []
    if any(record.get("where") == "in-kernel" for record in records):
        marks.append("in-kernel: the tests ran beside the student's code and can be forged")
    if any(record.get("unsandboxed") for record in records):
        marks.append("graded without a sandbox")
    return marks


def _look_alike(folder: Path, expected: set[str]) -> str:
    others = sorted(path.name for path in folder.glob("*.ipynb") if path.stem not in expected)
    if not others:
        return ""
    return f"; is it {' or '.join(others)}? Rename it and grade again"


def _scores(
    gradebook: Gradebook, assignment: str, student: str, notebook, not_graded: bool
) -> Iterable[Score]:
    written = {cell.name for cell in notebook.solution_cells}
    for cell in notebook.grade_cells:
        try:
            grade = gradebook.find_grade(cell.name, notebook.name, assignment, student)
        except MissingEntry:
            grade = None
        manual = None if grade is None else grade.manual_score
        points = grade.auto_score if grade is not None and not not_graded else None
        points = manual if manual is not None else points
        yield Score(notebook.name, cell.name, points, cell.max_score, cell.name in written)


def to_csv(assignment: str, table: list[Row]) -> str:
    """The table as CSV: one line per student, a column per question, then notes and alerts."""
    questions = [f"{s.notebook}.{s.question}" for s in table[0].scores] if table else []
    header = ["assignment", "student_id", "score", "max_score", "late_penalty"]
    lines = [[*header, *questions, "note", "alerts"]]
    for row in table:
        cells = ["" if score.points is None else f"{score.points:g}" for score in row.scores]
        totals = [f"{value:g}" for value in (row.score, row.maximum, row.late_penalty)]
        texts = ["; ".join(row.notes), "; ".join(row.alerts)]
        lines.append([assignment, row.student, *totals, *cells, *texts])
    return _csv(lines)


class TableExportPlugin(ExportPlugin):
    """What the exporters of this module share: the report's rows, and a file written whole."""

    def export(self, gradebook: Gradebook) -> None:
        """Write the assignments asked for (default: all) to `--to` (default: grades.csv)."""
        coursedir = self.parent.coursedir
        folders = Path(coursedir.submitted_directory), Path(coursedir.autograded_directory)
        names = self.assignment or [assignment.name for assignment in gradebook.assignments]
        tables = {str(name): rows(gradebook, str(name), *folders) for name in names}
        write_atomically(Path(self.to or "grades.csv"), self.text(gradebook, tables))

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """The file's contents; `tables` holds the rows by assignment."""
        raise NotImplementedError


class QuestionsExportPlugin(TableExportPlugin):
    """`nbgrader export`: points per question, empty where a question was not graded, and notes."""

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
        possible = [f"{max((row.maximum for row in t), default=0):g}" for t in tables.values()]
        lines = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *tables]]
        lines.append(["Points Possible", "", "", "", "", *possible])
        for student, cells in _totals(tables, self.log).items():
            person = _person(gradebook, student)
            name = ", ".join(filter(None, (person.get("last_name"), person.get("first_name"))))
            lines.append([name or student, person.get("lms_user_id"), "", student, "", *cells])
        return _csv(lines)


class MoodleExportPlugin(TableExportPlugin):
    """A CSV file that Moodle imports (Grades, Import, CSV file): map from `username` or `email`."""

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """A line of names and one per student; cells are empty as for Canvas."""
        lines = [["username", "email", *tables]]
        for student, cells in _totals(tables, self.log).items():
            lines.append([student, _person(gradebook, student).get("email"), *cells])
        return _csv(lines)


def _totals(tables: dict[str, list[Row]], log: Logger) -> dict[str, list[str]]:
    """Student -> one cell per assignment; empty if not handed in or not graded to the end."""
    by_student = [{row.student: row for row in table} for table in tables.values()]
    totals = {}
    for student in sorted({student for table in by_student for student in table}):
        found = [table.get(student) for table in by_student]
        totals[student] = [f"{row.score:g}" if row and row.complete else "" for row in found]
    waiting = sum(not row.complete for table in tables.values() for row in table)
    if waiting:
        log.warning("%d submissions have questions without points yet: left empty", waiting)
    return totals


def _person(gradebook: Gradebook, student: str) -> dict[str, str]:
    """What the gradebook knows of a student; nothing if it has never heard of them."""
    try:
        return gradebook.find_student(student).to_dict()
    except MissingEntry:
        return {}


def _csv(lines: list[list[str | None]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path`; a crash leaves the old file or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
