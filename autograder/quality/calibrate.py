"""Sets accuracy thresholds from many training runs of the reference solution.

A threshold is the mean accuracy of `SEEDS` runs, each with its own initial weights and its own
fresh test examples, minus four standard deviations, rounded down to a whole percent. The runs are
kept next to it in the course's folder of thresholds. A recipe of the course (see
`autograder.courses`) says which cell trains, and how to measure the model that it leaves.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import statistics
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from nbgrader.utils import is_grade

from autograder import courses
from autograder.courses import Recipe
from autograder.outputs.export import write_atomically

SEEDS = 10
SIGMAS = 4
EXAMPLES = 1_000  # fresh test examples of each run


def run(assignment: str, corpus: str, source: Path = Path("solutions")) -> int:
    """Calibrate every notebook of the assignment on one corpus; write and print the thresholds."""
    recipe = courses.recipes()[corpus]
    path = courses.thresholds(assignment)
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for notebook in sorted((source / assignment).glob("*.ipynb")):
        entry = _calibrate(notebook, recipe)
        results.setdefault(notebook.stem, {})[corpus] = entry
        write_atomically(path, json.dumps(results, indent=1) + "\n")
        print(f"{notebook.stem}: mean {entry['mean']:.4f}, threshold {entry['threshold']:.2f}")
    return 0


def threshold(accuracies: list[float]) -> float:
    """The mean minus four standard deviations, rounded down to a whole percent."""
    lowest = statistics.mean(accuracies) - SIGMAS * deviation(accuracies)
    return math.floor(round(lowest * 100, 6)) / 100


def deviation(accuracies: list[float]) -> float:
    """Standard deviation of the runs, but at least that of counting errors among `EXAMPLES`.

    Ten runs without any error do not prove that there will never be one (Laplace's rule of
    succession).
    """
    errors = (1 - statistics.mean(accuracies)) * EXAMPLES
    rate = (errors + 1) / (EXAMPLES + 2)
    return max(statistics.stdev(accuracies), math.sqrt(rate * (1 - rate) / EXAMPLES))


def failing(accuracies: list[float]) -> float:
    """Probability that a right solution stays below the threshold, if accuracies are normal."""
    runs = statistics.NormalDist(statistics.mean(accuracies), deviation(accuracies))
    return runs.cdf(threshold(accuracies))


def _calibrate(path: Path, recipe: Recipe) -> dict:
    notebook = nbformat.read(path, as_version=4)
    cells = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    fit, model = recipe.fit, recipe.model
    if fit not in cells:
        raise ValueError(f"{path}: expected a cell '{fit}' that trains {model!r}, found none")
    before = list(cells)[: list(cells).index(fit)]
    prepare = [cells[name] for name in before if name != "fit"]
    os.environ["COURSE_TIER"] = recipe.tier
    client = NotebookClient(notebook, timeout=None)
    accuracies = []
    with client.setup_kernel():
        for cell in prepare:
            if not is_grade(cell):
                client.execute_cell(cell, 0)
        for seed in range(SEEDS):
            start = time.monotonic()
            source, seeded = re.subn(r"(seed[(=])0\b", rf"\g<1>{seed}", cells[fit].source)
            if seeded != 1:
                raise ValueError(f"{path}: expected cell '{fit}' to set the seed to 0 once")
            client.execute_cell(new_code_cell(source), 0)
            accuracies.append(_measure(client, recipe, seed))
            print(
                f"{path.stem} seed {seed}: {accuracies[-1]:.4f} ({time.monotonic() - start:.0f} s)",
                flush=True,
            )
    return {
        "threshold": threshold(accuracies),
        "mean": round(statistics.mean(accuracies), 4),
        "standard_deviation": round(statistics.stdev(accuracies), 4),
        "accuracies": accuracies,
    }


def _measure(client: NotebookClient, recipe: Recipe, seed: int) -> float:
    """The accuracy of the notebook's model on test examples of its own."""
    code = recipe.measure.format(model=recipe.model, seed=seed, examples=EXAMPLES)
    cell = client.execute_cell(new_code_cell(code), 0)
    return round(float(cell.outputs[-1].text), 4)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of `autograder calibrate`."""
    parser.add_argument("assignment")
    parser.add_argument("--corpus", required=True, choices=[*courses.recipes()])


def main(options: argparse.Namespace, _: list[str]) -> int:
    """Run the command; the exit code."""
    return run(options.assignment, options.corpus)
