"""Runs the lectures in full and keeps what they measured.

python benchmarks/lectures.py                      # every lecture, seed 0: new outputs and results
python benchmarks/lectures.py --seeds 1 2 -- 03    # more seeds of one of them; the notebook stays
python benchmarks/lectures.py --check              # runs nothing: are the results good enough?

A lecture takes part by two conventions: a line `SEED = 0`, which is replaced, and a dict `results`
with one entry per model. `benchmarks/results/lectures/<lecture>.json` holds that dict per seed. The
exit code is 1 if a lecture fails, writes to stderr, or a mean lies below its floor.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import time
from datetime import datetime
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import find_kernel_specs
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from autograder.files import write_atomically
from autograder.quality.normalize import normalize_text
from data import glove, imdb, registry

REPOSITORY = Path(__file__).parent.parent
LECTURES = REPOSITORY / "lectures"
RESULTS = REPOSITORY / "benchmarks" / "results" / "lectures"
SLOWEST = 5  # cells whose time is printed
BASELINE = "kneser_ney"  # what the language model's perplexity must stay below
MOVED = 0.005  # accuracy or relative perplexity: less is noise between machines

PROBE = "import json; print(json.dumps(globals().get('results', {}), default=float))"
# Mean test accuracy over the seeds must reach this; what each source printed is in README.md.
FLOORS = {
    "01_memory_and_gates_gluon": {"Gluon LSTM(64) + GloVe": 0.85},
    "02_simple_rnn_keras": {"SimpleRNN(5), 30 words": 0.768, "SimpleRNN(5), 200 words": 0.86},
    "03_battlefield_pytorch": {
        "TF-IDF + logistic regression": 0.905,
        "feed-forward, embeddings": 0.86,
        "CNN": 0.88,
        "RNN": 0.80,
        "LSTM": 0.87,
        "CNN + LSTM": 0.88,
    },
    "04_lstm_by_hand_pytorch": {"packed LSTM": 0.86},
    "05_elman_to_generation_keras": {"Elman": 0.80, "LSTM": 0.875, "CNN-LSTM": 0.88},
    "06_one_lstm_three_frameworks": {},  # seeds for its claims; it has no model to compare
}


def run(path: Path, seed: int) -> tuple[dict, float]:
    """Execute one lecture from top to bottom; its results and its minutes.

    Raises RuntimeError if a cell fails or writes to stderr. Seed 0 writes the outputs in place.
    """
    notebook = nbformat.read(path, as_version=4)
    committed = [cell.source for cell in notebook.cells]
    for cell in notebook.cells:
        cell.source = re.sub(r"^SEED = 0$", f"SEED = {seed}", cell.source, flags=re.M)
    if seed and committed == [cell.source for cell in notebook.cells]:
        raise RuntimeError(f"{path.name}: expected a line 'SEED = 0', found none")
    start = time.monotonic()
    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": LECTURES}})
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        minutes = (time.monotonic() - start) / 60
        cells = list(notebook.cells)
        probe = client.execute_cell(new_code_cell(PROBE), 0)  # nbclient puts it in place of cell 0
        notebook.cells = cells
        results = json.loads(probe.outputs[0].text)
    _refuse_stderr(path, notebook)
    _print_slowest(notebook)
    if seed == 0:
        if [cell.source for cell in nbformat.read(path, as_version=4).cells] != committed:
            raise RuntimeError(f"{path.name} was edited while it ran; its outputs are not kept")
        write_atomically(path, normalize_text(json.dumps(notebook)))
    return results, minutes


def _refuse_stderr(path: Path, notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise RuntimeError(f"{path.name}, cell {cell.id}: on stderr: {output.text[:300]}")


def cell_seconds(cell: nbformat.NotebookNode) -> float:
    """How long an executed cell ran, by the times that nbclient notes in it; 0 without them."""
    times = cell.metadata.get("execution", {})
    stamps = [times.get(key) for key in ("iopub.status.busy", "shell.execute_reply")]
    if None in stamps:
        return 0.0
    begin, end = (datetime.fromisoformat(stamp.replace("Z", "+00:00")) for stamp in stamps)
    return (end - begin).total_seconds()


def _print_slowest(notebook: nbformat.NotebookNode) -> None:
    seconds = [(cell_seconds(cell), cell.id) for cell in notebook.cells]
    slow = sorted(seconds, reverse=True)[:SLOWEST]
    print("  slowest cells:", ", ".join(f"{name} {s:.0f} s" for s, name in slow), flush=True)


def keep(name: str, seed: int, results: dict, minutes: float) -> None:
    """Write one run's results beside those of the other seeds; print what moved or fails."""
    path = RESULTS / f"{name}.json"
    entry = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"seeds": {}}
    for model, before, after in moved(entry["seeds"].get(str(seed), {}), results):
        print(f"  {model}: {before:.4f} before, {after:.4f} now")
    for claim, found in results.get("claims", {}).items():
        if not found["holds"]:
            print(f"  does not hold: {claim}: {found['shown']}")
    entry["command"] = "python benchmarks/lectures.py"
    entry["cores"] = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    entry["seeds"][str(seed)] = {"minutes": round(minutes, 1), **results}
    entry["seeds"] = dict(sorted(entry["seeds"].items()))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(entry, indent=1, ensure_ascii=False) + "\n")


