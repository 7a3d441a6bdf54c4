"""Who got how many points, and why: read from the gradebook and from what was handed in."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
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
from traitlets import Bool

from autograder.api import wire
from autograder.files import write_atomically
from autograder.gradebook import journal, penalties, versions
from autograder.gradebook.scores import EXCUSED as EXCUSED_BY_POLICY
from autograder.gradebook.scores import WHAT_IT_MEANS
from autograder.submissions import alerts
from autograder.submissions.notebooks import ABSENT

GRADED, BY_HAND, NOT_YET = "graded", "to be graded by hand", "not graded yet"
IN_PART, NOT_GRADED, EXCUSED = "graded in part", "could not be graded", "excused"
WAITS = "has not been graded: run nbgrader autograde"
OUTDATED = "was graded before the assignment changed: run nbgrader autograde"
UNKNOWN = "is not in the gradebook: grade it with nbgrader autograde, unless the student has left"
LONGEST_TEXT, MOST_TEXTS = 500, 100  # of one note or alert; of a row's
LONGEST_CELL = 32_000  # characters; Excel cuts a cell at 32,767
FORMULA = re.compile(r"^(?=\s*[=+\-@＝＋－＠])|(?<=;)(?=\s*[=+\-@＝＋－＠])")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


@dataclass
class Score:
    """One question or task of one student. `points` None: nobody has graded it yet.

    `by_hand`: a person grades it; `given`: a person has set these points.
    """

    notebook: str
    question: str
    points: float | None
    max_score: float
    by_hand: bool
    given: bool = False


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
    # notebook -> what is missing, and what the course's policy makes of it
    settled: dict[str, str] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)  # notebooks that do not count
    outdated: bool = False  # the points are of an earlier version of the assignment

    @property
    def score(self) -> float:
        """The points less what was lost by handing in late."""
        return max(0.0, self.raw_score - self.late_submission_penalty)

    @property
    def complete(self) -> bool:
        """Whether every question that counts has its points."""
        counting = (score for score in self.scores if score.notebook not in self.excused)
        return all(score.points is not None for score in counting)

    @property
    def not_graded(self) -> str:
        """Why this submission, or a part of it, was not graded; empty if it was."""
        if self.outdated:
            return OUTDATED
        texts = [f"{notebook}.ipynb: {reason}" for notebook, reason in self.reasons.items()]
        return "; ".join([self.failed] * bool(self.failed) + texts)

    @property
    def status(self) -> str:
        """How far it is: GRADED, BY_HAND, NOT_YET, IN_PART, NOT_GRADED or EXCUSED."""
        if self.outdated:
            return NOT_YET
        if self.scores and not self.failed and self.excused >= {s.notebook for s in self.scores}:
            return EXCUSED
        known = any(score.points is not None for score in self.scores)
        waits = {WAITS, UNKNOWN} & set(self.reasons.values())
        if waits and not known and not self.failed:
            return NOT_YET
        if self.failed or (self.reasons and not known):
            return NOT_GRADED
        if self.reasons:
            return IN_PART
        return GRADED if self.complete else BY_HAND

    def status_of(self, score: Score) -> tuple[str, str]:
        """The same for one of the scores, and the reason if there is one."""
        if self.outdated:
            return NOT_YET, OUTDATED
        if score.notebook in self.excused:
            return EXCUSED, self.settled[score.notebook]
        if score.points is not None:
            return GRADED, self.settled.get(score.notebook, "")
        reason = self.reasons.get(score.notebook, "")
        if reason in (WAITS, UNKNOWN):
            return NOT_YET, reason
        if self.failed or reason:
            return NOT_GRADED, reason or self.failed
        return BY_HAND, ""


def read(course: CourseDirectory, students: Collection[str] | None = None) -> list[Row]:
    """The rows of the course's present assignment; `students`: only theirs."""
    with Gradebook(course.db_url, course.course_id) as gradebook:
        excluded = course.student_id_exclude.split(",")
        return rows(gradebook, course.assignment_id, *folders(course), students, excluded)


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
    excluded: Collection[str] = (),
) -> list[Row]:
    """One row per student who has handed something in, in alphabetical order.

    And per student whose missing submission the course's policy has settled. Without those who
    have left: whom the gradebook had and has no more.
    """
    entry = gradebook.find_assignment(assignment)
    grades, penalties = _grades(gradebook, entry), _penalties(gradebook, entry)
    last_run = journal.read(journal.place(autograded, assignment))
    people = {person.id for person in gradebook.students}
    version = versions.digest(versions.version_of(entry.notebooks))
    names = penalties.keys() | set(_who_handed_in(submitted, assignment))
    names = names if students is None else names & set(students)
    names -= {*excluded}
    names -= {n for n, last in last_run.items() if journal.has_left(last, entry.id, n in people)}
    table = []
    for student in sorted(names):
        row, own = Row(student, max_score=entry.max_score), grades.get(student, {})
        row.raw_score = sum(points for points, _ in own.values() if points is not None)
        row.late_submission_penalty = penalties.get(student, 0.0)
        if last_run.get(student, {}).get("state") == journal.FAILED:
            row.failed = _tidy([str(last_run[student].get("reason"))])[0]
        places = submitted / student / assignment, autograded / student / assignment
        _fill(row, entry.notebooks, own, *places, known=student in penalties)
        if row.scores and all(score.given for score in row.scores):
            row.failed = ""  # a person has decided
        elif journal.is_outdated(last_run.get(student, {}), version):
            row.outdated, row.notes = True, [OUTDATED, *row.notes]
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


