"""What tests share: a tiny course, and runs of nbgrader that start quickly.

The course has one assignment, two notebooks and no deep-learning framework.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.apps import NbGraderApp

from autograder import course
from autograder.gradebook import journal

T = TypeVar("T")
REPOSITORY = Path(__file__).parents[1]
ASSIGNMENT = "tiny"
# `make test-all` goes through the long lists from end to end, `make test` through every sixth item,
# beginning with another one for another commit: sooner or later each has its turn.
PARTS = 6
WANTED = os.environ.get("COURSE_TESTS", "")  # "all", or the number of a part that ran elsewhere
EVERYTHING = WANTED == "all"
if WANTED not in ("", "all", *map(str, range(PARTS))):
    raise pytest.UsageError(f"expected COURSE_TESTS=all or 0 to {PARTS - 1}, found {WANTED!r}")
thorough = pytest.mark.skipif(not EVERYTHING, reason="it takes minutes: make test-all")
# Forks of a process that has imported nbgrader: seconds less per run.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["nbgrader.apps", "autograder.grading.coordinator"])

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


@functools.cache
def part() -> int:
    """Which of the parts is this commit's; 0 without git."""
    if WANTED.isdecimal():
        return int(WANTED)
    command = ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"]
    with contextlib.suppress(OSError):
        commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return int(commit.strip() or "0", 16) % PARTS
    return 0


def some(items: Iterable[T], always: Callable[[T], bool] = lambda item: False) -> list[T]:
    """All items for `make test-all`; otherwise this commit's part, and those always taken."""
    items = list(items)
    if EVERYTHING:
        return items
    rest = [item for item in items if not always(item)]
    taken = rest[part() % max(1, min(len(rest), PARTS)) :: PARTS]
    return [item for item in items if always(item) or item in taken]


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


def skip_without_kernel(*paths: Path) -> None:
    """Skip a test where a notebook's kernel is not on this machine (Gluon needs Python 3.11)."""
    here = KernelSpecManager().find_kernel_specs()
    for path in paths:
        name = nbformat.read(path, as_version=4).metadata.kernelspec.name
        if name not in here:
            pytest.skip(f"{path.name}: the kernel {name} is not on this machine")


