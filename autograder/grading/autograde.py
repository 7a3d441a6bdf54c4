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
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import nbgrader.converters
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import api, autogradeapp
from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SQLAlchemyError
from traitlets import Dict, Integer, default
from traitlets.config import Application
from traitlets.utils.importstring import import_item

from autograder.gradebook import journal, scores, versions
from autograder.gradebook.journal import RefusedError, explain
from autograder.grading import package, supervise, trial
from autograder.grading.backends import Backend, Local
from autograder.grading.execute import Execute
from autograder.grading.ledger import Ledger, Selection, policy_of
from autograder.grading.messages import Assignment, readable
from autograder.kernels import cores, sandbox

INTERRUPTED = "Interrupted: run the same command again to continue."
AFTER_ALL = (
    "Interrupted: run the same command without --force (or --rerun) to continue; "
    "with it, everybody is graded again."
)


def install() -> None:
    """Make `nbgrader autograde` and the formgrader use this module's Autograde.

    And let all of nbgrader's commands work in folders with names such as `course (1)`, and end
    with a sentence when they are interrupted.
    """
    autogradeapp.Autograde = api.Autograde = Autograde
    CourseDirectory.format_path = _format_path
    if Application.initialized() and isinstance(Application.instance(), NbGrader):
        sys.excepthook = _excepthook


def _excepthook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """What ends a command of nbgrader's: a Ctrl-C is no error that needs a traceback."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        say_interrupted(error)


def say_interrupted(stop: BaseException) -> None:
    """How to go on after a Ctrl-C, unless it has been said."""
    if INTERRUPTED not in getattr(stop, "__notes__", []):
        print(INTERRUPTED, file=sys.stderr)


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
        help="How many notebooks are graded at the same time; the number of cores by default."
    ).tag(config=True)

    missing = Dict(
        {"*": scores.WAIT},
        help="What becomes of notebooks that were not handed in or cannot be read, and of students "
        "who handed in nothing, per assignment: {'*': 'wait', 'ps1': '0', 'ps2': 'excused'}. '0': "
        "0 points. 'excused': they do not count. 'wait': not graded, until a person decides.",
    ).tag(config=True)

    submission_seconds = Integer(
        0,
        help="How many seconds a submission may take in all: mending it, kernels, cells, alerts. "
        "0: a minute, and for each notebook a minute, one and a half times its notebook_seconds "
        "and twice its cell_seconds.",
    ).tag(config=True)
    memory_bytes = Integer(
        0,
        help="How much memory grading one notebook may hold, all of its kernels together. "
        "0: nine tenths of the machine's, divided by the notebooks graded at the same time.",
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
        self.people: set[str] = set()  # students in the gradebook
        self.book = ""  # what tells this gradebook from others
        self.versions: list[versions.Version] = []  # of the assignment; the last one is graded
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
            self._check_place()  # before a folder for the journal is made
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

    def _check_place(self) -> None:
        """Refuse a system or a folder in which nothing can be graded."""
        if os.name != "posix":
            raise RefusedError("Grading needs Linux or macOS: on Windows run it inside WSL.")
        execute = Execute(parent=self)
        if execute.enabled and not any(map(_executes, self.autograde_preprocessors)):
            raise RefusedError(
                "There is no nbgrader_config.py with this course's settings here: run the command "
                "in the course's folder."
            )

    def check(self) -> None:
        """Refuse at once what would fail for every submission."""
        execute = Execute(parent=self)
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
        policy = policy_of(self.missing, name)
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
            self.people = {student.id for student in gradebook.students}
            self.book = assignment.id
            place = versions.place(self._autograded, name)
            self.versions = versions.remember(place, versions.version_of(assignment.notebooks))
        if not self.assignments and (policy == scores.WAIT or not self.people):
            super().init_notebooks()  # says so, and what else might have been meant

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
                ledger.finish()
            except KeyboardInterrupt as stop:
                self.log.error(AFTER_ALL if selection.rerun == "all" else INTERRUPTED)
                stop.add_note(INTERRUPTED)  # so that it is not said twice
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
        not_graded = ledger.broken | ledger.failures
        done = len(chosen.keys() - not_graded.keys())
        text = f"Graded now: {done} of {len(self.assignments)} submissions"
        if not_graded:
            text += f"; not graded: {_counted(not_graded)}"
        if ledger.in_part:
            text += f"; in part: {_counted(ledger.in_part)}"
        meaning = scores.WHAT_IT_MEANS.get(ledger.policy, "")
        if ledger.finished:
            text += f"; {meaning} for what is missing: {_counted(ledger.finished)}"
        if ledger.with_nothing:
            names = ", ".join(ledger.with_nothing)
            text += f"; handed in nothing, {meaning}: {len(ledger.with_nothing)} ({names})"
        if ledger.still:
            text += f"; still not graded: {_counted(ledger.still)}"
        if ledger.left:
            names = readable(", ".join(ledger.left), 10_000)
            text += f"; no longer in the gradebook: {len(ledger.left)} ({names})"
        if news := ledger.news():
            text += f"; {news}"
        if ledger.failures:
            self.log.error("Tracebacks are in %s", self.journal_path.with_suffix(".log"))
        self.summary = text
        self.log.log(logging.ERROR if ledger.failures else logging.INFO, text)
        if ledger.failures:
            raise NbGraderException(f"{len(ledger.failures)} submissions could not be graded")


def _counted(reasons: dict[str, str]) -> str:
    """How many students, who they are and why."""
    shown = "; ".join(f"{student}: {why}" for student, why in sorted(reasons.items()))
    return f"{len(reasons)} ({readable(shown, len(shown))})"


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
