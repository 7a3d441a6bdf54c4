"""`nbgrader autograde` that loses nothing: it can be killed at any moment and run again.

This process reads submissions and saves results; grading is done in others (see `supervise`), which
it can lose. What comes back is laid out in a folder beside its destination, its scores are saved in
one transaction and the folder is renamed into place; the journal says how far each submission came,
and the next run grades what is unfinished, failed or changed.
"""

from __future__ import annotations

import copy
import glob
import logging
import os
import pickle
import re
import shutil
import stat
import time
import traceback
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from threading import Lock

import nbformat
import nbgrader.converters
from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment, SubmittedNotebook
from nbgrader.apps import api, autogradeapp
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import parse_utc
from sqlalchemy.exc import SQLAlchemyError
from traitlets import Integer, default
from traitlets.config import Config
from traitlets.utils.importstring import import_item

from autograder import files
from autograder.gradebook import journal, scores
from autograder.grading import supervise, trial
from autograder.kernels import cores, sandbox
from autograder.grading.execute import Execute
from autograder.grading.worker import cells_of, write_files
from autograder.gradebook.journal import RefusedError, explain
from autograder.grading.messages import LONGEST, Assignment, Graded, NotGradedError, Submission, readable
from autograder.submissions.notebooks import MAX_BYTES, cell_ids

PATIENCE = 60  # seconds that a notebook may take beyond its limits: kernels, mending; once more so


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
                f"{folder} holds {found[0]!r}, which nbgrader or its gradebook takes for a "
                "pattern: rename the folder, or set COURSE_GRADING to another."
            )
            self.log.error(problem)
            raise NbGraderException(problem)
    step = re.escape(nbgrader_step) if escape else nbgrader_step
    return _nbgraders_format_path(self, step, student_id, assignment_id, escape)


@dataclass
class Result:
    """A graded submission that is to be saved."""

    submission: Submission
    digest: str
    graded: Graded
    complete: bool = True  # or some of its questions are still to be graded
    broken: list[str] = field(default_factory=list)  # notebooks that could not be read, and why

    @property
    def student(self) -> str:
        """Whose it is."""
        return self.submission.student


