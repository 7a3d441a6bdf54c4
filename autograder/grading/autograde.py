"""`nbgrader autograde` that loses nothing: it can be killed at any moment and run again.

This process reads submissions and saves results (see `ledger`); grading is done by a back end (see
`backends`), in processes that it can lose.
"""

from __future__ import annotations

import glob
import logging
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import nbgrader.converters
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import api, autogradeapp
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SQLAlchemyError
from traitlets import Integer, default
from traitlets.utils.importstring import import_item

from autograder.gradebook import journal, scores
from autograder.gradebook.journal import RefusedError, explain
from autograder.grading import package, supervise, trial
from autograder.grading.backends import Backend, Local
from autograder.grading.execute import Execute
from autograder.grading.ledger import Ledger, Selection
from autograder.grading.messages import Assignment, readable
from autograder.kernels import cores, sandbox


def install() -> None:
    """Make `nbgrader autograde` and the formgrader use this module's Autograde.

    And let all of nbgrader's commands work in folders with names such as `course (1)`.
    """
    autogradeapp.Autograde = api.Autograde = Autograde
    CourseDirectory.format_path = _format_path


_nbgraders_format_path = CourseDirectory.format_path


def _format_path(
    self: CourseDirectory, nbgrader_step: str, student_id: str, assignment_id: str, escape=False
) -> str:
    """nbgrader's method of this name, which forgets that a folder's name is no pattern."""
    for folder in (self.root, nbgrader_step):
        if found := re.search(r"[*?[%]", folder):
            problem = (
                f"{folder} holds {found[0]!r}, which nbgrader or its gradebook reads as a "
                "pattern: rename the folder, or set COURSE_GRADING to another."
            )
            self.log.error(problem)
            raise NbGraderException(problem)
    step = re.escape(nbgrader_step) if escape else nbgrader_step
    return _nbgraders_format_path(self, step, student_id, assignment_id, escape)


