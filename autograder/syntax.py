"""Reading the code of cells, where several submissions are graded at the same time, in threads."""

from __future__ import annotations

import ast
import re
from threading import Lock

from IPython.core.inputtransformer2 import TransformerManager

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
    """A test cell's source in two: what students see, and all from its hidden tests on.

    Where the two cannot be run one after the other, because hidden tests begin inside a block, all
    of it counts as hidden.
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
        return "", source
    return visible, hidden


def texts(source: str) -> list[list[str]]:
    """The texts in a cell's code: each as its parts, between which an f-string puts values."""
    found = []
    for node in ast.walk(parse_cell(source)):
        if isinstance(node, ast.JoinedStr):
            parts = [""]
            for value in node.values:
                if isinstance(value, ast.Constant):
                    parts[-1] += value.value
                else:
                    parts.append("")
            found.append(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append([node.value])
    return found


def public_text(known: list[list[str]], text: str) -> str:
    """What may be shown of `text`, one of the `known` ones: not the values in an f-string."""
    for parts in known:
        has_words = re.search(r"[a-z]{3}", "".join(parts))
        if has_words and re.fullmatch("(?s:.*)".join(map(re.escape, parts)), text):
            return "…".join(parts)
    return ""
