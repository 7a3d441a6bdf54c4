"""Runs the attackers of the sample class against three graders and compares what they earn.

The graders are nbgrader as it comes, our sandbox with the tests in the student's own kernel, and
ours. An attack has failed if it earns nothing that is not its due, if the report points at it, if
nothing of it is left outside the sandbox, if nothing of the hidden tests and no script of it stands
on a page or in a table, and if it took no more time and memory than it may. Attackers of one kind
are graded in one run, beside an honest student who must get everything.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import importlib.metadata
import io
import json
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from unittest import mock

import nbformat
import psutil
import yaml
from bs4 import BeautifulSoup
from nbformat import NotebookNode
from nbgrader.utils import is_grade

from autograder import syntax
from autograder.course import Course
from autograder.gradebook import journal
from autograder.grading import execute
from autograder.outputs import export, terminal
from autograder.quality import HOME, members

RESULTS = HOME / "benchmarks" / "results" / "attacks.json"
# What is attacked and within which limits: see classes/attacks.yaml
_TARGETS = members.CLASSES / "attacks.yaml"
TARGETS: dict[str, dict] = yaml.safe_load(_TARGETS.read_text("utf-8")) if _TARGETS.exists() else {}
SOURCES = {name: HOME / target["source"] for name, target in TARGETS.items()}
# a right submission: there must be something to steal, and it must not suffer
HONEST = "honest"
HONEST_STUDENT = members.Member(HONEST, "everything right")
SECRETS = "0f6c", "93a1"  # seeds of the hidden tests; what a student may read is the same with both
WORKERS = 2
JOBS = 2  # submissions at a time in a run
CANARY = "canary-of-an-attacker"  # what attackers call the files and processes they leave behind
PORT = 47923  # where a listener waits for what attackers send
LIMITS = {name: target["limits"] for name, target in TARGETS.items()}
MORE_SECONDS = 120  # that a notebook may take beyond its limits on a busy machine: kernels, pages
MEMORY_BYTES = 2 * 2**30  # of the processes that are not in the sandbox, for one submission
QUICK_LIMITS = {"processes": 128, "disk_bytes": 256 * 2**20, "file_bytes": 128 * 2**20}


class SandboxOnly(execute.Execute):
    """Our sandbox without our judge: every test runs in the student's kernel."""

    def preprocess(self, nb, resources):
        """Execute as if the assignment's tests were plain asserts."""
        with mock.patch.object(execute, "imports_for_judge", return_value=("", True)):
            return super().preprocess(nb, resources)


@dataclass
class Graded:
    """What one grader made of one submission."""

    points: float | None = None  # for tests; None: nothing was graded
    alerts: list[str] = field(default_factory=list)
    complete: bool = True  # every test has its points
    leaks: list[str] = field(default_factory=list)  # hidden words that the student may read
    scripts: list[str] = field(default_factory=list)  # and what the sandbox let it do
    seconds: float = 0.0
    pages: str = ""  # all text that the student may read
    not_graded: str = ""  # why not, where it or a part of it was not


@dataclass
class Outcome:
    """What the graders gave one attacker: points by grader, None where it was not run."""

    attacker: members.Attacker
    assignment: str
    due: float
    maximum: float
    points: dict[str, float | None] = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)
    leaked: int = 0  # bytes
    seconds: float = 0.0  # by ours
    not_graded: str = ""  # by ours: why not
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Assignment and attacker, for a table or a message."""
        return f"{self.assignment}/{self.attacker.name}"


@dataclass
class Run:
    """Attackers of one kind, graded by one grader next to an honest student."""

    grader: str
    assignment: str
    kind: str
    outcomes: list[Outcome]
    secret: str = SECRETS[0]
    seconds: float = 0.0
    memory: int = 0  # the most that the grader's own processes held at a time
    problems: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Grader, assignment and kind, for a message."""
        return f"{GRADERS[self.grader].title}, {self.assignment}, {self.kind or 'older'}"


