"""Reading the code of cells.

Not in several threads: CPython 3.11 counts the depth of a parse in one place for all of them, and
two at once can end in "SystemError: AST constructor recursion depth mismatch".

The judge only parses, so nbgrader, which takes half a second to import, is imported where it is
needed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

BEGIN_HIDDEN = "BEGIN HIDDEN TESTS"  # nbgrader's ClearHiddenTests.begin_test_delimeter
CLOCKS = {"time", "perf_counter", "monotonic", "process_time", "now", "default_timer"}
CLOCKS |= {f"{name}_ns" for name in CLOCKS}


def parse_cell(source: str) -> ast.Module:
    """The syntax tree of a notebook's cell, whose magics become Python.

    Raises SyntaxError for what is not code.
    """
    return ast.parse(TransformerManager().transform_cell(source))


def is_test(cell: NotebookNode) -> bool:
    """Whether a cell is graded by running it."""
    from nbgrader.utils import is_grade, is_solution

    return cell.cell_type == "code" and is_grade(cell) and not is_solution(cell)


def stages(cells: Iterable[NotebookNode]) -> Iterator[tuple[int, NotebookNode, str]]:
    """Each code cell with its place, and whose time it takes: "imports", "student cells", "tests".

    Locked cells before the first answer import and prepare; a later one may train what a student
    built, so it counts as theirs.
    """
    from nbgrader.utils import is_grade, is_locked, is_solution

    answered = False
    for index, cell in enumerate(cells):
        if cell.cell_type == "code":
            answered = answered or is_solution(cell) or is_grade(cell)
            stage = "student cells" if answered or not is_locked(cell) else "imports"
            yield index, cell, "tests" if is_test(cell) else stage


def split_hidden(source: str) -> tuple[str, str]:
    """A test cell's source in two: what is run at its place, and what is run later, hidden.

    The hidden part is all from the first hidden test on. Where the two cannot be run one after the
    other, because hidden tests begin inside a block or because time is measured across them,
    students' own version of the cell comes first and then all of it.
    """
    lines = source.split("\n")
    marks = [n for n, line in enumerate(lines) if BEGIN_HIDDEN in line]
    if not marks:
        return source, ""
    visible, hidden = "\n".join(lines[: marks[0]]), "\n".join(lines[marks[0] :])
    try:
        belong_together = all([_reads_a_clock(visible), _reads_a_clock(hidden)])
    except SyntaxError:  # one of them is no code by itself
        belong_together = True
    return (_if_code(released(source)), source) if belong_together else (visible, hidden)


def _reads_a_clock(source: str) -> bool:
    calls = [node.func for node in ast.walk(parse_cell(source)) if isinstance(node, ast.Call)]
    return any(getattr(f, "attr", getattr(f, "id", "")) in CLOCKS for f in calls)


def _if_code(source: str) -> str:
    try:
        parse_cell(source)
    except SyntaxError:  # nothing else stood in the block
        return ""
    return source


def released(source: str) -> str:
    """A cell's source as students get it, without hidden tests."""
    from nbgrader.preprocessors import ClearHiddenTests

    cell = NotebookNode(source=source)
    ClearHiddenTests()._remove_hidden_test_region(cell)
    return cell.source


def part_titles(source: str) -> set[str]:
    """What may be shown as the title of a part that failed (see `check.Points.part`).

    That is any text in what students have of the cell, and literal text in the call. A title that
    is put together while the test runs is not shown: it may hold the test's data.
    """
    nodes = ast.walk(parse_cell(_if_code(released(source))))
    titles = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    for node in ast.walk(parse_cell(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "part":
            arguments = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "title")]
            titles |= {
                a.value
                for a in arguments
                if isinstance(a, ast.Constant) and isinstance(a.value, str)
            }
    return titles
