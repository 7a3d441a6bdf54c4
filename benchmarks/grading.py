"""A class of 100 submissions under stock nbgrader and under ours, on the same two cores.

python benchmarks/grading.py [--submissions N]    # writes benchmarks/results/grading.json

The sample class and the attackers that stock nbgrader survives, again and again under other names;
one notebook each, PyTorch and Keras in turn. Five runs one after the other: stock
`nbgrader autograde` with both cores; `autograder grade` with two workers, and with one worker on
one core; stock nbgrader once more, because a machine's speed can vary; and, for its grades only,
our `nbgrader autograde` with one job. The grades of our three
must be equal to the byte. Needs two cores that nobody else uses (the load of each run is noted, 1
or 2 is its own); at 10 to 15 seconds per notebook it takes an hour and a half.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import nbformat
import overhead

from autograder.course import Course
from autograder.grading import supervise
from autograder.kernels import cores
from autograder.outputs import export
from autograder.quality import attacks, members, sample_class

ASSIGNMENT = "cnn_lstm"
RESULTS = Path(__file__).parent / "results" / "grading.json"
NOTEBOOKS = ("pytorch", "keras")
LOOK_SECONDS = 15  # between looks at memory
MACHINES, CORES = (1, 4, 16), 2
CLASSES = (1_000, 10_000)
ASSUMPTIONS = [
    "every machine has two cores like those measured, and grades one submission per core",
    "submissions like these, one notebook each; a cluster's start is not counted",
    "the coordinator books results as fast as in booking.json, and is never what is waited for",
    "efficiency of many machines as measured from one worker to two",
]


def hand_in(folder: Path, submissions: int) -> None:
    """Write the class into the folder of submissions."""
    students = members.members(ASSIGNMENT)
    students += [a for a in members.attackers(ASSIGNMENT) if not a.harmful]
    fitting = (
        (number, notebook, member)
        for number in itertools.count()
        for member in students
        for notebook in NOTEBOOKS
        if not isinstance(member, members.Attacker) or notebook in member.notebooks
    )
    for number, notebook, member in itertools.islice(fitting, submissions):
        place = folder / "submitted" / f"{member.name}_{notebook}_{number}" / ASSIGNMENT
        place.mkdir(parents=True)
        source = sample_class._source(ASSIGNMENT, notebook)
        released = nbformat.read(folder / "release" / ASSIGNMENT / f"{notebook}.ipynb", 4)
        text = member.submission(notebook, source, released)
        nbformat.write(text, place / f"{notebook}.ipynb")
        if isinstance(member, members.Attacker):
            member.hand_in_files(place)


def prepare(folder: Path, ours: bool, submissions: int) -> None:
    """A course folder with the assignment released and the class handed in."""
    (folder / "tmp").mkdir(parents=True)
    shutil.copytree(attacks.SOURCES[ASSIGNMENT], folder / "source" / ASSIGNMENT)
    attacks._nbgrader(folder, attacks.Grader("", ours), "generate_assignment", ASSIGNMENT)
    hand_in(folder, submissions)


def loop_seconds() -> float:
    """Processor time of ten million additions: how fast the machine is just now."""
    start, total = time.process_time(), 0
    for number in range(10**7):
        total += number
    return round(time.process_time() - start, 2)


def grade(folder: Path, command: list[str], ours: bool, on: list[int]) -> dict:
    """Seconds that a command takes for the class on some cores, the machine's load and speed.

    And the MiB that it and all its processes hold, pages they share counted once: the median.
    """
    course = attacks.course_of(folder, attacks.Grader("", ours))
    program, *arguments = command
    pinned = ["taskset", "--cpu-list", ",".join(map(str, on))]
    speed = [loop_seconds()]
    start = time.monotonic()
    memory = []
    with (folder / "nbgrader.log").open("a") as log:
        process = subprocess.Popen(
            [*pinned, *course.command(*arguments, program=program)],
            cwd=course.home,
            env=course.environment,
            stdout=log,
            stderr=log,
        )
        while process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
                break
            memory.append(supervise.memory_of(supervise.family_of(process.pid), exactly=True))
    took = time.monotonic() - start
    load = os.getloadavg()[2]  # of the last quarter of an hour
    speed.append(loop_seconds())
    mib = round(statistics.median(memory or [0]) / 2**20)
    return {"seconds": round(took, 1), "mib": mib, "load": round(load, 1), "loop": speed}


def grades(folder: Path) -> str:
    """The table of grades as text."""
    rows = Course(folder).rows(ASSIGNMENT)
    return export.to_csv(ASSIGNMENT, list(rows.values()))


def cost_model(per_core: float, efficiency: float) -> dict:
    """Hours for a class on so many machines, from seconds per submission on one core."""
    hours = {
        students: {
            machines: round(students * per_core / (machines * CORES * efficiency) / 3600, 2)
            for machines in MACHINES
        }
        for students in CLASSES
    }
    return {"hours": hours, "assumptions": ASSUMPTIONS}


STOCK = ["nbgrader", "autograde", ASSIGNMENT, f"--Execute.timeout={overhead.CELL_SECONDS}"]
RUNS = {  # name -> cores, command
    "stock": (2, STOCK),
    "two workers": (2, ["autograder", "grade", ASSIGNMENT, "--jobs=2"]),
    "one worker": (1, ["autograder", "grade", ASSIGNMENT, "--jobs=1"]),
    "stock again": (2, STOCK),
    "serial": (1, ["nbgrader", "autograde", ASSIGNMENT, "--Autograde.jobs=1"]),
}


def measure(folder: Path, submissions: int) -> Iterator[dict]:
    """All runs, one after the other; what is known so far, as soon as there is enough."""
    runs, tables, reports = {}, {}, {}
    for name, (count, command) in RUNS.items():
        ours, place = command != STOCK, folder / name.replace(" ", "-")
        prepare(place, ours, submissions)
        runs[name] = grade(place, command, ours, cores.available()[:count])
        print(f"{name}: {runs[name]}", flush=True)
        if ours:
            tables[name] = grades(place)
        path = place / "reports" / f"{ASSIGNMENT}.json"
        reports[name] = json.loads(path.read_text()) if path.exists() else {}
        if "one worker" in tables and "two workers" in tables:
            yield summary(submissions, runs, tables, reports)


def summary(submissions: int, runs: dict, tables: dict, reports: dict) -> dict:
    """What the runs say."""
    seconds = {name: run["seconds"] for name, run in runs.items()}
    one, two = seconds["one worker"], seconds["two workers"]
    return {
        "command": "python benchmarks/grading.py",
        "submissions": submissions,
        "runs": {name: run for name, run in runs.items() if name != "serial"},
        "times_stock": round(seconds["stock"] / two, 2),
        "two_workers_to_one": round(one / two, 2),
        "equal_grades": {"of": list(tables), "equal": len(set(tables.values())) == 1},
        "stages": {name: reports[name].get("stages") for name in ("one worker", "two workers")},
        "worker_seconds": {
            name: round(count * reports[name].get("seconds", 0), 1)
            for name, count in (("one worker", 1), ("two workers", 2))
        },
        "mib_of_second_worker": runs["two workers"]["mib"] - runs["one worker"]["mib"],
        "mib_per_worker": math.ceil(reports["two workers"].get("memory", 0) / 2**20),
        "cost_model": cost_model(one / submissions, one / two / 2),
        "otter-grader": "not measured: `otter grade` needs Docker, which is not here, and without "
        "containers `otter run` grades one submission per call, in the grader's own environment",
    }


def main(arguments: list[str]) -> int:
    """Measure and write the results; 0 if they are as wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=100)
    submissions = parser.parse_args(arguments).submissions
    with tempfile.TemporaryDirectory(prefix="grad-") as folder:
        for found in measure(Path(folder), submissions):
            if submissions >= 100:
                export.write_atomically(RESULTS, json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    good = found["equal_grades"]["equal"] and found["two_workers_to_one"] >= 1.8
    return int(not good or found["times_stock"] < 4)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
