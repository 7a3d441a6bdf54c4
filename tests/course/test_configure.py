"""Courses of somebody else, one on pandas and scikit-learn: two lines of configuration, no more."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from helpers import cell, some
from nbformat.v4 import new_notebook

from autograder.kernels import sandbox

REASON = sandbox.unavailable_reason()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
CONFIG = "import autograder\nautograder.configure(get_config())\n"
IMPORTS = """\
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression"""
SUMMARY = '''\
def summary(frame):
    """The mean length of each species: a data frame with the columns species and length."""
    ### BEGIN SOLUTION
    return frame.groupby("species", as_index=False)["length"].mean()
    ### END SOLUTION'''
TEST_SUMMARY = """\
frame = pd.DataFrame({"species": ["a", "b", "a", "b"], "length": [1.0, 2.0, 3.0, 6.0]})
found = summary(frame)
assert list(found.columns) == ["species", "length"]
assert found["length"].tolist() == [2.0, 4.0]
### BEGIN HIDDEN TESTS
expected = pd.DataFrame({"species": ["a", "b"], "length": [1.0, 2.0]})
pd.testing.assert_frame_equal(summary(frame.iloc[:2]), expected)
### END HIDDEN TESTS"""
FIT = '''\
def fit(x, y):
    """A classifier fitted to x, of shape (N, 2), and y, of shape (N,)."""
    ### BEGIN SOLUTION
    return LogisticRegression().fit(x, y)
    ### END SOLUTION'''
TEST_FIT = """\
rng = np.random.default_rng(0)
x = rng.normal(size=(200, 2))
y = (x[:, 0] > x[:, 1]).astype(int)
model = fit(x, y)
assert model.predict(x[:5]).shape == (5,)
assert np.mean(model.predict(x) == y) > 0.9
### BEGIN HIDDEN TESTS
z = rng.normal(size=(100, 2))
assert np.mean(model.predict(z) == (z[:, 0] > z[:, 1])) > 0.9
assert model.coef_.shape == (1, 2)
### END HIDDEN TESTS"""
PLOT = '''\
def plot(frame):
    """Axes with a bar for each species, both axes labeled."""
    ### BEGIN SOLUTION
    fig, ax = plt.subplots()
    ax.bar(frame["species"], frame["length"])
    ax.set_xlabel("species")
    ax.set_ylabel("mean length in mm")
    return ax
    ### END SOLUTION'''
TEST_PLOT = """\
ax = plot(found)
assert ax.get_xlabel() == "species"
assert "mm" in ax.get_ylabel()
assert len(ax.patches) == 2
plt.close("all")"""
ANSWERS = {"summary": SUMMARY, "fit": FIT, "plot": PLOT}
LOOKED_UP = """\
def summary(frame):
    return pd.DataFrame({"species": ["a", "b"], "length": [2.0, 4.0]})"""
STUDENTS = {  # name -> answers, points
    "right": (ANSWERS, 9),
    "blank": ({}, 0),
    "looked_up": ({**ANSWERS, "summary": LOOKED_UP}, 6),  # which the hidden part finds out
}


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A course with a released assignment and three submissions, outside this repository."""
    folder = tmp_path_factory.mktemp("birds")
    cells = [
        cell("locked", "setup", IMPORTS),
        cell("solution", "summary", SUMMARY),
        cell("test", "test-summary", TEST_SUMMARY, points=3),
        cell("solution", "fit", FIT),
        cell("test", "test-fit", TEST_FIT, points=4),
        cell("solution", "plot", PLOT),
        cell("test", "test-plot", TEST_PLOT, points=2),
    ]
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    source = new_notebook(cells=cells, metadata={"kernelspec": kernelspec})
    (folder / "source/birds").mkdir(parents=True)
    nbformat.write(source, folder / "source/birds/birds.ipynb")
    (folder / "nbgrader_config.py").write_text(CONFIG)
    command(folder, "nbgrader", "generate_assignment", "birds")
    for student, (answers, _) in STUDENTS.items():
        notebook = nbformat.read(folder / "release/birds/birds.ipynb", as_version=4)
        for released_cell in notebook.cells:
            released_cell.source = answers.get(released_cell.id, released_cell.source)
        place = folder / "submitted" / student / "birds"
        place.mkdir(parents=True)
        nbformat.write(notebook, place / "birds.ipynb")
    return folder


def command(folder: Path, *arguments: str) -> str:
    """Run a command as an instructor would, in the course's folder."""
    tools = Path(sys.executable).parent
    done = subprocess.run(
        [tools / arguments[0], *arguments[1:]],
        cwd=folder,
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    return output


def scores(folder: Path) -> dict[str, float]:
    command(folder, "nbgrader", "export", "--to=grades.csv")
    with (folder / "grades.csv").open() as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


WAYS = {
    "by the judge": ["nbgrader", "autograde"],
    "in the kernel": ["nbgrader", "autograde", "--Execute.plain_tests={'*': 'in-kernel'}"],
    "on Dask": ["autograder", "grade", "--jobs=1"],
}


@pytest.mark.parametrize("way", some(WAYS))
def test_another_course_is_graded(released, tmp_path, way):
    course = tmp_path / "birds"
    shutil.copytree(released, course)
    output = command(course, *WAYS[way], "birds")
    expected = {student: points for student, (_, points) in STUDENTS.items()}
    assert scores(course) == expected, output
    assert "with alerts" not in output
    command(course, "nbgrader", "generate_feedback", "birds")
    page = (course / "feedback/looked_up/birds/birds.html").read_text()
    assert "assert_frame_equal" not in page  # what is hidden stays hidden


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """What `nbgrader quickstart` makes, with our two lines at the end of its configuration."""
    folder = tmp_path_factory.mktemp("quick") / "course101"
    command(folder.parent, "nbgrader", "quickstart", folder.name)
    with (folder / "nbgrader_config.py").open("a") as file:
        file.write(CONFIG)
    command(folder, "nbgrader", "generate_assignment", "ps1")
    for student, handed_in in (("right", "source"), ("blank", "release")):
        shutil.copytree(folder / handed_in / "ps1", folder / "submitted" / student / "ps1")
    return folder


@pytest.mark.parametrize("way", some(WAYS))
def test_the_course_of_nbgraders_quickstart_is_graded(quickstart, tmp_path, way):
    course = tmp_path / "course101"
    shutil.copytree(quickstart, course)
    output = command(course, *WAYS[way], "ps1")
    assert scores(course) == {"right": 3, "blank": 0}, output  # the other 10 points are by hand