Points = tuple[float | None, bool]  # as nbgrader counts them, None: not graded; set by a person


def _grades(gradebook: Gradebook, assignment: Assignment) -> dict[str, dict[str, Points]]:
    """Student -> cell's id -> points."""
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
    grades: dict[str, dict[str, Points]] = {}
    for student, cell, auto, manual, score in query:
        graded = auto is not None or manual is not None
        points = score if graded else None, manual is not None
        grades.setdefault(student, {})[cell] = points
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
    grades: dict[str, Points],
    handed_in: Path,
    autograded: Path,
    known: bool,
) -> None:
    """Add the scores, notes and alerts. `known`: the gradebook has a submission of the student."""
    row.notes = [row.failed] * bool(row.failed)
    row.alerts = [*alerts.in_files(handed_in)] if os.path.lexists(handed_in) else []
    expected = sorted(notebooks, key=lambda notebook: notebook.name)
    for notebook in expected:
        name, scores = f"{notebook.name}.ipynb", list(_scores(notebook, grades))
        is_here, is_graded = os.path.isfile(handed_in / name), os.path.isfile(autograded / name)
        reason, notes, found, policy = _record(autograded / name) if is_graded else NO_RECORD
        if is_here and reason == ABSENT:  # it came after that was said
            scores = [score if score.given else replace(score, points=None) for score in scores]
            reason, notes, found, policy = NO_RECORD
            is_graded = False
        if is_here and not is_graded:
            reason = "" if row.failed else WAITS
        elif is_here:
            reason = reason or (UNKNOWN if not known and not row.failed else "")
        elif not policy:
            reason, notes = f"{ABSENT}{_look_alike(handed_in, expected)}", []
        if policy in WHAT_IT_MEANS:
            notes = [note for note in notes if note != reason]
            reason = _settle(row, notebook.name, scores, reason, policy)
        row.scores += scores
        row.notes += [f"{name}: {text}" for text in notes or [reason] * bool(reason)]
        row.alerts += [f"{name}: {text}" for text in found]
        if reason and any(score.points is None for score in scores):
            row.reasons[notebook.name] = _tidy([reason])[0]
    row.notes, row.alerts = _tidy(row.notes), _tidy(row.alerts)


def _settle(row: Row, notebook: str, scores: list[Score], reason: str, policy: str) -> str:
    """Note what the policy made of a missing notebook; why it is not graded, if it still is not.

    Points that a person has given are the last word.
    """
    if policy == EXCUSED_BY_POLICY and not any(score.given for score in scores):
        row.excused.add(notebook)
        row.max_score -= sum(score.max_score for score in scores)
    elif any(score.points is None for score in scores):
        return reason
    row.settled[notebook] = _tidy([f"{WHAT_IT_MEANS[policy]}: {reason}"])[0]
    row.notes.append(f"{notebook}.ipynb: {row.settled[notebook]}")
    return ""


def _scores(notebook: Notebook, grades: dict[str, Points]) -> Iterable[Score]:
    written = {cell.name for cell in notebook.solution_cells}
    for cell in [*notebook.grade_cells, *notebook.task_cells]:
        by_hand = isinstance(cell, TaskCell) or cell.name in written
        points, given = grades.get(cell.id, (None, False))
        yield Score(notebook.name, cell.name, points, cell.max_score, by_hand, given)


