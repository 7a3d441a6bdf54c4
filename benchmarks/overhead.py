"""What the sandbox and the judge cost: the sample class under stock nbgrader and under ours.

python benchmarks/overhead.py    # writes benchmarks/results/overhead.json

Both grade the same submissions one after the other, at the same time on the same machine, each on
one core of its own. Needs two free cores.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

import lectures
from autograder import syntax
from autograder.outputs import export
from autograder.quality import attacks, members, sample_class

ASSIGNMENT = "cnn_lstm"
RESULTS = Path(__file__).parent / "results" / "overhead.json"
CELL_SECONDS = 120  # as in ours; stock nbgrader's 30 are too few for a training on one core
OURS = attacks.Grader("sandbox and judge", True, ("grade", ASSIGNMENT, "--jobs=1"))
STOCK = attacks.Grader(
    "stock nbgrader", False, ("autograde", ASSIGNMENT, f"--Execute.timeout={CELL_SECONDS}")
)


def prepare(folder: Path, how: attacks.Grader) -> None:
    """Release the assignment and hand in the whole class in a course folder of its own."""
    (folder / "tmp").mkdir(parents=True)
    shutil.copytree(attacks.SOURCES[ASSIGNMENT], folder / "source" / ASSIGNMENT)
    attacks._nbgrader(folder, how, "generate_assignment", ASSIGNMENT)
    sample_class.hand_in(ASSIGNMENT, members.members(ASSIGNMENT), folder)
    for delivered in (folder / "downloaded" / ASSIGNMENT / "archive").iterdir():
        student = folder / "submitted" / delivered.name
        student.mkdir(parents=True)
        delivered.rename(student / ASSIGNMENT)


def grade(folder: Path, how: attacks.Grader, core: int) -> float:
    """Seconds of grading the whole class on one core."""
    start = time.monotonic()
    command = [sys.executable, __file__, "--on-core", str(core), str(folder), str(how.ours)]
    subprocess.run(command, check=True)
    return time.monotonic() - start


def grade_here(core: int, folder: Path, ours: bool) -> None:
    """The same in this process, which from now on has one core."""
    os.sched_setaffinity(0, {core})
    how = OURS if ours else STOCK
    course = attacks.course_of(folder, how)
    with (folder / "nbgrader.log").open("a") as log:
        course.start(*how.options, program="autograder" if ours else "nbgrader", output=log).wait()


def stages_of_ours(folder: Path) -> Counter[str]:
    """Seconds per stage over the whole class, from the grader's report."""
    report = json.loads((folder / "reports" / f"{ASSIGNMENT}.json").read_text(encoding="utf-8"))
    return Counter(report["stages"])


def stages_of_stock(folder: Path) -> Counter[str]:
    """Seconds per stage from the times that nbclient notes in every executed cell."""
    stages = Counter()
    for path in (folder / "autograded").rglob("*.ipynb"):
        for _, cell, stage in syntax.stages(nbformat.read(path, 4).cells):
            stages[stage] += lectures.cell_seconds(cell)
    return stages


def measure(folder: Path) -> dict:
    """Both graders side by side: seconds in all and per stage."""
    graders = {"stock": STOCK, "ours": OURS}
    for name, how in graders.items():
        prepare(folder / name, how)
    with ThreadPoolExecutor(2) as pool:
        jobs = {
            name: pool.submit(grade, folder / name, how, core)
            for core, (name, how) in enumerate(graders.items())
        }
        seconds = {name: job.result() for name, job in jobs.items()}
    stages = {"stock": stages_of_stock(folder / "stock"), "ours": stages_of_ours(folder / "ours")}
    for name, counted in stages.items():
        # nbgrader's own start, conversion of notebooks; for stock also kernels and the gradebook
        counted["everything else"] = seconds[name] - sum(counted.values())
    return {
        "command": "python benchmarks/overhead.py",
        "notebooks": sum(1 for _ in (folder / "ours" / "autograded").rglob("*.ipynb")),
        "seconds": {name: round(total, 1) for name, total in seconds.items()},
        "ratio": round(seconds["ours"] / seconds["stock"], 2),
        "stages": {n: {k: round(v, 1) for k, v in c.items()} for n, c in stages.items()},
    }


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--on-core"]:
        grade_here(int(arguments[1]), Path(arguments[2]), arguments[3] == "True")
        return 0
    with tempfile.TemporaryDirectory(prefix="over-") as folder:
        results = measure(Path(folder))
    export.write_atomically(RESULTS, json.dumps(results, indent=1) + "\n")
    names = dict.fromkeys([*results["stages"]["ours"], *results["stages"]["stock"]])
    print(f"{'stage':<18}{'stock':>9}{'ours':>9}   (seconds, {results['notebooks']} notebooks)")
    for stage in names:
        cells = [results["stages"][who].get(stage) for who in ("stock", "ours")]
        print(f"{stage:<18}" + "".join(f"{'·' if c is None else f'{c:.1f}':>9}" for c in cells))
    print(f"ours takes {results['ratio']} times as long as stock nbgrader")
    return int(results["ratio"] > 1.3)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