class Autograde(nbgrader.converters.Autograde):
    """nbgrader's converter of this name, with its options, made safe against interruptions.

    `backend`: where submissions are graded, by default on this machine. `selection`: what of the
    class is graded, by default what is new, unfinished or changed.
    """

    jobs = Integer(
        help="How many submissions are graded at the same time; the number of cores by default."
    ).tag(config=True)

    submission_seconds = Integer(
        0,
        help="How many seconds a submission may take in all: mending it, kernels, cells, alerts. "
        "0: a minute, and for each notebook a minute, one and a half times its notebook_seconds "
        "and twice its cell_seconds.",
    ).tag(config=True)
    memory_bytes = Integer(
        0,
        help="How much memory grading one submission may hold, all of its kernels together. "
        "0: nine tenths of the machine's, divided by the submissions graded at the same time.",
    ).tag(config=True)
    process_bytes = Integer(
        2 * supervise.GiB,
        help="How much of it the process that grades (without the student's kernel) may take at "
        "any moment; beyond it the system refuses, so nothing can grow unseen.",
    ).tag(config=True)

    def __init__(
        self,
        *arguments: Any,
        backend: Backend | None = None,
        selection: Selection | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.backend, self.selection = backend, selection
        self.ledger: Ledger | None = None
        self.summary = ""  # what came of the run, in a sentence

    @default("jobs")
    def _jobs_default(self) -> int:
        return len(cores.available()) or os.cpu_count() or 1

    @property
    def _autograded(self) -> Path:
        return Path(self.coursedir.root, self.coursedir.autograded_directory)

    @property
    def _output_directory(self) -> str:
        """Where submissions are while they are graded; only one run has it at a time."""
        name = re.sub(r"\W", "_", self.coursedir.assignment_id)  # it becomes part of a pattern
        return str(self._autograded / f".grading-{name}")

    @property
    def _input_directory(self) -> str:
        return self.coursedir.submitted_directory

    @property
    def journal_path(self) -> Path:
        """Where this run says how far each submission came."""
        return journal.place(self._autograded, self.coursedir.assignment_id)

    def start(self) -> None:
        """Grade what is to be graded; NbGraderException if a submission could not be."""
        try:
            with journal.only_run(self.journal_path.with_suffix(".lock"), self.log):
                self.check()
                shutil.rmtree(self._output_directory, ignore_errors=True)
                try:
                    super().start()
                finally:
                    shutil.rmtree(self._output_directory, ignore_errors=True)
        except (RefusedError, OSError, SQLAlchemyError) as error:
            if self.ledger:
                self.ledger.trace(error)
            self.log.error("Stopped: %s", explain(error))
            raise NbGraderException(explain(error)) from None

    def check(self) -> None:
        """Refuse at once what would fail for every submission."""
        if os.name != "posix":
            raise RefusedError("Grading needs Linux or macOS: on Windows run it inside WSL.")
        execute = Execute(parent=self)
        if execute.enabled and not any(map(_executes, self.autograde_preprocessors)):
            raise RefusedError(
                "There is no nbgrader_config.py with this course's settings here: run the command "
                "in the course's folder."
            )
        problem: str | None = scores.gradebook_problem(self.coursedir.db_url)
        if execute.enabled and execute.sandbox:
            problem = problem or sandbox.unavailable_reason()
        if problem:
            raise RefusedError(problem)
        if execute.secret_file:
            journal.make_secret(Path(execute.secret_file))

    def init_notebooks(self) -> None:
        """Find the submissions; an unreadable one stays in the list, to be reported."""
        name = self.coursedir.assignment_id
        pattern = self._format_source(glob.escape(name), self.coursedir.student_id)
        exactly = self._format_source(name, self.coursedir.student_id)
        found = sorted({*glob.glob(pattern), *filter(os.path.lexists, [exactly])})
        self.assignments: dict[str, list[str]] = {
            folder: [] for folder in found if self._holds_something(folder)
        }
        if not self.assignments:
            super().init_notebooks()  # says so, and what else might have been meant
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            try:
                assignment = gradebook.find_assignment(name)
            except MissingEntry:
                raise RefusedError(
                    f"The gradebook has no assignment {name!r}: run "
                    f"`nbgrader generate_assignment {name}` first."
                ) from None
            self._known = {f"{notebook.name}.ipynb" for notebook in assignment.notebooks}
            self._graded_before = {submission.student.id for submission in assignment.submissions}

    def _holds_something(self, folder: str) -> bool:
        try:
            empty = not any(name.endswith(".ipynb") for name in os.listdir(folder))
        except OSError:  # the reason is found and told later
            return True
        if empty:
            self.log.warning("No notebooks in %s", folder)
        return not empty

    def convert_notebooks(self) -> None:
        """Grade what is to be graded; what goes wrong with one submission stops no other."""
        selection = self.selection or Selection(rerun="all" if self.force else "changed")
        self.ledger = ledger = Ledger(
            self, selection, self.assignments, self._known, self._graded_before
        )
        ledger.chosen = chosen = ledger.choose()
        if selection.dry_run:
            return
        backend = self.backend or Local(self.jobs)
        with ledger.open(chosen), _noticed_interrupts() as raise_if_interrupted:
            try:
                if chosen:
                    assignment = self.pack()
                    with closing(backend.outcomes(assignment, chosen, ledger)) as found:
                        for outcomes in found:
                            ledger.keep(outcomes, assignment)
                            raise_if_interrupted()
            except KeyboardInterrupt:
                self.log.error("Interrupted: run the same command again to continue.")
                raise
        self._finish(ledger, chosen)

    def pack(self) -> Assignment:
        """What graders get, with the place where plain tests run."""
        tier = (self.selection or Selection()).tier
        return trial.settle(self, package.pack(self, tier))

    def seconds_for(self, notebooks: int, assignment: Assignment) -> float:
        """How long grading a submission with so many notebooks may take."""
        usual = package.PATIENCE + notebooks * assignment.notebook_seconds
        return self.submission_seconds or usual

    def _finish(self, ledger: Ledger, chosen: dict[str, str]) -> None:
        """Say what came of it; NbGraderException if something went wrong."""
        not_graded = dict(sorted((ledger.broken | ledger.failures).items()))
        done = len(chosen.keys() - not_graded.keys())
        text = f"Graded now: {done} of {len(self.assignments)} submissions"
        if not_graded:
            reasons = "; ".join(f"{student}: {reason}" for student, reason in not_graded.items())
            text += f"; not graded: {len(not_graded)} ({readable(reasons, len(reasons))})"
        if ledger.failures:
            self.log.error("Tracebacks are in %s", self.journal_path.with_suffix(".log"))
        self.summary = text
        self.log.log(logging.ERROR if ledger.failures else logging.INFO, text)
        if ledger.failures:
            raise NbGraderException(f"{len(ledger.failures)} submissions could not be graded")


@contextmanager
def _noticed_interrupts() -> Iterator[Callable[[], None]]:
    """Gives a function that raises the KeyboardInterrupt of a Ctrl-C that came to nothing.

    Where the signal arrives in a finalizer or a weak reference's callback, Python prints the
    exception and goes on.
    """
    came = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        came.set()
        raise KeyboardInterrupt

    def raise_if_interrupted() -> None:
        if came.is_set():
            raise KeyboardInterrupt

    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not in_main_thread or before is not signal.default_int_handler:  # not ours to change
        yield raise_if_interrupted
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield raise_if_interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _executes(preprocessor: str | type) -> bool:
    """Whether a preprocessor is the only one that makes points, or made from it."""
    found = import_item(preprocessor) if isinstance(preprocessor, str) else preprocessor
    return isinstance(found, type) and issubclass(found, Execute)
