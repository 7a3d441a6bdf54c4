"""Reads what students hand in, however broken, so that one bad file never stops a class.

It takes only text from the file and builds a new notebook, in which every cell of the assignment
comes from the gradebook. It repairs what it can (see `recovery`). A file that it cannot read
becomes an empty notebook whose questions are "not graded", which is not the same as 0 points.
Either way, a note goes into the notebook, its feedback page and the report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.api import Gradebook, Notebook
from nbgrader.converters import Autograde
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder import syntax
from autograder.grading.messages import NOTES, readable
from autograder.submissions.recovery import (
    Official,
    official_cells,
    official_of,
    put_back,
    recover,
)
from autograder.submissions.renewal import renew

MAX_BYTES = 500 * 2**20
LARGE_BYTES = 20 * 2**20  # also the most text, and the most of pictures, that cells may hold
MAX_PARTS = 10_000_000  # lists, objects and values in the file: about 700 MB in memory
MAX_CELLS = 2000
CODE, MARKDOWN, RAW = "code", "markdown", "raw"
KINDS = {"code": CODE} | dict.fromkeys(("markdown", "heading", "html", "text"), MARKDOWN)
DEFAULT_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
ABSENT = "was not handed in"
MARKS = ("grade", "grade_id", "locked", "points", "schema_version", "solution", "task")


class SubmissionExporter(NotebookExporter):
    """The notebook exporter that `nbgrader autograde` uses, for its two passes over a file."""

    parent: Autograde  # its converter

    def from_filename(  # type: ignore[override]  # a text, as all of nbconvert's exporters give
        self, filename: str, resources: dict | None = None, **kwargs: Any
    ) -> tuple[str, dict]:
        """The notebook in a file as JSON; what a student handed in is repaired first."""
        path = Path(filename)
        resources = dict(resources or {})
        resources["metadata"] = {"name": path.stem, "path": str(path.parent)}
        if self.parent._sanitizing:
            notebook = read_submission(path)
            if not notebook.metadata.autograder.get("not_graded"):
                official = _assignment(resources)[0]
                renew(notebook, official, resources.get("autograder", {}).get("versions", []))
                recover(notebook, official, _cell_ids(resources))
        else:
            notebook = nbformat.read(path, as_version=4)
        return self.from_notebook_node(notebook, resources=resources, **kwargs)


class MendSubmission(NbGraderPreprocessor):
    """Puts back what the assignment needs, and says so; runs before nbgrader's own sanitizing.

    Afterwards nothing is the student's but the text of their answers and of their own cells.
    """

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """The notebook with the assignment's cells, and notes on what was put back."""
        official, kernel = _assignment(resources)
        record = nb.metadata.autograder
        mended = put_back(nb, official)
        record.pop("lost", None)
        record.pop("added", None)
        if not record.get("not_graded"):
            record["notes"] = [*_kernel_notes(nb, kernel), *record.notes, *mended]
        nb.cells = list(_rebuilt(nb, official))
        if record.notes:
            nb.cells.insert(0, _cell(MARKDOWN, _page(record.notes), NOTES))
        nb.metadata = NotebookNode(autograder=record, kernelspec=NotebookNode(kernel))
        _name_uniquely(nb)
        return nb, resources


def _assignment(resources: dict) -> tuple[dict[str, Official], dict]:
    """The cells of the notebook and its kernel, as the gradebook knows them."""
    names = resources["nbgrader"]
    with Gradebook(names["db_url"]) as gradebook:
        notebook = gradebook.find_notebook(names["notebook"], names["assignment"])
        kernel = json.loads(notebook.kernelspec or "{}") or DEFAULT_KERNEL
        return official_cells(notebook, _cell_ids(resources)), kernel


def _cell_ids(resources: dict) -> dict[str, str]:
    return resources.get("autograder", {}).get("cell_ids", {})


def _kernel_notes(nb: NotebookNode, expected: dict) -> list[str]:
    found = nb.metadata.get("kernelspec", {}).get("name")
    if not found or found == expected.get("name"):
        return []
    return [
        f"made for the kernel {found!r}, graded with {expected.get('name')!r}, the assignment's"
    ]


def _rebuilt(nb: NotebookNode, official: dict[str, Official]) -> Iterator[NotebookNode]:
    """All cells with the gradebook's word on every question, and no other metadata."""
    for cell in nb.cells:
        original = official_of(cell, official)
        if original is None:
            yield _cell(cell.cell_type, cell.source, cell.get("id"), cell.get("attachments"))
            continue
        source, pictures = original.source, None
        if original.is_answer:
            source, pictures = cell.source, cell.get("attachments")
        new = _cell(original.cell_type, source, cell.get("id"), pictures)
        new.metadata["nbgrader"] = NotebookNode(original.metadata)
        yield new


