"""Grade notebooks against one source notebook, without a course: the command `autograder run`.

It makes a course in a temporary folder, grades it like `nbgrader autograde`, in the sandbox and by
the judge, and throws it away. Only the returned results and the feedback pages stay.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from unittest import mock

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from nbformat import NotebookNode
from nbgrader.converters import GenerateAssignment, GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

import autograder
from autograder import syntax
from autograder.gradebook.journal import RefusedError, explain
from autograder.grading import autograde, trial
from autograder.grading.messages import LONGEST_TRACE, readable
from autograder.kernels import host, sandbox
from autograder.outputs import export
from autograder.submissions import notebooks

ASSIGNMENT = "assignment"
LONGEST_NAME = 60  # characters of a file's name in the names of folders and pages
log = logging.getLogger(__name__)


@dataclass
class Question:
    """One question of a submission. `points` None: nobody has graded it yet.

    `note` says why points are missing, in words that a student may read: it does not reveal what a
    hidden test found.
    """

    name: str
    points: float | None
    max_points: float
    note: str
    by_hand: bool


@dataclass
class GradedNotebook:
    """The result for one submission.

    `score` adds up the points so far; None if the notebook could not be graded, and then `error`
    says why. `alerts` point at what is worth reading (see `submissions.alerts`). `feedback` is the
    page for the student, if pages were asked for and this one could be made.
    """

    file: str
    score: float | None
    max_score: float
    questions: list[Question] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    error: str | None = None
    feedback: str | None = None


def grade(
    source: str | Path,
    submitted: Iterable[str | Path],
    *,
    feedback: str | Path | None = None,
    files: Iterable[str | Path] = (),
    plain_tests: str = trial.AUTO,
    jobs: int | None = None,
    timeout: int | None = None,
    gpu: bool = False,
) -> list[GradedNotebook]:
    """Grade notebooks against `source`, a notebook with nbgrader's cells; one result for each.

    `feedback`: a folder for a page per submission. `files`: data that the notebooks read, put next
    to them. `plain_tests`: where to run tests that do not use `student` and `check`, see
    `c.Execute.plain_tests`. `jobs`: how many to grade at the same time (default: the cores).
    `timeout`: seconds for one cell. `gpu`: let the notebooks use the machine's GPU. Raises
    RefusedError, with the reason, if nothing can be graded.
    During the call this process works in a temporary folder, so that it does not import modules
    next to submissions.
    """
    given = [os.fspath(path) for path in submitted]
    students = {f"{i}-{_slug(path)}": Path(path).absolute() for i, path in enumerate(given, 1)}
    source, data = Path(source).absolute(), [Path(path).absolute() for path in files]
    pages = _page_folder(feedback)
    notebook, name = _read_source(source), _slug(source)
    with _workshop() as folder:
        config = _configuration(folder, plain_tests, jobs, timeout, gpu)
        course = CourseDirectory(config=config, log=log)
        _release(course, notebook, name, data)
        refused = _hand_in_all(students, folder / "submitted", name)
        if len(refused) < len(students):
            _autograde(course)
        made = _write_pages(course, name, pages) if pages else set()
        results = _results(course, name, refused)
    for result, file, student in zip(results, given, students, strict=True):
        result.file = file
        if feedback is not None and student in made:
            result.feedback = os.path.join(feedback, f"{student}.html")
    return results


# ------------------------------------------------------------------ a course for the moment


@contextlib.contextmanager
def _workshop() -> Iterator[Path]:
    """A temporary folder to work in, with nbgrader's helper `alembic` within reach."""
    path = host.path_with_tools()
    with (
        tempfile.TemporaryDirectory(prefix="autograder-run-") as folder,
        mock.patch.dict(os.environ, {"PATH": path}),
    ):
        yield Path(folder)


def _configuration(
    folder: Path, plain_tests: str, jobs: int | None, timeout: int | None, gpu: bool
) -> Config:
    config = Config()
    autograder.configure(config, folder)
    config.CourseDirectory.root = str(folder)  # nbgrader works there, not beside submissions
    config.CourseDirectory.assignment_id = ASSIGNMENT
    config.Execute.plain_tests = {"*": plain_tests}
    config.Execute.gpu = gpu
    if jobs:
        config.Autograde.jobs = jobs
    if timeout:
        whole = max(timeout, sandbox.Limits().notebook_seconds)
        config.Execute.limits = {"*": {"cell_seconds": timeout, "notebook_seconds": whole}}
    return config


