"""What the coordinator itself costs: a class of 10,000 trivial submissions, graded by nobody.

python benchmarks/booking.py [--students N]    # writes benchmarks/results/booking.json

Workers give every submission back at once, as it was executed beforehand, so that what is measured
is reading, sending, taking back, gradebook, files and journal. In the middle the run is killed
(SIGKILL) and started again. Measured: results booked per second and the coordinator's memory.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import nbformat
import psutil
from distributed import Worker
from nbformat.v4 import new_code_cell, new_notebook

from autograder.__main__ import main as autograder
from autograder.course import Course
from autograder.gradebook import journal
from autograder.grading import cluster
from autograder.grading.messages import Graded, Submission
from autograder.outputs import export

REPOSITORY = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "booking.json"
NAME = "trivial"
SAMPLES = 20  # of the memory, over a run
TEST = "assert answer == 42"


def source() -> nbformat.NotebookNode:
    """The smallest assignment: one answer, one test."""
    cells = []
    for name, text, is_test in (
        ("answer", "### BEGIN SOLUTION\nanswer = 42\n### END SOLUTION", False),
        ("test", TEST, True),
    ):
        role = {"grade": is_test, "locked": is_test, "solution": not is_test, "task": False}
        metadata = {"grade_id": name, "schema_version": 3, **role}
        metadata |= {"points": 1} if is_test else {}
        cells.append(new_code_cell(text, id=name, metadata={"nbgrader": metadata}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


class Class(Course):
    """A course folder, and the commands that work on it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, REPOSITORY)
        place = folder / "source" / NAME
        place.mkdir(parents=True)
        nbformat.write(source(), place / "one.ipynb")
        self.run("generate_assignment", NAME)
        self.execute_one()

    def hand_in_all(self, students: int) -> None:
        """Everybody hands in the same right answer."""
        notebook = self.released(NAME, "one")
        notebook.cells[0].source = "answer = 42"
        text = nbformat.writes(notebook)
        for number in range(students):
            self.hand_in(f"s{number:05}", NAME, "one", text)

    def execute_one(self) -> None:
        """Have one submission really graded; it is what workers will answer for everybody."""
        self.hand_in_all(1)
        self.run("autograde", NAME)
        shutil.copy(self.folder / "autograded" / "s00000" / NAME / "one.ipynb", self.answer)
        for place in ("autograded", "journal"):
            shutil.rmtree(self.folder / place)

    @property
    def answer(self) -> Path:
        """The executed notebook."""
        return self.folder / "answer.ipynb"

    def coordinate(self) -> subprocess.Popen:
        """Start a coordinator whose workers grade nothing."""
        own = [sys.executable, __file__, "--coordinate", str(self.answer)]
        command = [*own, *self.command()[3:]]
        with (self.folder / "log.txt").open("a") as log:
            where = {"cwd": self.home, "env": self.environment, "stdout": log, "stderr": log}
            return subprocess.Popen(command, **where)

    def booked(self) -> int:
        """How many are graded, by the journal."""
        entries = journal.read(journal.place(self.folder / "autograded", NAME))
        return Counter(entry["state"] for entry in entries.values())[journal.GRADED]


class Nobody(cluster.GradingPlugin):
    """Workers that answer every submission with the same executed notebook."""

    answer, problem = b"", ""

    def setup(self, worker: Worker) -> None:
        """Nothing to start."""

    def teardown(self, worker: Worker) -> None:
        """Nothing to end."""

    def grade(self, submission: Submission) -> Graded:
        """What was executed beforehand."""
        return Graded({"one.ipynb": self.answer}, took=0.0)


def coordinate(answer: str, options: list[str]) -> int:
    """`autograder grade` with workers of this kind."""
    content = Path(answer).read_bytes()

    def make(*arguments: object) -> Nobody:
        plugin = Nobody(*arguments)
        plugin.answer = content
        return plugin

    cluster.GradingPlugin = make
    return autograder(["grade", NAME, "--jobs=2", *options])


def watch(course: Course, process: subprocess.Popen, stop_at: int | None) -> list[dict]:
    """Seconds, booked results and the coordinator's memory over a run; kills it at `stop_at`."""
    samples, booked, start = [], 0, time.monotonic()
    path = journal.place(course.folder / "autograded", NAME)
    place = path.stat().st_size if path.exists() else 0
    while process.poll() is None:
        if path.exists():
            with path.open("rb") as file:
                file.seek(place)
                new = file.read()
            place += len(new)
            booked += new.count(b'"state": "graded"')
        memory = psutil.Process(process.pid).memory_info().rss
        samples.append({"seconds": time.monotonic() - start, "booked": booked, "bytes": memory})
        if stop_at and booked >= stop_at:
            process.send_signal(signal.SIGKILL)
            process.wait()
        time.sleep(0.5)
    return samples


def rate(samples: list[dict]) -> float:
    """Results per second from the first to the last."""
    moving = [s for s in samples if samples[0]["booked"] < s["booked"] < samples[-1]["booked"]]
    first, last = moving[0], moving[-1]
    return (last["booked"] - first["booked"]) / (last["seconds"] - first["seconds"])


def measure(folder: Path, students: int) -> dict:
    """Grade the class, with a kill in the middle."""
    course = Class(folder)
    course.hand_in_all(students)
    first = watch(course, course.coordinate(), stop_at=students // 2)
    before = course.booked()
    process = course.coordinate()
    second = watch(course, process, stop_at=None)
    if process.returncode:
        raise RuntimeError((folder / "log.txt").read_text()[-2000:])
    with sqlite3.connect(folder / "gradebook.db") as gradebook:
        query = "select count(*), count(distinct student_id) from submitted_assignment"
        rows, distinct = gradebook.execute(query).fetchone()
    files = sum(1 for _ in (folder / "autograded").glob(f"*/{NAME}/one.ipynb"))
    megabytes = [round(sample["bytes"] / 2**20) for sample in second]
    return {
        "command": "python benchmarks/booking.py",
        "students": students,
        "killed_after": before,
        "booked": course.booked(),
        "in_gradebook": rows,
        "twice": rows - distinct,
        "files": files,
        "per_second": [round(rate(samples), 1) for samples in (first, second)],
        "coordinator_mib": megabytes[:: max(1, len(megabytes) // SAMPLES)],
    }


def main(arguments: list[str]) -> int:
    """Measure, write the results, say whether they are as wanted."""
    if arguments[:1] == ["--coordinate"]:
        return coordinate(arguments[1], arguments[2:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=10_000)
    students = parser.parse_args(arguments).students
    with tempfile.TemporaryDirectory(prefix="book-") as folder:
        found = measure(Path(folder), students)
    if students == 10_000:
        export.write_atomically(RESULTS, json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    whole = found["booked"] == found["in_gradebook"] == found["files"] == students
    return int(not whole or found["twice"] > 0 or min(found["per_second"]) < 50)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