def _cell(
    kind: str, source: str, cell_id: str | None = None, attachments: dict | None = None
) -> NotebookNode:
    cell = NotebookNode(id=cell_id, cell_type=kind, metadata=NotebookNode(), source=source)
    if kind == CODE:
        cell.update(execution_count=None, outputs=[])
    elif kind == MARKDOWN and attachments:
        cell["attachments"] = attachments
    return cell


def _page(notes: list[str]) -> str:
    """Notes as Markdown in which no text of a student means anything."""
    lines = (re.sub(r"([\\`*_{}\[\]<>#!|~$&])", r"\\\1", note) for note in notes)
    return "**Notes from the grader**\n\n" + "\n".join(f"- {line}" for line in lines)


# ------------------------------------------------------------------ reading a file


def read_submission(path: Path) -> NotebookNode:
    """The notebook at `path` without outputs; an empty one with a reason if it is unreadable."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        return _not_graded(
            f"the file has {size / 2**20:,.0f} MiB, at most {MAX_BYTES // 2**20} are read; "
            "clear the outputs and hand it in again"
        )
    try:
        notebook = _build(_load(path.read_bytes()))
    except MemoryError:
        return _not_graded(
            "the file is too large to be read; clear the outputs and hand it in again"
        )
    except Exception as error:  # whatever an odd structure leads to
        return _not_graded(
            f"the file is not a readable notebook ({_explain(error)}); hand it in again"
        )
    if size > LARGE_BYTES:
        notebook.metadata.autograder.notes.append(
            f"the file had {size / 2**20:,.0f} MiB; its outputs were dropped and will be made again"
        )
    return notebook


def absent(notebook: Notebook) -> NotebookNode:
    """What stands for a notebook that was not handed in: the questions that give points."""
    official = official_cells(notebook, {})
    nb = _not_graded(ABSENT)
    put_back(nb, official)
    nb.cells = [cell for cell in _rebuilt(nb, official) if "points" in cell.metadata.nbgrader]
    for cell in nb.cells:
        if syntax.is_test(cell):
            cell.metadata["autograder"] = NotebookNode()
    kernel = json.loads(notebook.kernelspec or "{}") or DEFAULT_KERNEL
    nb.cells.insert(0, _cell(MARKDOWN, _page([ABSENT]), NOTES))
    nb.metadata = NotebookNode(
        autograder=NotebookNode(not_graded=ABSENT, notes=[ABSENT], absent=True),
        kernelspec=NotebookNode(kernel),
    )
    _name_uniquely(nb)
    return nb


def cell_ids(path: Path) -> dict[str, str]:
    """Cell id -> name in nbgrader's metadata, in the order of a notebook of the assignment."""
    cells = json.loads(path.read_text(encoding="utf-8")).get("cells", [])
    marked = [cell for cell in cells if "id" in cell and "nbgrader" in cell["metadata"]]
    return {cell["id"]: cell["metadata"]["nbgrader"].get("grade_id", "") for cell in marked}


def _not_graded(reason: str) -> NotebookNode:
    record = NotebookNode(not_graded=reason, notes=[reason])
    return NotebookNode(
        nbformat=4, nbformat_minor=5, cells=[], metadata=NotebookNode(autograder=record)
    )


def _explain(error: Exception) -> str:
    if isinstance(error, FormatError):
        return readable(str(error), 200)
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return readable(f"{type(error).__name__}: {error}", 200)


class FormatError(Exception):
    """What was read is not a notebook; the message says why."""


def _load(content: bytes) -> Any:
    """JSON without outputs, which will be made again; numbers become floats, of any length."""
    if sum(map(content.count, (b",", b"[", b"{"))) > MAX_PARTS:
        raise FormatError(f"it holds more than {MAX_PARTS:,} values; clear the outputs")
    text = content.decode("utf-8-sig", "surrogatepass")
    return json.loads(text, object_hook=_without_output, parse_int=float)


def _without_output(node: dict) -> dict | None:
    return None if "output_type" in node and "cell_type" not in node else node


def _build(content: Any) -> NotebookNode:
    """A notebook of the text in `content`, which is whatever a file of JSON may hold."""
    cells = _raw_cells(content)
    if len(cells) > MAX_CELLS:
        raise FormatError(f"it has {len(cells):,} cells, at most {MAX_CELLS:,} are graded")
    record = NotebookNode(notes=[], alerts=[])
    notebook = NotebookNode(nbformat=4, nbformat_minor=5, cells=[], metadata=NotebookNode())
    notebook.metadata["autograder"] = record
    kernel = _part(_part(content, "metadata"), "kernelspec").get("name")
    if isinstance(kernel, str) and kernel:
        name = readable(kernel, 100)
        notebook.metadata["kernelspec"] = NotebookNode(name=name, display_name=name)
    size = 0
    for number, cell in enumerate(cells, start=1):
        notebook.cells.append(_read_cell(cell, number))
        size += len(notebook.cells[-1].source)
    if size > LARGE_BYTES:
        raise FormatError(
            f"its cells hold {size / 2**20:,.0f} MiB of text, "
            f"at most {LARGE_BYTES // 2**20} are graded"
        )
    _bound_pictures(notebook)
    _name_uniquely(notebook)
    return notebook


