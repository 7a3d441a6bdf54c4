"""Where a test runs, what it sees, and what is left of its data: one class, graded in one run."""

from __future__ import annotations

import copy

import nbformat
import pytest
from helpers import cell, make_course
from nbformat.v4 import new_code_cell, new_notebook

from autograder.gradebook import scores
from autograder.gradebook.scores import Result
from autograder.grading import execute
from autograder.grading.messages import NotGradedError
from autograder.kernels import sandbox

CELLS = [
    cell("locked", "setup", "import numpy as np\nfrom autograder import check, student"),
    cell(
        "solution",
        "add-answer",
        "def add(x):\n    ### BEGIN SOLUTION\n    return x + STEP\n    ### END SOLUTION",
    ),
    cell(
        "test",
        "add",
        'check.equal(student.call("add", 1), 2, "add(1)")\n### BEGIN HIDDEN TESTS\n'
        'check.equal(student.call("add", 4571), 4572, "add of a number")\n### END HIDDEN TESTS',
        points=2,
    ),
    cell("solution", "value-answer", "### BEGIN SOLUTION\nvalue = [1, 2]\n### END SOLUTION"),
    cell(
        "test",
        "value",
        'found = student.get("value")\ncheck.equal(found[0], 1, "first")\n'
        'if found[-1] == "end":\n    import os\n    os._exit(1)\n### BEGIN HIDDEN TESTS\n'
        'check.equal(student.get("value"), [1, 2], "value")\n'
        'check.equal(found, [1, 2], "value as it was")\n### END HIDDEN TESTS',
        points=3,
    ),
    cell(
        "solution", "parts-answer", "### BEGIN SOLUTION\nhalf = lambda x: x / 2\n### END SOLUTION"
    ),
    cell(
        "test",
        "parts",
        "def grade(numbers):\n    points = check.Points(4)\n"
        '    with points.part(1, "zero"):\n        check.equal(student.call("half", 0), 0, "0")\n'
        '    with points.part(3, "others"):\n        for x in numbers:\n'
        '            check.equal(student.call("half", x), x / 2, "half")\n'
        "    return points.total()\n\ngrade([3])\n"
        "### BEGIN HIDDEN TESTS\ngrade([8154])\n### END HIDDEN TESTS",
        points=4,
    ),
    cell(
        "test",
        "blocks",
        'points = check.Points(2)\nwith points.part(2, "halves"):\n'
        '    check.equal(student.call("half", 6), 3, "half of 6")\n    ### BEGIN HIDDEN TESTS\n'
        '    check.equal(student.call("half", 7), 3.5, "half of 7")\n    ### END HIDDEN TESTS\n'
        "points.total()",
        points=2,
    ),
]
ANSWERS = {
    "add-answer": "STEP = 1\ndef add(x):\n    return x + STEP",
    "value-answer": "value = [1, 2]",
    "parts-answer": "half = lambda x: x / 2",
}
KEEPS = "SEEN = []\ndef add(x):\n    SEEN.append(x)\n    return x + 1"
# student -> (answers that differ, cell -> own cell behind it, points that differ)
STUDENTS = {
    "right": ({}, {}, {}),
    "redefines_later": ({}, {"add": "def add(x):\n    return 0", "value": "value = None"}, {}),
    "changes_later": ({}, {"value": "value.append(3)", "parts": "value.clear()"}, {}),
    "changes_a_helper_later": ({}, {"add": "STEP = 5"}, {}),
    "deletes_later": ({}, {"blocks": "del add, value, half, STEP"}, {}),
    "mends_later": (
        {"add-answer": "def add(x):\n    return 2"},
        {"add": "def add(x):\n    return x + 1"},
        {"add": 0},
    ),
    "prints_what_it_saw": (
        {"add-answer": KEEPS, "parts-answer": "def half(x):\n    SEEN.append(x)\n    return x / 2"},
        {"add": "print(SEEN)", "blocks": "print(SEEN)\nprint(SEEN, flush=True)"},
        {},
    ),
    "prints_from_a_thread": (
        {"add-answer": KEEPS},
        {
            "setup": "import threading, time, sys\ndef run():\n    while True:\n"
            "        print(globals().get('SEEN'))\n        sys.stderr.write(str(globals().get("
            "'SEEN')))\n        time.sleep(0.05)\nthreading.Thread(target=run, daemon=True).start()"
        },
        {},
    ),
    "raises_what_it_saw": (
        {
            "add-answer": "def add(x):\n    if x > 1:\n"
            "        kind = type(f'Saw{x}', (Exception,), {})\n"
            "        raise kind(f'saw {x}')\n    return x + 1"
        },
        {},
        {"add": 0},
    ),
    "wrong_where_it_is_seen": (
        {"parts-answer": "half = lambda x: x / 2 if x != 3 else 0"},
        {},
        {"parts": 1},
    ),
    "wrong_where_it_is_hidden": (
        {"parts-answer": "half = lambda x: x / 2 if x < 7 else 0"},
        {},
        {"parts": 1, "blocks": 0},
    ),
    "ends_the_judge": ({"value-answer": "value = [1, 'end']"}, {}, {"value": 0}),
    "ends_after_each_answer": (
        {},
        {"add": "exit()", "value": "quit()", "parts": "get_ipython().ask_exit()", "blocks": "1"},
        {"blocks": 0},
    ),
    "hidden_part_ends_it": (
        {"add-answer": "import os\ndef add(x):\n    return os._exit(0) if x > 1 else x + 1"},
        {"value": "value = None"},
        {"add": 0},
    ),
    "function_exits": (
        {"add-answer": "def add(x):\n    get_ipython().ask_exit()\n    return x + 1"},
        {},
        {"add": 0},
    ),
}
FULL = {"add": 2, "value": 3, "parts": 4, "blocks": 2}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = make_course(tmp_path_factory.mktemp("execute"), notebooks=("two",))
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    source = new_notebook(cells=copy.deepcopy(CELLS), metadata={"kernelspec": kernelspec})
    nbformat.write(source, course.folder / "source" / "tiny" / "one.ipynb")
    course.run("generate_assignment", "tiny", "--force")
    for name, (answers, own_cells, _) in STUDENTS.items():
        notebook = course.released()
        for c in list(notebook.cells):
            c.source = {**ANSWERS, **answers}.get(c.id, c.source)
            if c.id in own_cells:
                place = notebook.cells.index(c) + 1
                notebook.cells.insert(place, new_code_cell(own_cells[c.id], id=f"own-{c.id}"))
        course.hand_in(name, notebook)
    options = "--Execute.limits={'tiny': {'cell_seconds': 10}}", "--Autograde.jobs=2"
    course.log = course.run("autograde", "tiny", *options, check=False)
    course.run("generate_feedback", "tiny", check=False)
    course.scores = {name: row.scores for name, row in course.rows().items()}
    return course


