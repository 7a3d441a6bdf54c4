"""The versions of an assignment: what students were given is not always what is graded now.

Each `nbgrader generate_assignment` and each grading run notes the cells that the gradebook has.
Alerts then compare a submission with the version that its student got, and a run knows which
grades come from an earlier one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbgrader.preprocessors
from nbformat import NotebookNode
from nbgrader.api import Assignment, Comment, Grade, MissingEntry, Notebook
from nbgrader.converters import GenerateAssignment

from autograder import syntax
from autograder.files import write_atomically
from autograder.gradebook import journal, scores

MOST = 50  # versions that are kept
FEW = 12  # names in a sentence

Cells = dict[str, dict]  # name -> what is kept of a cell
Version = dict[str, Cells]  # notebook -> its cells


def version_of(notebooks: Iterable[Notebook]) -> Version:
    """The cells as the gradebook has them now."""
    return {notebook.name: _cells(notebook) for notebook in notebooks}


def _cells(notebook: Notebook) -> Cells:
    points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    tasks = {cell.name: cell.max_score for cell in notebook.task_cells}
    answers = {cell.name for cell in notebook.solution_cells}
    cells = {}
    for cell in sorted(notebook.source_cells, key=lambda cell: cell.name):
        name, source = cell.name, cell.source or ""
        role = {
            "cell_type": cell.cell_type,
            "locked": bool(cell.locked),
            "grade": name in points,
            "solution": name in answers,
            "task": name in tasks,
            "points": (points | tasks).get(name),
        }
        prose = cell.cell_type != "code" and not (role["grade"] or role["solution"] or role["task"])
        matters = json.dumps([role, "" if prose else source]).encode()
        digest = hashlib.sha256(matters).hexdigest()[:16]
        cells[name] = role | {"released": syntax.released(source), "digest": digest}
    return cells


def digest(version: Version) -> str:
    """Differs between two versions if a submission could get other points in them."""
    cells = [(book, name, cell["digest"]) for book, name, cell in _all(version)]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16]


def _all(version: Version) -> Iterator[tuple[str, str, dict]]:
    for notebook, cells in sorted(version.items()):
        for name, cell in sorted(cells.items()):
            yield notebook, name, cell


def changes(old: Version | None, new: Version) -> str:
    """What differs between two versions, in words."""
    if old is None:
        return "from a version that is no longer known"
    before = {(book, name): cell["digest"] for book, name, cell in _all(old)}
    after = {(book, name): cell["digest"] for book, name, cell in _all(new)}
    found = {
        "changed": [key for key in after if key in before and before[key] != after[key]],
        "added": [key for key in after if key not in before],
        "removed": [key for key in before if key not in after],
    }
    several = len({book for book, _ in before.keys() | after.keys()}) > 1
    parts = []
    for word, keys in found.items():
        names = [f"{book}.{name}" if several else name for book, name in keys]
        more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
        parts += [f"{word}: {', '.join(names[:FEW])}{more}"] * bool(names)
    return "; ".join(parts)


# ------------------------------------------------------------------ the file


def place(autograded: Path, assignment: str) -> Path:
    """Where versions are kept: beside the journal."""
    return journal.place(autograded, assignment).with_suffix(".versions.json")


def read(path: Path) -> list[Version]:
    """All versions that are known, the oldest first."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError:  # damaged: it only helps
        return []


def remember(path: Path, version: Version) -> list[Version]:
    """Note a version, if it is not the last one noted already; all that are known."""
    known = read(path)
    if version and (not known or known[-1] != version):
        known = [*(old for old in known if old != version), version][-MOST:]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(known) + "\n")
    return known


def earlier(known: list[Version]) -> dict[str, list[Cells]]:
    """Notebook -> its cells in all versions but the last, each once, the newest first."""
    found: dict[str, list[Cells]] = {}
    for notebook, now in known[-1].items() if known else ():
        for version in reversed(known[:-1]):
            cells, others = version.get(notebook, {}), found.setdefault(notebook, [])
            if cells and cells != now and cells not in others:
                others.append(cells)
    return found


# ------------------------------------------------------------------ `nbgrader generate_assignment`


class SaveCells(nbgrader.preprocessors.SaveCells):
    """nbgrader's preprocessor of this name, which also takes cells that were added or removed.

    nbgrader refuses these once somebody has handed in. Here the other questions keep their points;
    a new one has none until it is graded.
    """

    def _create_notebook(self, nb: NotebookNode) -> None:
        before = self._assignment()
        self._remember(before)
        try:
            notebook = self.gradebook.find_notebook(self.notebook_id, self.assignment_id)
        except MissingEntry:
            notebook = None
        if notebook is not None and notebook.submissions:
            with scores.transaction(self.gradebook):
                self._remove_cells(notebook)
                self._add_cells(notebook)
        super()._create_notebook(nb)
        self.gradebook.db.expire_all()
        self._remember(self._assignment())

    def _assignment(self) -> Assignment:
        return self.gradebook.find_assignment(self.assignment_id)

    def _remember(self, assignment: Assignment) -> None:
        course = getattr(getattr(self.parent, "parent", None), "coursedir", None)
        if course is not None:
            path = place(Path(course.root, course.autograded_directory), self.assignment_id)
            remember(path, version_of(assignment.notebooks))

    def _kinds(self, notebook: Notebook) -> Iterator[tuple[str, list, dict]]:
        yield "grade_cell", notebook.grade_cells, self.new_grade_cells
        yield "solution_cell", notebook.solution_cells, self.new_solution_cells
        yield "task_cell", notebook.task_cells, self.new_task_cells
        yield "source_cell", notebook.source_cells, self.new_source_cells

    def _remove_cells(self, notebook: Notebook) -> None:
        session = self.gradebook.db
        for _, cells, new in self._kinds(notebook):
            for cell in [cell for cell in cells if cell.name not in new]:
                by_hand = _given_by_hand(cell)
                if by_hand:
                    self.log.warning(
                        "%s is no longer in %s: points that were given by hand went with it (%s)",
                        cell.name,
                        self.notebook_id,
                        by_hand,
                    )
                for entry in [*getattr(cell, "grades", ()), *getattr(cell, "comments", ())]:
                    session.delete(entry)
                session.flush()
                session.delete(cell)
        session.flush()
        session.expire_all()

    def _add_cells(self, notebook: Notebook) -> None:
        session, place_ = self.gradebook.db, (self.notebook_id, self.assignment_id)
        for kind, cells, new in self._kinds(notebook):
            known = {cell.name for cell in cells}
            for name in new.keys() - known:
                create = getattr(self.gradebook, f"update_or_create_{kind}")
                cell = create(name, *place_, **new[name])
                for submitted in notebook.submissions:
                    if kind in ("grade_cell", "task_cell"):
                        session.add(Grade(cell_id=cell.id, notebook=submitted))
                    if kind in ("solution_cell", "task_cell"):
                        session.add(Comment(cell_id=cell.id, notebook=submitted))
        session.flush()


def _given_by_hand(cell: object) -> str:
    given = [grade for grade in getattr(cell, "grades", ()) if grade.manual_score is not None]
    names = [f"{grade.student.id}: {grade.manual_score:g}" for grade in given]
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


def preprocessors() -> list[str]:
    """nbgrader's preprocessors for releasing, with the `SaveCells` of this module."""
    stock, usual = nbgrader.preprocessors.SaveCells, GenerateAssignment.class_traits()
    found = [SaveCells if step is stock else step for step in usual["preprocessors"].default()]
    return [f"{step.__module__}.{step.__name__}" for step in found]
