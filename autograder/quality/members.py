"""The sample class of an assignment: submissions with the score that each of them must get.

`classes/<assignment>/<student>.py` holds one student: a YAML header with what is special
and which questions that must cost, then the answers that differ from the reference solution, one
percent cell of jupytext each, titled with notebook and question:

    # ---
    # note: what this student does, in one sentence
    # base: solution            (or `stub`: nothing is answered)
    # scores:                   (questions that do not get full points)
    #   pytorch: {function: 0, accuracy: 0}
    # ---
    # %% pytorch model-answer
    class CNNLSTM(nn.Module): ...

`attackers/<name>.py` beside them holds what tries to get points that it has not earned. An attacker
starts from the stub, hands in the notebooks that it names, and may also change what a student
should not: a title may name any cell, or add one (`+top`, `+end`, `+behind:<question>`), and the
header may say

    kind                    what it aims at, one of KINDS
    no_alert                why no alert can be expected
    known_from, harmful     where the trick is known from; why it is never run without a sandbox
    files, links            what lies beside the notebook (names are URL-quoted)
    metadata                changes of nbgrader's metadata per question
    cell_metadata           other metadata per cell; `*` stands for every cell of the release
    notebook_metadata, delete (questions), markdown (cells for the end), outputs (of the file)
    repeat                  title: [text, times], for cells too long to be written down
    output_mib              how much printed output the notebook's file holds

Those in `classes/generic/attackers/` attack every assignment; there `*` stands for the notebook.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import jupytext
import nbformat
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbgrader.utils import is_grade, is_solution

from autograder.quality import HOME

CLASSES = HOME / "classes"
KINDS = {  # what an attacker aims at
    "points": "points for nothing: keeping an error or a result from arriving",
    "borrowed": "answers taken from the grader's own code",
    "untrained": "accuracy without training",
    "leaks": "hidden tests' data in what a student may read",
    "scripts": "scripts in the instructor's browser",
    "floods": "the grader's memory and time",
    "files": "what lies beside a notebook",
    "walls": "the sandbox",
    "stops": "a kernel that ends or never comes back",
}


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


@dataclass(frozen=True)
class Attacker(Member):
    """A submission that tries to get points which it has not earned, or to do harm."""

    base: str = "stub"
    kind: str = ""
    known_from: str = ""
    harmful: str = ""
    no_alert: str = ""
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, dict] = field(default_factory=dict)
    cell_metadata: dict[str, dict] = field(default_factory=dict)
    notebook_metadata: dict[str, Any] = field(default_factory=dict)
    delete: list[str] = field(default_factory=list)
    markdown: list[str] = field(default_factory=list)
    outputs: list[dict] = field(default_factory=list)
    repeat: dict[str, list] = field(default_factory=dict)
    output_mib: int = 0

    def __post_init__(self) -> None:
        if self.kind and self.kind not in KINDS:
            raise ValueError(f"{self.name}: expected one of {', '.join(KINDS)} as its kind")

    @property
    def notebooks(self) -> set[str]:
        """The notebooks that it hands in."""
        return {notebook for notebook, _ in self.answers}

    def submission(
        self, notebook: str, source: NotebookNode, release: NotebookNode
    ) -> NotebookNode:
        """The released notebook with everything changed that this attacker changes."""
        submitted = super().submission(notebook, source, release)
        cells = {cell.metadata.nbgrader.grade_id: cell for cell in submitted.cells}
        for question, changes in self.metadata.items():
            cells[question].metadata.nbgrader.update(changes)
        for question, changes in self.cell_metadata.items():
            for cell in cells.values() if question == "*" else [cells[question]]:
                cell.metadata.update(nbformat.from_dict(changes))
        for title, text in self._texts(notebook):
            self._write(submitted, cells, title, text)
        submitted.cells += [new_markdown_cell(text) for text in self.markdown]
        submitted.metadata.update(nbformat.from_dict(self.notebook_metadata))
        for question in self.delete:
            submitted.cells.remove(cells[question])
        outputs = [nbformat.from_dict(output) for output in self.outputs]
        outputs += [new_output("stream", text="x" * 2**20)] * self.output_mib
        if outputs:
            next(c for c in _solutions(submitted) if c.cell_type == "code").outputs = outputs
        return submitted

    def _texts(self, notebook: str) -> Iterator[tuple[str, str]]:
        own = ((title, text) for (name, title), text in self.answers.items() if name == notebook)
        yield from own
        yield from ((title, text * times) for title, (text, times) in self.repeat.items())

    @staticmethod
    def _write(submitted: NotebookNode, cells: dict, title: str, text: str) -> None:
        if title == "+top":
            submitted.cells.insert(0, new_code_cell(text))
        elif title == "+end":
            submitted.cells.append(new_code_cell(text))
        elif title == "+markdown":
            submitted.cells.append(new_markdown_cell(text))
        elif title.startswith("+behind:"):
            place = submitted.cells.index(cells[title.removeprefix("+behind:")])
            submitted.cells.insert(place + 1, new_code_cell(text))
        else:
            cells[title].source = text

    def hand_in_files(self, folder: Path) -> None:
        """Write the files next to the notebook into the folder of the submission."""
        for name, text in self.files.items():
            path = folder / os.fsdecode(unquote_to_bytes(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for name, target in self.links.items():
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(target)


Anybody = TypeVar("Anybody", bound=Member)


def attackers(assignment: str) -> list[Attacker]:
    """Everybody who attacks this assignment, in alphabetical order."""
    paths = sorted((CLASSES / assignment / "attackers").glob("*.py"))
    return [_read(path, Attacker) for path in paths]


def generic_attackers(notebooks: list[str]) -> list[Attacker]:
    """The attackers that fit every assignment: blank, but for one more cell at the top."""
    generic = []
    for attacker in attackers("generic"):
        (text,) = attacker.answers.values()
        answers = {(notebook, "+top"): text for notebook in notebooks}
        generic.append(dataclasses.replace(attacker, answers=answers))
    return generic


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
    return _read(path, Member)


def _read(path: Path, kind: type[Anybody]) -> Anybody:
    cells = jupytext.read(path, fmt="py:percent").cells
    if not cells or cells[0].cell_type != "raw":
        raise ValueError(f"{path}: expected a header between two lines '# ---', found none")
    answers = {}
    for cell in cells[1:]:
        match cell.metadata.get("title", "").split():
            case [notebook, question]:
                answers[notebook, question] = cell.source
            case title:
                raise ValueError(f"{path}: expected '# %% notebook question', found {title}")
    return kind(path.stem, answers=answers, **yaml.safe_load(cells[0].source.strip("-")))


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
