"""Mutants: the mistakes that are made, and whether a notebook's tests notice them."""

from __future__ import annotations

import json

import nbformat
import pytest
from helpers import cell
from nbformat.v4 import new_notebook

from autograder.quality import mutants

ANSWER = """\
def mean(values):
    ### BEGIN SOLUTION
    total = 0
    for value in values:
        total = total + value
    return total / len(values)
    ### END SOLUTION
"""
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook(*tests: str):
    cells = [cell("locked", "anywhere", "if False:\n    %pip install nothing")]
    cells += [cell("locked", "setup", "import math"), cell("solution", "mean", ANSWER)]
    cells += [cell("test", f"test-{n}", source, points=1) for n, source in enumerate(tests)]
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("y = x @ w + b", {"y = w @ x + b", "y = x @ w - b"}),
        ("y = x.mean(axis=1)", {"y = x.sum(axis=1)", "y = x.mean(axis=0)", "y = x.mean(axis=2)"}),
        ("return h if last else c", {"return h if not last else c"}),
        ("y = torch.sigmoid(x)", {"y = torch.tanh(x)", "y = x"}),
        ("words = pad(words, padding='pre')", {"words = pad(words, padding='post')"}),
        ("if n < 3:\n    pass", {"if n <= 3:"}),
    ],
)
def test_mistakes_of_the_field(source, expected):
    body = "\n".join(f"    {line}" for line in source.splitlines())
    marked = f"def f():\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"
    cells = [cell("solution", "f", marked), cell("test", "test-f", "f()", points=1)]
    made = list(mutants.mutants_of("n", new_notebook(cells=cells)))
    assert expected <= {mutant.after for mutant in made}
    for mutant in made:
        compile(mutant.source, mutant.cell, "exec")
        assert mutant.before != mutant.after


def run(path, monkeypatch, reasons="") -> tuple[int, dict]:
    folder = path / "solutions/numbers"
    folder.mkdir(parents=True)
    monkeypatch.setattr(mutants, "HOME", path)
    monkeypatch.setattr(mutants, "RESULTS", path / "mutants.json")
    monkeypatch.setattr(mutants.members, "CLASSES", path / "classes")
    (path / "classes/numbers").mkdir(parents=True)
    if reasons:
        (path / "classes/numbers/survivors.yaml").write_text(reasons)
    nbformat.write(run.notebook, folder / "numbers.ipynb")
    code = mutants.run(["numbers"])
    return code, json.loads((path / "mutants.json").read_text())["numbers/numbers"]


def test_a_good_test_catches_all(tmp_path, monkeypatch, capsys):
    run.notebook = notebook("assert mean([1, 2, 6]) == 3", "assert math.isclose(mean([-1]), -1)")
    code, entry = run(tmp_path, monkeypatch)
    assert (code, entry["caught"], entry["survivors"]) == (0, entry["mutants"], [])
    assert entry["mutants"] >= 4
    assert "numbers/numbers: " in capsys.readouterr().out


def test_a_survivor_is_named_and_needs_a_reason(tmp_path, monkeypatch, capsys):
    run.notebook = notebook("assert mean([0, 0]) == 0")
    code, entry = run(tmp_path, monkeypatch)
    assert code == 1
    assert 0 < entry["caught"] < entry["mutants"]
    assert all(survivor["cell"] == "mean" for survivor in entry["survivors"])
    assert "NO REASON GIVEN" in capsys.readouterr().out


def test_a_solution_that_fails_its_own_tests_is_no_measure(tmp_path, monkeypatch):
    run.notebook = notebook("assert mean([1, 2]) == 7")
    with pytest.raises(Exception, match=r"test-0|fails"):
        run(tmp_path, monkeypatch)
