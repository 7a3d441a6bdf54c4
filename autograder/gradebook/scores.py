"""From a test cell's outcome to points in the gradebook.

The executor leaves a record on every test cell (`cell.metadata.autograder`); nothing that a
student's code printed can pass for it. A submission's scores are saved in one transaction.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbgrader.api import Base, Gradebook, SubmittedNotebook
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution, is_task
from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, text
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import scoped_session

from autograder.api import wire
from autograder.grading.messages import NOTES

NOT_GRADED = None  # in place of points: the question could not be graded, which is not 0
# What becomes of notebooks that are missing or cannot be read: they wait for a person, get 0
# points, or do not count.
WAIT, ZERO, EXCUSED = "wait", "0", "excused"
WHAT_IT_MEANS = {ZERO: "0 points", EXCUSED: "excused"}
SAID = {
    ZERO: "This notebook gets 0 points.",
    EXCUSED: "This notebook is excused and does not count.",
}
PATIENCE = 20  # seconds to wait for another program that writes to the gradebook


def record(cell: NotebookNode, points: float | None, note: str, where: str = "judge") -> None:
    """Write the score of a test cell next to it. `where` is 'judge' or 'in-kernel'."""
    cell.metadata["autograder"] = {"points": points, "note": note, "where": where}


@dataclass(frozen=True)
class Result:
    """How a test, or a part of it, ended.

    `error` says why it failed, `value` is the number that it ended with (None: with none; a text
    where it is no number), which is the total of `check.Points` if `earned`; `parts` are the
    sentences on hidden parts that failed.
    """

    error: str = ""
    value: float | str | None = None
    earned: bool = False
    parts: list[str] = field(default_factory=list)


def result_of(record: dict) -> Result:
    """The judge's record of a test; anything that is not as it must be is a failure."""
    error = record["error"] or ("" if record["ended"] else "the test did not finish")
    return Result(error, record["value"], record["earned"], record["parts"])


def result_of_outputs(outputs: list[NotebookNode], problem: str) -> Result:
    """How a test in the student's kernel ended, by nbgrader's rules. Warnings cost nothing.

    `problem`: why its reply was no good one.
    """
    errors = [output.evalue for output in outputs if output.output_type == "error"]
    if problem or errors:
        return Result(problem or errors[0] or "the test failed")
    results = [output for output in outputs if output.output_type == "execute_result"]
    return Result(value=_as_number(results[0].data.get("text/plain", "")) if results else None)


def _as_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def points_of(results: list[Result], maximum: float) -> tuple[float, str]:
    """Points and a note for a test whose parts ended with `results`, of which the last decides.

    An error is 0 points. A last value is partial credit and must be a finite number between 0 and
    the maximum; anything else is a failed test. Without an error or a value, full points. If the
    visible part counted points, there are no more than these in the end.
    """
    for result in results:
        if result.error:
            return 0.0, wire.clean(result.error, 2000)
    points = maximum
    for result in results:
        if result.value is None or not (result.earned or result is results[-1]):
            continue
        number = math.nan if isinstance(result.value, str) else result.value
        if not 0 <= number <= maximum:
            found = wire.clean(str(result.value), 50)
            expected = f"expected a score from 0 to {maximum:g}"
            return 0.0, f"{expected}, found {found}; counted as a failed test"
        points = min(points, number)
    return points, "" if points == maximum else "partial credit"


def save(notebook: SubmittedNotebook, executed: NotebookNode | None) -> None:
    """Put the scores and automatic comments of an executed notebook into its gradebook entry.

    None: not handed in. What could not be graded has no score and waits for a grader, unless the
    notebook's record says what becomes of it (see `settle`); manual scores and comments stay, and
    are marked for another look.
    """
    cells = {}
    known = executed.metadata.get("autograder", {}) if executed is not None else {}
    policy = known.get("missing", WAIT)
    if executed is not None and not known.get("not_graded"):
        found = (cell for cell in executed.cells if "nbgrader" in cell.metadata)
        cells = {cell.metadata.nbgrader.get("grade_id"): cell for cell in found}
    for grade in notebook.grades:
        grade.auto_score = 0.0 if policy == ZERO else _score(cells.get(grade.name))
        waits = grade.auto_score is None and policy != EXCUSED
        grade.needs_manual_grade = grade.manual_score is not None or waits
    for comment in notebook.comments:
        comment.auto_comment = _comment(cells.get(comment.name))
        if policy != WAIT:
            comment.auto_comment = f"{WHAT_IT_MEANS[policy]}: {known['not_graded']}"