def _raw_cells(content: Any) -> list:
    """The cells of any format of notebooks: 2 and 3 keep them in worksheets."""
    if not isinstance(content, dict):
        raise FormatError("it holds no notebook")
    version = content.get("nbformat", 4.0)
    if isinstance(version, float) and version >= 5:
        raise FormatError(f"its format is {version:g}, formats up to 4 can be read")
    cells = content.get("cells")
    sheets = content.get("worksheets")
    if cells is None and isinstance(sheets, list):
        cells = [cell for sheet in sheets for cell in _list(_part({"": sheet}, "").get("cells"))]
    if not isinstance(cells, list):
        raise FormatError("it has no list of cells")
    return cells


def _part(node: Any, key: str) -> dict:
    found = node.get(key)
    return found if isinstance(found, dict) else {}


def _list(node: Any) -> list:
    return node if isinstance(node, list) else []


def _read_cell(cell: Any, number: int) -> NotebookNode:
    """What grading needs of one cell."""
    if not isinstance(cell, dict):
        raise FormatError(f"cell {number} is no cell")
    word = cell.get("cell_type")
    kind = KINDS.get(word, RAW) if isinstance(word, str) else RAW
    source = _text(cell.get("source", cell.get("input")), number)
    if word == "heading":
        level = cell.get("level", 1)
        source = f"{'#' * int(level if level in range(1, 7) else 1)} {source}"
    pictures = _pictures(cell.get("attachments")) if kind == MARKDOWN else None
    cell_id = cell.get("id")
    is_id = isinstance(cell_id, str) and re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell_id)
    new = _cell(kind, source, cell_id if is_id else None, pictures)
    metadata = _part(cell, "metadata")
    marks = _part(metadata, "nbgrader")
    name = marks.get("grade_id")
    if isinstance(name, str):
        new.metadata["nbgrader"] = NotebookNode({key: _mark(marks.get(key)) for key in MARKS})
        new.metadata["tags"] = [tag for tag in _list(metadata.get("tags")) if isinstance(tag, str)]
    return new


def _mark(value: Any) -> Any:
    """A value of nbgrader's metadata as it was handed in, to be compared with the gradebook's."""
    if isinstance(value, str):
        return _clean(value[:200])
    return value if isinstance(value, bool | float) else None


def _text(source: Any, number: int) -> str:
    lines = source if isinstance(source, list) else [source or ""]
    if not all(isinstance(line, str) for line in lines):
        raise FormatError(f"the source of cell {number} is not text")
    return _clean("".join(lines)).replace("\r\n", "\n").replace("\r", "\n")


def _clean(text: str) -> str:
    """A text that can be written as UTF-8: half a character becomes a replacement character."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _pictures(attachments: Any) -> NotebookNode | None:
    """Well-formed attachments: name -> type -> text."""
    found = NotebookNode()
    for name, kinds in attachments.items() if isinstance(attachments, dict) else ():
        for kind, data in kinds.items() if isinstance(kinds, dict) else ():
            parts = data if isinstance(data, list) else [data]
            is_text = all(isinstance(part, str) for part in parts)
            if is_text and re.fullmatch(r"image/[\w.+-]{1,40}", kind):
                found.setdefault(_clean(name), NotebookNode())[kind] = _clean("".join(parts))
    return found or None


def _bound_pictures(notebook: NotebookNode) -> None:
    size = sum(
        len(data)
        for cell in notebook.cells
        for kinds in cell.get("attachments", {}).values()
        for data in kinds.values()
    )
    if size > LARGE_BYTES:
        for cell in notebook.cells:
            cell.pop("attachments", None)
        notebook.metadata.autograder.notes.append(
            f"its pictures have {size / 2**20:,.0f} MiB and were left out"
        )


def _name_uniquely(notebook: NotebookNode) -> None:
    """An id for every cell; of cells with the same one, the last keeps it."""
    taken = {cell.id for cell in notebook.cells}
    seen: set[str | None] = {None}
    number = 0
    for cell in reversed(notebook.cells):
        if cell.id in seen:
            while f"cell-{number}" in taken:
                number += 1
            cell["id"] = f"cell-{number}"
            taken.add(cell.id)
        seen.add(cell.id)
