"""A submission graded from bytes to bytes: no gradebook is opened and no course folder seen.

It is done in a process of its own, `python -m autograder.grading.worker`, which `supervise` starts,
looks after and replaces: one notebook at a time, in its main thread. The process ends with its
parent.
"""

from __future__ import annotations

import copy
import logging
import os
import pickle
import shutil
import socket
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import nbformat
import nbgrader.converters
from nbgrader.api import Assignment as AssignmentRow
from nbgrader.api import (
    Base,
    BaseCell,
    Course,
    GradeCell,
    Notebook,
    SolutionCell,
    SourceCell,
    TaskCell,
)
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import create_engine, select

from autograder.gradebook.journal import explain, remove_scratch
from autograder.grading import messages, supervise
from autograder.grading.execute import Execute
from autograder.grading.messages import Graded, NotGradedError, Submission
from autograder.kernels import forks, host


class Grader:
    """A private folder in which submissions to one assignment are graded; use it with `with`."""

    def __init__(self, assignment: messages.Assignment, log: logging.Logger) -> None:
        self.assignment, self.log = assignment, log
        self.folder = Path(tempfile.mkdtemp(prefix="grader-"))
        (self.folder / "gradebook.db").write_bytes(assignment.gradebook)
        self.config = copy.deepcopy(assignment.config)
        self.config.Execute.secret_file = self._secret() if assignment.secret else ""

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *_: Any) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _secret(self) -> str:
        path = self.folder / "secret_seed"
        path.touch(mode=0o600)
        path.write_text(self.assignment.secret)
        return str(path)

    def grade(self, submission: Submission, cores: Iterable[int] = ()) -> Graded:
        """Mend the notebooks and execute them; the kernels run on `cores`, or on all."""
        start = time.monotonic()
        top = Path(tempfile.mkdtemp(prefix="submission-", dir=self.folder))
        work = top / submission.student / self.assignment.name
        handed_in = top / "submitted"
        try:
            write_files(work, submission.files | self.assignment.files)
            write_files(handed_in, submission.notebooks)
            graded = Graded({})
            for name in submission.notebooks:
                self._convert(submission, handed_in / name, work / name, list(cores), graded)
            graded.took = time.monotonic() - start
            return graded
        finally:
            shutil.rmtree(top, ignore_errors=True)

    def _convert(
        self, submission: Submission, source: Path, target: Path, cores: list[int], graded: Graded
    ) -> None:
        """nbgrader's two passes: mend the submitted notebook, then execute it.

        Without nbgrader's variable NBGRADER_EXECUTION: a student's code shall not see that it is
        graded, and the environment belongs to all submissions that are graded at the same time.
        """
        converter = self._converter(submission.part)
        for converter._sanitizing, path in ((True, source), (False, target)):
            converter._init_preprocessors()
            if not converter._sanitizing:
                self._leave_out(converter.exporter, submission.part, source.stem)
            resources = self._resources(submission.student, source.stem, cores)
            text, resources = converter.exporter.from_filename(str(path), resources=resources)
            target.write_text(text, encoding="utf-8")
        graded.notebooks[source.name] = target.read_bytes()
        for stage, seconds in resources["autograder"].get("seconds", {}).items():
            graded.seconds[stage] = graded.seconds.get(stage, 0.0) + seconds
        for kind in resources["autograder"].get("kernels", []):
            graded.kernels[kind] = graded.kernels.get(kind, 0) + 1

    def _converter(self, part: str) -> nbgrader.converters.Autograde:
        config = copy.deepcopy(self.config)
        if part == messages.GPU:
            config.Execute.gpu = True
        course = CourseDirectory(config=config, log=self.log)
        converter = nbgrader.converters.Autograde(coursedir=course, config=config, log=self.log)
        converter.exporter = converter.exporter_class(parent=converter, config=converter.config)
        return converter

    def _resources(self, student: str, notebook: str, cores: list[int]) -> dict:
        names = {"student": student, "assignment": self.assignment.name, "notebook": notebook}
        return {
            "unique_key": notebook,
            "output_files_dir": f"{notebook}_files",
            "nbgrader": names | {"db_url": f"sqlite:///{self.folder / 'gradebook.db'}"},
            "autograder": {
                "cores": cores,
                "cell_ids": self.assignment.cell_ids.get(notebook, {}),
                "versions": self.assignment.versions.get(notebook, []),
            },
        }

    def _leave_out(self, exporter: Any, part: str, notebook: str) -> None:
        """Let the executor see only the cells that belong to this part of the submission."""
        marked = set(self.assignment.gpu_cells.get(notebook, ()))
        if part == messages.ALL or not marked:
            return
        cells = []

        def set_aside(nb: Any, resources: dict) -> tuple[Any, dict]:
            for cell in nb.cells:
                belongs = _name(cell) in marked
                is_test = cell.metadata.get("nbgrader", {}).get("grade", False)
                left_out = belongs if part == messages.CPU else is_test and not belongs
                if left_out and cell.cell_type == "code":
                    cells.append(cell.metadata.nbgrader.grade_id)
                    cell.cell_type = "raw"
            return nb, resources

        def put_back(nb: Any, resources: dict) -> tuple[Any, dict]:
            for cell in nb.cells:
                if _name(cell) in cells:
                    cell.cell_type = "code"
            return nb, resources

        steps = exporter._preprocessors
        place = next(i for i, step in enumerate(steps) if isinstance(step, Execute))
        steps[place : place + 1] = [set_aside, steps[place], put_back]