def load_setup(name: str):
    """A module of requirements/, which is no package."""
    folder = REPOSITORY / "requirements"
    spec = importlib.util.spec_from_file_location(f"setup_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        spec.loader.exec_module(module)
    return module


def run_forked(of: course.Course, *arguments: str, **variables: str) -> tuple[int, str]:
    """What `Course.run` does, a second faster, in a fork: the exit code and what was printed."""
    command = of.command(*arguments)[3:]  # without `python -m nbgrader`
    environment = of.environment | variables
    with tempfile.NamedTemporaryFile("r", prefix="output-", suffix=".txt") as output:
        options = (command, str(of.home), environment, output.name)
        process = FORKS.Process(target=_become_nbgrader, args=options)
        process.start()
        process.join()
        return process.exitcode or 0, output.read()


def _become_nbgrader(
    arguments: list[str], home: str, environment: dict[str, str], output: str
) -> None:
    _settle_in(home, environment, output)
    NbGraderApp.launch_instance(arguments)


def _settle_in(home: str | Path, environment: dict[str, str], output: str) -> None:
    """In a fork: be a session of its own, with this folder, environment and output."""
    os.setsid()
    os.chdir(home)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = environment.get("TMPDIR")
    with open(output, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


class Course(course.Course):
    """The tiny course in a folder of its own, with this repository's configuration."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, REPOSITORY)

    def run(
        self, *arguments: str, program: str = "nbgrader", check: bool = True, **variables: str
    ) -> str:
        """As in the course's own class, in a fork where that works."""
        if program != "nbgrader":
            return super().run(*arguments, program=program, check=check, **variables)
        code, output = run_forked(self, *arguments, **variables)
        if check and code:
            raise course.CommandError(f"nbgrader {' '.join(arguments)} failed:\n{output[-4000:]}")
        return output

    def released(self, notebook: str = "one") -> NotebookNode:
        return super().released(ASSIGNMENT, notebook)

    def hand_in(self, name: str, notebook: NotebookNode | str | bytes, file: str = "one") -> Path:
        """Put a file into the folder of submissions."""
        return super().hand_in(name, ASSIGNMENT, file, notebook)

    def answered(self, code: str = "def square(x):\n    return x * x") -> NotebookNode:
        """The released notebook with an answer in its solution cell."""
        notebook = self.released()
        next(c for c in notebook.cells if c.id == "square").source = code
        return notebook

    def autograded(self, name: str, file: str = "one") -> NotebookNode:
        return super().autograded(name, ASSIGNMENT, file)

    def rows(self) -> dict:
        """Student -> report row."""
        return super().rows(ASSIGNMENT)


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")


def answers(address: str) -> bool:
    """Whether a server on this machine shows a page there."""
    try:
        return urllib.request.urlopen(address, timeout=30).status == 200
    except OSError:
        return False


def wait_for(happened, explain, seconds: float = 60) -> None:
    """Wait until `happened()`; else fail with what `explain()` says by then."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"waited {seconds} s for {explain()}"
        time.sleep(0.1)


def stop(process: subprocess.Popen, seconds: float) -> None:
    """End a server: it is asked to, and after `seconds` killed."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    process.wait()


def make_tmp(folder: Path) -> None:
    """A folder for temporary files whose path is short enough for sockets."""
    (folder / "tmp").symlink_to(tempfile.mkdtemp(dir="/tmp"))


def make_course(folder: Path, notebooks: tuple[str, ...] = ("one", "two")) -> Course:
    source = folder / "source" / ASSIGNMENT
    source.mkdir(parents=True)
    for name in notebooks:
        nbformat.write(tiny_notebook(), source / f"{name}.ipynb")
    (folder / "secret_seed").write_text("test")
    made = Course(folder)
    made.run("generate_assignment", ASSIGNMENT)
    return made


# ------------------------------------------------------------------ running nbgrader


def start(course, *arguments, before=None, use=NbGraderApp.launch_instance):
    """Start `nbgrader *arguments` in a session of its own; `before` is called in it first."""
    process = FORKS.Process(target=_nbgrader, args=(str(course.folder), arguments, before, use))
    process.start()
    return process


def _nbgrader(folder, arguments, before, use):
    own = {"COURSE_GRADING": folder, "TMPDIR": os.path.realpath(f"{folder}/tmp")}
    _settle_in(REPOSITORY, os.environ | own, f"{folder}.output")
    if before:
        before()
    places = [f"--CourseDirectory.{name}_directory={folder}/{name}" for name in PLACES]
    use([*arguments, *places])


PLACES = ("source", "release")


def nbgrader(course, *arguments, **options):
    """Run `nbgrader *arguments` to its end; exit code and output."""
    process = start(course, *arguments, **options)
    process.join()
    return process.exitcode, output_of(course)


def output_of(course):
    return course.folder.with_suffix(".output").read_text()


def run_autograde(course, *options, before=None):
    return nbgrader(course, "autograde", "tiny", *options, before=before)


def copy(course, folder):
    """The same class in another folder, with a short path for temporary files."""
    shutil.copytree(course.folder, folder, dirs_exist_ok=True, ignore=lambda *_: ["tmp"])
    make_tmp(folder)
    return Course(folder)


def contents(course):
    """Gradebook and autograded notebooks per student, without what differs from run to run."""
    found = {}
    for table, columns in {
        "grade": "auto_score, manual_score, extra_credit, needs_manual_grade",
        "comment": "auto_comment, manual_comment",
    }.items():
        query = f"""
            select s.student_id, n.name, c.name, {columns} from {table} t
            join submitted_notebook sn on sn.id = t.notebook_id
            join notebook n on n.id = sn.notebook_id
            join submitted_assignment s on s.id = sn.assignment_id
            join base_cell c on c.id = t.cell_id order by 1, 2, 3"""
        for student, *row in rows(course, query):
            found.setdefault(student, {}).setdefault(table, []).append(row)
    for path in sorted(course.folder.glob("autograded/*/tiny")):
        found.setdefault(path.parent.name, {})["files"] = {
            str(file.relative_to(path)): without_noise(file)
            for file in path.rglob("*")
            if file.is_file()
        }
    return found


def rows(course, query):
    with closing(sqlite3.connect(course.folder / "gradebook.db")) as connection:
        return connection.execute(query).fetchall()


def states(course):
    return {name: entry["state"] for name, entry in last_entries(course).items()}


def last_entries(course):
    return journal.read(journal.place(course.folder / "autograded", "tiny"))


def fill(path, left):
    path.unlink(missing_ok=True)
    disk = os.statvfs(path.parent)
    path.write_bytes(bytes(disk.f_bavail * disk.f_frsize - left))


def without_noise(path):
    if path.suffix != ".ipynb":
        return path.read_bytes()
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.pop("id", None)
        cell.metadata.pop("execution", None)  # times
        for output in cell.get("outputs", []):
            output.pop("traceback", None)  # names of temporary files
            if output.get("ename") == "KernelLost":  # before or after it told the cell's number
                cell["execution_count"] = None
    return notebook