def run(only_ours: bool = False, folder: Path | None = None) -> int:
    """Run all attackers, print the table; 0 if every attack failed."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="attacks-") as temporary:
        folder = folder or Path(temporary)
        outcomes, traces, runs = attack(folder, ["ours"] if only_ours else list(GRADERS))
    problems = find_problems(outcomes, traces)
    print_table(outcomes)
    print_runs(runs)
    for problem in problems:
        print(f"NOT PREVENTED: {problem}")
    if not only_ours:
        write_results(outcomes, runs, problems)
    verdict = "none earned a point that was not its due" if not problems else "see above"
    print(f"\n{len(outcomes)} attackers in {time.monotonic() - start:.0f} s: {verdict}")
    return 1 if problems else 0


def attack(
    folder: Path,
    graders: list[str],
    assignments: tuple[str, ...] = tuple(SOURCES),
    only: Collection[str] = (),
) -> tuple[list[Outcome], list[str], list[Run]]:
    """Grade attackers with each grader; what came of them, traces that they left, the runs.

    `only`: names such as "plain/aborts"; none of them: all attackers of the assignments.
    """
    outcomes = [
        Outcome(member, name, *_due_and_maximum(name, member))
        for name in assignments
        for member in members.attackers(name)
        if not only or f"{name}/{member.name}" in only
    ]
    runs = [run for grader in graders for run in _runs(grader, outcomes)]

    def grade(number: int) -> dict[str, Graded]:
        return _grade(folder / str(number), runs[number])

    with watch(folder) as traces, ThreadPoolExecutor(WORKERS) as pool:
        results = list(pool.map(grade, range(len(runs))))
    for run, graded in zip(runs, results, strict=True):
        if run.secret == SECRETS[0]:
            _take(run, graded)
        traces += run.problems
    _compare(runs, results)
    return outcomes, traces, runs


def _runs(grader: str, outcomes: list[Outcome]) -> list[Run]:
    """The attackers by assignment and kind; leaks twice, with different hidden data."""
    found: dict[tuple, Run] = {}
    for number, outcome in enumerate(outcomes):
        kind = outcome.attacker.kind
        key = outcome.assignment, kind or number % WORKERS  # the older ones are many
        run = found.setdefault(key, Run(grader, outcome.assignment, kind, []))
        run.outcomes.append(outcome)
    runs = list(found.values())
    if grader == "ours":
        runs += [replace(run, secret=SECRETS[1]) for run in runs if run.kind == "leaks"]
    return runs


def _take(run: Run, graded: dict[str, Graded]) -> None:
    """Note what a run gave its attackers, and whether the honest student suffered."""
    for outcome in run.outcomes:
        found = graded.get(outcome.attacker.name, Graded())
        outcome.points[run.grader] = found.points
        if run.grader != "ours":
            continue
        outcome.alerts, outcome.seconds = found.alerts, found.seconds
        outcome.not_graded = found.not_graded
        outcome.leaked += sum(map(len, found.leaks))
        outcome.problems += found.scripts
        if run.kind == "stops" and not found.complete:
            outcome.problems.append("a question without points")
    if HONEST in graded and (run.grader == "ours" or run.assignment in ("plain", "judged")):
        honest = graded[HONEST]
        notebooks = {name for outcome in run.outcomes for name in outcome.attacker.notebooks}
        expected = sum(_maximum(run.assignment, name) for name in notebooks)
        suspected = run.grader == "ours" and honest.alerts
        if honest.points != expected or suspected:
            got = f"{honest.points} of {expected:g} points, alerts {honest.alerts}"
            run.problems.append(f"{run.title}: the honest student got {got}")


def _compare(runs: list[Run], results: list[dict[str, Graded]]) -> None:
    """Whatever differs with the hidden data in what a student may read was leaked."""
    pairs = zip(runs, results, strict=True)
    first = {run.title: graded for run, graded in pairs if run.secret == SECRETS[0]}
    for run, graded in zip(runs, results, strict=True):
        if run.secret == SECRETS[0]:
            continue
        for outcome in run.outcomes:
            name = outcome.attacker.name
            one, other = (r.get(name, Graded()).pages for r in (first[run.title], graded))
            outcome.leaked += sum(map(len, differences(one, other)))


def find_problems(outcomes: list[Outcome], traces: list[str]) -> list[str]:
    """Points, bytes and time that were not due, attackers without an alert, traces outside."""
    problems = list(traces)
    for outcome in outcomes:
        points = outcome.points["ours"] or 0.0
        if points > outcome.due:
            problems.append(f"{outcome.name}: {points} points, {outcome.due:g} were its due")
        if not outcome.alerts and outcome.points["ours"] is None:
            why = outcome.not_graded or "no reason is on record"
            problems.append(f"{outcome.name}: not graded, and no alert says why ({why})")
        elif not outcome.alerts and not outcome.attacker.no_alert:
            problems.append(f"{outcome.name}: no alert")
        if outcome.leaked:
            problems.append(f"{outcome.name}: {outcome.leaked} bytes of hidden tests leaked")
        stock, in_kernel = (outcome.points.get(key) for key in ("stock", "sandbox_only"))
        if stock is not None and (in_kernel or 0.0) > max(stock, outcome.due):
            problems.append(f"{outcome.name}: in-kernel gives {in_kernel}, stock nbgrader {stock}")
        allowed = LIMITS[outcome.assignment]["notebook_seconds"] + MORE_SECONDS
        if outcome.seconds > allowed:
            problems.append(f"{outcome.name}: {outcome.seconds:.0f} s, {allowed} s are allowed")
        problems += [f"{outcome.name}: {text}" for text in outcome.problems]
    return problems


def print_table(outcomes: list[Outcome]) -> None:
    """One line per attacker: what each grader gave, and the first alert."""
    graders = list(outcomes[0].points)
    heads = ["attack", *(f"{GRADERS[grader].title:>14}" for grader in graders), "alert"]
    rows = []
    for outcome in outcomes:
        first = outcome.alerts[0] if outcome.alerts else "-"
        more = f" (and {len(outcome.alerts) - 1} more)" if len(outcome.alerts) > 1 else ""
        rows.append([outcome.name, *(_cell(outcome, g) for g in graders), first + more])
    print(f"\n{terminal.table(heads, rows, left=(0, len(heads) - 1))}")
    for grader in graders:
        given = [(points, o.due) for o in outcomes if (points := o.points[grader]) is not None]
        cheated = sum(points > due for points, due in given)
        print(f"{GRADERS[grader].title}: {cheated} of {len(given)} got points they did not earn")


def print_runs(runs: list[Run]) -> None:
    """How long the runs took, and how much memory the grader held."""
    for run in runs:
        memory = f"{run.memory / 2**20:.0f} MiB"
        print(f"{run.title}: {len(run.outcomes)} attackers, {run.seconds:.0f} s, {memory}")


def write_results(outcomes: list[Outcome], runs: list[Run], problems: list[str]) -> None:
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
                "kind": outcome.attacker.kind or None,
                "leaked_bytes": outcome.leaked,
                "seconds": round(outcome.seconds),
            }
            for outcome in outcomes
        ],
        "runs": [
            {
                "run": run.title,
                "attackers": len(run.outcomes),
                "seconds": round(run.seconds),
                "grader_mib": round(run.memory / 2**20),
            }
            for run in runs
        ],
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=2, ensure_ascii=False) + "\n"
    export.write_atomically(RESULTS, text)


def _cell(outcome: Outcome, grader: str) -> str:
    points = outcome.points[grader]
    if points is None:
        return "not run" if outcome.attacker.harmful else "not graded"
    return f"{points:g} of {outcome.maximum:<2g}"


def _due_and_maximum(assignment: str, attacker: members.Attacker) -> tuple[float, float]:
    due = 0.0
    for name in attacker.notebooks:
        expected = attacker.expected(name, _source(assignment, name))
        due += sum(expected[test.grade_id] or 0.0 for test in _tests_of(assignment, name))
    return due, sum(_maximum(assignment, name) for name in attacker.notebooks)


def _maximum(assignment: str, notebook: str) -> float:
    return float(sum(test.points for test in _tests_of(assignment, notebook)))


def _tests_of(assignment: str, notebook: str) -> list[NotebookNode]:
    """nbgrader's metadata of each cell that is graded by running it."""
    cells = _source(assignment, notebook).cells
    return [cell.metadata.nbgrader for cell in cells if syntax.is_test(cell)]


