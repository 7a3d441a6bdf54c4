"""What costs a student one question and no more: code that ends the kernel or never comes back.

And what earns nothing where tests are plain asserts beside the student's code. All students of a
course are graded in one run, side by side; the tests look at what each of them got.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import nbgrader
import pytest
from helpers import ASSIGNMENT, Course, cell
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook

from autograder.kernels import sandbox

REASON = sandbox.unavailable_reason()
pytestmark = [
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(2400),  # the first test of a course waits for its grading
]
FIXTURES = Path(nbgrader.__file__).parent / "tests" / "apps" / "files"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
LIMITS = f"--Execute.limits={{'*': {{'cell_seconds': 2, 'memory_bytes': {2 * 2**30}}}}}"
JOBS = "--Autograde.jobs=6"  # most of them only wait for a limit

SOLVE = "    ### BEGIN SOLUTION\n    return {}\n    ### END SOLUTION"
TEST = """\
check.equal(student.call("{name}", 2), {two}, "{name} of 2")
### BEGIN HIDDEN TESTS
check.equal(student.call("{name}", -5), {minus_five}, "{name} of -5")
### END HIDDEN TESTS
"""
SQUARE, CUBE = "def square(x):\n    return x * x", "def cube(x):\n    return x * x * x"
ALL = {"square": 3.0, "cube": 4.0}
NO_SQUARE = {"square": 0.0, "cube": 4.0}


def judged_notebook():
    """Two questions that have nothing to do with each other, tested from outside."""
    return new_notebook(
        cells=[
            cell("locked", "setup", "from autograder import check, student"),
            cell("solution", "square-answer", f"def square(x):\n{SOLVE.format('x * x')}"),
            cell("solution", "cube-answer", f"def cube(x):\n{SOLVE.format('x * x * x')}"),
            cell("test", "square", TEST.format(name="square", two=4, minus_five=25), points=3),
            cell("test", "cube", TEST.format(name="cube", two=8, minus_five=-125), points=4),
        ],
        metadata=KERNEL,
    )


def plain_notebook():
    """One question with plain asserts, as in any other course."""
    two, three = "assert square(2) == 4", "assert square(3) == 9"
    hidden = "\n### BEGIN HIDDEN TESTS\nassert square(-5) == 25\n### END HIDDEN TESTS"
    return new_notebook(
        cells=[
            cell("locked", "setup", "import math"),
            cell("solution", "square-answer", f"def square(x):\n{SOLVE.format('x * x')}"),
            cell("test", "two", two, points=3),
            cell("test", "three", three + hidden, points=4),
        ],
        metadata=KERNEL,
    )


# ------------------------------------------------------------------ one question and no more

SWALLOW = """\
import time
while True:
    try:
        time.sleep(1)
    except:
        pass"""
DEAF = """\
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    time.sleep(1)"""
DESTRUCTOR = """\
class Stuck:
    def __del__(self):
        while True:
            try:
                time.sleep(1)
            except BaseException:
                pass
import time
Stuck()
None"""
REPRESENTATION = """\
import time
class Stuck:
    def __repr__(self):
        while True:
            try:
                time.sleep(1)
            except BaseException:
                pass
