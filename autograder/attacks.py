"""Runs the attackers of the sample class against three graders and compares what they earn.

The graders are nbgrader as it comes, our sandbox with the tests in the student's own kernel, and
ours. An attack has failed if it earns nothing that is not its due, if the report points at it, and
if nothing of it is left outside the sandbox.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import nbformat
from nbgrader.api import Gradebook

from autograder import classroom, execute, report

REPOSITORY = Path(__file__).parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results" / "attacks.json"
SOURCES = {
    "plain": classroom.CLASSES / "plain" / "source",
    "cnn_lstm": REPOSITORY / "solutions" / "cnn_lstm",
}
HONEST = "honest"  # a right submission: there must be something to steal, and it must not suffer
HONEST_RESULT = (11.0, [])  # its points and its alerts
WORKERS = 2
CANARY = "canary-of-an-attacker"  # what attackers call the files and processes they leave behind
PORT = 47923  # where a listener waits for what attackers send
# The smallest that every honest part of the notebooks fits into, so that the suite is quick.
LIMITS = {
    "plain": {"cell_seconds": 3, "notebook_seconds": 60, "memory_bytes": 2 * 2**30},
    "cnn_lstm": {"cell_seconds": 60, "notebook_seconds": 240},
}
QUICK_LIMITS = {"processes": 128, "disk_bytes": 256 * 2**20, "file_bytes": 128 * 2**20}


class SandboxOnly(execute.Execute):
    """Our sandbox without our judge: every test runs in the student's kernel."""

    def preprocess(self, nb, resources):
        """Execute as if the assignment's tests were plain asserts."""
        with mock.patch.object(execute, "imports_for_judge", return_value=("", True)):
            return super().preprocess(nb, resources)


@dataclass
class Outcome:
    """What the graders gave one attacker: points by grader, None where it was not run."""

    attacker: classroom.Attacker
    assignment: str
    due: float
    maximum: float
    points: dict[str, float | None] = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.assignment}/{self.attacker.name}"


