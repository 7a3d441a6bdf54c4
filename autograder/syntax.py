"""Parsing Python code where several submissions are graded at the same time, in threads."""

from __future__ import annotations

import ast
from threading import Lock

from IPython.core.inputtransformer2 import TransformerManager

_one_at_a_time = Lock()


def parse_cell(source: str) -> ast.Module:
    """The syntax tree of a notebook's cell, whose magics become Python; one thread at a time.

    CPython 3.11 counts the depth of a parse in one place for all threads: two at once can end in
    "SystemError: AST constructor recursion depth mismatch". Raises SyntaxError for what is no code.
    """
    with _one_at_a_time:
        return ast.parse(TransformerManager().transform_cell(source))