class Autograde(nbgrader.converters.Autograde):
    """nbgrader's converter of this name, with its options, made safe against interruptions."""

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
    def _journal(self) -> Path:
        return journal.place(self._autograded, self.coursedir.assignment_id)

    def start(self) -> None:
        """Grade what is to be graded; NbGraderException if a submission could not be."""
        try:
            with journal.only_run(self._journal.with_suffix(".lock"), self.log):
                self._check()
                shutil.rmtree(self._output_directory, ignore_errors=True)
                try:
                    super().start()
                finally:
                    shutil.rmtree(self._output_directory, ignore_errors=True)
        except (RefusedError, OSError, SQLAlchemyError) as error:
            self._trace(error)
            self.log.error("Stopped: %s", explain(error))
            raise NbGraderException(explain(error)) from None

    def _check(self) -> None:
        """Refuse at once what would fail for every submission."""
        if os.name != "posix":
            raise RefusedError("Grading needs Linux or macOS: on Windows run it inside WSL.")
        execute = Execute(parent=self)
        if execute.enabled and not any(map(_executes, self.autograde_preprocessors)):
            raise RefusedError(
                "There is no nbgrader_config.py with this course's settings here: run the command "
                "in the course's folder."
            )
        problem = scores.gradebook_problem(self.coursedir.db_url)
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
        self.assignments = {folder: [] for folder in found if self._holds_something(folder)}
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
            self._saved = {submission.student.id for submission in assignment.submissions}

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
        self._entries = journal.read(self._journal)
        self._failures: dict[str, str] = {}  # of submissions that could not be graded
        self._broken: dict[str, str] = {}  # of those with a notebook that could not be read
        self._booking = Lock()  # one submission's files and scores after the other's
        digests = self._choose()
        journal.append(self._journal, journal.PENDING, digests)
        course = self.coursedir.db_url, self.coursedir.course_id
        with scores.open_gradebook(*course) as self._gradebook:
            try:
                self._grade_all(digests)
            except KeyboardInterrupt:
                self.log.error("Interrupted: run the same command again to go on.")
                raise
        self._finish(digests)

    def _finish(self, digests: dict[str, str]) -> None:
        """Say what came of it; NbGraderException if something went wrong."""
        not_graded = dict(sorted((self._broken | self._failures).items()))
        done = len(digests.keys() - not_graded.keys())
        text = f"Graded now: {done} of {len(self.assignments)} submissions"
        if not_graded:
            reasons = "; ".join(f"{student}: {reason}" for student, reason in not_graded.items())
            text += f"; not graded: {len(not_graded)} ({readable(reasons, len(reasons))})"
        if self._failures:
            self.log.error("Tracebacks are in %s", self._journal.with_suffix(".log"))
        self._say(text)
        if self._failures:
            raise NbGraderException(f"{len(self._failures)} submissions could not be graded")

    def _say(self, text: str) -> None:
        """The last line."""
        self.log.log(logging.ERROR if self._failures else logging.INFO, text)

    def _grade_all(self, digests: dict[str, str]) -> None:
        """Grade on this machine, as many submissions at a time as there are jobs."""
        assignment = self.pack()
        shares = cores.shares(cores.available(), self.jobs)[: len(digests)]
        memory = assignment.memory or supervise.share_of_memory(self.jobs)
        package = pickle.dumps(assignment)
        with (
            ThreadPoolExecutor(self.jobs) as pool,
            supervise.Desks(package, shares, memory, self.process_bytes) as self._desks,
        ):
            futures = [pool.submit(self._grade, *item) for item in digests.items()]
            try:
                for future in futures:
                    future.result()
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _choose(self) -> dict[str, str]:
        """Student -> digest of every submission that is to be graded in this run."""
        chosen = {}
        name = re.escape(self.coursedir.assignment_id)
        pattern = self._format_source(name, "(?P<student>.*)", escape=True)
        excluded = self.coursedir.student_id_exclude.split(",")
        for folder in self.assignments:
            student = re.fullmatch(pattern, folder, re.DOTALL)["student"]
            if student in excluded:
                continue
            try:
                if not student.isprintable():
                    raise RefusedError("the folder's name has signs that are no text: rename it")
                digest = journal.fingerprint(Path(folder), MAX_BYTES)
            except (RefusedError, OSError) as error:
                self._fail(student, "", error)
                continue
            if self.force or not self._is_graded(student, digest):
                chosen[student] = digest
            else:
                self.log.info("Skipping %s: graded and unchanged", student)
        return chosen

    def _is_graded(self, student: str, digest: str) -> bool:
        entry = self._entries.get(student, {})
        same = entry.get("state") == journal.GRADED and entry["digest"] == digest
        asked_for = self.coursedir.notebook_id
        names = set() if asked_for == "*" else self._handed_in(student, asked_for)
        place = self._destination(student)
        there = place.exists() and all((place / name).exists() for name in names)
        return same and student in self._saved and there

    def _handed_in(self, student: str, pattern: str = "*") -> set[str]:
        """The assignment's notebooks that a student has handed in."""
        folder = Path(self._format_source(self.coursedir.assignment_id, student))
        return {path.name for path in folder.glob(f"{pattern}.ipynb")} & self._known

    def _grade(self, student: str, digest: str) -> None:
        try:
            submission = self.read(student)
            self.begin({student: submission}, {student: digest})
            self.book([Result(submission, digest, self._desks.grade(submission))])
        except supervise.ClosedError:  # the run was interrupted: the next one grades it
            return
        except Exception as error:
            self._fail(student, digest, error)

    # ---------------------------------------------------------------- what a grader gets

    def pack(self, tier: str = "") -> Assignment:
        """What is needed to grade any submission, wherever that is done, and where tests run."""
        return trial.settle(self, self.pack_untried(tier))

    def pack_untried(self, tier: str = "") -> Assignment:
        """The same with what the configuration says about the place of plain tests."""
        name, course = self.coursedir.assignment_id, self.coursedir
        source = Path(course.format_path(course.source_directory, ".", name))
        theirs = {source / excluded for excluded in self.exclude_overwriting.get(name, [])}
        execute = Execute(parent=self)
        secret = execute.secret_file
        limits = execute.limits_of(name)
        # Hidden parts may take half as long again (see `execute`).
        running = limits.notebook_seconds * 3 // 2 + 2 * limits.cell_seconds
        self._notebook_seconds = running + PATIENCE
        self._tier = tier or os.environ.get("COURSE_TIER", "cpu")
        self._released = {}
        if source.is_dir():
            self._released = self._read_files(source, theirs, follow_links=True)
        return Assignment(
            name,
            self._config_to_send(),
            cells_of(course.db_url, course.course_id, name),
            self._released,
            Path(secret).read_text(encoding="utf-8") if secret else "",
            self._tier,
            memory=self.memory_bytes,
            process_bytes=self.process_bytes,
            course_packages=tuple(execute.course_packages),
            cell_ids=_cell_ids(source),
        )

    def _config_to_send(self) -> Config:
        """The configuration without what only this process needs, and nbgrader does not know."""
        config = copy.deepcopy(self.config)  # `Config.copy` shares its sections
        ours = Autograde.class_own_traits(config=True)
        for name in [*ours, "pre_convert_hook", "post_convert_hook"]:
            for part in (config.Autograde, config.BaseConverter):
                part.pop(name, None)
        try:
            pickle.dumps(config)
        except Exception as error:
            raise RefusedError(
                f"The configuration cannot be given to another process ({error}): in "
                "nbgrader_config.py, name functions and classes by a text 'module.name'."
            ) from None
        return config

    def read(self, student: str) -> Submission:
        """What a student handed in: the assignment's notebooks, and files that lie beside them."""
        folder = Path(self._format_source(self.coursedir.assignment_id, student))
        names = sorted(self._handed_in(student, self.coursedir.notebook_id))
        notebooks = {name: _content(folder / name) for name in names}
        seconds = self.submission_seconds or PATIENCE + len(notebooks) * self._notebook_seconds
        others, when = self._read_files(folder), _timestamp(folder)
        return Submission(student, notebooks, others, when, seconds=seconds)

    def begin(self, submissions: dict[str, Submission], digests: dict[str, str]) -> None:
        """What comes before grading."""
        with self._booking:
            journal.append(self._journal, journal.GRADING, digests)
            for submission in submissions.values():
                self.notebooks = list(submission.notebooks)
                self.run_pre_convert_hook()

    def _read_files(
        self, folder: Path, leave_out: Collection[Path] = (), follow_links: bool = False
    ) -> dict[str, bytes]:
        found = {}
        for name, mode, size in files.walk(folder):
            path = folder / name
            if stat.S_ISLNK(mode) and follow_links and path.exists():
                mode, size = path.stat().st_mode, path.stat().st_size
            if stat.S_ISDIR(mode) or path in leave_out or self._is_ignored(name):
                continue
            if not stat.S_ISREG(mode):
                self.log.warning("Left out, because it is no regular file: %s", path)
            elif size > MAX_BYTES:
                self.log.warning("Left out, because it is too large: %s", path)
            else:
                found[str(name)] = path.read_bytes()
        return found

    def _is_ignored(self, name: Path) -> bool:
        patterns = self.coursedir.ignore
        ignored = any(fnmatch(part, pattern) for part in name.parts for pattern in patterns)
        return ignored or name.suffix == ".ipynb"

    # ---------------------------------------------------------------- what becomes of it

    def book(self, results: list[Result]) -> None:
        """Save graded submissions: their scores in one transaction, each one's files by a renaming.

        A submission that was graded in part stays pending.
        """
        start = time.monotonic()
        with self._booking:
            for result in results:
                self._lay_out(result)
            self._save_all(results)
            states = {journal.GRADED: {}, journal.PENDING: {}}
            for result in results:
                state = journal.GRADED if self._is_complete(result) else journal.PENDING
                self._move_into_place(result.student)
                states[state][result.student] = result.digest
            for state, digests in states.items():
                if digests:
                    journal.append(self._journal, state, digests, tier=self._tier)
            self.log.info("%d submissions: saving %.2f s", len(results), time.monotonic() - start)
            for result in results:
                self._tell(result)
                self.notebooks = list(result.graded.notebooks)
                self.run_post_convert_hook()

    def _tell(self, result: Result) -> None:
        if result.broken:
            self._broken[result.student] = ", ".join(result.broken)
        self.log.info("%s %s", "Not graded:" if result.broken else "Graded", result.student)

    def _is_complete(self, result: Result) -> bool:
        whole = self._handed_in(result.student) <= result.graded.notebooks.keys()
        return result.complete and (whole or self._is_graded(result.student, result.digest))

    def _lay_out(self, result: Result) -> None:
        """Make the folder of a graded submission: its files and the graded notebooks."""
        student, notebooks = result.student, result.graded.notebooks
        work, done = self._work(student), self._destination(student)
        shutil.rmtree(work, ignore_errors=True)  # of an attempt that failed
        if self.coursedir.notebook_id != "*" and done.exists():  # the other notebooks stay
            shutil.copytree(done, work)
            for name in notebooks:
                (work / name).unlink(missing_ok=True)
        write_files(work, result.submission.files | self._released)
        write_files(work, notebooks)
        self.set_permissions(self.coursedir.assignment_id, student)

    def _work(self, student: str) -> Path:
        return Path(self._format_dest(self.coursedir.assignment_id, student))

    def _save_all(self, results: list[Result]) -> None:
        with scores.transaction(self._gradebook) as session:
            for result in results:
                self._save(result)
                session.flush()

    def _save(self, result: Result) -> None:
        student, notebooks, gradebook = result.student, result.graded.notebooks, self._gradebook
        if self.create_student:
            gradebook.update_or_create_student(student)
        times = {"timestamp": result.submission.timestamp} if result.submission.timestamp else {}
        submission = gradebook.update_or_create_submission(
            self.coursedir.assignment_id, student, **times
        )
        result.broken = [] if notebooks else ["no notebook has the name of one of the assignment's"]
        for notebook in submission.notebooks:
            name = f"{notebook.name}.ipynb"
            if name in notebooks:
                executed = nbformat.reads(notebooks[name].decode(), as_version=4)
                scores.save(notebook, executed)
                _check_scores(notebook)
                if reason := executed.metadata.get("autograder", {}).get("not_graded"):
                    result.broken.append(f"{name}: {reason}")
            elif not (self._work(student) / name).exists():
                self.log.warning("No submitted file: %s of %s", name, student)
                scores.save(notebook, None)
            notebook.late_submission_penalty = None
        if submission.total_seconds_late > 0:
            gradebook.db.flush()
            gradebook.db.expire_all()  # a penalty depends on the new scores
            self._assign_penalties(submission)

    def _assign_penalties(self, submission: SubmittedAssignment) -> None:
        late = AssignLatePenalties(parent=self)
        late.init_plugin()
        seconds, student = submission.total_seconds_late, submission.student.id
        for notebook in submission.notebooks:
            penalty = late.plugin_inst.late_submission_penalty(student, notebook.score, seconds)
            if penalty is not None:
                penalty = late._check_late_penalty(notebook, penalty)
            notebook.late_submission_penalty = penalty

    def _move_into_place(self, student: str) -> None:
        work, destination = self._work(student), self._destination(student)
        destination.parent.mkdir(parents=True, exist_ok=True)
        if destination.exists():
            destination.rename(f"{work}.replaced")
        work.rename(destination)

    def _destination(self, student: str) -> Path:
        folder = self.coursedir.autograded_directory
        return Path(self.coursedir.format_path(folder, student, self.coursedir.assignment_id))

    def _fail(self, student: str, digest: str, error: Exception) -> None:
        self._trace(error)
        reason = readable(explain(error), LONGEST)
        if self._destination(student).exists():
            reason += " (its grades of an earlier run still stand)"
        self._failures[student] = reason
        name = readable(student, LONGEST)
        self.log.error("%s could not be graded: %s", name, reason)
        with suppress(OSError):  # on a full disk; an unfinished submission is graded again anyway
            journal.append(self._journal, journal.FAILED, {student: digest}, reason=reason)

    def _trace(self, error: Exception) -> None:
        """Keep what led to an error, for whoever looks into it."""
        text = "".join(traceback.format_exception(error))
        if isinstance(error, NotGradedError):
            text = f"{error.where}: {error.reason}\n{error.trace}".lstrip(": ")
        with suppress(OSError), open(self._journal.with_suffix(".log"), "a") as file:
            file.write(text + "\n")


