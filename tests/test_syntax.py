"""Reading cells: in many threads at once, hidden tests apart, texts without their values."""

import ast
from concurrent.futures import ThreadPoolExecutor

import pytest
from nbgrader.preprocessors import ClearHiddenTests

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


def test_hidden_tests_are_split_off():
    assert ClearHiddenTests().begin_test_delimeter == syntax.BEGIN_HIDDEN
    mark = f"### {syntax.BEGIN_HIDDEN}"
    assert syntax.split_hidden("a = 1") == ("a = 1", "")
    assert syntax.split_hidden(f"a = 1\n{mark}\nb = 2") == ("a = 1", f"{mark}\nb = 2")
    inside = f"for a in b:\n    {mark}\n    c(a)"
    assert syntax.split_hidden(inside) == ("", inside)


def test_texts_are_shown_without_values():
    source = 'check(f"square of {x:.2f} in {unit}", "is the sign lost?", f"{x}")'
    texts = syntax.texts(source)
    assert syntax.public_text(texts, "square of 3.00 in m") == "square of … in …"
    assert syntax.public_text(texts, "is the sign lost?") == "is the sign lost?"
    assert syntax.public_text(texts, "3") == ""
    assert syntax.public_text(texts, "something else") == ""
