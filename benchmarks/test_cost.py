"""What each test costs: processor seconds of every test cell of every solution.

python benchmarks/test_cost.py [before|after] [ASSIGNMENT…]

Writes benchmarks/results/test_cost.json. A notebook runs once from top to bottom in a fresh kernel,
on one core, hidden tests included. Processor time counts, not the clock, so that other jobs on the
machine disturb little.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import nbformat
from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "test_cost.json"
CLOCK = "__import__('time').process_time()"
SECONDS = 300  # a cell may take; none takes a tenth of that


def clock(client) -> float:
    """Processor seconds of the kernel so far."""
    reply = client.execute_interactive(
        "", silent=True, user_expressions={"now": CLOCK}, timeout=SECONDS
    )
    return float(reply["content"]["user_expressions"]["now"]["data"]["text/plain"])


def costs(path: Path) -> dict[str, float]:
    """Grade id of each test of a notebook -> its processor seconds; '' -> all other cells."""
    notebook = nbformat.read(path, 4)
    manager, client = start_new_kernel(
        kernel_name=notebook.metadata.kernelspec.name, cwd=str(path.parent)
    )
    found = {"": 0.0}
    try:
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            mark = cell.metadata.get("nbgrader", {})
            name = mark["grade_id"] if mark.get("grade") and mark.get("locked") else ""
            before = clock(client)
            reply = client.execute_interactive(
                cell.source, output_hook=lambda message: None, timeout=SECONDS
            )
            if reply["content"]["status"] != "ok":
                raise RuntimeError(f"{path.name}: {reply['content']['evalue']}\n{cell.source}")
            found[name] = found.get(name, 0.0) + clock(client) - before
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
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