def moved(before: dict, after: dict) -> list[tuple[str, float, float]]:
    """Models whose accuracy or perplexity differs from an earlier run by more than `MOVED`."""
    found = []
    for model, entry in after.items():
        if not (isinstance(entry, dict) and isinstance(before.get(model), dict)):
            continue
        for key in ("accuracy", "perplexity"):
            old = before[model].get(key)
            if old and key in entry and abs(entry[key] - old) > MOVED * max(1.0, old):
                found.append((model, old, entry[key]))
    return found


def means(name: str, key: str = "accuracy") -> dict[str, tuple[float, int]]:
    """Model -> mean over the seeds on file, and how many there are."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return {}
    runs = list(json.loads(path.read_text(encoding="utf-8"))["seeds"].values())
    values: dict[str, list[float]] = {}
    for entry in runs:
        for model, numbers in entry.items():
            if isinstance(numbers, dict) and key in numbers:
                values.setdefault(model, []).append(numbers[key])
    return {model: (statistics.mean(found), len(found)) for model, found in values.items()}


def below_floor(name: str) -> list[str]:
    """A sentence for each model of a lecture whose mean is missing or too low."""
    found = means(name)
    problems = []
    for model, floor in FLOORS.get(name, {}).items():
        if model not in found:
            problems.append(f"{name}: no results for {model!r}")
        elif found[model][0] < floor:
            problems.append(f"{name}: {model} {found[model][0]:.4f}, at least {floor} expected")
    ours, counted = (
        means(name, key).get("Moby Dick", (None,))[0] for key in ("perplexity", BASELINE)
    )
    if ours is not None and not (counted and ours < counted):
        said = f"perplexity {ours:.1f}, Kneser-Ney {counted and round(counted, 1)}"
        problems.append(f"{name}: {said}: a lower perplexity expected")
    return problems


def shortcomings(paths: list[Path]) -> list[str]:
    """Why what the lectures would measure here is not what their results file calls it."""
    found = []
    if registry.quick():
        found.append("expected full corpora, found COURSE_QUICK: unset it")
    if imdb.available():
        imdb.fetch()  # here, so that its progress is not taken for a lecture's warning
    else:
        found.append("expected IMDB, found none: python -m data fetch imdb")
    if not glove.where() and any("glove" in path.read_text(encoding="utf-8") for path in paths):
        found.append("expected GloVe for lecture 1, found none: python -m data fetch glove")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--check", action="store_true", help="only compare results and floors")
    parser.add_argument("lectures", nargs="*", help="numbers such as 03; default: all")
    options = parser.parse_args(arguments)
    paths = [
        path
        for path in sorted(LECTURES.glob("[0-9]*.ipynb"))
        if not options.lectures or path.name[:2] in options.lectures
    ]
    lacking = [] if options.check else shortcomings(paths)
    if lacking:
        print("\n".join(lacking), file=sys.stderr)
        return 1
    problems = []
    kernels = find_kernel_specs()
    for path in paths:
        kernel = nbformat.read(path, as_version=4).metadata.kernelspec.name
        if not options.check and kernel not in kernels:
            print(f"{path.stem}: left out, the kernel {kernel!r} is not installed here")
            continue
        for seed in [] if options.check else options.seeds:
            if seed and path.stem not in FLOORS:
                continue
            print(f"{path.stem}, seed {seed}", flush=True)
            try:
                results, minutes = run(path, seed)
            except Exception as error:  # a failing cell; the other lectures go on
                problems.append(f"{path.stem}, seed {seed}: {str(error)[-600:]}")
                continue
            print(f"  {minutes:.1f} minutes", flush=True)
            if results:
                keep(path.stem, seed, results, minutes)
        problems += below_floor(path.stem)
    for problem in problems:
        print(problem)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
