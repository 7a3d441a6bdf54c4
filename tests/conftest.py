"""A tiny course for tests of grading: one assignment, two notebooks, no deep-learning framework."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

REPOSITORY = Path(__file__).parent.parent
ASSIGNMENT = "tiny"
# What takes longest comes first, so that no process is left alone with it at the end, and is left
# out by `make test-fast`.
SLOW = [
    "test_attacks",
    "test_class",
    "test_same_on_laptop",
    "test_nbgrader_own",
    "test_nothing_lost",
    "test_cases",
    "test_exercises",
    "test_grading",
    "test_trial",
    "test_cluster",
    "test_nbgrader_sample",
    "test_sandbox",
    "test_browser",
    "test_feedback",
    "test_configure",
    "test_single",
    "test_packaging",
]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Tests of a file stay in one process (pytest-xdist), but each class may have another one."""
    from xdist.scheduler import LoadFileScheduling

    class Groups(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            return file + test.partition("[")[2] if "test_class" in file else file

    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest first."""
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)
    ranks = {name: rank for rank, name in enumerate(SLOW)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


SOLUTION = """\
def square(x):
    ### BEGIN SOLUTION
    return x * x
    ### END SOLUTION
"""
CHECK_SQUARE = """\
check.equal(student.call("square", 3), 9, "square of 3")
### BEGIN HIDDEN TESTS
for x, expected in [(-4571, 20894041)]:  # hidden-marker
    check.equal(student.call("square", x), expected, f"square of {x}", hint="is the sign lost?")
### END HIDDEN TESTS
"""
PARTIAL = """\
points = check.Points(4)
with points.part(1, "zero"):
    check.equal(student.call("square", 0), 0, "square of 0")
with points.part(3, "half"):
    check.equal(student.call("square", 0.5), 0.25, "square of 0.5")
points.total()
"""


def cell(role: str, name: str, source: str, points: int | None = None) -> NotebookNode:
    """A cell with nbgrader's metadata for its role."""
    make = new_markdown_cell if role == "written" else new_code_cell
    metadata = {
        "grade": role in ("test", "written"),
        "grade_id": name,
        "locked": role in ("test", "locked"),
        "schema_version": 3,
        "solution": role in ("solution", "written"),
        "task": False,
    }
    if points is not None:
        metadata["points"] = points
    return make(source, metadata={"nbgrader": metadata}, id=name)


def tiny_notebook() -> NotebookNode:
    """The source notebook: a solution, a test with a hidden part, partial credit, an essay."""
    cells = [
        cell("locked", "setup", "import os\nfrom autograder import check, student"),
        cell("solution", "square", SOLUTION),
        cell("test", "integers", CHECK_SQUARE, points=3),
        cell("test", "fractions", PARTIAL, points=4),
        cell("written", "essay", "### BEGIN SOLUTION\nBecause.\n### END SOLUTION", points=2),
    ]
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernelspec})


@dataclasses.dataclass
class Course:
    """A course folder and the nbgrader commands that work on it."""

    folder: Path

    def nbgrader(self, *arguments: str, check: bool = True, **environment: str) -> str:
        """Run a command with this repository's configuration; its output."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        variables = {"COURSE_GRADING": str(self.folder), "PATH": path, **environment}
        folders = [
            f"--CourseDirectory.source_directory={self.folder / 'source'}",
            f"--CourseDirectory.release_directory={self.folder / 'release'}",
        ]
        process = subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments, *folders],
            cwd=REPOSITORY,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        output = process.stdout + process.stderr
        assert not check or process.returncode == 0, output[-4000:]
        return output

    def released(self, notebook: str = "one") -> NotebookNode:
        return nbformat.read(self.folder / "release" / ASSIGNMENT / f"{notebook}.ipynb", 4)

    def hand_in(self, name: str, notebook: NotebookNode | str | bytes, file: str = "one") -> Path:
        """Put a file into the folder of submissions."""
        path = self.folder / "submitted" / name / ASSIGNMENT / f"{file}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(notebook, NotebookNode):
            notebook = nbformat.writes(notebook)
        if isinstance(notebook, str):
            notebook = notebook.encode()
        path.write_bytes(notebook)
        return path

    def answered(self, code: str = "def square(x):\n    return x * x") -> NotebookNode:
        """The released notebook with an answer in its solution cell."""
        notebook = self.released()
        next(c for c in notebook.cells if c.id == "square").source = code
        return notebook

    def autograded(self, name: str, file: str = "one") -> NotebookNode:
        return nbformat.read(
            self.folder / "autograded" / name / ASSIGNMENT / f"{file}.ipynb", as_version=4
        )

    def rows(self) -> dict:
        """Student -> report row."""
        from nbgrader.api import Gradebook

        from autograder.outputs import export

        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}") as gradebook:
            folders = self.folder / "submitted", self.folder / "autograded"
            return {row.student: row for row in export.rows(gradebook, ASSIGNMENT, *folders)}


def make_course(folder: Path, notebooks: tuple[str, ...] = ("one", "two")) -> Course:
    source = folder / "source" / ASSIGNMENT
    source.mkdir(parents=True)
    for name in notebooks:
        nbformat.write(tiny_notebook(), source / f"{name}.ipynb")
    (folder / "secret_seed").write_text("test")
    course = Course(folder)
    course.nbgrader("generate_assignment", ASSIGNMENT)
    return course


@pytest.fixture(scope="session")
def tiny_course_factory(tmp_path_factory):
    """Makes a released course in a folder of its own."""
    return lambda: make_course(tmp_path_factory.mktemp("course"))


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 3 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
