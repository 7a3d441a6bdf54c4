"""A trial says which plain tests run by data, and grading follows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
from helpers import ASSIGNMENT, REPOSITORY, Course, cell
from nbformat.v4 import new_code_cell, new_notebook
from traitlets.config import Config

from autograder.grading import trial
from autograder.grading.messages import Assignment
from autograder.kernels import sandbox

REASON = sandbox.unavailable_reason()
needs_sandbox = pytest.mark.skipif(REASON is not None, reason=str(REASON))
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
SOLUTION = """\
def mean(numbers):
    ### BEGIN SOLUTION
    if not numbers:
        raise ValueError("no numbers")
    return sum(numbers) / len(numbers)
    ### END SOLUTION

class Money:
    ### BEGIN SOLUTION
    def __init__(self, amount):
        self.amount = amount
    def __mul__(self, number):
        return Money(self.amount * number)
    ### END SOLUTION
"""
HELPER = """\
from math import isclose
def same(found, expected):
    return isclose(found, expected) and type(found) is float
LIMITS = [1, 2.5]
numbers = (1, 2)
far = max(LIMITS)
"""
TESTS = {
    "mean": 'assert np.allclose(mean([1, 2]), 1.5)\nassert mean([3]) == 3, "of one number"',
    "same": "assert same(mean([1, 2]), 1.5) and mean(numbers) < max(LIMITS) == far",
    "raises": """\
import pytest
with pytest.raises(ValueError, match="^no numbers$"):
    mean([])
