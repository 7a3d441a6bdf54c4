"""`nbgrader autograde` that loses nothing: it can be killed at any moment and run again.

A submission is graded in a folder of its own beside its destination. When all its notebooks are
executed, its scores are saved in one transaction and its folder is renamed into place; the journal
says how far each submission came, and the next run grades what is unfinished, failed or changed.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import shutil
import time
import traceback
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

import nbformat
import nbgrader.converters
from nbconvert.writers import FilesWriter
from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment
from nbgrader.apps import api, autogradeapp
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import find_all_files, parse_utc, remove
from sqlalchemy.exc import SQLAlchemyError
from traitlets import Integer, default

from autograder import journal, sandbox, scoring
from autograder.execute import Execute
from autograder.journal import RefusedError


def install() -> None:
    """Make `nbgrader autograde` and the formgrader use this module's Autograde."""
    autogradeapp.Autograde = api.Autograde = Autograde


class Autograde(nbgrader.converters.Autograde):
    """nbgrader's converter of this name, with its options, made safe against interruptions."""

    jobs = Integer(
        help="How many submissions are graded at the same time; the number of cores by default."
    ).tag(config=True)

    @default("jobs")
    def _jobs_default(self) -> int:
        return len(available_cores()) or os.cpu_count() or 1

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
        return self.coursedir.submitted_directory if self._sanitizing else self._output_directory

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
            self._trace()
            self.log.error("Stopped: %s", explain(error))
            raise NbGraderException(explain(error)) from None

    def _check(self) -> None:
        """Refuse at once what would fail for every submission."""
        problem = scoring.gradebook_problem(self.coursedir.db_url)
        execute = Execute(parent=self)
        if execute.enabled and execute.sandbox:
            problem = problem or sandbox.unavailable_reason()
        if problem:
            raise RefusedError(problem)
        if execute.secret_file:
            journal.make_secret(Path(execute.secret_file))

    def init_notebooks(self) -> None:
        """Find the submissions; an unreadable one stays in the list, to be reported."""
        name = self.coursedir.assignment_id
        pattern = self._format_source(name, self.coursedir.student_id)
        self.assignments = {folder: [] for folder in sorted(glob.glob(pattern))}
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

    def convert_notebooks(self) -> None:
        """Grade one submission after the other; what goes wrong with one stops no other."""
        self._entries = journal.read(self._journal)
        self._failures: dict[str, str] = {}
        self._saving = Lock()  # one submission's scores after the other's
        self._cores = SimpleQueue()
        for cores in shares(available_cores(), self.jobs):
            self._cores.put(cores)
        digests = self._choose()
        journal.append(self._journal, journal.PENDING, digests)
        with ThreadPoolExecutor(self.jobs) as pool:
            futures = [pool.submit(self._grade_apart, *item) for item in digests.items()]
            try:
                for future in futures:
                    future.result()
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                self.log.error("Interrupted: run the same command again to go on.")
                raise
        failed = len(self._failures)
        counts = len(digests.keys() - self._failures.keys()), len(self.assignments), failed
        self.log.info("Graded now: %d of %d submissions; could not be graded: %d", *counts)
        for student, reason in self._failures.items():
            self.log.error("%s: %s", student, reason)
        if failed:
            self.log.error("Tracebacks are in %s", self._journal.with_suffix(".log"))
            raise NbGraderException(f"{failed} submissions could not be graded")

    def _choose(self) -> dict[str, str]:
        """Student -> digest of every submission that is to be graded in this run."""
        chosen = {}
        pattern = self._format_source("(?P<assignment>.*)", "(?P<student>.*)", escape=True)
        excluded = self.coursedir.student_id_exclude.split(",")
        for folder in self.assignments:
            student = re.match(pattern, folder)["student"]
            if student in excluded:
                continue
            try:
                digest = journal.fingerprint(Path(folder))
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
        return same and student in self._saved and self._destination(student).exists()

    def _grade_apart(self, student: str, digest: str) -> None:
        """Grade one submission with a converter of its own, so that several go on at once."""
        worker = Autograde(coursedir=self.coursedir, parent=self.parent)
        worker.writer = FilesWriter(parent=worker, config=worker.config)
        worker.exporter = worker.exporter_class(parent=worker, config=worker.config)
        worker._known, worker._saved = self._known, self._saved
        worker._entries, worker._saving = self._entries, self._saving
        worker._own_cores = self._cores.get()
        try:
            worker._grade(student, digest)
            self.log.info("Graded %s", student)
        except Exception as error:
            self._fail(student, digest, error)
        finally:
            self._cores.put(worker._own_cores)
        shutil.rmtree(Path(self._output_directory, student), ignore_errors=True)

    def convert_single_notebook(self, notebook_filename: str) -> None:
        """Nbgrader's two passes: mend the submission, then execute it.

        Without nbgrader's variable NBGRADER_EXECUTION: a student's code shall not see that it is
        graded, and the environment belongs to all submissions that are graded at the same time.
        """
        paths = Path(notebook_filename), Path(self._work, Path(notebook_filename).name)
        for self._sanitizing, path in zip((True, False), paths, strict=True):
            self._init_preprocessors()
            super(nbgrader.converters.Autograde, self).convert_single_notebook(str(path))
        self._sanitizing = True

    def init_single_notebook_resources(self, notebook_filename: str) -> dict:
        """nbgrader's resources, and the cores that the notebook's kernel is to use."""
        resources = super().init_single_notebook_resources(notebook_filename)
        return {**resources, "autograder": {"cores": self._own_cores}}

    def _grade(self, student: str, digest: str) -> None:
        assignment = self.coursedir.assignment_id
        whole = self.coursedir.notebook_id == "*" or self._is_graded(student, digest)
        journal.append(self._journal, journal.GRADING, {student: digest})
        submitted = Path(self._format_source(assignment, student))
        handed_in = submitted.glob(f"{self.coursedir.notebook_id}.ipynb")
        self.notebooks = sorted(str(path) for path in handed_in if path.name in self._known)
        timestamp = _timestamp(submitted)
        self._work = self._format_dest(assignment, student)
        self.run_pre_convert_hook()
        self.init_assignment(assignment, student)
        for notebook in self.notebooks:
            self.convert_single_notebook(notebook)
        start = time.monotonic()
        self.set_permissions(assignment, student)
        self._save(student, timestamp)
        self._move_into_place(student)
        self.log.info("%s: saving %.2f s", submitted, time.monotonic() - start)
        state = journal.GRADED if whole else journal.PENDING
        journal.append(self._journal, state, {student: digest})
        self.run_post_convert_hook()

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        """Gather the submission's and the assignment's files; the gradebook is not touched."""
        work = Path(self._format_dest(assignment_id, student_id))
        done = self._destination(student_id)
        if self.coursedir.notebook_id != "*" and done.exists():  # the other notebooks stay
            shutil.copytree(done, work)
            for notebook in self.notebooks:
                (work / Path(notebook).name).unlink(missing_ok=True)
        work.mkdir(parents=True, exist_ok=True)
        self._copy_files(Path(self._format_source(assignment_id, student_id)), work)
        source = Path(
            self.coursedir.format_path(self.coursedir.source_directory, ".", assignment_id)
        )
        theirs = {source / name for name in self.exclude_overwriting.get(assignment_id, [])}
        self._copy_files(source, work, theirs, follow_links=True)

    def _copy_files(
        self, source: Path, work: Path, leave_out: Collection[Path] = (), follow_links: bool = False
    ) -> None:
        for file in map(Path, find_all_files(str(source), [*self.coursedir.ignore, "*.ipynb"])):
            if not file.is_file() or (file.is_symlink() and not follow_links):
                self.log.warning("Left out, because it is no regular file: %s", file)
            elif file not in leave_out:
                target = work / file.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists():
                    remove(str(target))
                shutil.copy(file, target)

    def _save(self, student: str, timestamp: str) -> None:
        work = Path(self._format_dest(self.coursedir.assignment_id, student))
        converted = {Path(notebook).stem for notebook in self.notebooks}
        course = self.coursedir.db_url, self.coursedir.course_id
        with self._saving, scoring.transaction(*course) as gradebook:
            if self.create_student:
                gradebook.update_or_create_student(student)
            times = {"timestamp": timestamp} if timestamp else {}
            submission = gradebook.update_or_create_submission(
                self.coursedir.assignment_id, student, **times
            )
            for notebook in submission.notebooks:
                path = work / f"{notebook.name}.ipynb"
                if notebook.name in converted:
                    scoring.save(notebook, nbformat.read(path, as_version=4))
                elif not path.exists():
                    self.log.warning("No submitted file: %s of %s", path.name, student)
                    scoring.save(notebook, None)
            gradebook.db.commit()  # not to the disk yet: a penalty depends on the new scores
            self._assign_penalties(submission)

    def _assign_penalties(self, submission: SubmittedAssignment) -> None:
        late = AssignLatePenalties(parent=self)
        late.init_plugin()
        seconds, student = submission.total_seconds_late, submission.student.id
        for notebook in submission.notebooks:
            notebook.late_submission_penalty = None
            if seconds > 0:
                penalty = late.plugin_inst.late_submission_penalty(student, notebook.score, seconds)
                if penalty is not None:
                    penalty = late._check_late_penalty(notebook, penalty)
                notebook.late_submission_penalty = penalty

    def _move_into_place(self, student: str) -> None:
        work = Path(self._format_dest(self.coursedir.assignment_id, student))
        destination = self._destination(student)
        destination.parent.mkdir(parents=True, exist_ok=True)
        if destination.exists():
            destination.rename(f"{work}.replaced")
        work.rename(destination)

    def _destination(self, student: str) -> Path:
        folder = self.coursedir.autograded_directory
        return Path(self.coursedir.format_path(folder, student, self.coursedir.assignment_id))

    def _fail(self, student: str, digest: str, error: Exception) -> None:
        self._trace()
        reason = explain(error)
        if self._destination(student).exists():
            reason += " (its grades of an earlier run still stand)"
        self._failures[student] = reason
        self.log.error("%s could not be graded: %s", student, reason)
        with suppress(OSError):  # on a full disk; an unfinished submission is graded again anyway
            journal.append(self._journal, journal.FAILED, {student: digest}, reason)

    def _trace(self) -> None:
        """Keep the traceback of the exception being handled, for whoever looks into it."""
        with suppress(OSError), open(self._journal.with_suffix(".log"), "a") as file:
            file.write(traceback.format_exc() + "\n")