def _record(path: Path) -> tuple[str, list[str], list[str], str]:
    """Of an autograded notebook: why it was not graded (or ""), the notes, the alerts.

    And what the course's policy makes of it (or "").
    """
    try:
        notebook = json.loads(path.read_bytes())
        metadata = notebook["metadata"].get("autograder", {})
        cells = [cell["metadata"].get("autograder", {}) for cell in notebook["cells"]]
        notes = [*metadata.get("notes", []), *_marks(cells)]
        reason, found = metadata.get("not_graded", ""), metadata.get("alerts", [])
        return reason, notes, found, metadata.get("missing", "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "the autograded notebook is damaged: grade it again with --force", [], [], ""


NO_RECORD: tuple[str, list[str], list[str], str] = "", [], [], ""


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
        totals: list[float | None] = [None] * 3  # nothing is graded, which is not 0
        if any(score.points is not None for score in row.scores):
            totals = [row.raw_score, row.late_submission_penalty, row.score]
        totals.append(row.max_score)
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
        if not known:
            self.parent.fail(
                "The gradebook has no assignment: is this the course's folder? Release comes first."
            )
        if unknown := sorted(set(names) - set(known)):
            self.parent.fail(f"The gradebook has no assignment {unknown[0]!r}, only {known}")
        students = [str(name) for name in self.student] or None
        self.excluded = self.parent.coursedir.student_id_exclude.split(",")
        who = students, self.excluded
        for name in names:
            if renewed := penalties.renew(gradebook.find_assignment(name), self.parent):
                gradebook.db.commit()
                self.log.warning("Late penalties follow the points of %s", ", ".join(renewed))
        tables = {name: rows(gradebook, name, *places, *who) for name in names}
        target = Path(self.to or "grades.csv")
        text = self.text(gradebook, tables)
        try:
            write_atomically(target, text)
        except OSError as error:
            self.parent.fail(f"{target} cannot be written: {error.strerror}")

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """The file's contents; `tables` holds the rows by assignment."""
        raise NotImplementedError

    def say_who_was_not_graded(self, tables: dict[str, list[Row]]) -> None:
        """A line for each of them, with the reason."""
        for name, table in tables.items():
            for row in table:
                if row.not_graded:
                    student = wire.clean(row.student, LONGEST_TEXT)
                    self.log.warning("%s of %s: %s: %s", name, student, row.status, row.not_graded)


class QuestionsExportPlugin(TableExportPlugin):
    """`nbgrader export`: points per question, empty where nobody has graded it yet, and notes."""

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """One table below the other."""
        self.say_who_was_not_graded(tables)
        return "".join(to_csv(name, table) for name, table in tables.items())


QUESTION_COLUMNS = ("points", "max_score", "status", "note")


class TidyExportPlugin(TableExportPlugin):
    """One table with one header: a line per student, assignment and question.

    pandas: `read_csv(file)`; with `decimal_comma`: `read_csv(file, sep=";", decimal=",")`.
    """

    decimal_comma = Bool(
        False, help="Write 1,5 and semicolons, for spreadsheets that take 1.5 for a date."
    ).tag(config=True)

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """The table, with a mark by which Excel knows that it is UTF-8."""
        self.say_who_was_not_graded(tables)
        people = _people(gradebook)
        who = ("assignment", "student_id", "first_name", "last_name")
        lines: list[Line] = [[*who, "notebook", "question", *QUESTION_COLUMNS]]
        for name, table in tables.items():
            for row in table:
                person = people.get(row.student, {})
                start = [name, row.student, person.get("first_name"), person.get("last_name")]
                for score in row.scores:
                    what = [score.notebook, score.question, score.points, score.max_score]
                    lines.append([*start, *what, *row.status_of(score)])
        return "\ufeff" + _csv(lines, self.decimal_comma)


# ------------------------------------------------------------------ for learning platforms


class Word(str):
    """A word of a platform's: it is written as it is, even if it begins like a formula."""


class PlatformExportPlugin(TableExportPlugin):
    """What learning platforms import: only students whose every cell has a score, or is excused.

    For a blank is no gap: Canvas sets the grade to nothing (lib/gradebook_importer.rb,
    no_change_to_submission), so does Moodle (grade/import/csv/classes/load_data.php,
    update_grade_item), which also gives up the whole file at an unknown student and, where the
    column that names students is blank, writes to the student of the line above.
    """

    finds_by = ""  # the column of nbgrader's that the platform finds students by, besides the id
    needs_it = False  # whether all must have it if one student does
    excused = Word()  # what it reads for a score that does not count; empty: nothing
    excuse_there = ""  # what to do on the platform, then

    def complete(
        self, gradebook: Gradebook, tables: dict[str, list[Row]]
    ) -> dict[str, tuple[dict[str, str], list[float | str]]]:
        """Student -> what the gradebook knows of them, and one score per assignment.

        The others are listed on the terminal with the reason.
        """
        people = _people(gradebook)
        known = Counter(pair for person in people.values() for pair in person.items() if pair[1])
        by_name = {name: {row.student: row for row in table} for name, table in tables.items()}
        students = {student for table in by_name.values() for student in table}
        if not self.student:
            students |= people.keys() - {*self.excluded}
        kept, left_out = {}, defaultdict(list)
        for student in sorted(students):
            own = {name: table.get(student) for name, table in by_name.items()}
            reasons = [self._wrong_person(student, people.get(student), known)]
            if student in people:
                reasons += map(self._incomplete, own, own.values())
            reason = "; ".join(filter(None, reasons))
            if reason:
                left_out[reason].append(student)
            else:
                kept[student] = people[student], [self._score(row) for row in own.values() if row]
        for reason, names in left_out.items():
            shown = ", ".join(wire.clean(name, LONGEST_TEXT) for name in names)
            self.log.warning("Left out: %s: %s", shown, reason)
        if left_out and len(tables) > 1:
            self.log.warning(
                "A line needs a score in each of the %d assignments, for a blank would overwrite: "
                "--assignment=\"['%s']\" exports one.",
                len(tables),
                next(iter(tables)),
            )
        self.log.info("%d students written, %d left out", len(kept), len(students) - len(kept))
        return kept

    def _wrong_person(
        self, student: str, person: dict[str, str] | None, known: Counter[tuple[str, str]]
    ) -> str:
        """Why the platform could take somebody else for the student, or nobody.

        `known`: how many students have this value in this column.
        """
        if person is None:
            return "not in the gradebook: has left, or was never graded"
        if known and not any(person.values()):
            return "unknown: neither name, mail address nor lms_user_id; is it in students.csv?"
        if own := person.get(self.finds_by):
            if known[self.finds_by, own] > 1:
                return f"has the same {self.finds_by} as another student"
        elif self.needs_it and any(column == self.finds_by for column, _ in known):
            return f"has no {self.finds_by}, and others have one"
        for key in (student, person["email"], person["lms_user_id"]):
            if key and _cell(key) != key:
                return f"{key!r} would be a formula in a spreadsheet, or cannot be written"
        return ""

    def _incomplete(self, assignment: str, row: Row | None) -> str:
        """Why there is no score that could be exported; empty if there is one."""
        if row is None:
            return f"{assignment}: handed in nothing"
        if row.status == EXCUSED:
            return "" if self.excused else f"{assignment}: {EXCUSED}: {self.excuse_there}"
        if row.complete and row.status == GRADED:
            return ""
        waiting = [s.question for s in row.scores if row.status_of(s)[0] == BY_HAND]
        if row.status == BY_HAND:
            return f"{assignment}: {BY_HAND}: {', '.join(waiting)}"
        by_hand = [f"{BY_HAND}: {', '.join(waiting)}"] * bool(waiting)
        return f"{assignment}: {row.status}: {'; '.join([row.not_graded, *by_hand])}"

    def _score(self, row: Row) -> float | str:
        """The score; if a part is excused, what it would be of all points of the assignment."""
        if row.status == EXCUSED:
            return self.excused
        if not row.excused:
            return row.score
        whole = sum(score.max_score for score in row.scores)
        scaled = row.score / row.max_score * whole if row.max_score else row.score
        student = wire.clean(row.student, LONGEST_TEXT)
        names = ", ".join(sorted(row.excused))
        self.log.info(
            "%s: %g of %g points are written as %g of %g, for %s is excused",
            *(student, row.score, row.max_score, scaled, whole, names),
        )
        return scaled


class CanvasExportPlugin(PlatformExportPlugin):
    """A CSV file that Canvas imports (Grades, Import): one column per assignment.

    `ID` is the gradebook's `lms_user_id`, if it is a number (of `12b` Canvas would read the 12),
    `SIS Login ID` the student id of nbgrader.
    """

    finds_by = "lms_user_id"
    excused = Word("EX")  # lib/gradebook_importer.rb compares with it

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """A line of names, one of points possible, and one per student."""
        possible = [gradebook.find_assignment(name).max_score for name in tables]
        lines: list[Line] = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *tables]]
        lines.append(["Points Possible", "", "", "", "", *possible])
        for student, (person, scores) in self.complete(gradebook, tables).items():
            name = ", ".join(filter(None, (person["last_name"], person["first_name"])))
            number = person["lms_user_id"] if person["lms_user_id"].isdecimal() else ""
            lines.append([name or student, number, "", student, "", *scores])
        return _csv(lines)


