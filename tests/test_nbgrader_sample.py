"""nbgrader's own sample assignment, graded with this course's configuration.

Its documentation says what the two sample students get for ps1 before anything is graded by hand:
bitdiddle 1.5 and hacker 3.0 of 23 points. Its tests are plain asserts, so they run in the student's
kernel, and one of them (`del squares`) could run nowhere else.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import nbgrader
import pytest
from conftest import Course
from nbgrader.api import Gradebook

from autograder import report, sandbox

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


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    copy_notebooks(GUIDE / "source" / "ps1", folder / "source" / "ps1")
    for student in ("bitdiddle", "hacker"):
        submitted = GUIDE / "submitted" / student / "ps1"
        copy_notebooks(submitted, folder / "submitted" / student / "ps1")
    course = Course(folder)
    course.nbgrader("generate_assignment", "ps1")
    course.nbgrader("autograde", "ps1")
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        folders = folder / "submitted", folder / "autograded"
        return {row.student: row for row in report.rows(gradebook, "ps1", *folders)}


@pytest.mark.parametrize(("student", "points"), [("bitdiddle", 1.5), ("hacker", 3.0)])
def test_documented_scores(rows, student, points):
    # 17 points in cells; the other 6 of 23 belong to tasks, which are only graded by hand.
    assert rows[student].points == points
    assert sum(score.by_hand for score in rows[student].scores) == 4


@pytest.mark.parametrize("student", ["bitdiddle", "hacker"])
def test_points_are_marked_in_kernel(rows, student):
    assert "problem1.ipynb: in-kernel" in "; ".join(rows[student].notes)


def test_only_the_edited_tests_raise_an_alert(rows):
    assert rows["hacker"].alerts == []
    assert rows["bitdiddle"].alerts == [
        "problem1.ipynb: correct_squares: a locked cell was edited",
        "problem1.ipynb: squares_invalid_input: a locked cell was edited",
    ]
