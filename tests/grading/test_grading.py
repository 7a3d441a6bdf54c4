"""`nbgrader autograde` on a class of good, broken and hostile notebooks, in one run."""

from __future__ import annotations

import copy
import csv
import html
import json
import math
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from nbgrader.api import Gradebook

GOOD = "def square(x):\n    return x * x"
EXPECTED_GOOD = {"integers": 3, "fractions": 4, "essay": 0}


@pytest.fixture(scope="module")
def course(tiny_course_factory):
    course = tiny_course_factory()
    good = course.answered(GOOD)
    for name in STUDENTS:
        course.hand_in(name, good, "two")  # the second notebook is always fine
    for name, make in STUDENTS.items():
        made = make(course, copy.deepcopy(good))
        if made is not None:
            course.hand_in(name, made)
    options = "--Execute.limits={'tiny': {'cell_seconds': 6}}", "--Autograde.jobs=4"
    course.log = course.run("autograde", "tiny", *options, check=False)
    course.run("generate_feedback", "tiny")
    return course


def with_code(code):
    return lambda course, good: course.answered(code)


def truncated(course, good):
    return json.dumps(good)[:700]


def wrong_kernel(course, good):
    good.metadata.kernelspec.name = "julia-1.11"
    return good


def doubled(course, good):
    extra = copy.deepcopy(next(c for c in good.cells if c.id == "square"))
    extra.source = "def square(x):\n    return 0"
    extra.id = "another"
    good.cells.insert(1, extra)
    return nbformat.writes(good).replace('"another"', '"square"')  # nbformat would mend it


def deleted_test(course, good):
    good.cells = [c for c in good.cells if c.id != "integers"]
    return good


def deleted_everything(course, good):
    good.cells = []
    return good


def renamed(course, good):
    course.hand_in("renamed", good, "one (1)")


def never_ends_in_parts(course, good):
    good = course.answered(
        "def square(x):\n    while x in (0, 0.5):\n        pass\n    return x * x"
    )
    good.cells.append(new_code_cell("print('still', 'here')", id="after"))
    return good


def huge(course, good):
    text = "x" * 1_000_000
    output = new_output("stream", text=text)
    next(c for c in good.cells if c.id == "square").outputs = [output] * 200
    return good


def edited_points(course, good):
    cell = next(c for c in good.cells if c.id == "integers")
    cell.metadata.nbgrader.points = 100
    cell.source = "100"
    cell.metadata.autograder = {"points": 100, "note": "", "where": "judge"}
    good.metadata.autograder = {"notes": ["full marks, please"]}
    return good