def _source(assignment: str, notebook: str) -> NotebookNode:
    return nbformat.read(SOURCES[assignment] / f"{notebook}.ipynb", as_version=4)


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
            "--Autograde.autograde_preprocessors=['autograder.quality.attacks.SandboxOnly']",
            f"--Autograde.jobs={JOBS}",
        ),
    ),
    "ours": Grader(
        "ours", True, ("--Execute.plain_tests={'plain': 'judge'}", f"--Autograde.jobs={JOBS}")
    ),
}


def _grade(folder: Path, run: Run) -> dict[str, Graded]:
    """Submission -> its result with a grader, in a course folder of its own."""
    how, assignment, start = GRADERS[run.grader], run.assignment, time.monotonic()
    attackers = [o.attacker for o in run.outcomes if how.ours or not o.attacker.harmful]
    shutil.copytree(SOURCES[assignment], folder / "source" / assignment)
    (folder / "tmp").mkdir()
    (folder / "secret_seed").write_text(run.secret)
    _nbgrader(folder, how, "generate_assignment", assignment)
    # The honest student of this assignment trains, which takes a while.
    trains = TARGETS[assignment].get("trains") and (run.grader != "ours" or not run.kind)
    beside = [] if trains else [HONEST_STUDENT]
    hand_in(folder, assignment, [*beside, *attackers])
    limits = {**QUICK_LIMITS, **LIMITS[assignment]}
    options = (f"--Execute.limits={{'*': {limits}}}",) if how.ours else ()
    run.memory = _nbgrader(folder, how, "autograde", assignment, *how.options, *options)
    if run.memory > MEMORY_BYTES * JOBS:
        run.problems.append(f"{run.title}: the grader held {run.memory / 2**20:.0f} MiB")
    graded = _earned(folder, assignment)
    if how.ours:
        _nbgrader(folder, how, "generate_feedback", assignment)
        if run.kind in EXPORTED:
            _export(folder, run)
        for name, found in graded.items():
            _look(folder, run, name, found)
    run.seconds = time.monotonic() - start
    return graded