def run(only_ours: bool = False, folder: Path | None = None) -> int:
    """Run all attackers, print the table; 0 if every attack failed."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="attacks-") as temporary:
        folder = folder or Path(temporary)
        outcomes, traces = attack(folder, ["ours"] if only_ours else list(GRADERS))
    problems = find_problems(outcomes, traces)
    print_table(outcomes)
    for problem in problems:
        print(f"NOT PREVENTED: {problem}")
    if not only_ours:
        write_results(outcomes, problems)
    verdict = "none earned a point that was not its due" if not problems else "see above"
    print(f"\n{len(outcomes)} attackers in {time.monotonic() - start:.0f} s: {verdict}")
    return 1 if problems else 0


def attack(
    folder: Path, graders: list[str], assignments: tuple[str, ...] = tuple(SOURCES)
) -> tuple[list[Outcome], list[str]]:
    """Grade all attackers with each grader; what they earned, and the traces that they left."""
    outcomes = [
        Outcome(member, name, *_due_and_maximum(name, member))
        for name in assignments
        for member in classroom.attackers(name)
    ]
    groups = [(grader, part) for grader in graders for part in _parts(outcomes)]

    def grade(number: int) -> dict[str, tuple]:
        return _grade(folder / str(number), *groups[number])

    with watch(folder) as traces, ThreadPoolExecutor(WORKERS) as pool:
        for (grader, part), earned in zip(groups, pool.map(grade, range(len(groups))), strict=True):
            for outcome in part:
                points, alerts = earned.get(outcome.attacker.name, (None, []))
                outcome.points[grader] = points
                outcome.alerts = alerts if grader == "ours" else outcome.alerts
            honest = earned.get(HONEST, HONEST_RESULT)
            if honest != HONEST_RESULT:
                traces.append(f"{GRADERS[grader].title}: the honest student got {honest}")
    return outcomes, traces


def _parts(outcomes: list[Outcome]) -> list[list[Outcome]]:
    """The attackers of one assignment, shared out so that two runs can go on side by side."""
    names = dict.fromkeys(outcome.assignment for outcome in outcomes)
    shares = [
        [o for o in outcomes if o.assignment == name][i::WORKERS]
        for name in names
        for i in range(WORKERS)
    ]
    return [share for share in shares if share]


def find_problems(outcomes: list[Outcome], traces: list[str]) -> list[str]:
    """Points that were not earned, attackers without an alert, traces outside the sandbox."""
    problems = list(traces)
    for outcome in outcomes:
        points = outcome.points["ours"] or 0.0
        if points > outcome.due:
            problems.append(f"{outcome.name}: {points} points, {outcome.due:g} were its due")
        if not outcome.alerts:
            problems.append(f"{outcome.name}: no alert")
    return problems


def print_table(outcomes: list[Outcome]) -> None:
    """One line per attacker: what each grader gave, and the first alert."""
    width = max(len(outcome.name) for outcome in outcomes)
    graders = list(outcomes[0].points)
    heads = "  ".join(f"{GRADERS[grader].title:>14}" for grader in graders)
    print(f"\n{'attack':<{width}}  {heads}  alert")
    for outcome in outcomes:
        cells = [_cell(outcome, grader) for grader in graders]
        first = outcome.alerts[0] if outcome.alerts else "-"
        more = f" (and {len(outcome.alerts) - 1} more)" if len(outcome.alerts) > 1 else ""
        print(f"{outcome.name:<{width}}  {'  '.join(cells)}  {first}{more}")
    for grader in graders:
        run_here = [o for o in outcomes if o.points[grader] is not None]
        cheated = sum(o.points[grader] > o.due for o in run_here)
        print(f"{GRADERS[grader].title}: {cheated} of {len(run_here)} got points they did not earn")


def write_results(outcomes: list[Outcome], problems: list[str]) -> None:
    """Write benchmarks/results/attacks.json."""
    versions = {name: importlib.metadata.version(name) for name in ("nbgrader", "torch", "keras")}
    results = {
        "command": "python -m autograder attacks",
        "python": platform.python_version(),
        "versions": versions,
        "problems": problems,
        "attacks": [
            {
                "attack": outcome.name,
                "note": outcome.attacker.note,
                "due": outcome.due,
                "maximum": outcome.maximum,
                "not_run_by_stock": outcome.attacker.harmful or None,
                **outcome.points,
                "alerts": len(outcome.alerts),
            }
            for outcome in outcomes
        ],
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=2, ensure_ascii=False) + "\n"
    report.write_atomically(RESULTS, text)


def _cell(outcome: Outcome, grader: str) -> str:
    points = outcome.points[grader]
    if points is None:
        return f"{'not run' if outcome.attacker.harmful else 'not graded':>14}"
    return f"{points:>8g} of {outcome.maximum:<2g}"


def _due_and_maximum(assignment: str, attacker: classroom.Attacker) -> tuple[float, float]:
    due = maximum = 0.0
    for name in attacker.notebooks:
        source = nbformat.read(SOURCES[assignment] / f"{name}.ipynb", as_version=4)
        tests = [cell.metadata.nbgrader for cell in source.cells if classroom.is_test(cell)]
        expected = attacker.expected(name, source)
        due += sum(expected[test.grade_id] or 0.0 for test in tests)
        maximum += sum(test.points for test in tests)
    return due, maximum


# ------------------------------------------------------------------ the three graders


@dataclass(frozen=True)
class Grader:
    """How `nbgrader autograde` is called."""

    title: str
    ours: bool
    options: tuple[str, ...] = ()


GRADERS = {
    "stock": Grader("stock nbgrader", False, ("--Execute.timeout=10",)),
    "sandbox_only": Grader(
        "sandbox only",
        True,
        (
            "--Autograde.autograde_preprocessors=['autograder.attacks.SandboxOnly']",
            "--Autograde.jobs=1",  # it patches a module
        ),
    ),
    "ours": Grader(
        "ours", True, ("--Execute.plain_tests={'plain': 'judge'}", "--Autograde.jobs=2")
    ),
}


def _grade(folder: Path, grader: str, part: list[Outcome]) -> dict[str, tuple]:
    """Attacker -> (points, alerts) of one grader's run in a course folder of its own."""
    how, assignment = GRADERS[grader], part[0].assignment
    attackers = [o.attacker for o in part if how.ours or not o.attacker.harmful]
    source = folder / "source" / assignment
    shutil.copytree(SOURCES[assignment], source)
    (folder / "tmp").mkdir()
    _nbgrader(folder, how, "generate_assignment", assignment)
    hand_in(folder, assignment, attackers)
    limits = {**QUICK_LIMITS, **LIMITS[assignment]}
    options = (f"--Execute.limits={{'*': {limits}}}",) if how.ours else ()
    _nbgrader(folder, how, "autograde", assignment, *how.options, *options)
    if how.ours:
        _nbgrader(folder, how, "generate_feedback", assignment)
    return _earned(folder, assignment)