STUDENTS = {
    "good": lambda course, good: good,
    "blank": lambda course, good: course.released(),
    "half": with_code("def square(x):\n    return int(x * x)"),
    "prints_to_stderr": with_code(
        "import sys, warnings\ndef square(x):\n    warnings.warn('old')\n"
        "    print('careful', file=sys.stderr)\n    return x * x"
    ),
    "raises": with_code("def square(x):\n    raise KeyError('<b>x</b>')"),
    "returns_nan": with_code("def square(x):\n    return float('nan')"),
    "equal_to_all": with_code(
        "class All:\n    def __eq__(self, other):\n        return True\n"
        "def square(x):\n    return All()"
    ),
    "stops": with_code(
        "import os\ndef square(x):\n    os._exit(1) if x == 3 else None\n    return x * x"
    ),
    "stops_at_once": with_code("import os\nos._exit(1)"),
    "fails_hidden": with_code("def square(x):\n    return x * abs(x)"),
    "raises_hidden": with_code(
        "def square(x):\n    if x < 0:\n        raise ValueError(f'it was {x}')\n    return x * x"
    ),
    "names_hidden": with_code(
        "def square(x):\n    if x < 0:\n        raise type(f'Asked{abs(x)}', (Exception,), {})\n"
        "    return x * x"
    ),
    "stops_hidden": with_code(
        "import os\ndef square(x):\n    os._exit(1) if x < 0 else None\n    return x * x"
    ),
    "never_ends": with_code("def square(x):\n    while x == 3:\n        pass\n    return x * x"),
    "never_ends_in_parts": never_ends_in_parts,
    "cannot_be_interrupted": with_code(
        "def square(x):\n    while x == 3:\n        try:\n            while True:\n"
        "                pass\n        except KeyboardInterrupt:\n            pass\n"
        "    return x * x"
    ),
    "writes_much": with_code(
        "for i in range(3000):\n    print('y' * 10_000)\ndef square(x):\n    return x * x"
    ),
    "script": with_code(
        "from IPython.display import HTML, Javascript, display\n"
        "display(HTML('<script>alert(1)</script><img src=x onerror=alert(2)>'))\n"
        "display(Javascript('alert(3)'))\ndef square(x):\n    return x * x"
    ),
    "truncated": truncated,
    "empty_file": lambda course, good: "",
    "text_file": lambda course, good: "my answer is 9",
    "list": lambda course, good: "[]",
    "binary": lambda course, good: bytes(range(256)),
    "wrong_kernel": wrong_kernel,
    "doubled": doubled,
    "deleted_test": deleted_test,
    "deleted_everything": deleted_everything,
    "renamed": renamed,
    "huge": huge,
    "edited_points": edited_points,
}
NONE = {"integers": None, "fractions": None, "essay": None}
SCORES = {
    "blank": {"integers": 0, "fractions": 0},
    "half": {"fractions": 1},
    "raises": {"integers": 0, "fractions": 0},
    "returns_nan": {"integers": 0, "fractions": 0},
    "equal_to_all": {"integers": 0, "fractions": 0},
    "stops": {"integers": 0},
    "stops_at_once": {"integers": 0, "fractions": 0},
    **{f"{name}_hidden": {"integers": 0} for name in ("fails", "raises", "names", "stops")},
    "never_ends": {"integers": 0},
    "never_ends_in_parts": {"fractions": 0},
    "cannot_be_interrupted": {"integers": 0},
    "deleted_everything": {"integers": 0, "fractions": 0},
    **{name: NONE for name in ("truncated", "empty_file", "text_file", "list", "binary")},
    "renamed": NONE,
}
NOTES = {
    "truncated": "one.ipynb: the file is not a readable notebook (JSONDecodeError",
    "empty_file": "one.ipynb: the file is not a readable notebook",
    "text_file": "hand it in again",
    "list": "the file is not a readable notebook",
    "binary": "the file is not a readable notebook (UnicodeDecodeError",
    "wrong_kernel": "made for the kernel 'julia-1.11', graded with 'python3'",
    "doubled": "'square' stands 2 times in the notebook; the last one was graded",
    "deleted_test": "missing and put back: integers",
    "deleted_everything": "missing and put back: setup, square, integers, fractions, essay",
    "renamed": "one.ipynb: was not handed in; is it one (1).ipynb? Rename it and grade again",
    "huge": "MiB; its outputs were dropped",
}


def scores(row, notebook):
    return {s.question: s.points for s in row.scores if s.notebook == notebook}


@pytest.mark.parametrize("name", STUDENTS)
def test_scores(course, name):
    row = course.rows()[name]
    assert scores(row, "two") == EXPECTED_GOOD
    assert scores(row, "one") == EXPECTED_GOOD | SCORES.get(name, {})


@pytest.mark.parametrize("name", STUDENTS)
def test_notes(course, name):
    text = "; ".join(course.rows()[name].notes)
    if name in NOTES:
        assert NOTES[name] in text
    else:
        assert text == ""


def records(course, name):
    return {
        cell.metadata.nbgrader.grade_id: cell.metadata.autograder
        for cell in course.autograded(name).cells
        if "autograder" in cell.metadata
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "your code raised KeyError: '<b>x</b>'"),
        ("blank", "still to be written"),
        ("equal_to_all", "found <the student's All>"),
        ("returns_nan", "expected 9, found nan"),
        ("never_ends", "gave no answer within"),
        ("cannot_be_interrupted", "could not be interrupted"),
        ("stops", "the kernel stopped while this cell ran"),
    ],
)
def test_reasons(course, name, reason):
    assert reason in records(course, name)["integers"]["note"]


def test_the_kernel_comes_back_from_a_loop_in_a_part(course):
    last = course.autograded("never_ends_in_parts").cells[-1]
    assert [output.get("text") for output in last.outputs] == ["still here\n"]


def test_no_option_is_called_unknown(course):
    assert "not recognized" not in course.log


def test_what_a_library_writes_is_kept_and_costs_nothing(course):
    assert records(course, "prints_to_stderr")["integers"]["points"] == 3


def test_output_is_bounded(course):
    cell = next(c for c in course.autograded("writes_much").cells if c.id == "square")
    assert len(str(cell.outputs)) < 2 * 2**20
    assert "was left out" in str(cell.outputs)


def test_points_stay_within_the_maximum(course):
    for row in course.rows().values():
        for score in row.scores:
            assert score.points is None or (
                math.isfinite(score.points) and 0 <= score.points <= score.max_score
            )


