"""The lectures as committed: whole, tidy, and with the numbers that their sources print.

That their cells run is nbval's part (`make test` runs it in quick mode).
"""

from __future__ import annotations

import json
import re
import statistics
import sys

import nbformat
import pytest
from helpers import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import recipes

import lectures

PATHS = sorted((REPOSITORY / "lectures").glob("[0-9]*.ipynb"))
COMPANIONS = {"06_one_lstm_gluon"}  # runs for another lecture, and says so
MAIN = [path for path in PATHS if path.stem not in COMPANIONS]
MOST_LINES, USUAL_LINES = 55, 15  # of one code cell: a large figure, and the median
# What must stand in the outputs: facts of the data, parameter counts, printed digits.
PRINTED = {
    "01_memory_and_gates_gluon": ["230.51952", "2459"],
    "02_simple_rnn_keras": ["1,000,286"],
    "03_battlefield_pytorch": ["125,501", "13,500,501", "20,200", "80,800"],
    "04_lstm_by_hand_pytorch": ["0.525252", "0.760743", "0.904664"],
    "05_elman_to_generation_keras": ["173,401", "213,301", "216,405"],
    "06_one_lstm_three_frameworks": ["80,400", "80,800", "216,405", "216,805"],
}


def read(path):
    return nbformat.read(path, as_version=4)


def texts(notebook):
    """Everything that the code cells print or show as text."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            yield output.get("text", "")
            yield "".join(output.get("data", {}).get("text/plain", ""))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_cell_has_run_without_a_warning(path):
    for number, cell in enumerate(read(path).cells):
        for output in cell.get("outputs", []):
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", (number, cell.id, output.text[:200])
    assert any(cell.get("outputs") for cell in read(path).cells)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_one_idea_per_cell_and_no_places(path):
    notebook = read(path)
    lines = [len(c.source.splitlines()) for c in notebook.cells if c.cell_type == "code"]
    assert max(lines) <= MOST_LINES
    assert statistics.median(lines) <= USUAL_LINES
    for cell in notebook.cells:
        assert not re.search(r"(/home/|/root/|/work/|/tmp/|[A-Z]:\\)", cell.source), cell.id
    for text in texts(notebook):
        assert not re.search(r"(/home/|/root/|/work/|/tmp/)", text), text[:300]


@pytest.mark.parametrize("path", MAIN, ids=lambda path: path.stem)
def test_begins_and_ends_as_every_lecture_does(path):
    cells = read(path).cells
    first = cells[0].source.lower()
    assert "you can" in first
    assert "minute" in first
    assert "you need" in first
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for heading in ("Recap", "On a GPU", "Sources"):
        assert re.search(rf"^#+ .*{heading}", prose, re.M), heading
    assert re.search(r"^#+ .*(Ways to fool yourself|got wrong|goes wrong)", prose, re.M)
    assert any(re.search(r"^SEED = 0$", cell.source, re.M) for cell in cells)


@pytest.mark.parametrize("path", MAIN, ids=lambda path: path.stem)
def test_the_numbers_of_the_source_are_in_the_outputs(path):
    printed = "\n".join(texts(read(path)))
    for number in PRINTED[path.stem]:
        assert number in printed, number


@pytest.mark.parametrize("path", MAIN, ids=lambda path: path.stem)
def test_results_reach_their_floors(path):
    assert lectures.below_floor(path.stem) == []


def test_moved_numbers_are_found():
    before = {"LSTM": {"accuracy": 0.87}, "bigram": {"perplexity": 200.0}, "note": "text"}
    assert lectures.moved(before, before) == []
    after = {"LSTM": {"accuracy": 0.86}, "bigram": {"perplexity": 200.5}, "note": "other"}
    assert lectures.moved(before, after) == [("LSTM", 0.87, 0.86)]


def test_means_are_over_the_seeds(tmp_path, monkeypatch):
    monkeypatch.setattr(lectures, "RESULTS", tmp_path)
    for seed, accuracy in enumerate((0.80, 0.90)):
        lectures.keep("x", seed, {"LSTM": {"accuracy": accuracy}}, minutes=1.0)
    assert lectures.means("x") == {"LSTM": (pytest.approx(0.85), 2)}
    monkeypatch.setitem(lectures.FLOORS, "x", {"LSTM": 0.86, "GRU": 0.5})
    assert lectures.below_floor("x") == [
        "x: LSTM 0.8500, at least 0.86 expected",
        "x: no results for 'GRU'",
    ]
    assert json.loads((tmp_path / "x.json").read_text())["seeds"]["1"]["minutes"] == 1.0


def test_recipes_race_to_what_the_source_printed():
    slow = {"seconds": 60.0, "accuracy": [[20.0, 0.60], [40.0, 0.70], [60.0, 0.72]]}
    fast = {"seconds": 10.0, "accuracy": [[5.0, 0.71], [10.0, 0.74]]}
    found = {"target": 0.7, "source": 40.0, "ours": 5.0, "times_faster": 8.0}
    assert recipes.race(0.7, slow, fast) == found
    # the source's recipe does not get there: it counts with all its time
    found = {"target": 0.73, "source": None, "ours": 10.0, "times_faster": 6.0}
    assert recipes.race(0.73, slow, fast) == found
    # ours does not, or nothing is printed: to the source's best
    found = {"target": 0.72, "source": 60.0, "ours": 10.0, "times_faster": 6.0}
    assert recipes.race(0.8, slow, fast) == recipes.race(None, slow, fast) == found
    assert recipes.race(0.8, fast, slow)["times_faster"] is None


def test_a_clock_scores_each_quarter_and_stops_meanwhile(monkeypatch):
    now = iter(range(0, 1000, 10))
    monkeypatch.setattr(recipes.time, "perf_counter", lambda: next(now))
    clock = recipes.Clock(steps=6, score=lambda: next(now) and 0.5)
    assert list(clock.watch("abcdef")) == list("abcdef")
    assert clock.result() == {
        "seconds": 60,
        "waited": 0,
        "epochs": 1.0,
        "seconds_per_epoch": 60.0,
        "accuracy": [[20, 0.5], [30, 0.5], [50, 0.5], [60, 0.5]],
    }
    monkeypatch.setattr(recipes, "PATIENCE", 75)
    with pytest.raises(recipes.PatienceError):
        list(clock.watch("abcdef"))
    assert clock.done == 8


def test_the_products_of_a_network_are_known_by_their_sizes():
    torch = pytest.importorskip("torch")
    lstm = torch.nn.LSTM(3, 5, batch_first=True)
    assert recipes.torch_products(torch, torch.nn.Sequential(lstm)) == [(3, 5, 20, 1)]
    keras = pytest.importorskip("keras")
    layers = [keras.layers.Conv1D(4, 3), keras.layers.MaxPooling1D(2), keras.layers.LSTM(6)]
    model = keras.Sequential([keras.Input((None, 7)), *layers])
    assert recipes.keras_products(model) == [(21, 0, 4, 1), (4, 6, 24, 2)]
    lengths = torch.tensor([2, 4])
    assert recipes.shape_of((torch.zeros(2, 4), lengths)) == (2, 3.0)
    alone = recipes.products_alone(recipes.keras_products(model), [(64, 400), (64, 300)])
    assert alone["products_alone_ms"] > 0
    assert recipes.products_alone([], [(2, 8)]) == {}