def course_of(folder: Path, how: Grader) -> Course:
    """The course in a folder of its own as a grader sees it."""
    return Course(folder, HOME if how.ours else None, environment={"TMPDIR": f"{folder}/tmp"})


def _nbgrader(folder: Path, how: Grader, *arguments: str) -> int:
    """Run one command to its end and return the memory that it took at most, outside the sandbox.

    It fails where a submission could not be graded.
    """
    course = course_of(folder, how)
    most = 0
    with open(folder / "nbgrader.log", "a") as log:
        process = course.start(*arguments, output=log)
        try:
            while process.poll() is None:
                most = max(most, _memory(process.pid))
                time.sleep(0.3)
        finally:
            process.kill()
    return most


def _memory(pid: int) -> int:
    """Bytes of a process and of all below it that are not in the sandbox."""
    total, waiting = 0, [psutil.Process(pid)]
    while waiting:
        process = waiting.pop()
        with suppress(psutil.Error):
            if process.name() == "bwrap":
                continue
            total += process.memory_info().rss
            waiting += process.children()
    return total


def hand_in(folder: Path, assignment: str, people: list[members.Member]) -> None:
    """Write the submissions; honest students hand in what some attacker hands in."""
    attackers = [member for member in people if isinstance(member, members.Attacker)]
    for path in sorted((folder / "release" / assignment).glob("*.ipynb")):
        release = nbformat.read(path, as_version=4)
        source = nbformat.read(folder / "source" / assignment / path.name, as_version=4)
        here = [attacker for attacker in attackers if path.stem in attacker.notebooks]
        for member in [*here, *(m for m in people if here and m not in attackers)]:
            target = folder / "submitted" / member.name / assignment
            target.mkdir(parents=True, exist_ok=True)
            text = json.dumps(member.submission(path.stem, source, release))
            (target / path.name).write_text(text, encoding="utf-8")
    for attacker in attackers:
        attacker.hand_in_files(folder / "submitted" / attacker.name / assignment)


