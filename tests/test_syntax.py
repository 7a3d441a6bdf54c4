"""Reading cells: hidden tests apart, titles of parts."""

import pytest
from helpers import cell
from nbformat.v4 import new_code_cell
from nbgrader.preprocessors import ClearHiddenTests

from autograder import syntax


def test_what_is_no_code_is_a_syntax_error():
    with pytest.raises(SyntaxError):
        syntax.parse_cell("def f(:")


def test_hidden_tests_are_split_off():
    assert ClearHiddenTests().begin_test_delimeter == syntax.BEGIN_HIDDEN
    mark = f"### {syntax.BEGIN_HIDDEN}"
    assert syntax.split_hidden("a = 1") == ("a = 1", "")
    assert syntax.split_hidden(f"a = 1\n{mark}\nb = 2") == ("a = 1", f"{mark}\nb = 2")
    inside = f"for a in b:\n    {mark}\n    c(a)\n    ### END HIDDEN TESTS"
    assert syntax.split_hidden(inside) == ("", inside)


def test_what_students_see_comes_first_where_hidden_tests_begin_in_a_block():
    mark, end = f"    ### {syntax.BEGIN_HIDDEN}", "    ### END HIDDEN TESTS"
    inside = f"for a in b:\n    see(a)\n{mark}\n    hide(a)\n{end}\ndone()"
    assert syntax.split_hidden(inside) == ("for a in b:\n    see(a)\ndone()", inside)


def test_titles_of_parts_are_texts_that_stand_in_the_code():
    source = (
        'with points.part(1, "zero"):\n    check("secret")\n'
        'with points.part(2, f"{x} words"):\n    pass\nwith points.part(1, title="tail"):\n    pass'
    )
    mark, end = f"### {syntax.BEGIN_HIDDEN}", "### END HIDDEN TESTS"
    hidden = f'for title in ["hidden words"]:\n    pass\n{source}'
    visible = 'def grade(cases):\n    for name in ["one", "two"]:\n        part(1, name)'
    assert syntax.part_titles(f"{visible}\n{mark}\n{hidden}\n{end}") == {
        "one",
        "two",
        "zero",
        "tail",
    }


def test_time_that_is_measured_across_hidden_tests_is_measured_in_one_go():
    mark, end = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
    start, late = "start = time.perf_counter()\nf(1)", "assert time.perf_counter() - start < 1"
    whole = f"{start}\n{mark}\nf(2)\n{end}\n{late}"
    assert syntax.split_hidden(whole) == (f"{start}\n{late}", whole)
    apart = f"f(1)\n{mark}\n{start}\n{late}\n{end}"
    assert syntax.split_hidden(apart) == ("f(1)", f"{mark}\n{start}\n{late}\n{end}")


def test_what_students_add_is_their_time():
    kinds = ["", "locked", "solution", "locked", "test", "locked", ""]
    cells = [cell(kind, str(n), "") if kind else new_code_cell("") for n, kind in enumerate(kinds)]
    theirs = "student cells"
    stages = [theirs, "imports", theirs, theirs, "tests", theirs, theirs]
    assert [stage for _, _, stage in syntax.stages(cells)] == stages