### BEGIN HIDDEN TESTS
assert mean([-4571.5, 0]) == -2285.75
### END HIDDEN TESTS
""",
    "money": "points = 0\nif (Money(2) * 3).amount == 6:\n    points += 1\npoints",
}
NOT_BY_DATA = {
    "source": "import inspect\nassert 'sum' in inspect.getsource(mean)",
    "type": "assert type(Money(1)).__name__ == 'Money'",
}


def notebook(tests):
    return new_notebook(
        cells=[
            new_code_cell("import numpy as np\nimport json", id="imports"),
            cell("locked", "helper", HELPER),
            cell("solution", "answer", SOLUTION),
            *(cell("test", name, source, points=1) for name, source in tests.items()),
        ],
        metadata=KERNEL,
    )


def make_course(folder, tests):
    (folder / "source" / ASSIGNMENT).mkdir(parents=True)
    nbformat.write(notebook(tests), folder / "source" / ASSIGNMENT / "one.ipynb")
    course = Course(folder)
    course.run("generate_assignment", ASSIGNMENT)
    return course


def hand_in(course, name, answer):
    released = course.released()
    next(c for c in released.cells if c.id == "answer").source = answer
    course.hand_in(name, released)


ANSWERS = {
    "right": SOLUTION,
    "wrong": "def mean(numbers):\n    return 1.5\nclass Money:\n    pass",
    "overrides": "class np:\n    allclose = staticmethod(lambda *_: True)\n"
    "LIMITS = [9]\ndef same(*_): return True\ndef isclose(*_): return True\nfar = 9\n"
    "def mean(numbers): return 0.0",
    "lies": "class Liar:\n    def __eq__(self, other): return True\n"
    "    def __getattr__(self, name): return Liar()\n    def __call__(self, *_): return Liar()\n"
    "    __mul__ = __sub__ = __lt__ = __float__ = __call__\n"
    "def mean(numbers): return Liar()\nMoney = Liar",
    "blank": None,
}
EXPECTED = {
    "right": dict.fromkeys(TESTS, 1),
    "wrong": {"mean": 0, "same": 1, "raises": 0, "money": 0},
    "overrides": dict.fromkeys(TESTS, 0),
    "lies": dict.fromkeys(TESTS, 0),
    "blank": dict.fromkeys(TESTS, 0),
}


@pytest.fixture(scope="module")
def by_data(tmp_path_factory):
    """A class whose tests run by data, graded without that a trial was asked for."""
    course = make_course(tmp_path_factory.mktemp("data"), TESTS)
    for name, answer in ANSWERS.items():
        hand_in(course, name, answer or course.released().cells[2].source)
    course.log = course.run("autograde", ASSIGNMENT)
    return course


def record(course):
    return json.loads((course.folder / "trial" / f"{ASSIGNMENT}.json").read_text())


@needs_sandbox
def test_a_class_is_tried_by_itself_and_the_judge_takes_over(by_data):
    assert "all 4 plain tests run by data: the judge runs them from now on" in by_data.log
    found = record(by_data)
    assert found["where"] == trial.JUDGE
    assert [test["by data"] for test in found["tests"]] == [1, 1, 1, 1]
    assert found["notebooks"]["one"]["uses"]["money"] == ["mul"]
    assert found["notebooks"]["one"]["uses"]["mean"] == []


@needs_sandbox
@pytest.mark.parametrize("name", ANSWERS)
def test_points_by_data(by_data, name):
    row = by_data.rows()[name]
    assert {score.question: score.points for score in row.scores} == EXPECTED[name]
    assert "in-kernel" not in "; ".join(row.notes)


@needs_sandbox
def test_no_second_trial_until_the_assignment_changes(by_data):
    path = by_data.folder / "trial" / f"{ASSIGNMENT}.json"
    before = path.stat().st_mtime_ns
    assert "trying" not in by_data.run("autograde", ASSIGNMENT, "--force", "--student=right")
    assert path.stat().st_mtime_ns == before
    changed = notebook(TESTS | {"mean": "assert mean([1]) == 1"})
    nbformat.write(changed, by_data.folder / "source" / ASSIGNMENT / "one.ipynb")
    by_data.run("generate_assignment", ASSIGNMENT, "--force")
    try:
        log = by_data.run("autograde", ASSIGNMENT, "--force", "--student=right")
        assert "trying, by its own solution" in log
        assert path.stat().st_mtime_ns > before
    finally:
        original = notebook(TESTS)
        nbformat.write(original, by_data.folder / "source" / ASSIGNMENT / "one.ipynb")


@pytest.fixture(scope="module")
def not_by_data(tmp_path_factory):
    course = make_course(tmp_path_factory.mktemp("kernel"), TESTS | NOT_BY_DATA)
    hand_in(course, "right", SOLUTION)
    return course


@needs_sandbox
def test_the_command_says_what_cannot_run_by_data_and_does_not_switch(not_by_data):
    command = [sys.executable, "-m", "autograder", "trial", ASSIGNMENT]
    folders = [
        f"--CourseDirectory.{name}_directory={not_by_data.folder / name}"
        for name in ("source", "release")
    ]
    process = subprocess.run(
        [*command, *folders],
        cwd=REPOSITORY,
        env={**os.environ, "COURSE_GRADING": str(not_by_data.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    output = process.stdout + process.stderr
    assert process.returncode == 1, output
    assert "2 of 6 plain tests cannot run by data: they stay in the student's kernel" in output
    assert "one, source: by data 0 of 1, in the kernel 1 of 1: it looks into the stud" in output
    assert "one, type: by data 0 of 1, in the kernel 1 of 1: objects of the student's h" in output
    assert "one, mean: by data 1 of 1, in the kernel 1 of 1\n" in output
    log = not_by_data.run("autograde", ASSIGNMENT)
    assert "trying" not in log
    row = not_by_data.rows()["right"]
    assert row.raw_score == 6
    assert "one.ipynb: in-kernel" in "; ".join(row.notes)


@needs_sandbox
def test_the_configuration_has_the_last_word(not_by_data):
    option = f"--Execute.plain_tests={{'{ASSIGNMENT}': 'judge'}}"
    log = not_by_data.run("autograde", ASSIGNMENT, "--force", option)
    assert "trying" not in log
    row = not_by_data.rows()["right"]
    assert row.raw_score == 4
    assert "in-kernel" not in "; ".join(row.notes)


@needs_sandbox
def test_with_a_broken_source_grading_goes_on(not_by_data):
    path = not_by_data.folder / "source" / ASSIGNMENT / "one.ipynb"
    content = path.read_text()
    (not_by_data.folder / "trial").rename(not_by_data.folder / "trial-before")
    path.write_text("no notebook")
    try:
        log = not_by_data.run("autograde", ASSIGNMENT, "--force")
    finally:
        path.write_text(content)
    assert "run in the student's kernel: the trial failed" in log
    assert not_by_data.rows()["right"].raw_score == 6


def test_without_the_source_tests_stay_in_the_kernel(monkeypatch):
    monkeypatch.setattr(trial, "_sources", lambda converter: iter(()))
    monkeypatch.setattr(trial, "_official", lambda *_: trial.Official("d", True))
    found = trial.Trial(SimpleNamespace(log=None), SimpleNamespace(name="ps1")).run()
    assert found["where"] == trial.IN_KERNEL
    assert "the source notebooks, whose solution would show" in found["sentence"]


# ------------------------------------------------------------------ without kernels


def test_a_prelude_has_what_tests_read_of_the_courses_own_cells():
    text = trial.prelude(notebook(TESTS))
    assert "import numpy as np" in text
    assert "json" not in text  # no test reads it
    assert "def same" in text
    assert "from math import isclose" in text  # read by the locked function
    assert "LIMITS = [1, 2.5]" in text
    for name in ("mean", "numbers", "far"):  # an answer, what an answer uses, what is computed
        assert name not in text
    names = {}
    exec(text, names)
    assert names["same"](1.5, 1.5)


def test_a_prelude_survives_what_is_not_installed():
    nb = notebook({"one": "assert nowhere.f() and json"})
    nb.cells.insert(0, new_code_cell("import nowhere\nfrom math import *\n%matplotlib inline"))
    exec(trial.prelude(nb), {})


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("assert inspect.getsource(f)", "it looks into the student's code (it ends with: x)"),
        ("with patch('builtins.input'): f()", "it replaces a part of the notebook's kernel"),
        ("random.seed(3)\nassert f() == 2", "random numbers are drawn in the notebook's kernel"),
        ("assert open('a').read()", "files stay beside the notebook's kernel"),
        ("assert f(2) == 3", "x"),
    ],
)
def test_an_explanation_is_one_sentence(source, sentence):
    text = trial.explanation(source, "NotByDataError: x\ny")
    assert text.startswith(sentence)
    assert "\n" not in text


def test_what_is_said_to_a_run_is_not_said_to_the_next():
    config = Config({"Execute": {"plain_tests": {"*": "auto"}, "sandbox": True}})
    told = trial._told(Assignment("ps1", config, b"", {}), trial.JUDGE, {"one": {}})
    assert told.config.Execute.plain_tests == {"ps1": "judge"}
    assert told.config.Execute.plain_trial == {"one": {}}
    assert told.config.Execute.sandbox
    assert config.Execute.plain_tests == {"*": "auto"}
    assert "plain_trial" not in config.Execute


def compare(source, stock, judged, blank=(0, 0), odd=()):
    one = cell("test", "t", source, points=2)
    key = ("one", "t")
    records = [
        {
            (trial.SOLUTION, *key): {"where": where, "points": points, "note": "n"},
            (trial.BLANK, *key): {"where": where, "points": blank[place]},
        }
        for place, (where, points) in enumerate([(trial.IN_KERNEL, stock), (trial.JUDGE, judged)])
    ]
    return trial.Trial._compare(SimpleNamespace(), "one", one, *records, dict(odd))["why"]


def test_what_is_no_full_mark_is_a_reason_to_stay():
    assert compare("assert f()", 2, 2) == ""
    assert compare("assert f()", 2, 1.5) == "n"
    assert compare("assert f()", 2, None) == "n"
    assert compare("assert f()", 1, 2) == "the solution itself fails: n"
    assert compare("assert f()", 2, 2, blank=(0, 2)) == (
        "a blank notebook would get 2 points by data, and 0 without"
    )
    assert compare("assert g() + f()", 2, 2, odd={"f": "is odd", "h": "too"}) == "f is odd"


def test_names_that_would_mean_something_else_by_data():
    nb = new_notebook(
        cells=[
            new_code_cell(
                "import utils\nfrom beside.a import b\nfrom . import c\nimport numpy, json"
            ),
            new_code_cell("def given(): pass\ndef answered(): pass\nvalue = 3"),
            cell("locked", "l", "def locked(): pass"),
            cell("solution", "a", "def sum(x): pass\nmax = 3\nlen(max)\nf = len\nanswered = 3"),
        ]
    )
    odd = trial.odd_names(nb)
    assert odd.keys() == {"utils", "b", "c", "given", "sum", "max"}
    assert odd["sum"] == "is a name of Python's own, which is what it means by data: rename"
    assert odd["utils"] == "comes from a file beside the notebook: define it in a locked cell"
    assert odd["given"] == "is defined in a cell that students can change: lock that cell"


@pytest.mark.parametrize(
    "content", ["", "[]", "3", '{"digest": "x"}', '{"digest": "d", "where": "nowhere"}', "\ud800"]
)
def test_a_record_that_is_none_is_not_followed(content, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "_official", lambda *_: trial.Official("d", True))
    coursedir = SimpleNamespace(db_url=f"sqlite:///{tmp_path}/gradebook.db", root=str(tmp_path))
    converter = SimpleNamespace(coursedir=coursedir)
    path = trial.record_path(converter, "ps1")
    assert path == tmp_path / "trial" / "ps1.json"
    path.parent.mkdir()
    path.write_bytes(content.encode(errors="surrogatepass"))
    assert trial.read(converter, "ps1") is None
    trial.write(converter, "ps1", {"digest": "d", "where": "judge", "notebooks": {}})
    assert trial.read(converter, "ps1")["where"] == "judge"
    monkeypatch.setattr(trial, "_official", lambda *_: trial.Official("other", True))
    assert trial.read(converter, "ps1") is None