def _nbgrader(folder: Path, how: Grader, *arguments: str) -> None:
    """Run one command to its end; it fails where a submission could not be graded."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    variables = {"PATH": path, "TMPDIR": str(folder / "tmp"), "COURSE_GRADING": str(folder)}
    options = [f"--CourseDirectory.source_directory={folder / 'source'}"]
    options += [f"--CourseDirectory.release_directory={folder / 'release'}"]
    if not how.ours:
        options.append(f"--CourseDirectory.root={folder}")
    with open(folder / "nbgrader.log", "a") as log:
        subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments, *options],
            cwd=REPOSITORY if how.ours else folder,
            env={**os.environ, **variables},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )


def hand_in(folder: Path, assignment: str, attackers: list[classroom.Attacker]) -> None:
    """Write the submissions of all attackers, and of one honest student."""
    # Training takes a while, and what there is to steal lies beside the plain assignment.
    honest = [classroom.Member(HONEST, "everything right")] if assignment == "plain" else []
    for path in sorted((folder / "release" / assignment).glob("*.ipynb")):
        release = nbformat.read(path, as_version=4)
        source = nbformat.read(folder / "source" / assignment / path.name, as_version=4)
        for member in [*honest, *(a for a in attackers if path.stem in a.notebooks)]:
            target = folder / "submitted" / member.name / assignment
            target.mkdir(parents=True, exist_ok=True)
            text = json.dumps(member.submission(path.stem, source, release))
            (target / path.name).write_text(text, encoding="utf-8")
    for attacker in attackers:
        attacker.hand_in_files(folder / "submitted" / attacker.name / assignment)


def _earned(folder: Path, assignment: str) -> dict[str, tuple]:
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        folders = folder / "submitted", folder / "autograded"
        rows = {row.student: row for row in report.rows(gradebook, assignment, *folders)}
    return {name: (_points(row), row.alerts) for name, row in rows.items()}


def _points(row: report.Row) -> float | None:
    """The points for tests; None if nothing was graded."""
    points = [score.points for score in row.scores if not score.by_hand]
    return None if set(points) == {None} else sum(filter(None, points))


# ------------------------------------------------------------------ what is left outside


@contextmanager
def watch(folder: Path):
    """Yield a list that afterwards names every trace which attackers left on this machine."""
    traces: list[str] = []
    server = socket.create_server(("127.0.0.1", PORT))
    threading.Thread(target=_listen, args=(server, traces), daemon=True).start()
    try:
        yield traces
    finally:
        server.close()
        time.sleep(1.5)  # a daemon that survived would write in this time
        traces += _left_behind(folder)


def _listen(server: socket.socket, traces: list[str]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        traces.append(f"somebody connected to port {PORT} outside the sandbox")
        connection.close()


def _left_behind(folder: Path) -> list[str]:
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")]
    places += [Path("/"), Path("/srv"), Path.home(), REPOSITORY, folder, Path(sys.prefix)]
    places += [path for name in ("submitted", "source") for path in folder.rglob(name)]
    found = {path for place in places for path in place.glob(f"*{CANARY}*")}
    found |= set(Path(sys.prefix).glob(f"lib/python*/site-packages/*{CANARY}*"))
    traces = [f"{path} exists" for path in sorted(found)]
    for path in folder.glob("*/tmp/*"):
        traces.append(f"{path} was not removed")
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().decode(errors="replace")
            place = os.readlink(path / "cwd")
        except OSError:
            continue
        if CANARY in command or place.startswith(str(folder)):
            traces.append(f"process {path.name} still runs in {place}: {command[:80]!r}")
    return traces