def _read_source(path: Path) -> NotebookNode:
    """The source notebook, if submissions can be graded against it."""
    try:
        notebook = nbformat.read(path, as_version=4)
        has_tests = any(syntax.is_test(cell) for cell in notebook.cells)
    except OSError as error:
        raise RefusedError(f"The source {path} cannot be read: {error.strerror}.") from None
    except Exception as error:  # whatever an odd structure leads to
        reason = readable(f"{type(error).__name__}: {error}", 200)
        raise RefusedError(f"The source {path} is not a readable notebook ({reason}).") from None
    if not has_tests:
        raise RefusedError(
            f"The source {path} has no test cell, so there is nothing to grade by: open it in "
            "JupyterLab and mark cells as 'Autograded tests' with nbgrader's 'Create Assignment', "
            "or give the instructor's notebook instead of one without nbgrader's metadata."
        )
    _check_kernel(notebook, path)
    return notebook


def _check_kernel(notebook: NotebookNode, path: Path) -> None:
    """Refuse a notebook whose kernel is not there, instead of failing with every submission."""
    name = notebook.metadata.get("kernelspec", {}).get("name", notebooks.DEFAULT_KERNEL["name"])
    installed = KernelSpecManager().find_kernel_specs()
    if name not in installed:
        raise RefusedError(
            f"The source {path} asks for the kernel {name!r}; Jupyter knows "
            f"{', '.join(sorted(installed)) or 'none'} here. `python -m ipykernel install "
            f"--sys-prefix --name {name}` makes this Python known under that name."
        )


def _release(
    course: CourseDirectory, notebook: NotebookNode, name: str, files: Sequence[Path]
) -> None:
    """Make the gradebook, as `nbgrader generate_assignment` does."""
    folder = Path(course.root, course.source_directory, ASSIGNMENT)
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    for path in files:
        if path.suffix == ".ipynb":
            raise RefusedError(f"The file {path} is a notebook: give files that notebooks read.")
        try:
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, folder / path.name)
        except (OSError, shutil.Error) as error:
            raise RefusedError(f"The file {path} cannot be used: {error}") from None
    try:
        GenerateAssignment(coursedir=course, config=course.config, log=log).start()
    except NbGraderException:
        raise RefusedError(
            "nbgrader cannot make an assignment of the source; the messages above say why. "
            "`nbgrader update` fixes an old format, `nbgrader validate` finds more."
        ) from None


