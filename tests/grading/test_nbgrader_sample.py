"""nbgrader's own sample assignment, graded with this course's configuration.

Its documentation says what the two sample students get for ps1 before anything is graded by hand:
bitdiddle 1.5 and hacker 3.0 of 13 points, four of which belong to a task. Its tests are plain
asserts. They run in the student's kernel or, because its own solution gets full marks there, in the
judge, and the scores are the same.
"""

from __future__ import annotations

import csv
from pathlib import Path

import nbformat
import nbgrader
import pytest
from helpers import Course
from nbgrader.api import Gradebook

from autograder.kernels import sandbox
from autograder.outputs import export

GUIDE = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide"
REASON = sandbox.unavailable_reason()
pytestmark = [
    pytest.mark.skipif(not GUIDE.exists(), reason="this nbgrader comes without its sample"),
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
]


def copy_notebooks(source: Path, target: Path) -> None:
    """Copy a folder of the sample; its notebooks name a kernel that Jupyter no longer installs."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.suffix != ".ipynb":
            (target / path.name).write_bytes(path.read_bytes())
            continue
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, target / path.name)


@pytest.fixture(scope="module", params=["in-kernel", "judge"])
def place(request):
    """Where the tests run: as in stock nbgrader, or where a trial by itself leads to."""
    return request.param


@pytest.fixture(scope="module")
def course(tmp_path_factory, place):
    folder = tmp_path_factory.mktemp("sample")
    copy_notebooks(GUIDE / "source" / "ps1", folder / "source" / "ps1")
    for student in ("bitdiddle", "hacker"):
        submitted = GUIDE / "submitted" / student / "ps1"
        copy_notebooks(submitted, folder / "submitted" / student / "ps1")
    course = Course(folder)
    course.run("generate_assignment", "ps1")
    said = ["--Execute.plain_tests={'ps1': 'in-kernel'}"] if place == "in-kernel" else []
    course.log = course.run("autograde", "ps1", *said)
    return course


@pytest.fixture(scope="module")
def rows(course):
    folder = course.folder
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        folders = folder / "submitted", folder / "autograded"
        return {row.student: row for row in export.rows(gradebook, "ps1", *folders)}


@pytest.mark.parametrize(("student", "points"), [("bitdiddle", 1.5), ("hacker", 3.0)])
def test_documented_scores(rows, student, points):
    assert rows[student].raw_score == points
    assert rows[student].max_score == 13
    assert sum(score.by_hand for score in rows[student].scores) == 5  # one of them a task
    assert rows[student].status == export.BY_HAND


def test_a_trial_by_itself_lets_the_judge_run_the_tests(course, place):
    switched = "all 4 plain tests run by data: the judge runs them from now on" in course.log
    assert switched == (place == "judge")


@pytest.mark.parametrize("student", ["bitdiddle", "hacker"])
def test_points_are_marked_in_kernel(rows, student, place):
    marked = "problem1.ipynb: in-kernel" in "; ".join(rows[student].notes)
    assert marked == (place == "in-kernel")


def test_only_the_edited_tests_raise_an_alert(rows):
    assert rows["hacker"].alerts == []
    assert rows["bitdiddle"].alerts == [
        "problem1.ipynb: correct_squares: a locked cell was edited",
        "problem1.ipynb: squares_invalid_input: a locked cell was edited",
    ]


def test_exports_agree_with_nbgrader_export(rows, course):
    """`rows` comes first: here everything of hacker's is graded by hand, but bitdiddle waits."""

    def export(*exporter):
        target = course.folder / "export.csv"
        course.run("export", *exporter, f"--to={target}")
        return list(csv.reader(target.read_text().splitlines()))

    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        for notebook in gradebook.find_submission("ps1", "hacker").notebooks:
            for grade in notebook.grades:
                grade.manual_score, grade.needs_manual_grade = grade.max_score, False
        gradebook.db.commit()
    columns, *lines = export()
    wanted = {line[3]: dict(zip(columns, line, strict=True)) for line in lines}
    assert [wanted["hacker"][name] for name in ("score", "max_score")] == ["13.0", "13.0"]
    columns, *lines = export("--exporter=autograder.outputs.export.QuestionsExportPlugin")
    found = {line[1]: dict(zip(columns, line, strict=True)) for line in lines}
    for student in ("hacker", "bitdiddle"):
        for name in ("raw_score", "late_submission_penalty", "score", "max_score"):
            assert float(found[student][name]) == float(wanted[student][name])
    assert sum(name.startswith("problem") for name in columns) == 9
    canvas = export("--exporter=autograder.outputs.export.CanvasExportPlugin")
    assert [line[-1] for line in canvas] == ["ps1", "13", "13"]
    moodle = export("--exporter=autograder.outputs.export.MoodleExportPlugin")
    assert [line[::2] for line in moodle[1:]] == [["hacker", "13"]]
