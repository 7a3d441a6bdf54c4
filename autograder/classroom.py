"""The sample class of an assignment: submissions with the score that each of them must get.

`autograder/class/<assignment>/<student>.py` holds one student: a YAML header with what is special
and which questions that must cost, then the answers that differ from the reference solution, one
percent cell each, titled with notebook and question:

    # ---
    # note: what this student does, in one sentence
    # base: solution            (or `stub`: nothing is answered)
    # scores:                   (questions that do not get full points)
    #   pytorch: {function: 0, accuracy: 0}
    # ---
    # %% pytorch model-answer
    class CNNLSTM(nn.Module): ...
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

CLASSES = Path(__file__).parent / "class"


@dataclass(frozen=True)
class Member:
    """One student of the sample class."""

    name: str
    note: str
    base: str = "solution"
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    answers: dict[tuple[str, str], str] = field(default_factory=dict)

    def submission(
        self, notebook: str, source: NotebookNode, release: NotebookNode
    ) -> NotebookNode:
        """The released notebook with this student's answers in its solution cells."""
        model = {cell.metadata.nbgrader.grade_id: cell.source for cell in _solutions(source)}
        submitted = nbformat.from_dict(release)
        for cell in _solutions(submitted):
            question = cell.metadata.nbgrader.grade_id
            if (notebook, question) in self.answers:
                cell.source = self.answers[notebook, question]
            elif self.base == "solution":
                cell.source = without_marks(model[question])
        return submitted

    def expected(self, notebook: str, source: NotebookNode) -> dict[str, float | None]:
        """Points per question; None: waits to be graded by hand."""
        scores = self.scores.get(notebook, {})
        unknown = set(scores) - {cell.metadata.nbgrader.grade_id for cell in source.cells}
        if unknown:
            raise ValueError(f"{self.name}: no question {sorted(unknown)} in {notebook}")
        return {
            cell.metadata.nbgrader.grade_id: _expected_points(cell, scores, self.base)
            for cell in source.cells
            if is_grade(cell)
        }


def members(assignment: str) -> list[Member]:
    """Everybody in the class, in alphabetical order."""
    paths = sorted((CLASSES / assignment).glob("*.py"))
    if not paths:
        raise FileNotFoundError(
            f"expected the sample class in {CLASSES / assignment}, found no file; see CONTRIBUTING"
        )
    return [read_member(path) for path in paths]


def read_member(path: Path) -> Member:
    """Parse one student's file. Raises ValueError if it is not as described above."""
    match = re.match(r"# ---\n(?P<header>(?:#.*\n)+?)# ---\n(?P<cells>.*)", path.read_text(), re.S)
    if match is None:
        raise ValueError(f"{path}: expected a header between two lines '# ---', found none")
    header = yaml.safe_load(re.sub(r"^# ?", "", match["header"], flags=re.M))
    parts = re.split(r"^# %% (\S+) (\S+)\n", match["cells"], flags=re.M)
    answers = {
        (notebook, question): text.strip("\n")
        for notebook, question, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    }
    return Member(path.stem, answers=answers, **header)


def without_marks(source: str) -> str:
    """A solution without the lines that mark it for nbgrader."""
    lines = source.split("\n")
    return "\n".join(line for line in lines if not re.search("### (BEGIN|END) SOLUTION", line))


def _solutions(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if is_solution(cell)]


def _expected_points(cell: NotebookNode, scores: dict[str, float], base: str) -> float | None:
    question = cell.metadata.nbgrader.grade_id
    if is_solution(cell):  # graded by hand, unless it was left as it was
        return 0.0 if base == "stub" else None
    default = 0.0 if base == "stub" else cell.metadata.nbgrader.points
    return float(scores.get(question, default))