def _hand_in_all(students: dict[str, Path], folder: Path, name: str) -> dict[str, str]:
    """Copy the submissions to where they are graded; student -> why it cannot be graded."""
    refused = {}
    for student, path in students.items():
        try:
            _hand_in(path, folder / student / ASSIGNMENT / f"{name}.ipynb")
        except (RefusedError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            refused[student] = readable(f"{path.name}: {reason}", 500)
            log.error("%s could not be graded: %s", student, refused[student])
    return refused


def _hand_in(path: Path, target: Path) -> None:
    """Copy one submission, a file and no link, which could lead to the solution."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise RefusedError("it is a symbolic link, which is not followed; give the file itself")
    if not stat.S_ISREG(found.st_mode):
        raise RefusedError("it is not a file; give a notebook")
    target.parent.mkdir(parents=True)
    if found.st_size > notebooks.MAX_BYTES:  # not graded, by its size alone
        target.touch()
        os.truncate(target, found.st_size)
    else:
        shutil.copyfile(path, target, follow_symlinks=False)


def _autograde(course: CourseDirectory) -> None:
    """What `nbgrader autograde` does; who could not be graded is in the journal."""
    grader = autograde.Autograde(coursedir=course, config=course.config, log=log)
    try:
        grader.start()
    except NbGraderException as error:
        if not (grader.ledger and grader.ledger.failures):
            raise RefusedError(str(error)) from None
        traces = grader.journal_path.with_suffix(".log").read_text(errors="replace")
        log.error("The end of these, before they are gone:\n%s", traces[-LONGEST_TRACE:])


def _page_folder(feedback: str | Path | None) -> Path | None:
    if feedback is None:
        return None
    folder = Path(feedback).absolute()
    folder.mkdir(parents=True, exist_ok=True)  # now, not when everything has been graded
    return folder


def _write_pages(course: CourseDirectory, name: str, folder: Path) -> set[str]:
    """Write the pages for students; for whom there is one."""
    with contextlib.suppress(NbGraderException):  # has been logged, and that page is not there
        GenerateFeedback(coursedir=course, config=course.config, log=log).start()
    made = set()
    for page in Path(course.feedback_directory).glob(f"*/{ASSIGNMENT}/{name}.html"):
        student = page.parts[-3]
        target = folder / f"{student}.html"
        target.unlink(missing_ok=True)  # a link would be followed
        shutil.copyfile(page, target)
        made.add(student)
    return made


def _slug(path: str | Path) -> str:
    """A file's name without what nbgrader takes for a pattern."""
    return re.sub(r"\W+", "-", Path(path).stem)[:LONGEST_NAME].strip("-") or "notebook"


# ------------------------------------------------------------------ what came of it


def _results(course: CourseDirectory, name: str, refused: dict[str, str]) -> list[GradedNotebook]:
    """What the report says of each submission, in the order in which they were given."""
    submitted, autograded = export.folders(course)
    for student in refused:  # so that the report has them, without points
        (submitted / student / ASSIGNMENT).mkdir(parents=True, exist_ok=True)
    results = {}
    for row in export.read(course):
        records = _records(autograded / row.student / ASSIGNMENT / f"{name}.ipynb")
        results[row.student] = result = _result(row, f"{name}.ipynb: ", records)
        if row.student in refused:
            result.error, result.notes = refused[row.student], []
    return [results[student] for student in sorted(results, key=lambda s: int(s.split("-")[0]))]


def _result(row: export.Row, prefix: str, records: dict[str, dict]) -> GradedNotebook:
    """A row of the report, without the notebook's name in front of everything."""
    error = row.not_graded.removeprefix(prefix) or None
    lacking = [s.question for s in row.scores if s.points is None and not s.by_hand]
    if lacking and not error:
        error = f"there is no record of {', '.join(lacking)}"
    questions = [
        Question(
            score.question,
            score.points,
            score.max_score,
            _note(records.get(score.question, {})),
            score.by_hand,
        )
        for score in row.scores
    ]
    return GradedNotebook(
        row.student,
        None if error else row.score,
        row.max_score,
        questions,
        [note.removeprefix(prefix) for note in row.notes],
        [alert.removeprefix(prefix) for alert in row.alerts],
        error,
    )


def _records(path: Path) -> dict[str, dict]:
    """Question -> what grading has recorded of it."""
    if not path.is_file():
        return {}
    found = {}
    for cell in nbformat.read(path, as_version=4).cells:
        question = cell.metadata.get("nbgrader", {}).get("grade_id")
        found[question] = cell.metadata.get("autograder", {})
    return found


def _note(record: dict) -> str:
    """Of a hidden test only what its feedback page says, whatever the record holds."""
    if "hidden" in record:
        return "; ".join(record["hidden"]["told"])
    return record.get("note", "")


# ------------------------------------------------------------------ the command


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of `autograder run`."""
    parser.description = (
        "Grade notebooks against an instructor's notebook, without a course or a gradebook. "
        "Prints one object of JSON with points, notes and alerts; what happens meanwhile goes to "
        "the standard error. Exit code 0: everything was graded."
    )
    parser.add_argument("submission", nargs="+", metavar="SUBMISSION.ipynb", help="to be graded")
    parser.add_argument(
        "--source",
        required=True,
        metavar="SOURCE.ipynb",
        help="the notebook with nbgrader's cells: solutions, tests, hidden tests",
    )
    parser.add_argument("--feedback", metavar="FOLDER", help="write a page for each student there")
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="FILE",
        help="data that the notebooks read, put beside them; may be given several times",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--in-kernel",
        dest="plain_tests",
        action="store_const",
        const=trial.IN_KERNEL,
        help="run plain asserts beside the student's code, where points can be forged",
    )
    where.add_argument(
        "--judge",
        dest="plain_tests",
        action="store_const",
        const=trial.JUDGE,
        help="run them in the judge, by data alone (default: there, if the source's own solution "
        "gets full marks that way, which is tried first)",
    )
    parser.set_defaults(plain_tests=trial.AUTO)
    parser.add_argument(
        "--jobs", type=_positive, metavar="N", help="at a time (default: the cores)"
    )
    parser.add_argument(
        "--timeout",
        type=_positive,
        metavar="SECONDS",
        help=f"for each cell (default: {sandbox.Limits().cell_seconds})",
    )
    parser.add_argument("--gpu", action="store_true", help="let the notebooks use the GPU")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, found {number}")
    return number


def _is_told(record: logging.LogRecord) -> bool:
    """Whether a message is more than nbgrader's word on each file that it writes."""
    own = Path(record.pathname).parent == Path(__file__).parent
    return own or record.levelno >= logging.WARNING


def main(options: argparse.Namespace, _: list[str]) -> int:
    """Grade as the options say and print the results; the exit code."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.addFilter(_is_told)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clears away, as Ctrl-C does
    try:
        with contextlib.redirect_stdout(sys.stderr):
            results = grade(
                options.source,
                options.submission,
                feedback=options.feedback,
                files=options.file,
                plain_tests=options.plain_tests,
                jobs=options.jobs,
                timeout=options.timeout,
                gpu=options.gpu,
            )
    except (RefusedError, OSError) as error:
        print(f"error: {explain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "Interrupted: no grades were printed; the same command starts again.", file=sys.stderr
        )
        return 130
    found = {"source": options.source, "submissions": [asdict(result) for result in results]}
    print(json.dumps(found, indent=2, allow_nan=False))
    pages = options.feedback is None or all(result.feedback for result in results)
    return 0 if pages and not any(result.error for result in results) else 1
