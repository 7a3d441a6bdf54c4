"""Sets accuracy thresholds from many trainings of the reference solution.

A threshold is the mean accuracy of `SEEDS` runs, each with its own initial weights and its own
fresh test reviews, less four standard deviations, rounded down to a whole percent. The runs are
kept beside it in `autograder/thresholds/<assignment>.json`.

A notebook takes part by two conventions: a locked cell `fit` (built-in corpus) or `real` (IMDB)
trains and leaves `model` or `real_model`, and its first line sets the seed to 0. Test reviews are
padded in front; where a network wants them otherwise, a locked function `padding_behind` moves it.
"""

from __future__ import annotations

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

from autograder import check
from autograder.report import write_atomically

REPOSITORY = Path(__file__).parent.parent
SEEDS = 10
SIGMAS = 4
REVIEWS = 1_000  # fresh test reviews of each run
CELLS = {
    "longmemory": ("fit", "model"),
    "made-up": ("fit", "model"),  # the language of `simple_rnn_keras`, written by its notebook
    "one-voice": ("fit", "model"),  # as `feedforward_and_cnn` draws them from longmemory
    "one-voice, feed-forward": ("fit-feedforward", "feedforward_model"),
    "imdb": ("real", "real_model"),
}
ONE_VOICE = "_, _tokens, _labels = read_reviews({reviews}, 'calibration/{seed}')"
MEASURE = {
    "longmemory": "_tokens, _labels = longmemory.arrays({reviews}, seed='calibration/{seed}')",
    "made-up": "_texts, _labels = write_reviews({reviews}, [*b'calibration/{seed}'])\n"
    "_tokens = imdb.pad(_texts, 30)",
    "one-voice": ONE_VOICE,
    "one-voice, feed-forward": ONE_VOICE,
    "imdb": "_texts, _labels = imdb.load_data(num_words=5000)[1]\n_tokens = imdb.pad(_texts, 200)",
}


def run(assignment: str, corpus: str = "longmemory") -> int:
    """Calibrate every notebook of the assignment on one corpus; write and print the thresholds."""
    path = check.THRESHOLDS / f"{assignment}.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for notebook in sorted((REPOSITORY / "solutions" / assignment).glob("*.ipynb")):
        entry = _calibrate(notebook, corpus)
        results.setdefault(notebook.stem, {})[corpus] = entry
        write_atomically(path, json.dumps(results, indent=1) + "\n")
        print(f"{notebook.stem}: mean {entry['mean']:.4f}, threshold {entry['threshold']:.2f}")
    return 0


def threshold(accuracies: list[float]) -> float:
    """Mean less four standard deviations, rounded down to a whole percent."""
    lowest = statistics.mean(accuracies) - SIGMAS * deviation(accuracies)
    return math.floor(round(lowest * 100, 6)) / 100


def deviation(accuracies: list[float]) -> float:
    """Standard deviation of the runs, but at least that of counting errors among `REVIEWS`.

    Ten runs without any error do not prove that there will never be one (Laplace's rule of
    succession).
    """
    errors = (1 - statistics.mean(accuracies)) * REVIEWS
    rate = (errors + 1) / (REVIEWS + 2)
    return max(statistics.stdev(accuracies), math.sqrt(rate * (1 - rate) / REVIEWS))


def failing(accuracies: list[float]) -> float:
    """Probability that a right solution stays below the threshold, if accuracies are normal."""
    runs = statistics.NormalDist(statistics.mean(accuracies), deviation(accuracies))
    return runs.cdf(threshold(accuracies))


def _calibrate(path: Path, corpus: str) -> dict:
    notebook = nbformat.read(path, as_version=4)
    cells = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    fit, model = CELLS[corpus]
    if fit not in cells:
        raise ValueError(f"{path}: expected a cell '{fit}' that trains {model!r}, found none")
    before = list(cells)[: list(cells).index(fit)]
    prepare = [cells[name] for name in before if name != "fit"]
    os.environ["COURSE_TIER"] = "gpu" if corpus == "imdb" else "cpu"
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
            accuracies.append(_measure(client, corpus, model, seed))
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


def _measure(client: NotebookClient, corpus: str, model: str, seed: int) -> float:
    """The accuracy of the notebook's model on test reviews of its own."""
    code = [
        MEASURE[corpus].format(seed=seed, reviews=REVIEWS),
        "_tokens = padding_behind(_tokens) if 'padding_behind' in globals() else _tokens",
        f"_outputs = student.get({model!r}).predict(_tokens)[:, 0]",
        "_bar = 0.5 if 'keras' in globals() else 0.0  # probabilities or logits",
        "print(float(((_outputs > _bar) == (_labels > 0.5)).mean()))",
    ]
    cell = client.execute_cell(new_code_cell("\n".join(code)), 0)
    return round(float(cell.outputs[-1].text), 4)
