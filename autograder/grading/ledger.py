"""What is to be graded of a class, and what became of it; it alone writes grades.

What comes back is laid out in a folder beside its destination, its scores are saved in one
transaction and the folder is renamed into place; the journal says how far each submission came, and
the next run grades what is unfinished, failed or changed.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbgrader.api import SubmittedNotebook
from nbgrader.utils import parse_utc

from autograder.gradebook import journal, penalties, scores, versions
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
from autograder.submissions.notebooks import ABSENT, MAX_BYTES, absent

if TYPE_CHECKING:
    from autograder.grading.autograde import Autograde

NOTHING = "nothing"  # in place of the digest of who has handed in nothing
FULL_DISKS = 3  # so many submissions in a row that find the disk full end the run


@dataclass
class Result:
    """A graded submission that is to be saved."""

    submission: Submission
    digest: str
    graded: Graded
    complete: bool = True  # or some of its questions are still to be graded
    broken: list[str] = field(default_factory=list)  # notebooks that could not be read, and why
    absent: list[str] = field(default_factory=list)  # notebooks that were not handed in
    finished: list[str] = field(default_factory=list)  # the same, where the course has a policy

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
        self.in_part: dict[str, str] = {}  # of those who lack a notebook
        self.finished: dict[str, str] = {}  # of those whose missing notebooks the policy settles
        self.with_nothing: list[str] = []  # who handed in nothing, and is finished by the policy
        self.still: dict[str, str] = {}  # unchanged, and why a notebook is still not graded
        self.left: list[str] = []  # who was removed from the gradebook
        self.handed_in: set[str] = set()  # students with a folder
        self.outdated: dict[str, str] = {}  # whose grades are of an earlier version -> its digest
        self.policy = policy_of(converter.missing, self.name)
        self.version = versions.digest(converter.versions[-1]) if converter.versions else ""
        self._stubs: dict[str, bytes] = {}  # notebook -> what stands for it
        self.saved: set[str] = set()  # whose grades this run has written
        self.full_disks = 0

    # ---------------------------------------------------------------- what is to be graded

    def choose(self) -> dict[str, str]:
        """Student -> digest of every submission that is to be graded in this run."""
        chosen = {}
        pattern = self.converter._format_source(re.escape(self.name), "(?P<s>.*)", escape=True)
        for folder in self.submitted:
            match = re.fullmatch(pattern, folder, re.DOTALL)
            student = match["s"] if match else folder
            self.handed_in.add(student)
            if not self._is_asked_for(student):
                continue
            if self._has_left(student):
                self.left.append(student)
                self.log.info("Skipping %s: no longer in the gradebook", student)
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
            if self._is_outdated(student, digest):
                self.outdated[student] = self.entries[student]["version"]
            if self.selection.rerun == "all" or not self._is_graded(student, digest):
                chosen[student] = digest
            elif lacking := self._lacking(student):
                self.still[student] = lacking
                self.log.info("Skipping %s: unchanged, still not graded: %s", student, lacking)
            else:
                self.log.info("Skipping %s: graded and unchanged", student)
        self._refuse_unknown()
        if self.selection.one_tier:
            self._refuse_mixed_tiers(chosen)
        return chosen

    def state(self, student: str) -> str:
        """How far a submission came, by the journal; 'new' if it does not know it."""
        return self.entries.get(student, {}).get("state", "new")

    def _is_asked_for(self, student: str) -> bool:
        if student in self.course.student_id_exclude.split(","):
            return False
        patterns, failed = self.selection.students, self.state(student) == journal.FAILED
        named = any(fnmatch.fnmatchcase(student, pattern) for pattern in patterns)
        return named and (failed or self.selection.rerun != "failed")

    def _has_left(self, student: str) -> bool:
        known, entry = student in self.converter.people, self.entries.get(student, {})
        return journal.has_left(entry, self.converter.book, known)

    def _is_outdated(self, student: str, digest: str) -> bool:
        """Whether the grades of an unchanged submission are of an earlier version."""
        entry = self.entries.get(student, {})
        return journal.is_outdated(entry, self.version) and entry["digest"] == digest

    def news(self) -> str:
        """What of the assignment has changed since submissions were graded; empty if nothing."""
        if not self.outdated:
            return ""
        known = {versions.digest(version): version for version in self.converter.versions}
        before = Counter(self.outdated.values()).most_common(1)[0][0]
        what = versions.changes(known.get(before), known[self.version])
        return f"the assignment has changed since {len(self.outdated)} were graded ({what})"

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
        current = entry.get("version", self.version) == self.version
        settled = same and self._lacked(student) in ("", self.policy)
        return same and current and settled and student in self.graded_before and there

    def _lacked(self, student: str) -> str:
        """The policy that settled missing or broken notebooks; empty if there were none."""
        entry = self.entries[student]
        if "lacks" in entry or self.policy == scores.WAIT:
            return entry.get("lacks", self.policy)
        autograded = [self._destination(student) / name for name in self.known]
        whole = all(path.exists() and not _reason(path) for path in autograded)
        return "" if whole else scores.WAIT

    def _lacking(self, student: str) -> str:
        """Why notebooks of an unchanged submission wait for a person; empty if none does."""
        if self._lacked(student) != scores.WAIT:
            return ""
        places = {name: self._destination(student) / name for name in sorted(self.known)}
        reasons = {name: _reason(path) for name, path in places.items()}
        return ", ".join(f"{name} {reason}" for name, reason in reasons.items() if reason)

    def _refuse_unknown(self) -> None:
        """A name that nobody has is a typing mistake, not an empty class."""
        everybody = self.handed_in | self.converter.people
        for pattern in self.selection.students:
            if pattern != "*" and not fnmatch.filter(everybody, pattern):
                raise RefusedError(
                    f"--student {pattern}: nobody of this name has handed in {self.name}"
                )

    def _handed_in(self, student: str, pattern: str = "*") -> set[str]:
        """The assignment's notebooks that a student has handed in."""
        folder = Path(self.converter._format_source(self.name, student))
        return {path.name for path in folder.glob(f"{pattern}.ipynb")} & self.known

    # ---------------------------------------------------------------- before grading

    @contextmanager
    def open(self, chosen: dict[str, str]) -> Iterator[None]:
        """With the gradebook open: note what is to be graded, then read and save."""
        journal.append(self.path, journal.PENDING, chosen)
        if chosen and (news := self.news()):
            self.log.warning("%s%s; they are graded again", news[0].upper(), news[1:])
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

    def save(self, results: list[Result], assignment: Assignment | None = None) -> None:
        """Save graded submissions: their scores in one transaction, each one's files by a renaming.

        A submission that was graded in part stays pending.
        """
        if not results:
            return
        start = time.monotonic()
        for result in results:
            self._settle(result)
            self._lay_out(result, assignment)
        self._save_all(results)
        states: dict[tuple[str, str], dict[str, str]] = {}
        for result in results:
            state = journal.GRADED if self._is_complete(result) else journal.PENDING
            self._move_into_place(result.student)
            states.setdefault((state, self._lacks(result)), {})[result.student] = result.digest
        tags = {"tier": self.selection.tier, "version": self.version, "book": self.converter.book}
        for (state, lacks), digests in states.items():
            journal.append(self.path, state, digests, lacks=lacks, **tags)
        self.full_disks = 0
        self.saved |= {result.student for result in results if result.complete}
        self.log.info("%d submissions: saving %.2f s", len(results), time.monotonic() - start)
        for result in results:
            self._tell(result)
            if result.digest != NOTHING:
                self.converter.notebooks = list(result.graded.notebooks)
                self.converter.run_post_convert_hook()

    def _tell(self, result: Result) -> None:
        if result.digest == NOTHING:
            self.with_nothing.append(result.student)
            return
        if result.broken:
            self.broken[result.student] = ", ".join(result.broken)
        elif result.absent:
            self.in_part[result.student] = ", ".join(result.absent)
        if result.finished:
            self.finished[result.student] = ", ".join(result.finished)
        self.log.info("%s %s", "Not graded:" if result.broken else "Graded", result.student)

    # ---------------------------------------------------------------- what is missing

    def _settle(self, result: Result) -> None:
        """Add what stands for missing notebooks, and mark broken ones, if there is a policy."""
        if self.policy == scores.WAIT:
            return
        notebooks = result.graded.notebooks
        for name, content in notebooks.items():
            executed = nbformat.reads(content.decode(), as_version=4)
            if executed.metadata.get("autograder", {}).get("not_graded"):
                scores.settle(executed, self.policy)
                notebooks[name] = nbformat.writes(executed).encode() + b"\n"
        for name in self._absent(result.student):
            notebooks[name] = self._stub(name)

    def _absent(self, student: str) -> set[str]:
        """The notebooks that a student has not handed in, under another name neither."""
        folder = Path(self.converter._format_source(self.name, student))
        there = {path.name for path in folder.glob("*.ipynb")}
        return set() if there - self.known else self.known - there

    def _stub(self, name: str) -> bytes:
        if not self._stubs:
            for notebook in self.gradebook.find_assignment(self.name).notebooks:
                nb = absent(notebook)
                scores.settle(nb, self.policy)
                text = nbformat.writes(nb).encode() + b"\n"
                self._stubs[f"{notebook.name}.ipynb"] = text
        return self._stubs[name]

    def _lacks(self, result: Result) -> str:
        lacking = result.broken or result.finished or self._absent(result.student)
        if lacking or result.digest == NOTHING:
            return self.policy
        if self.course.notebook_id != "*":  # the others are as they were
            return self.entries.get(result.student, {}).get("lacks", "")
        return ""

    def finish(self) -> None:
        """What needs no grading: penalties after points by hand, and who has handed in nothing.

        Who has gets what the policy says; it is taken back if there is none.
        """
        if self.selection.dry_run:
            return
        with scores.transaction(self.gradebook):
            entry = self.gradebook.find_assignment(self.name)
            if renewed := penalties.renew(entry, self.converter, self.saved):
                self.log.info("Late penalties follow the points of %s", ", ".join(renewed))
        results, back = [], []
        for student in sorted(self.converter.people - self.handed_in):
            if not (self._is_asked_for(student) and self._is_of_this_run(student)):
                continue
            had_nothing = self.entries.get(student, {}).get("digest") == NOTHING
            if student in self.graded_before and not had_nothing:
                continue  # was graded once: the folder is gone, the points stay
            if self.policy == scores.WAIT:
                back += [student] * had_nothing
            elif self.selection.rerun == "all" or not self._is_graded(student, NOTHING):
                results.append(Result(Submission(student, {}, {}), NOTHING, Graded({})))
        try:
            self.save(results)
            self._take_back(back)
        except Exception as error:
            for result in results:
                self.fail(Failure(result.student, NOTHING, error))

    def _is_of_this_run(self, student: str) -> bool:
        return fnmatch.fnmatchcase(student, self.course.student_id)

    def _take_back(self, students: list[str]) -> None:
        """Forget what the policy gave to who handed in nothing, unless a person has graded it."""
        digests = {}
        with scores.transaction(self.gradebook):
            for student in students:
                submission = self.gradebook.find_submission(self.name, student)
                grades = [grade for book in submission.notebooks for grade in book.grades]
                if not any(grade.manual_score is not None for grade in grades):
                    self.gradebook.remove_submission(self.name, student)
                    digests[student] = ""
        for student in digests:
            shutil.rmtree(self._destination(student), ignore_errors=True)
            pages = self.course.format_path(self.course.feedback_directory, student, self.name)
            shutil.rmtree(pages, ignore_errors=True)
        journal.append(self.path, journal.PENDING, digests)

    # ---------------------------------------------------------------- files and scores

    def _is_complete(self, result: Result) -> bool:
        whole = self._handed_in(result.student) <= result.graded.notebooks.keys()
        return result.complete and (whole or self._is_graded(result.student, result.digest))

    def _lay_out(self, result: Result, assignment: Assignment | None) -> None:
        """Make the folder of a graded submission: its files and the graded notebooks."""
        student, notebooks = result.student, result.graded.notebooks
        work, done = self._work(student), self._destination(student)
        shutil.rmtree(work, ignore_errors=True)  # of an attempt that failed
        if self.course.notebook_id != "*" and done.exists():  # the other notebooks stay
            shutil.copytree(done, work)
            for name in notebooks:
                (work / name).unlink(missing_ok=True)
        write_files(work, result.submission.files | (assignment.files if assignment else {}))
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
        result.finished, result.absent = [], []
        for notebook in submission.notebooks:
            name = f"{notebook.name}.ipynb"
            if name in notebooks:
                executed = nbformat.reads(notebooks[name].decode(), as_version=4)
                scores.save(notebook, executed)
                _check_scores(notebook)
                known = executed.metadata.get("autograder", {})
                if reason := known.get("not_graded"):
                    told = result.finished if known.get("missing") else result.broken
                    told.append(f"{name} {reason}" if reason == ABSENT else f"{name}: {reason}")
            elif not (self._work(student) / name).exists():
                self.log.warning("No submitted file: %s of %s", name, student)
                result.absent.append(f"{name} {ABSENT}")
                scores.save(notebook, None)
            notebook.late_submission_penalty = None
        if submission.total_seconds_late > 0:
            gradebook.db.flush()
            gradebook.db.expire_all()  # a penalty depends on the new scores
            for notebook, penalty in penalties.of(submission, self.converter):
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


def policy_of(setting: dict, assignment: str) -> str:
    """What becomes of notebooks that are missing or cannot be read, by `c.Autograde.missing`."""
    policy = str(setting.get(assignment, setting.get("*", scores.WAIT)))
    if policy not in (scores.WAIT, *scores.WHAT_IT_MEANS):
        raise RefusedError(
            f"c.Autograde.missing has {policy!r:.40} for {assignment}: expected '0' (they get 0 "
            "points), 'excused' (they do not count) or 'wait' (a person decides)."
        )
    return policy


def _reason(path: Path) -> str:
    """Why a notebook was not graded, by its autograded copy; empty if it was."""
    try:
        metadata = json.loads(path.read_bytes())["metadata"]
        return str(metadata.get("autograder", {}).get("not_graded") or "")
    except FileNotFoundError:
        return ABSENT
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return "has a damaged autograded copy"


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