def _cell_ids(source: Path) -> dict[str, dict[str, str]]:
    """Notebook -> cell id -> name, as far as the source notebooks can be read; they only help."""
    found = {}
    for path in source.glob("*.ipynb"):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            found[path.stem] = cell_ids(path)
    return found


def _executes(preprocessor: str | type) -> bool:
    """Whether a preprocessor is the only one that makes points, or made from it."""
    found = import_item(preprocessor) if isinstance(preprocessor, str) else preprocessor
    return isinstance(found, type) and issubclass(found, Execute)


def _check_scores(notebook: SubmittedNotebook) -> None:
    """Whatever a grading process sends back, no score lies beyond what the question is worth."""
    for grade in notebook.grades:
        score, most = grade.auto_score, grade.cell.max_score
        if score is not None and not (isinstance(score, int | float) and 0 <= score <= most):
            raise RefusedError(f"{grade.name} came back with {score!r:.20} of {most:g} points")


def _content(path: Path) -> bytes | int:
    """A notebook's bytes; its size where it is too large to be read."""
    size = path.stat().st_size
    return size if size > MAX_BYTES else path.read_bytes()


def _timestamp(folder: Path) -> str:
    """The time of handing in as `nbgrader collect` wrote it down; empty if there is none."""
    path = folder / "timestamp.txt"
    if path.is_symlink() or not path.is_file():
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(100).strip()
        parse_utc(text or "2000-01-01")
    except (ValueError, OverflowError):
        raise RefusedError(f"{path.name} holds no date and time: correct or remove it") from None
    return text