class MoodleExportPlugin(PlatformExportPlugin):
    """A CSV file that Moodle imports (Grades, Import, CSV file): map from `username` or `email`."""

    finds_by, needs_it = "email", True
    excused = Word("-")  # load_data.php, update_grade_item: no grade, so it is in no total

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """A line of names and one per student."""
        lines: list[Line] = [["username", "email", *tables]]
        for student, (person, scores) in self.complete(gradebook, tables).items():
            lines.append([student, person["email"], *scores])
        return _csv(lines)


class BrightspaceExportPlugin(PlatformExportPlugin):
    """A CSV file that Brightspace imports (Grades, Enter Grades, Import).

    `Username` is nbgrader's student id, `OrgDefinedId` the gradebook's `lms_user_id`; the columns
    are those of https://community.d2l.com/brightspace/kb/articles/3538-importing-grades.
    """

    finds_by, needs_it = "lms_user_id", True
    excuse_there = "the file cannot say so; choose Exempt in Enter Grades"

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """A line of names and one per student, which ends in a mark."""
        found = self.complete(gradebook, tables)
        numbered = any(person["lms_user_id"] for person, _ in found.values())
        heads = ["OrgDefinedId"] * numbered + ["Username"]
        grades = [f"{name} Points Grade" for name in tables]
        lines: list[Line] = [[*heads, *grades, "End-of-Line Indicator"]]
        for student, (person, scores) in found.items():
            number = [person["lms_user_id"]] * numbered
            lines.append([*number, student, *scores, "#"])
        return _csv(lines)