def _name(cell: Any) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def merge(cpu: Graded, gpu: Graded, gpu_cells: dict[str, list[str]]) -> Graded:
    """The notebooks of the part that ran without a GPU, with the marked cells of the other part."""
    merged = messages.joined([cpu, gpu])
    merged.where = f"{cpu.where}, {gpu.where}"
    for name, content in cpu.notebooks.items():
        notebook = nbformat.reads(content.decode(), as_version=4)
        other = nbformat.reads(gpu.notebooks[name].decode(), as_version=4)
        marked = {_name(cell): cell for cell in other.cells}
        for place, cell in enumerate(notebook.cells):
            if _name(cell) in gpu_cells.get(Path(name).stem, ()):
                notebook.cells[place] = marked[_name(cell)]
        alerts = [nb.metadata.get("autograder", {}).get("alerts", []) for nb in (notebook, other)]
        if any(alerts):
            notebook.metadata.autograder["alerts"] = list(dict.fromkeys(chain(*alerts)))
        merged.notebooks[name] = nbformat.writes(notebook).encode() + b"\n"
    return merged


def write_files(folder: Path, files: Mapping[str, bytes | int]) -> None:
    """Write `files` (relative name -> content) into `folder`; a number: so many zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # it may be read-only
        if isinstance(content, int):
            path.touch()
            os.truncate(path, content)
        else:
            path.write_bytes(content)


def cells_of(db_url: str, course_id: str, assignment: str) -> bytes:
    """An SQLite gradebook with the cells of one assignment and no student, as bytes."""
    source, target = create_engine(db_url), create_engine("sqlite://")  # in memory
    try:
        with source.connect() as theirs, target.connect() as ours:
            Base.metadata.create_all(ours)
            for table, rows in _rows(theirs, course_id, assignment):
                if rows:
                    ours.execute(table.insert(), rows)
            ours.commit()
            database = ours.connection.driver_connection
            if database is None:
                raise RuntimeError("the database in memory is closed")
            return database.serialize()
    finally:
        source.dispose()
        target.dispose()


def _rows(connection: Any, course_id: str, assignment: str) -> Iterable[tuple[Any, list[dict]]]:
    """The rows of one assignment, table by table, parents first."""

    def read(model: Any, column: str, values: list) -> list[dict]:
        table = model.__table__
        query = select(table).where(table.c[column].in_(values))
        return [dict(row._mapping) for row in connection.execute(query)]

    courses = read(Course, "id", [course_id])
    # nbgrader's preprocessors open a gradebook without naming the course, which would be added
    if course_id != "default_course":
        courses.append({"id": "default_course"})
    yield Course.__table__, courses
    assignments = read(AssignmentRow, "name", [assignment])
    yield AssignmentRow.__table__, assignments
    notebooks = read(Notebook, "assignment_id", [row["id"] for row in assignments])
    yield Notebook.__table__, notebooks
    cells = read(BaseCell, "notebook_id", [row["id"] for row in notebooks])
    yield BaseCell.__table__, cells
    for model in (GradeCell, SolutionCell, TaskCell):
        yield model.__table__, read(model, "id", [row["id"] for row in cells])
    yield SourceCell.__table__, read(SourceCell, "notebook_id", [row["id"] for row in notebooks])


# ------------------------------------------------------------------ a process that grades


class Warnings(logging.Handler):
    """Keeps warnings, to be sent with the graded submission."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.entries: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        if len(self.entries) < messages.MOST_ENTRIES:
            text = messages.readable(record.getMessage(), messages.LONGEST)
            self.entries.append((record.levelno, text))

    def take(self) -> list[tuple[int, str]]:
        """The messages since the last time."""
        entries, self.entries = self.entries, []
        return entries


def serve(line: socket.socket) -> None:
    """Receive the assignment, then answer every (submission, cores) that comes, to the end."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    host.be_the_first_to_go()
    os.umask(0o022)  # kernels of another user id must be able to read what is made for them
    for message in ("Object of type .* not in session", "Cell is missing an id field"):
        warnings.filterwarnings("ignore", message=message)  # as in nbgrader_config.py
    log, warned = logging.getLogger("autograder.grading.worker"), Warnings()
    log.addHandler(warned)
    log.setLevel(logging.INFO)
    requests = line.makefile("rb")
    assignment = pickle.load(requests)
    os.environ["COURSE_TIER"] = assignment.tier
    supervise.bound_memory(assignment.process_bytes)
    with Grader(assignment, log) as grader:
        while True:
            try:
                submission, cores = pickle.load(requests)
            except EOFError:
                return
            answer: Graded | NotGradedError
            try:
                answer = grader.grade(submission, cores)
                answer.log = warned.take()
            except MemoryError:
                raise
            except Exception as error:
                warned.take()
                answer = NotGradedError(explain(error), traceback.format_exc())
            line.sendall(messages.to_line(answer))


def _end_with_parent() -> None:
    """End when the standard input does, that is, when whoever started this process is gone."""
    sys.stdin.buffer.read()
    remove_scratch(Path(os.environ.get("TMPDIR", "/")))  # made for this process alone
    os._exit(1)


if __name__ == "__main__":
    for file in sys.argv[2:]:
        forks.share(socket.socket(fileno=int(file)))
    try:
        serve(socket.socket(fileno=int(sys.argv[1])))
    except MemoryError:
        os._exit(supervise.OUT_OF_MEMORY)