def _earned(folder: Path, assignment: str) -> dict[str, Graded]:
    rows = Course(folder).rows(assignment)
    seconds = _seconds(folder, assignment)
    return {
        name: Graded(
            _points(row),
            row.alerts,
            _is_complete(row),
            seconds=seconds.get(name, 0.0),
            not_graded=row.not_graded,
        )
        for name, row in rows.items()
    }


def _tests(row: export.Row) -> list[float | None]:
    return [score.points for score in row.scores if not score.by_hand]


def _points(row: export.Row) -> float | None:
    """The points for tests; None if nothing was graded."""
    points = _tests(row)
    return None if set(points) == {None} else sum(filter(None, points))


def _is_complete(row: export.Row) -> bool:
    return None not in _tests(row)


def _seconds(folder: Path, assignment: str) -> dict[str, float]:
    """How long each submission was graded, by the journal."""
    begun: dict[str, datetime] = {}
    took: dict[str, float] = {}
    path = journal.place(folder / "autograded", assignment)
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        entry = json.loads(line)
        now, student = datetime.fromisoformat(entry["time"]), entry["student"]
        if entry["state"] == journal.GRADING:
            begun[student] = now
        elif student in begun:
            took[student] = (now - begun[student]).total_seconds()
    return took


# ------------------------------------------------------------------ what people see of it

EXPORTERS = ("QuestionsExportPlugin", "CanvasExportPlugin", "MoodleExportPlugin")
EXPORTED = ("files", "leaks")  # kinds that could aim at a table
PASSIVE = {"text/plain", "text/latex", "text/markdown", "image/png", "image/jpeg"}
ACTIVE = {"script", "style", "iframe", "object", "embed", "form", "meta", "base", "link"}
LOADING = ("src", "srcset", "poster", "background", "action", "formaction", "data", "style")


def _export(folder: Path, run: Run) -> None:
    """Write every kind of table; each must hold everybody, and no cell that is a formula."""
    for exporter in EXPORTERS:
        table = folder / f"{exporter}.csv"
        plugin = f"--exporter=autograder.outputs.export.{exporter}"
        _nbgrader(folder, GRADERS["ours"], "export", plugin, f"--to={table}")
        text = table.read_text(encoding="utf-8") if table.exists() else ""
        rows = list(csv.reader(io.StringIO(text, newline="")))
        names = {cell for row in rows for cell in row}
        missing = [o.attacker.name for o in run.outcomes if o.attacker.name not in names]
        if missing:
            run.problems.append(f"{run.title}: {exporter} has no row for {', '.join(missing)}")
        formulas = [cell for row in rows for cell in row if cell.startswith(("=", "+", "@", "-"))]
        run.problems += [f"{run.title}: {exporter} holds the formula {cell}" for cell in formulas]


