"""Parsing in many threads at once, as the grader does."""

import ast
from concurrent.futures import ThreadPoolExecutor

import pytest

from autograder import syntax

CODE = "def f(x):\n    return [" + "(" * 40 + "x" + ")" * 40 + " + 1, {'a': [1, 2, (3, 4)]}]\n"


def test_threads_do_not_disturb_each_other():
    expected = ast.dump(ast.parse(CODE * 20))
    with ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(syntax.parse_cell, [CODE * 20] * 200))
    assert {ast.dump(tree) for tree in trees} == {expected}


def test_what_is_no_code_is_a_syntax_error():
    with pytest.raises(SyntaxError):
        syntax.parse_cell("def f(:")
