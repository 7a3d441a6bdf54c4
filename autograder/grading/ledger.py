"""What is to be graded of a class, and what became of it; it alone writes grades.

What comes back is laid out in a folder beside its destination, its scores are saved in one
transaction and the folder is renamed into place; the journal says how far each submission came, and
the next run grades what is unfinished, failed or changed.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbgrader.api import SubmittedAssignment, SubmittedNotebook
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import parse_utc

from autograder.gradebook import journal, scores
from autograder.gradebook.journal import RefusedError, explain
from autograder.grading.messages import (
    LONGEST,
    Assignment,
    Graded,
    NotGradedError,
    Submission,
    readable,
)
from autograder.grading.package import read_files
from autograder.grading.worker import write_files
from autograder.submissions.notebooks import MAX_BYTES

if TYPE_CHECKING:
    from autograder.grading.autograde import Autograde

FULL_DISKS = 3  # so many submissions in a row that find the disk full end the run


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


@dataclass
class Failure:
    """A submission that could not be graded."""

    student: str
    digest: str
    error: Exception


Outcome = Result | Failure


@dataclass(frozen=True)
class Selection:
    """What of a class a run grades, and how."""

    students: tuple[str, ...] = ("*",)  # names; * and ? may be used
    rerun: str = "changed"  # 'failed', 'changed' (what is new, unfinished or changed) or 'all'
    tier: str = field(default_factory=lambda: os.environ.get("COURSE_TIER", "cpu"))
    one_tier: bool = False  # refuse a class that was graded on another tier
    dry_run: bool = False


class Ledger:
    """One run's view of a class. `converter` has nbgrader's settings and its folders.

    `submitted`: the folders in which submissions lie. `known`: the assignment's notebooks.
    `graded_before`: students whose scores the gradebook has.
    """

    def __init__(
        self,
        converter: Autograde,
        selection: Selection,
        submitted: Iterable[str],
        known: set[str],
        graded_before: set[str],
    ) -> None:
        self.converter, self.selection, self.log = converter, selection, converter.log
        self.course, self.path = converter.coursedir, converter.journal_path
        self.name: str = self.course.assignment_id
        self.submitted, self.known, self.graded_before = submitted, known, graded_before
        self.entries = journal.read(self.path)
        self.chosen: dict[str, str] = {}  # student -> digest of what this run grades
        self.failures: dict[str, str] = {}  # of submissions that could not be graded
        self.broken: dict[str, str] = {}  # of those with a notebook that could not be read
        self.saved: set[str] = set()  # whose grades this run has written
        self.full_disks = 0

    # ---------------------------------------------------------------- what is to be graded

    def choose(self) -> dict[str, str]:
        """Student -> digest of every submission that is to be graded in this run."""
        chosen = {}
        pattern = self.converter._format_source(re.escape(self.name), "(?P<s>.*)", escape=True)
        excluded = self.course.student_id_exclude.split(",")
        for folder in self.submitted:
            match = re.fullmatch(pattern, folder, re.DOTALL)
            student = match["s"] if match else folder
            if student in excluded or not self._is_asked_for(student):
                continue
            try:
                if not student.isprintable():
                    raise RefusedError(
                        "the folder's name has characters that are not text: rename it"
                    )
                digest = journal.fingerprint(Path(folder), MAX_BYTES)
            except (RefusedError, OSError) as error:
                self.fail(Failure(student, "", error))
                continue
            if self.selection.rerun == "all" or not self._is_graded(student, digest):
                chosen[student] = digest
            else:
                self.log.info("Skipping %s: graded and unchanged", student)
        if self.selection.one_tier:
            self._refuse_mixed_tiers(chosen)
        return chosen

    def state(self, student: str) -> str:
        """How far a submission came, by the journal; 'new' if it does not know it."""
        return self.entries.get(student, {}).get("state", "new")

    def _is_asked_for(self, student: str) -> bool:
        patterns, failed = self.selection.students, self.state(student) == journal.FAILED
        named = any(fnmatch.fnmatchcase(student, pattern) for pattern in patterns)
        return named and (failed or self.selection.rerun != "failed")

    def _refuse_mixed_tiers(self, chosen: dict[str, str]) -> None:
        tier = self.selection.tier
        for student, entry in self.entries.items():
            other = entry.get("tier", tier)
            stays = student not in chosen and self._destination(student).exists()
            if other != tier and stays:
                raise RefusedError(
                    f"A class is graded on one tier, and {student} was graded on {other!r}: add "
                    f"--tier {other}, or --rerun all to grade everybody on {tier!r}."
                )

    def _is_graded(self, student: str, digest: str) -> bool:
        entry = self.entries.get(student, {})
        same = entry.get("state") == journal.GRADED and entry["digest"] == digest
        asked_for = self.course.notebook_id
        names = set() if asked_for == "*" else self._handed_in(student, asked_for)
        place = self._destination(student)
        there = place.exists() and all((place / name).exists() for name in names)
        return same and student in self.graded_before and there

    def _handed_in(self, student: str, pattern: str = "*") -> set[str]:
        """The assignment's notebooks that a student has handed in."""
        folder = Path(self.converter._format_source(self.name, student))
        return {path.name for path in folder.glob(f"{pattern}.ipynb")} & self.known

    # ---------------------------------------------------------------- before grading

    @contextmanager
    def open(self, chosen: dict[str, str]) -> Iterator[None]:
        """With the gradebook open: note what is to be graded, then read and save."""
        journal.append(self.path, journal.PENDING, chosen)
        gradebook = scores.open_gradebook(self.course.db_url, self.course.course_id)
        with gradebook as self.gradebook:
            yield

    def take_up(
        self, chosen: Iterable[tuple[str, str]], assignment: Assignment
    ) -> tuple[list[tuple[Submission, str]], list[Outcome]]:
        """Read submissions (student, digest) that are now to be graded; and what cannot be read."""
        read: list[tuple[Submission, str]] = []
        failures: list[Outcome] = []
        for student, digest in chosen:
            try:
                read.append((self._read(student, assignment), digest))
            except Exception as error:
                failures.append(Failure(student, digest, error))
        if read:
            digests = {submission.student: digest for submission, digest in read}
            journal.append(self.path, journal.GRADING, digests)
            for submission, _ in read:
                self.converter.notebooks = list(submission.notebooks)
                self.converter.run_pre_convert_hook()
        return read, failures

    def _read(self, student: str, assignment: Assignment) -> Submission:
        """What a student handed in: the assignment's notebooks, and files that lie beside them."""
        folder = Path(self.converter._format_source(self.name, student))
        names = sorted(self._handed_in(student, self.course.notebook_id))
        notebooks = {name: _content(folder / name) for name in names}
        seconds = self.converter.seconds_for(len(notebooks), assignment)
        others = read_files(folder, self.course.ignore, self.log)
        return Submission(student, notebooks, others, _timestamp(folder), seconds=seconds)

    # ---------------------------------------------------------------- what became of it

    def keep(self, outcomes: list[Outcome], assignment: Assignment) -> None:
        """Save graded submissions together, if that fails one after the other; note the failures.

        RefusedError if the disk stays full.
        """
        results = [outcome for outcome in outcomes if isinstance(outcome, Result)]
        try:
            self.save(results, assignment)
        except Exception as error:
            if len(results) == 1:
                self.fail(Failure(results[0].student, results[0].digest, error))
            else:
                for result in results:
                    self.keep([result], assignment)
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                self.fail(outcome)

    def save(self, results: list[Result], assignment: Assignment) -> None:
        """Save graded submissions: their scores in one transaction, each one's files by a renaming.

        A submission that was graded in part stays pending.
        """
        if not results:
            return
        start = time.monotonic()
        for result in results:
            self._lay_out(result, assignment)
        self._save_all(results)
        states: dict[str, dict[str, str]] = {journal.GRADED: {}, journal.PENDING: {}}
        for result in results:
            state = journal.GRADED if self._is_complete(result) else journal.PENDING
            self._move_into_place(result.student)
            states[state][result.student] = result.digest
        for state, digests in states.items():
            if digests:
                journal.append(self.path, state, digests, tier=assignment.tier)
        self.full_disks = 0
        self.saved |= {result.student for result in results if result.complete}
        self.log.info("%d submissions: saving %.2f s", len(results), time.monotonic() - start)
        for result in results:
            self._tell(result)
            self.converter.notebooks = list(result.graded.notebooks)
            self.converter.run_post_convert_hook()

    def _tell(self, result: Result) -> None:
        if result.broken:
            self.broken[result.student] = ", ".join(result.broken)
        self.log.info("%s %s", "Not graded:" if result.broken else "Graded", result.student)

    def _is_complete(self, result: Result) -> bool:
        whole = self._handed_in(result.student) <= result.graded.notebooks.keys()
        return result.complete and (whole or self._is_graded(result.student, result.digest))

    def _lay_out(self, result: Result, assignment: Assignment) -> None:
        """Make the folder of a graded submission: its files and the graded notebooks."""
        student, notebooks = result.student, result.graded.notebooks
        work, done = self._work(student), self._destination(student)
        shutil.rmtree(work, ignore_errors=True)  # of an attempt that failed
        if self.course.notebook_id != "*" and done.exists():  # the other notebooks stay
            shutil.copytree(done, work)
            for name in notebooks:
                (work / name).unlink(missing_ok=True)
        write_files(work, result.submission.files | assignment.files)
        write_files(work, notebooks)
        self.converter.set_permissions(self.name, student)

    def _work(self, student: str) -> Path:
        return Path(self.converter._format_dest(self.name, student))

    def _save_all(self, results: list[Result]) -> None:
        with scores.transaction(self.gradebook) as session:
            for result in results:
                self._save(result)
                session.flush()

    def _save(self, result: Result) -> None:
        student, notebooks, gradebook = result.student, result.graded.notebooks, self.gradebook
        if self.converter.create_student:
            gradebook.update_or_create_student(student)
        times = {"timestamp": result.submission.timestamp} if result.submission.timestamp else {}
        submission = gradebook.update_or_create_submission(self.name, student, **times)
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
        late = AssignLatePenalties(parent=self.converter)
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
        folder = self.course.autograded_directory
        return Path(self.course.format_path(folder, student, self.name))

    def fail(self, failure: Failure) -> None:
        """Note why a submission could not be graded. RefusedError if the disk stays full."""
        student, reason = failure.student, readable(explain(failure.error), LONGEST)
        full = reason.startswith("The disk is full")
        if self.selection.dry_run:
            self.failures[student] = reason
            return
        self.trace(failure.error)
        if self._destination(student).exists():
            reason += " (its grades of an earlier run still stand)"
        self.failures[student] = reason
        name = readable(student, LONGEST)
        self.log.error("%s could not be graded: %s", name, reason)
        with suppress(OSError):  # on a full disk; an unfinished submission is graded again anyway
            journal.append(self.path, journal.FAILED, {student: failure.digest}, reason=reason)
        self.full_disks = self.full_disks + 1 if full else 0
        if self.full_disks == FULL_DISKS:
            raise RefusedError(explain(failure.error)) from None

    def trace(self, error: Exception) -> None:
        """Keep what led to an error, for whoever looks into it."""
        text = "".join(traceback.format_exception(error))
        if isinstance(error, NotGradedError):
            text = f"{error.where}: {error.reason}\n{error.trace}".lstrip(": ")
        with suppress(OSError), open(self.path.with_suffix(".log"), "a") as file:
            file.write(text + "\n")


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