@pytest.mark.parametrize("name", STUDENTS)
def test_points(course, name):
    found = {s.question: s.points for s in course.scores[name] if s.notebook == "one"}
    assert found == FULL | STUDENTS[name][2], course.log[-2000:]


@pytest.mark.parametrize("name", STUDENTS)
def test_hidden_data_stays_hidden(course, name):
    """No number of a hidden test is in what a student's cells printed, nor on the page."""
    page = (course.folder / "feedback" / name / "tiny" / "one.html").read_text()
    cells = course.autograded(name).cells
    printed = [
        str(c.get("outputs")) for c in cells if not c.metadata.get("nbgrader", {}).get("grade")
    ]
    for number in ("4571", "8154", "4572"):
        assert number not in page
        assert not any(number in text for text in printed)


def test_a_hidden_failure_is_one_sentence(course):
    """Whatever the student's code does in a hidden test, the page says the same of it."""
    records = {
        name: {c.id: c.metadata.get("autograder") for c in course.autograded(name).cells}
        for name in ("raises_what_it_saw", "mends_later", "hidden_part_ends_it")
    }
    told = [record["add"]["hidden"]["told"] for record in records.values()]
    assert told == [["✗ a hidden test of this question failed"]] * 3
    parts = course.autograded("wrong_where_it_is_hidden").cells
    told = {
        c.id: c.metadata.autograder.hidden.told
        for c in parts
        if "hidden" in c.metadata.get("autograder", {})
    }
    assert told["parts"] == ["✗ others (0 of 3): not as expected"]
    assert told["blocks"] == ["✗ halves (0 of 2): not as expected"]
    assert told["value"] == []


def test_reasons(course):
    notes = {
        c.id: c.metadata.get("autograder", {}).get("note")
        for c in course.autograded("ends_after_each_answer").cells
    }
    assert notes["blocks"].startswith("the kernel was lost 3 times, at last: the cell ended Python")
    notes = {
        c.id: c.metadata.get("autograder", {}).get("note")
        for c in course.autograded("ends_the_judge").cells
    }
    assert notes["value"].startswith("the test could not be ended")
    notes = {
        c.id: c.metadata.get("autograder", {}).get("note")
        for c in course.autograded("function_exits").cells
    }
    assert "your code ended Python" in notes["add"]


def test_without_the_engine_in_the_students_kernel_nothing_is_graded(tmp_path, monkeypatch):
    """Otherwise every test fails, and everybody has 0 points."""
    if reason := sandbox.unavailable_reason():
        pytest.skip(reason)
    monkeypatch.setattr(execute.visible, "packages", lambda *_, **__: {"autograder": []})
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=copy.deepcopy(CELLS), metadata={"kernelspec": kernelspec})
    names = {"assignment": "tiny", "notebook": "one"}
    resources = {"metadata": {"path": str(tmp_path)}, "nbgrader": names}
    with pytest.raises(NotGradedError, match="has no package autograder: install it"):
        execute.Execute().preprocess(notebook, resources)


def test_no_record_no_points():
    ended = {"ended": True, "error": "", "value": None, "earned": False, "parts": []}
    assert scores.points_of([scores.result_of(ended)], 3) == (3, "")
    for change in ({"ended": False}, {"error": "KeyError: 'x'"}, {"value": "True"}):
        assert scores.points_of([scores.result_of(ended | change)], 3)[0] == 0


@pytest.mark.parametrize(
    ("results", "points"),
    [
        ([Result(value=2.5)], 2.5),
        ([Result(value=0.0)], 0),
        ([Result(value=3.1)], 0),
        ([Result(value=-1.0)], 0),
        ([Result(value=float("nan"))], 0),
        ([Result(value="[1, 4, 9]")], 0),
        ([Result(value=1.0), Result()], 3),  # a plain test's visible part may show a number
        ([Result(value=1.0, earned=True), Result(value=3.0, earned=True)], 1),
        ([Result(value=3.0, earned=True), Result(value=1.0, earned=True)], 1),
        ([Result(value="text"), Result(value=2.0)], 2),
        ([Result(), Result(error="no")], 0),
    ],
)
def test_points_of(results, points):
    assert scores.points_of(results, 3)[0] == points