def available_cores() -> list[int]:
    """The processor cores that this process may use; none where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def shares(cores: list[int], jobs: int) -> list[list[int]]:
    """The cores of each of `jobs` submissions that are graded at the same time.

    Two frameworks that both start a thread per core make each other wait: measured, two trainings
    side by side take a quarter longer than with a core each.
    """
    if jobs > len(cores):
        return [[] for _ in range(jobs)]
    return [cores[job::jobs] for job in range(jobs)]


def explain(error: Exception) -> str:
    """An exception in one sentence, with what to do about it where that is known."""
    text = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    if isinstance(error, RefusedError):
        return text
    full = "disk is full" in text or "No space left on device" in text
    if full or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full: make room and run the command again."
    if "readonly database" in text:
        return "The gradebook is read-only: make its file and folder writable and run again."
    if "database is locked" in text:
        return "The gradebook is locked by another program: end that program and run again."
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} cannot be used: {error.strerror}."
    return f"{type(error).__name__}: {text}"


def _timestamp(folder: Path) -> str:
    """The time of handing in as `nbgrader collect` wrote it down; empty if there is none."""
    path = folder / "timestamp.txt"
    if path.is_symlink() or not path.is_file():
        return ""
    try:
        text = path.read_text(encoding="utf-8").strip()
        parse_utc(text or "2000-01-01")
    except (ValueError, OverflowError):
        raise RefusedError(f"{path.name} holds no date and time: correct or remove it") from None
    return text