def _look(folder: Path, run: Run, student: str, found: Graded) -> None:
    """Note what is on a student's pages, in the tables and in the recorded outputs."""
    pages, outputs, lines = [], [], []
    for page in (folder / "feedback" / student / run.assignment).glob("*.html"):
        html = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        found.scripts += [f"a page {text}" for text in active(html)]
        pages.append(html.get_text())
    for path in (folder / "autograded" / student / run.assignment).glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            found.scripts += [f"the record {text}" for text in _recorded(cell.get("outputs", []))]
            if not is_grade(cell):  # what a test says is for the grader to read
                outputs += [json.dumps(o, ensure_ascii=False) for o in cell.get("outputs", [])]
    for table in folder.glob("*Plugin.csv"):
        text = table.read_text(encoding="utf-8", errors="replace")
        lines += [line for line in text.splitlines() if student in line]
    found.pages = "\n".join(pages + outputs + lines)
    own = [text for o in run.outcomes for text in o.attacker.answers.values()]
    words = hidden_words(SOURCES[run.assignment], run.secret)
    found.leaks = leaks(found.pages, [word for word in words if word not in "\n".join(own)])
    if run.kind == "walls":
        found.scripts += re.findall(rf"{CANARY}: .{{,80}}", "\n".join(outputs))


def _recorded(outputs: list[NotebookNode]) -> list[str]:
    """Outputs of a notebook that a browser would run."""
    found = []
    for output in outputs:
        for kind, data in output.get("data", {}).items():
            html = BeautifulSoup(data if isinstance(data, str) else json.dumps(data), "html.parser")
            if kind not in PASSIVE and (CANARY in str(data) and "script" in kind):
                found.append(f"holds {kind}")
            elif kind not in PASSIVE:
                found += [f"{text} as {kind}" for text in active(html)]
    return found


def active(page: BeautifulSoup) -> list[str]:
    """What of an attacker (all of it names CANARY) a browser would run or load."""
    found = []
    for tag in page.find_all(True):
        if tag.name in ACTIVE and CANARY in str(tag):
            found.append(f"holds <{tag.name}>")
        for name, value in tag.attrs.items():
            value = "".join(value) if isinstance(value, list) else str(value)
            scheme = re.sub(r"[\s\x00-\x1f]", "", value).lower()
            runs = name.startswith("on") or scheme.startswith(("javascript:", "data:text"))
            if CANARY in value and (runs or name in LOADING):
                found.append(f"holds <{tag.name} {name}={value[:60]!r}>")
    return found


def differences(one: str, other: str) -> set[str]:
    """The words that are in only one of two texts, except addresses of objects."""
    first, second = (
        set(re.findall(r"\w+", re.sub("0x[0-9a-f]+", "", text))) for text in (one, other)
    )
    return first ^ second


def hidden_words(source: Path, secret: str) -> list[str]:
    """What no student may read: the seed, words made from it, and the lines of hidden tests."""
    words = [hashlib.sha256(f"{secret} {i}".encode()).hexdigest()[:16] for i in range(8)]
    visible: set[str] = set()
    hidden: set[str] = set()
    for path in source.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            parts = re.split("### (?:BEGIN|END) HIDDEN TESTS", cell.source)
            for number, part in enumerate(parts):
                lines = {line.strip() for line in part.splitlines()}
                (hidden if number % 2 else visible).update(lines)
    return words + sorted(line for line in hidden - visible if len(line) > 24)


def leaks(text: str, words: list[str]) -> list[str]:
    """Which of the words a text holds: as they are, backwards, in hex, base64 or as numbers."""
    return [word for word in words if any(form in text for form in _forms(word))]


def _forms(word: str) -> Iterator[str]:
    data = word.encode()
    yield from (word, word[::-1], data.hex(), ", ".join(map(str, data)))
    for shift in range(3):  # where the word begins within three bytes
        yield base64.b64encode(b" " * shift + data).decode()[4 if shift else 0 : -4]


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
    places += [Path("/"), Path("/srv"), Path.home(), HOME, folder, Path(sys.prefix)]
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


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of `autograder attacks`."""
    del parser  # it has none


def main(options: argparse.Namespace, _: list[str]) -> int:
    """Run the command; the exit code."""
    del options
    return run()