Stuck()"""
ENDS = {
    "exit": "exit()",
    "quit": "quit()",
    "quit-under-if": "if 'x' in globals() or True:\n    quit()",
    "ask-exit": "get_ipython().ask_exit()",
    "os-exit": "import os\nos._exit(0)",
    "kill": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "exit-twice": "exit()\nexit()",
    "exit-and-error": "exit()\n1 / 0",
    "runaway-recursion": "import sys\nsys.setrecursionlimit(10**9)\n"
    "def f(n):\n    return repr(Deeper(n))\n"
    "class Deeper:\n    def __init__(self, n):\n        self.n = n\n"
    "    def __repr__(self):\n        return f(self.n + 1)\nf(0)",
}
HANGS = {
    "swallows": SWALLOW,
    "long-computation": "print(len(str(pow(7, 10**9))))",
    "deaf": DEAF,
    "destructor": DESTRUCTOR,
    "representation": REPRESENTATION,
}
TOO_MUCH = {  # at once for a connection to the kernel
    "prints": "print('x' * 10**7)",
    "error": "raise ValueError('x' * 10**7)",
}
HARMLESS = {
    "sys-exit": "import sys\nsys.exit(0)",
    "raises-system-exit": "raise SystemExit",
    "loop": "while True:\n    pass",
    "sleeps": "import time\ntime.sleep(1000)",
}


def within(code: str) -> str:
    """A function `square` that runs `code`."""
    return "def square(x):\n    " + code.replace("\n", "\n    ")


def everyone() -> dict[str, tuple[dict, dict]]:
    """Student -> (what is changed in the released notebook, the points that are due)."""
    class_ = {
        "honest": ({}, ALL),
        "also-honest": ({}, ALL),
        "exit-first": ({"first": "exit()"}, ALL),
        "quit-first": ({"first": "quit()"}, ALL),
        "exit-before-the-tests": ({"last": "exit()"}, ALL),
        "exit-behind-everything": ({"end": "exit()"}, ALL),
        "exit-behind-a-test": ({"between-tests": "exit()"}, ALL),
        "swallows-first": ({"first": SWALLOW}, ALL),
        "two-cells-exit": ({"first": "exit()", "middle": "exit()"}, ALL),
        "exit-and-hang": ({"first": "exit()", "middle": SWALLOW}, ALL),
        "exit-in-answer": ({"square-answer": f"{SQUARE}\nexit()"}, NO_SQUARE),
        "os-exit-in-answer": ({"square-answer": f"{SQUARE}\nimport os\nos._exit(0)"}, NO_SQUARE),
        "sys-exit-in-answer": ({"square-answer": f"{SQUARE}\nimport sys\nsys.exit()"}, ALL),
        "swallows-in-answer": ({"square-answer": f"{SQUARE}\n{SWALLOW}"}, NO_SQUARE),
        "deaf-in-answer": ({"square-answer": f"{SQUARE}\n{DEAF}"}, NO_SQUARE),
        "exit-in-function": ({"square-answer": within("exit()")}, NO_SQUARE),
        "os-exit-in-function": ({"square-answer": within("import os\nos._exit(0)")}, NO_SQUARE),
        "swallows-in-function": ({"square-answer": within(SWALLOW)}, NO_SQUARE),
    }
    for code in (ENDS, HANGS, HARMLESS):
        class_ |= {f"{name}-in-the-middle": ({"middle": code[name]}, ALL) for name in code}
    for name, code in TOO_MUCH.items():
        class_[f"much-{name}-in-the-middle"] = {"middle": code}, ALL
    prints, error = TOO_MUCH["prints"], TOO_MUCH["error"]
    class_ |= {
        "much-prints-in-answer": ({"square-answer": f"{SQUARE}\n{prints}"}, ALL),
        "much-error-in-answer": ({"square-answer": f"{SQUARE}\n{error}"}, ALL),
        "much-prints-in-function": ({"square-answer": within(f"{prints}\nreturn x * x")}, ALL),
        "much-error-in-function": ({"square-answer": within(error)}, NO_SQUARE),
        "much-prints-and-exit": ({"first": prints, "middle": "exit()"}, ALL),
    }
    return class_


PLACES = {"first": 0, "middle": 2, "last": 3, "between-tests": 4, "end": 5}
CLASS = everyone()


def answered(released, changes: dict[str, str]):
    """The released notebook, answered rightly but for `changes` by cell or by place."""
    answers = {"square-answer": SQUARE, "cube-answer": CUBE, **changes}
    for found in released.cells:
        found.source = answers.get(found.id, found.source)
    for place in sorted(set(changes) & set(PLACES), key=PLACES.get, reverse=True):
        released.cells.insert(PLACES[place], new_code_cell(changes[place]))
    return released


def course_of(folder: Path, notebook) -> Course:
    (folder / "source" / ASSIGNMENT).mkdir(parents=True)
    nbformat.write(notebook, folder / "source" / ASSIGNMENT / "one.ipynb")
    (folder / "secret_seed").write_text("test")
    course = Course(folder)
    course.run("generate_assignment", ASSIGNMENT)
    return course


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    course = course_of(tmp_path_factory.mktemp("judged"), judged_notebook())
    for name, (changes, _) in CLASS.items():
        course.hand_in(name, answered(course.released(), changes))
    course.log = course.run("autograde", ASSIGNMENT, LIMITS, JOBS, check=False)
    course.graded = course.rows()
    return course


def points_of(row) -> dict[str, float | None]:
    return {score.question: score.points for score in row.scores}


@pytest.mark.parametrize("name", CLASS)
def test_it_costs_that_question_and_no_more(judged, name):
    assert points_of(judged.graded[name]) == CLASS[name][1], judged.log[-3000:]


@pytest.mark.parametrize("name", [n for n in CLASS if re.fullmatch("much-.*(middle|answer)", n)])
def test_what_is_too_much_is_said_once(judged, name):
    cells = [nbformat.writes(new_notebook(cells=[c])) for c in judged.autograded(name).cells]
    said = [place for place, text in enumerate(cells) if re.search("left out|too long", text)]
    assert said == [1 if name.endswith("answer") else PLACES["middle"]]
    assert sum(map(len, cells)) < 10**6


@pytest.mark.parametrize(
    "name", [n for n in CLASS if not re.search("honest|sys-exit|raises|much", n)]
)
def test_the_cell_says_what_happened(judged, name):
    said = [
        output.get("evalue", "")
        for found in judged.autograded(name).cells
        for output in found.get("outputs", [])
    ]
    notes = [
        found.metadata.get("autograder", {}).get("note", "")
        for found in judged.autograded(name).cells
    ]
    assert any(said + notes)
    text = nbformat.writes(judged.autograded(name))
    assert "was left out" not in text  # there was nothing to leave out
    if any(form in name for form in ("swallows", "deaf", "loop", "sleeps", "long-computation")):
        assert "seconds" in "".join(said + notes) or "too long" in "".join(said + notes)


def test_everybody_is_graded(judged):
    assert f"Graded now: {len(CLASS)} of {len(CLASS)} submissions" in judged.log
    assert sorted(judged.graded) == sorted(CLASS)


# ------------------------------------------------------------------ plain asserts in the kernel

WRONG = "def square(x):\n    return 0"
QUIET = "import IPython.core.interactiveshell as s\ns.InteractiveShell.showtraceback = "
SHELL = "get_ipython()"
PLAIN = {
    "right": (SQUARE, "", 7),
    "wrong": (WRONG, "", 0),
    "eats-interrupt": (within(SWALLOW), "", 0),
    "deaf": (within(DEAF), "", 0),
    "loops": (within("while True:\n    pass"), "", 0),
    "own-cell-hangs-right": (SQUARE, SWALLOW, 7),
    "own-cell-hangs-wrong": (WRONG, SWALLOW, 0),
    "own-cell-loops-wrong": (WRONG, "while True:\n    pass", 0),
    "no-traceback": (WRONG, f"{QUIET}lambda *a, **k: None", 0),
    "traceback-is-none": (WRONG, f"{QUIET}None", 0),
    "no-traceback-of-this-shell": (WRONG, f"{SHELL}.showtraceback = lambda *a, **k: None", 0),
    "no-inner-traceback": (WRONG, f"type({SHELL})._showtraceback = lambda *a, **k: None", 0),
    "own-handler": (WRONG, f"{SHELL}.set_custom_exc((Exception,), lambda *a, **k: None)", 0),
    "no-error-on-the-line": (
        WRONG,
        "import ipykernel.zmqshell as z\nz.ZMQInteractiveShell._showtraceback = len",
        0,
    ),
    "exit-in-own-cell": (SQUARE, "exit()", 7),
    "os-exit-in-own-cell": (SQUARE, "import os\nos._exit(0)", 7),
    "exit-in-function": (within("exit()"), "", 0),
    "sys-exit-in-function": (within("import sys\nsys.exit(0)"), "", 0),
    "os-exit-in-function": (within("import os\nos._exit(0)"), "", 0),
    "much-printed-in-own-cell": (SQUARE, TOO_MUCH["prints"], 7),
    "much-printed-in-own-cell-wrong": (WRONG, TOO_MUCH["prints"], 0),
    "long-error-in-own-cell": (SQUARE, TOO_MUCH["error"], 7),
    "long-error-in-function": (within(TOO_MUCH["error"]), "", 0),
    "much-printed-in-function": (within(f"{TOO_MUCH['prints']}\nreturn 0"), "", 0),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    course = course_of(tmp_path_factory.mktemp("plain"), plain_notebook())
    for name, (answer, own, _) in PLAIN.items():
        changes = {"square-answer": answer} | ({"middle": own} if own else {})
        course.hand_in(name, answered(course.released(), changes))
    course.run("autograde", ASSIGNMENT, LIMITS, JOBS, check=False)
    return course.rows()


@pytest.mark.parametrize("name", PLAIN)
def test_plain_asserts_in_the_kernel(plain, name):
    points = points_of(plain[name])
    assert None not in points.values()
    assert sum(points.values()) == PLAIN[name][2]


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory):
    """nbgrader's own notebooks that hide their errors, graded: student -> (score, maximum)."""
    if not FIXTURES.exists():
        pytest.skip("this nbgrader comes without its tests")
    folder = tmp_path_factory.mktemp("fixtures")
    files = {
        "source/ps1": "submitted-unchanged.ipynb",
        "submitted/foo/ps1": "submitted-unchanged.ipynb",
        "submitted/bar/ps1": "submitted-changed.ipynb",
        "submitted/spam/ps1": "submitted-cheat-attempt.ipynb",
        "submitted/eggs/ps1": "submitted-cheat-attempt-alternative.ipynb",
    }
    for place, name in files.items():
        (folder / place).mkdir(parents=True)
        notebook = nbformat.read(FIXTURES / name, as_version=4)
        notebook.metadata.update(KERNEL)  # theirs is no longer installed
        nbformat.write(notebook, folder / place / "p1.ipynb")
    course = Course(folder)
    course.run("generate_assignment", "ps1")
    course.run("autograde", "ps1", LIMITS)
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        found = {name: gradebook.find_submission_notebook("p1", "ps1", name) for name in SCORES}
        return {name: (row.score, row.max_score) for name, row in found.items()}


SCORES = {"foo": 1, "bar": 2, "spam": 1, "eggs": 1}  # as in nbgrader's own test


@pytest.mark.parametrize("name", SCORES)
def test_nbgraders_own_notebooks_get_what_stock_gives(fixtures, name):
    assert fixtures[name] == (SCORES[name], 7)
