"""Brings a notebook that was handed out earlier up to the assignment as it is now.

Instructors mend tests and add questions after students have got their copies. What differs because
of that is no edit of the student's, so it is settled here, before anything looks for such edits.
"""

from __future__ import annotations

from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_locked, is_solution

from autograder.submissions.recovery import Official, grade_id

Cells = dict[str, dict]  # name -> a cell of an earlier version, see gradebook.versions


def renew(nb: NotebookNode, official: dict[str, Official], earlier: list[Cells]) -> None:
    """Give cells that are as an earlier version had them the present text and metadata.

    `earlier`: the notebook's cells in earlier versions, the newest first. The version that a
    student got is the one that explains most. Its locked cells that are gone from the assignment
    are dropped; what has been added since is noted, and is put back with all that is missing.
    """
    now = {name: _as_version(cell) for name, cell in official.items()}
    got = min([now, *earlier], key=lambda version: _unexplained(nb, version))
    if got is now:
        return
    dropped = []
    for name, cell in [*_named(nb).items(), *_same_text(nb, got)]:
        if name not in got:
            continue
        same_text = got[name]["locked"] and _has_text(cell, got[name])
        if name not in official:
            dropped += [cell] * same_text
            continue
        if same_text and official[name].locked:
            cell.source, cell.cell_type = official[name].released, official[name].cell_type
        if grade_id(cell) and _has_role(cell, got[name]):
            cell.metadata["nbgrader"] = NotebookNode(official[name].metadata)
    nb.cells = [cell for cell in nb.cells if not any(cell is other for other in dropped)]
    nb.metadata.autograder["added"] = [name for name in official if name not in got]


def _as_version(cell: Official) -> dict:
    keys = ("locked", "grade", "solution", "task", "points")
    return {key: cell.metadata.get(key) for key in keys} | {
        "cell_type": cell.cell_type,
        "released": cell.released,
    }


def _named(nb: NotebookNode) -> dict[str, NotebookNode]:
    return {name: cell for cell in nb.cells if (name := grade_id(cell))}


def _same_text(nb: NotebookNode, version: Cells) -> list[tuple[str, NotebookNode]]:
    """Locked cells of a version in cells that have no name any more."""
    named, found = _named(nb), []
    left = [cell for cell in nb.cells if not grade_id(cell) and cell.source.strip()]
    for name, given in version.items():
        same = [
            c for c in left if given["locked"] and _letters(c.source) == _letters(given["released"])
        ]
        if name not in named and same:
            left = [cell for cell in left if cell is not same[0]]
            found.append((name, same[0]))
    return found


def _unexplained(nb: NotebookNode, version: Cells) -> int:
    """How many cells differ from what a student got, if it was this version."""
    named = _named(nb)
    if not named:  # a program dropped all metadata
        texts = {_letters(cell.source) for cell in nb.cells}
        return sum(
            cell["locked"] and _letters(cell["released"]) not in texts for cell in version.values()
        )
    differ = len(named.keys() - version.keys())
    for name, given in version.items():
        cell = named.get(name)
        has_text = cell is not None and (not given["locked"] or _has_text(cell, given))
        differ += cell is None or not (has_text and _has_role(cell, given))
    return differ


def _has_text(cell: NotebookNode, given: dict) -> bool:
    same = _letters(cell.source) == _letters(given["released"])
    return same and cell.cell_type == given["cell_type"]


def _has_role(cell: NotebookNode, given: dict) -> bool:
    """Whether a cell has the metadata that was given out."""
    role = [bool(found) for found in (is_locked(cell), is_grade(cell), is_solution(cell))]
    if role != [given[key] for key in ("locked", "grade", "solution")]:
        return False
    points = cell.metadata.nbgrader.get("points")
    return points == given["points"] or not (given["grade"] or given["task"])


def _letters(text: str) -> str:
    return "".join(text.split())