class GradescopeExportPlugin(PlatformExportPlugin):
    """The table that Gradescope makes of a course's grades, for what reads those.

    `SID` is nbgrader's student id. Columns as programs read them that work on Gradescope's
    tables; that Gradescope itself imports grades is not documented, and not verified.
    """

    finds_by = "email"
    excuse_there = "the table has no word for it"

    def text(self, gradebook: Gradebook, tables: dict[str, list[Row]]) -> str:
        """A line of names and one per student."""
        possible = {name: gradebook.find_assignment(name).max_score for name in tables}
        grades = [column for name in tables for column in (name, f"{name} - Max Points")]
        lines: list[Line] = [["First Name", "Last Name", "SID", "Email", *grades]]
        for student, (person, scores) in self.complete(gradebook, tables).items():
            names = person["first_name"], person["last_name"]
            pairs = zip(scores, possible.values(), strict=True)
            cells = [number for pair in pairs for number in pair]
            lines.append([*names, student, person["email"], *cells])
        return _csv(lines)


def _people(gradebook: Gradebook) -> dict[str, dict[str, str]]:
    """Student -> names, mail address and number on the learning platform; empty: not known."""
    columns = ("first_name", "last_name", "email", "lms_user_id")
    return {
        person.id: {column: str(getattr(person, column) or "").strip() for column in columns}
        for person in gradebook.students
    }


def _csv(lines: list[Line], decimal_comma: bool = False) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";" if decimal_comma else ",", lineterminator="\n")
    writer.writerows([[_cell(value, decimal_comma) for value in line] for line in lines])
    return text.getvalue()


def _cell(value: str | float | None, decimal_comma: bool = False) -> str:
    """A number as it is, and a text on one line that no spreadsheet takes for a formula.

    A text that would be one gets an apostrophe in front, also behind a semicolon, which separates
    cells in some countries.
    """
    if value is None:
        return ""
    if isinstance(value, Word):
        return str(value)
    if isinstance(value, int | float):
        return f"{value:.15g}".replace(".", "," if decimal_comma else ".")
    text = re.sub(r"[\n\t]", " ", wire.clean(value, LONGEST_CELL))
    return text if NUMBER.fullmatch(text) else FORMULA.sub("'", text)
