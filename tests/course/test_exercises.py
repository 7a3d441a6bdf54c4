"""exercises/ is what a fresh `nbgrader generate_assignment` makes of solutions/, byte for byte."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from helpers import REPOSITORY, skip_without_kernel, some

from autograder import syntax
from autograder.quality import members

ASSIGNMENTS = sorted(path.name for path in (REPOSITORY / "solutions").iterdir() if path.is_dir())
NOTEBOOKS = sorted((REPOSITORY / "solutions").glob("*/*.ipynb"))
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def name(path):
    return f"{path.parent.name}/{path.stem}"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A fresh release of every assignment."""
    folder = tmp_path_factory.mktemp("release")
    for assignment in ASSIGNMENTS:
        subprocess.run(
            [
                *(sys.executable, "-m", "nbgrader", "generate_assignment", assignment),
                f"--CourseDirectory.release_directory={folder / 'release'}",
            ],
            cwd=REPOSITORY,
            env={**os.environ, "COURSE_GRADING": str(folder), "PATH": PATH},
            check=True,
            capture_output=True,
        )
    return folder / "release"


def test_every_assignment_is_released(fresh):
    released = sorted(path.relative_to(fresh) for path in fresh.rglob("*.ipynb"))
    exercises = REPOSITORY / "exercises"
    assert released == sorted(path.relative_to(exercises) for path in exercises.rglob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_exercise_is_the_fresh_release(fresh, path):
    relative = path.relative_to(REPOSITORY / "solutions")
    expected = (fresh / relative).read_bytes()
    assert (REPOSITORY / "exercises" / relative).read_bytes() == expected, "run `make exercises`"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_nothing_of_the_solution_is_in_the_exercise(path):
    exercise = nbformat.read(REPOSITORY / "exercises" / path.parent.name / path.name, as_version=4)
    solution = nbformat.read(path, as_version=4)
    given = "\n".join(cell.source for cell in exercise.cells)
    assert "SOLUTION" not in given
    assert "HIDDEN TESTS" not in given
    assert "secret_seed" not in given
    answers = [line for cell in solution.cells for line in inside(cell.source)]
    assert answers
    for line in answers:
        if len(line.strip()) > 25:  # short lines such as a closing bracket stand everywhere
            assert line not in given.split("\n"), f"{line!r} is given away"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_points_sum_to_a_round_number(path):
    notebook = nbformat.read(path, as_version=4)
    total = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in notebook.cells)
    assert total % 5 == 0, f"{total} points"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_checks_are_folded_under_one_line(path):
    """A student sees the task, and of a cell with tests its first line (JupyterLab shows that)."""
    exercise = nbformat.read(REPOSITORY / "exercises" / path.parent.name / path.name, as_version=4)
    tests = [cell for cell in exercise.cells if syntax.is_test(cell)]
    assert tests
    for cell in tests:
        assert cell.metadata.jupyter.source_hidden, cell.id
        points = cell.metadata.nbgrader.points
        title = f"# Checks ({points:g} point{'s' * (points != 1)}): "
        first = cell.source.split("\n")[0]
        assert first.startswith(title), f"{cell.id}: {first}"
        assert len(title) < len(first) <= 100, f"{cell.id}: {first}"


def inside(source):
    """The lines between the marks of solutions."""
    marked = re.findall(r"### BEGIN SOLUTION\n(.*?)### END", source, flags=re.DOTALL)
    return [line for text in marked for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize("path", some(NOTEBOOKS), ids=name)
def test_visible_checks_pass_under_stock_nbgrader_validate(path, tmp_path):
    """What a student does on a laptop: no configuration of ours, no judge, no sandbox."""
    source = nbformat.read(path, as_version=4)
    skip_without_kernel(path)
    release = nbformat.read(REPOSITORY / "exercises" / path.parent.name / path.name, as_version=4)
    answered = members.Member("student", "").submission(path.stem, source, release)
    nbformat.write(answered, tmp_path / path.name)
    process = subprocess.run(
        [
            *(sys.executable, "-m", "nbgrader", "validate", path.name),
            "--ExecutePreprocessor.timeout=300",
        ],
        cwd=tmp_path,
        env={**os.environ, "PATH": PATH},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Success! Your notebook passes all the tests." in process.stdout + process.stderr
