"""Reading the code of cells, where several submissions are graded at the same time, in threads."""

from __future__ import annotations

import ast
from threading import Lock

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests

BEGIN_HIDDEN = "BEGIN HIDDEN TESTS"  # nbgrader's ClearHiddenTests.begin_test_delimeter
_one_at_a_time = Lock()


def parse_cell(source: str) -> ast.Module:
    """The syntax tree of a notebook's cell, whose magics become Python; one thread at a time.

    CPython 3.11 counts the depth of a parse in one place for all threads: two at once can end in
    "SystemError: AST constructor recursion depth mismatch". Raises SyntaxError for what is no code.
    """
    with _one_at_a_time:
        return ast.parse(TransformerManager().transform_cell(source))


def split_hidden(source: str) -> tuple[str, str]:
    """A test cell's source in two: what is run at its place, and the hidden part, which is run later.

    The hidden part is all from the first hidden test on. Where the two cannot be run one after the
    other, because hidden tests begin inside a block, students' own version of the cell comes first
    and then all of it.
    """
    lines = source.split("\n")
    marks = [n for n, line in enumerate(lines) if BEGIN_HIDDEN in line]
    if not marks:
        return source, ""
    visible, hidden = "\n".join(lines[: marks[0]]), "\n".join(lines[marks[0] :])
    try:
        parse_cell(visible)
        parse_cell(hidden)
    except SyntaxError:
        return _if_code(released(source)), source
    return visible, hidden


def _if_code(source: str) -> str:
    try:
        parse_cell(source)
    except SyntaxError:  # nothing else stood in the block
        return ""
    return source


def released(source: str) -> str:
    """A cell's source as students get it, without hidden tests."""
    cell = NotebookNode(source=source)
    ClearHiddenTests()._remove_hidden_test_region(cell)
    return cell.source


def literals(source: str) -> set[str]:
    """The texts that stand in a cell's code as they are, without values put in."""
    nodes = ast.walk(parse_cell(source))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
