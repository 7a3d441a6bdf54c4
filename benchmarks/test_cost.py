"""What each test costs: processor seconds of every test cell of every solution.

python benchmarks/test_cost.py [before|after] [ASSIGNMENT…]

Writes benchmarks/results/test_cost.json. A notebook runs once from top to bottom in a kernel like
the grader's, on one core, hidden tests included. Processor time counts, not the clock, so that
other jobs on the machine disturb little.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path

import nbformat

from autograder.grading.execute import modules_to_preload
from autograder.kernels import sandbox
from autograder.kernels.client import StudentKernel

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "test_cost.json"
CLOCK = "__import__('time').process_time()"
SECONDS = 300  # a cell may take; none takes a tenth of that
OUTPUT_BYTES = 2**20


def clock(kernel: StudentKernel) -> float:
    """Processor seconds of the kernel so far."""
    answer = kernel.evaluate(CLOCK)["user_expressions"]["answer"]
    return float(ast.literal_eval(answer["data"]["text/plain"]))


def start(path: Path, notebook: nbformat.NotebookNode) -> StudentKernel:
    """A kernel for a solution, which sees the whole course: its tests run in it, too."""
    data = (file for file in path.parent.iterdir() if file.is_file() and file.suffix != ".ipynb")
    manager = sandbox.kernel_manager(
        notebook.metadata.kernelspec.name,
        path.parent,
        files=[file.name for file in data],
        readonly=[ROOT / name for name in ("autograder", "data", "rnn_course")],
        environment={"PYTHONPATH": str(ROOT)},
        cores=sorted(os.sched_getaffinity(0)),
        preload=modules_to_preload(notebook),
    )
    kernel = StudentKernel(manager, OUTPUT_BYTES)
    kernel.wait_until_ready()
    return kernel


def costs(path: Path) -> dict[str, float]:
    """Grade id of each test of a notebook -> its processor seconds; '' -> all other cells."""
    notebook = nbformat.read(path, 4)
    kernel = start(path, notebook)
    found = {"": 0.0}
    try:
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            mark = cell.metadata.get("nbgrader", {})
            name = mark["grade_id"] if mark.get("grade") and mark.get("locked") else ""
            before = clock(kernel)
            problem = kernel.run(cell, index, SECONDS)
            if problem:
                raise RuntimeError(f"{path.name}: {problem}\n{cell.source}")
            found[name] = found.get(name, 0.0) + clock(kernel) - before
    finally:
        kernel.close()
    return {name: round(seconds, 2) for name, seconds in found.items()}


def main(when: str, *assignments: str) -> None:
    """Measure and enter the seconds under `when`; assignments that are not named stay."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    wanted = assignments or sorted(path.name for path in (ROOT / "solutions").iterdir())
    paths = [path for name in wanted for path in (ROOT / "solutions" / name).glob("*.ipynb")]
    for path in sorted(paths):
        name = f"{path.parent.name}/{path.stem}"
        results.setdefault(name, {})[when] = found = costs(path)
        tests = sum(seconds for test, seconds in found.items() if test)
        print(f"{name:36}{tests:7.1f} s in tests, {found['']:.1f} s in other cells", flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["after"]))
