"""From a test cell's outcome to points in the gradebook.

The executor leaves a record on every test cell (`cell.metadata.autograder`); nothing that a
student's code printed can be taken for it. A notebook's scores are saved in one transaction.
"""

from __future__ import annotations

import math

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution, is_task

NOT_GRADED = None  # in place of points: the question could not be graded, which is not 0


def record(cell: NotebookNode, points: float | None, note: str, where: str = "judge") -> None:
    """Write the score of a test cell beside it. `where` is 'judge' or 'in-kernel'."""
    cell.metadata["autograder"] = {"points": points, "note": note, "where": where}


def record_outputs(cell: NotebookNode, where: str) -> None:
    """Score a test cell that ran to its end by nbgrader's rules, without their gaps.

    An error is 0 points; a last expression is partial credit and must be a finite number between 0
    and the maximum, anything else is a failed test; otherwise full points. Warnings cost nothing.
    """
    maximum = float(cell.metadata.nbgrader["points"])
    for output in cell.outputs:
        if output.output_type == "error":
            return record(cell, 0.0, output.evalue, where)
    for output in cell.outputs:
        if output.output_type == "execute_result":
            return _record_partial(cell, output.data.get("text/plain", ""), maximum, where)
    return record(cell, maximum, "", where)


def _record_partial(cell: NotebookNode, text: str, maximum: float, where: str) -> None:
    try:
        points = float(text)
    except ValueError:
        points = math.nan
    if 0 <= points <= maximum:
        return record(cell, points, "" if points == maximum else "partial credit", where)
    found = text if len(text) < 50 else text[:50] + "…"
    note = f"expected a score from 0 to {maximum:g}, found {found}; counted as a failed test"
    return record(cell, 0.0, note, where)


class SaveGrades(NbGraderPreprocessor):
    """Saves scores and automatic comments; takes the place of nbgrader's SaveAutoGrades."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        names = resources["nbgrader"]
        key = (names["notebook"], names["assignment"], names["student"])
        with Gradebook(names["db_url"]) as gradebook:
            for cell in nb.cells:
                if is_grade(cell):
                    _save_score(gradebook, cell, key)
                if is_solution(cell) or is_task(cell):
                    _save_comment(gradebook, cell, key)
            gradebook.db.commit()
        return nb, resources


def _save_score(gradebook: Gradebook, cell: NotebookNode, key: tuple[str, str, str]) -> None:
    grade = gradebook.find_grade(cell.metadata.nbgrader["grade_id"], *key)
    if is_solution(cell):
        grade.auto_score, _ = determine_grade(cell)  # 0 if untouched, None: by hand
    else:
        grade.auto_score = cell.metadata["autograder"]["points"]
    grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None


def _save_comment(gradebook: Gradebook, cell: NotebookNode, key: tuple[str, str, str]) -> None:
    comment = gradebook.find_comment(cell.metadata.nbgrader["grade_id"], *key)
    untouched = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
    comment.auto_comment = "No response." if untouched and not is_task(cell) else None