def settle(executed: NotebookNode, policy: str) -> None:
    """Say in a notebook that was not graded what becomes of it."""
    executed.metadata.autograder["missing"] = policy
    for cell in executed.cells:
        if cell.get("id") == NOTES:
            cell.source += f"\n\n{SAID[policy]}"
        if "autograder" in cell.metadata:
            note = f"{WHAT_IT_MEANS[policy]}: {executed.metadata.autograder.not_graded}"
            record(cell, 0.0 if policy == ZERO else NOT_GRADED, note)
            cell.metadata["autograder"]["missing"] = policy


def _score(cell: NotebookNode | None) -> float | None:
    if cell is None or not is_grade(cell):
        return NOT_GRADED
    if is_solution(cell):
        return determine_grade(cell)[0]  # 0 if untouched, None: by hand
    return cell.metadata.get("autograder", {}).get("points", NOT_GRADED)


def _comment(cell: NotebookNode | None) -> str | None:
    if cell is None or is_task(cell) or not is_solution(cell):
        return None
    untouched = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
    return "No response." if untouched else None


def gradebook_problem(db_url: str) -> str:
    """Why grades cannot be saved in this gradebook, in one sentence; empty if they can.

    Raises sqlalchemy's OperationalError if it cannot be opened, is read-only or locked. To be
    asked before nbgrader opens the gradebook, because that adds tables to an older one.
    """
    engine = create_engine(_patient(db_url))
    try:
        if not inspect(engine).get_table_names():
            return "The gradebook is empty: run `nbgrader generate_assignment` first."
        lacking = _lacking(engine)
        if lacking:
            return (
                f"The gradebook was made by an older nbgrader (it lacks {lacking}): make a copy "
                "of it, then run `nbgrader db upgrade`."
            )
        with engine.connect() as connection:
            _begin(connection)
    finally:
        engine.dispose()
    return ""


def _lacking(engine: Engine) -> str:
    """The first table or column of this nbgrader's gradebook that is not there."""
    inspector = inspect(engine)
    for table in Base.metadata.sorted_tables:
        if not inspector.has_table(table.name):
            return f"the table {table.name!r}"
        found = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in found:
                return f"the column {column.name!r} of {table.name!r}"
    return ""


def open_gradebook(db_url: str, course_id: str) -> Gradebook:
    """The gradebook for `transaction`; it stays open from one to the next."""
    return Gradebook(_patient(db_url), course_id)


@contextmanager
def transaction(gradebook: Gradebook) -> Iterator[scoped_session]:
    """Changes to the gradebook are saved all together at the end, or not at all.

    nbgrader's own methods commit at every step; here that only passes the step's changes on.
    """
    session = gradebook.db
    commit = session.commit

    def pass_on() -> None:
        try:
            session.flush()
        except StatementError as error:  # for which nbgrader would print a traceback
            raise RuntimeError(str(error.orig)) from error

    session.commit = pass_on
    try:
        _begin(session)
        yield session
        commit()
    finally:
        del session.commit
        session.remove()  # rolls back what was not saved, and forgets what was read


def _begin(connection: Connection | scoped_session) -> None:
    """Become the only writer now: what must fail, fails here, and nothing comes in between."""
    connection.execute(text("UPDATE student SET id = id WHERE 1 = 0"))


def _patient(db_url: str) -> str:
    url = make_url(db_url)
    if url.get_backend_name() == "sqlite" and "timeout" not in url.query:
        url = url.update_query_dict({"timeout": str(PATIENCE)})
    return url.render_as_string(hide_password=False)
