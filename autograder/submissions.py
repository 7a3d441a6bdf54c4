"""Reads what students hand in, however broken, so that one bad file never stops a class.

What can be mended is mended (a deleted test cell, a doubled question, another kernel), what cannot
be read becomes an empty notebook whose questions are "not graded", which is not the same as 0
points. Either way a note in words goes into the notebook, its feedback page and the report.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook, SourceCell
from nbgrader.preprocessors import NbGraderPreprocessor

MAX_BYTES = 500 * 2**20
LARGE_BYTES = 20 * 2**20


class SubmissionExporter(NotebookExporter):
    """The notebook exporter that `nbgrader autograde` uses, for its two passes over a file."""

    def from_filename(
        self, filename: str, resources: dict | None = None, **kwargs: Any
    ) -> tuple[str, dict]:
        path = Path(filename)
        resources = dict(resources or {})
        resources["metadata"] = {"name": path.stem, "path": str(path.parent)}
        first_pass = self.parent._sanitizing
        notebook = read_submission(path) if first_pass else nbformat.read(path, as_version=4)
        return self.from_notebook_node(notebook, resources=resources, **kwargs)


class MendSubmission(NbGraderPreprocessor):
    """Puts back what the assignment needs, and says so; runs before nbgrader's own sanitising."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        names = resources["nbgrader"]
        with Gradebook(names["db_url"]) as gradebook:
            source = gradebook.find_notebook(names["notebook"], names["assignment"])
            notes = nb.metadata.autograder.notes
            if not nb.metadata.autograder.get("not_graded"):
                notes += _kernel_notes(nb, source.kernelspec) + _double_notes(nb)
            official = {cell.name: _metadata(cell, source) for cell in source.source_cells}
            _replace_metadata(nb, official)
            missing = _restore_missing_cells(nb, source, official)
            if missing and not nb.metadata.autograder.get("not_graded"):
                notes.append(f"missing and put back: {', '.join(missing)}")
        if notes:
            text = "\n".join(f"- {note}" for note in notes)
            nb.cells.insert(0, new_markdown_cell(f"**Notes from the grader**\n\n{text}"))
        return nb, resources


def read_submission(path: Path) -> NotebookNode:
    """The notebook at `path` without outputs; an empty one with a reason if it is unreadable."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        return _not_graded(
            f"the file has {size / 2**20:,.0f} MiB, at most {MAX_BYTES // 2**20} are read; "
            "clear the outputs and hand it in again"
        )
    try:
        notebook = _parse(path)
    except ValueError as error:
        return _not_graded(f"the file is not a readable notebook ({error}); hand it in again")
    large = f"the file had {size / 2**20:,.0f} MiB; its outputs were dropped, they are made anew"
    notebook.metadata["autograder"] = {"notes": [large] if size > LARGE_BYTES else []}
    return notebook


def _parse(path: Path) -> NotebookNode:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        for cell in content["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None
        notebook = nbformat.reads(json.dumps(content), as_version=4)
        _clean(notebook)
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise ValueError(f"not in notebook format: {error.message}"[:200]) from None
    except Exception as error:  # whatever an odd structure leads to
        raise ValueError(f"{type(error).__name__}: {error}"[:200]) from None
    return notebook


def _clean(notebook: NotebookNode) -> None:
    """Unique cell ids, and nothing that only the grader may write."""
    seen: set[str] = set()
    notebook.metadata.pop("autograder", None)
    for index, cell in enumerate(notebook.cells):
        cell.metadata.pop("autograder", None)
        if "id" not in cell:  # before nbformat 4.5
            continue
        if cell["id"] in seen:
            cell["id"] = f"cell-{index}"
        seen.add(cell["id"])


def _not_graded(reason: str) -> NotebookNode:
    notebook = new_notebook()
    notebook.metadata["autograder"] = {"not_graded": reason, "notes": [reason]}
    return notebook


def _kernel_notes(nb: NotebookNode, kernelspec: str | None) -> list[str]:
    expected = json.loads(kernelspec or "{}").get("name")
    found = nb.metadata.get("kernelspec", {}).get("name")
    if not expected or found == expected:
        return []
    return [f"made for the kernel {found!r}, graded with {expected!r}, the assignment's"]


def _double_notes(nb: NotebookNode) -> list[str]:
    counts = Counter(_grade_id(cell) for cell in nb.cells if _grade_id(cell))
    return [
        f"'{name}' stands {count} times in the notebook; the last one was graded"
        for name, count in counts.items()
        if count > 1
    ]


def _replace_metadata(nb: NotebookNode, official: dict[str, dict]) -> None:
    """The gradebook's word on every question; of a question that stands twice, the last counts."""
    seen: set[str] = set()
    for cell in reversed(nb.cells):
        name = _grade_id(cell)
        cell.metadata.pop("nbgrader", None)
        if name in official and name not in seen:
            cell.metadata["nbgrader"] = NotebookNode(official[name])
            seen.add(name)


def _restore_missing_cells(nb: NotebookNode, source: Any, official: dict[str, dict]) -> list[str]:
    """Insert every cell of the release that is not there behind the one it followed."""
    missing, position = [], -1
    for cell in source.source_cells:
        places = {_grade_id(other): index for index, other in enumerate(nb.cells)}
        if cell.name in places:
            position = places[cell.name]
            continue
        make = new_code_cell if cell.cell_type == "code" else new_markdown_cell
        position += 1
        metadata = {"nbgrader": official[cell.name]}
        nb.cells.insert(position, make(cell.source, metadata=metadata))
        missing.append(cell.name)
    return missing


def _metadata(cell: SourceCell, source: Any) -> dict:
    points = {graded.name: graded.max_score for graded in source.grade_cells}
    metadata = {
        "grade": cell.name in points,
        "grade_id": cell.name,
        "locked": cell.locked,
        "schema_version": 3,
        "solution": cell.name in {solution.name for solution in source.solution_cells},
        "task": cell.name in {task.name for task in source.task_cells},
        "cell_type": cell.cell_type,
        "checksum": cell.checksum,
    }
    if cell.name in points:
        metadata["points"] = points[cell.name]
    return metadata


def _grade_id(cell: NotebookNode) -> str | None:
    metadata = cell.metadata.get("nbgrader")
    name = metadata.get("grade_id") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else None
