"""Grades the sample class as an instructor would, and compares with the scores it must get."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from tqdm import tqdm

from autograder.course import Course
from autograder.kernels import host, sandbox
from autograder.outputs import export, terminal
from autograder.quality import HOME, members
from autograder.quality.members import Member

# Nobody in these classes runs for ever, but on a busy machine a training takes a while.
PATIENCE = "--Execute.limits={'*': {'cell_seconds': 900, 'notebook_seconds': 3600}}"


def grade(
    assignment: str, folder: Path | None = None, students: Collection[str] | None = None
) -> int:
    """Release, collect, autograde, feedback, export; print the table. 0 if all is expected.

    `students`: only these of the class. Raises ValueError if one of them is not in it.
    """
    folder = folder or HOME / "grading" / "sample_class" / assignment
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    start = time.monotonic()
    class_members = _choose(members.members(assignment), students)
    run = Commands(folder)
    run("release", "generate_assignment", assignment)
    hand_in(assignment, class_members, folder)
    run("collect", "zip_collect", assignment)
    run("autograde", "autograde", assignment, PATIENCE, watch=len(class_members))
    run("feedback", "generate_feedback", assignment)
    grades = folder / "grades.csv"
    exporter = "--exporter=autograder.outputs.export.QuestionsExportPlugin"
    run("export", "export", exporter, f"--to={grades}", f"--assignment=['{assignment}']")
    wrong = print_table(assignment, class_members, folder)
    print(f"\ngrades    {_short(grades)}")
    print(f"feedback  {_short(folder / 'feedback')}/<student>/{assignment}/<notebook>.html")
    print(f"log       {_short(run.log)}")
    verdict = "every score is the expected one" if not wrong else f"{wrong} unexpected scores"
    print(f"\n{len(class_members)} students in {time.monotonic() - start:.0f} s: {verdict}")
    return 1 if wrong else 0


def attack(assignment: str, folder: Path) -> dict[str, export.Row]:
    """Let the generic attackers hand in the assignment; returns their rows of the report."""
    notebooks = [path.stem for path in (HOME / "solutions" / assignment).glob("*.ipynb")]
    attackers = members.generic_attackers(notebooks)
    run = Commands(folder)
    run("release", "generate_assignment", assignment)
    hand_in(assignment, attackers, folder)
    run("collect", "zip_collect", assignment)
    run("attack", "autograde", assignment, "--Execute.limits={'*': {'cell_seconds': 10}}")
    return run.course.rows(assignment)


def _choose(class_members: list[Member], students: Collection[str] | None) -> list[Member]:
    if not students:
        return class_members
    unknown = set(students) - {member.name for member in class_members}
    if unknown:
        names = ", ".join(member.name for member in class_members)
        raise ValueError(f"expected students of the class ({names}), found {sorted(unknown)}")
    return [member for member in class_members if member.name in students]


def hand_in(assignment: str, class_members: Sequence[Member], folder: Path) -> None:
    """Write every member's notebooks as a learning platform would deliver them."""
    for release in sorted((folder / "release" / assignment).glob("*.ipynb")):
        released = nbformat.read(release, as_version=4)
        source = _source(assignment, release.stem)
        for member in class_members:
            path = folder / "downloaded" / assignment / "archive" / member.name / release.name
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(member.submission(release.stem, source, released), path)


class Commands:
    """Runs nbgrader's commands on a class's folder, with a bar, a log and the time each took."""

    def __init__(self, folder: Path) -> None:
        home, source = HOME, HOME / "solutions"
        self.course = Course(folder, home, source, {"PYTHONUNBUFFERED": "1"})
        self.log = folder / "nbgrader.log"

    def __call__(self, title: str, *arguments: str, watch: int = 0) -> None:
        """Run one command to its end; RuntimeError with the reason if it fails."""
        start, reason = time.monotonic(), ""
        with (
            self.log.open("a", encoding="utf-8") as log,
            self.course.start(*arguments) as process,
            tqdm(total=watch, desc=title, unit="student", disable=not watch, leave=False) as bar,
        ):
            for line in process.stdout or ():
                log.write(line)
                if found := re.search(r"INFO\] Graded (\S+)$", line):
                    bar.update()
                    bar.set_postfix_str(found[1])
                if found := re.search(r"ERROR\] (.+)$", line):
                    reason = reason or f": {found[1]}"
        if process.returncode:
            raise RuntimeError(f"nbgrader {arguments[0]} failed{reason}\nThe log is {self.log}")
        print(f"{title:<10} {time.monotonic() - start:5.0f} s", flush=True)


def print_table(assignment: str, class_members: list[Member], folder: Path) -> int:
    """Points per question, expected total and note for each student; returns how many are wrong."""
    graded = Course(folder).rows(assignment)
    sources = {
        path.stem: _source(assignment, path.stem)
        for path in sorted((HOME / "solutions" / assignment).glob("*.ipynb"))
    }
    wrong = 0
    for notebook, source in sources.items():
        questions = list(class_members[0].expected(notebook, source))
        rows = []
        for member in class_members:
            expected = member.expected(notebook, source)
            scores = {
                score.question: score.points
                for score in graded[member.name].scores
                if score.notebook == notebook
            }
            marks = [_mark(scores[question], expected[question]) for question in questions]
            wrong += sum("!" in mark for mark in marks)
            totals = (sum(points or 0 for points in part.values()) for part in (scores, expected))
            rows.append([member.name, *marks, *(f"{total:g}" for total in totals)])
        heads = [notebook, *(f"{question:>8}" for question in questions), "points", "expected"]
        print(f"\n{terminal.table(heads, rows)}")
    print("\n(· waits to be graded by hand, ! differs from what is expected)\n")
    notes = [[m.name, "; ".join([m.note, *graded[m.name].notes])] for m in class_members]
    print(terminal.table(["", ""], notes, left=(0, 1)))
    return wrong


def _mark(points: float | None, expected: float | None) -> str:
    text = "·" if points is None else f"{points:g}"
    if points == expected:
        return text
    return f"!{text} ({'·' if expected is None else f'{expected:g}'})"


def _source(assignment: str, notebook: str) -> NotebookNode:
    path = HOME / "solutions" / assignment / f"{notebook}.ipynb"
    return nbformat.read(path, as_version=4)


def _short(path: Path) -> str:
    return os.path.relpath(path)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of `autograder grade-class`."""
    parser.add_argument("assignment")
    parser.add_argument("--student", nargs="+", help="only these of the class")


def main(options: argparse.Namespace, _: list[str]) -> int:
    """Grade the sample class; 0 if every score is the expected one.

    Its notebooks do no harm, so they are graded where no sandbox can be made, too.
    """
    if os.environ.get("COURSE_UNSANDBOXED") != "1" and (reason := sandbox.unavailable_reason()):
        print(
            "No sandbox can be made here. The sample class is harmless and is graded without one; "
            "notebooks of others are refused unless you set COURSE_UNSANDBOXED=1. "
            f"{host.refusal() or reason}\n",  # of the two, the one that knows what to type
            flush=True,
        )
        os.environ["COURSE_UNSANDBOXED"] = "1"
    return grade(options.assignment, students=options.student)
