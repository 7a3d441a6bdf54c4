"""Who got how many points, and why: read from the gradebook and from what was handed in."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
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
    scores: list[Score] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)

    @property
    def points(self) -> float:
        return sum(score.points or 0.0 for score in self.scores)

    @property
    def maximum(self) -> float:
        return sum(score.maximum for score in self.scores)


def rows(gradebook: Gradebook, assignment: str, submitted: Path, autograded: Path) -> list[Row]:
    """One row per student who has handed something in, in alphabetical order."""
    students = sorted(path.parent.name for path in submitted.glob(f"*/{assignment}"))
    return [_row(gradebook, assignment, name, submitted, autograded) for name in students]


def _row(
    gradebook: Gradebook, assignment: str, student: str, submitted: Path, autograded: Path
) -> Row:
    row = Row(student)
    entry = journal.read(journal.place(autograded, assignment)).get(student, {})
    if entry.get("state") == journal.FAILED:
        row.notes.append(entry["reason"])
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
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    questions = [f"{s.notebook}.{s.question}" for s in table[0].scores] if table else []
    header = ["assignment", "student_id", "score", "max_score", *questions, "note", "alerts"]
    writer.writerow(header)
    for row in table:
        cells = ["" if score.points is None else f"{score.points:g}" for score in row.scores]
        totals = [f"{row.points:g}", f"{row.maximum:g}"]
        texts = ["; ".join(row.notes), "; ".join(row.alerts)]
        writer.writerow([assignment, row.student, *totals, *cells, *texts])
    return text.getvalue()


class QuestionsExportPlugin(ExportPlugin):
    """`nbgrader export`: points per question, empty where a question was not graded, and notes."""

    def export(self, gradebook: Gradebook) -> None:
        """Write the assignments asked for (default: all) to `--to` (default: grades.csv)."""
        coursedir = self.parent.coursedir
        folders = Path(coursedir.submitted_directory), Path(coursedir.autograded_directory)
        names = self.assignment or [assignment.name for assignment in gradebook.assignments]
        parts = [to_csv(name, rows(gradebook, name, *folders)) for name in names]
        write_atomically(Path(self.to or "grades.csv"), "".join(parts))


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path`; a crash leaves the old file or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