def feedback(course, name, file="one"):
    return (course.folder / "feedback" / name / "tiny" / f"{file}.html").read_text()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("good", "✓ all hidden tests"),
        *(
            (f"{name}_hidden", "✗ a hidden test of this question failed")
            for name in ("fails", "raises", "names", "stops")
        ),
    ],
)
def test_feedback_on_hidden_tests_holds_no_data(course, name, sentence):
    page = feedback(course, name)
    assert html.escape(sentence) in page
    assert "✓ square of 3: 9" in page
    for secret in ("hidden-marker", "4571", "4,571", "20894041", "20,894,041"):
        assert secret not in page
    if name != "stops_hidden":  # the instructor sees it all
        assert "4" in records(course, name)["integers"]["note"] or name == "good"


def test_feedback_without_hidden_tests_or_before_them(course):
    for name in ("half", "raises", "stops", "blank"):
        page = feedback(course, name)
        assert "hidden-marker" not in page
        assert "square of 3" in page


def test_feedback_runs_no_script_of_a_student(course):
    page = feedback(course, "script")
    body = page[page.index("<body") :]
    assert "<script>alert" not in body
    assert not re.search(r"<[^>]*onerror", body)  # as escaped text it may stand in the source
    outputs = " ".join(re.findall(r'<div class="output_area">(.*?)</div>', body, re.DOTALL))
    assert "alert(3)" not in outputs


def test_feedback_of_an_unreadable_file_says_why(course):
    page = feedback(course, "truncated")
    assert "not a readable notebook" in page
    assert "Not graded" in page
    # the notebook, and three questions twice
    assert page.count("Score: could not be graded / ") == 7


def test_feedback_tells_waiting_from_zero(course):
    page = feedback(course, "good")
    for words in ("not graded yet", "could not be graded"):
        assert f"Score: {words} / " not in page  # the essay was left as it was: 0
    assert "Score: 0.0 / 2.0" in page


def export(course, plugin):
    target = course.folder / f"{plugin}.csv"
    exporter = f"--exporter=autograder.outputs.export.{plugin}"
    log = course.run("export", exporter, f"--to={target}")
    return log, list(csv.reader(target.read_text().splitlines()))


def test_files_for_learning_platforms(tiny_course_factory):
    course = tiny_course_factory()
    for name in ("ada", "bob"):
        course.hand_in(name, course.answered(GOOD))
    course.hand_in("ada", course.answered(GOOD), "two")
    course.run("autograde", "tiny")
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        person = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org"}
        gradebook.update_or_create_student("ada", lms_user_id="17", **person)
        notebook = gradebook.find_submission_notebook("one", "tiny", "ada")
        notebook.late_submission_penalty = 2.5
        gradebook.db.commit()
    log, canvas = export(course, "CanvasExportPlugin")
    assert canvas == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "tiny"],
        ["Points Possible", "", "", "", "", "18"],
        ["Lovelace, Ada", "17", "", "ada", "", "11.5"],
    ]  # without bob, whose second notebook is missing: not 0
    assert "Left out: bob: unknown: neither name, mail address nor lms_user_id" in log
    assert "tiny: graded in part: two.ipynb: was not handed in" in log
    assert export(course, "MoodleExportPlugin")[1] == [
        ["username", "email", "tiny"],
        ["ada", "ada@example.org", "11.5"],
    ]
    questions = export(course, "QuestionsExportPlugin")[1]
    names = "assignment student_id raw_score late_submission_penalty score max_score status"
    assert questions[0][:7] == names.split()
    assert questions[1][:7] == ["tiny", "ada", "14", "2.5", "11.5", "18", "graded"]


def test_grading_without_a_sandbox_is_stamped_everywhere(tiny_course_factory):
    course = tiny_course_factory()
    course.hand_in("good", course.answered(GOOD))
    log = course.run("autograde", "tiny", COURSE_UNSANDBOXED="1")
    assert "Graded now: 1 of 1" in log
    course.run("generate_feedback", "tiny")
    row = course.rows()["good"]
    assert "one.ipynb: graded without a sandbox" in row.notes
    assert {s.question: s.points for s in row.scores if s.notebook == "one"} == EXPECTED_GOOD
    assert feedback(course, "good").count("Graded without a sandbox.") == 2  # one per test


def test_a_sandboxed_grade_has_no_stamp(course):
    assert "Graded without a sandbox" not in feedback(course, "good")
    assert not any("sandbox" in note for note in course.rows()["good"].notes)
