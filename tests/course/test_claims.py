"""Claims of a lecture: printed, recorded; and held against every seed."""

from __future__ import annotations

import sys

import nbformat
import numpy as np
import pytest
from helpers import REPOSITORY
from nbformat.v4 import new_code_cell, new_notebook

from rnn_course.claims import Claims

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import claims


@pytest.fixture(autouse=True)
def _in_full(monkeypatch):
    monkeypatch.delenv("COURSE_QUICK", raising=False)


def test_a_claim_is_printed_and_recorded(capsys):
    results = {}
    claim = Claims(results)
    claim("time grows", 1 < 2, [1.0, 2.25])
    claim.above("A beats B", 0.9, 0.85)
    assert (
        capsys.readouterr().out
        == "✓ time grows: 1, 2.25\n✓ A beats B: 0.900 > 0.850 (+5.0 points)\n"
    )
    assert results["claims"]["time grows"] == {"holds": True, "shown": "1, 2.25"}
    assert results["claims"]["A beats B"]["lower"] == 0.85
    claim.above("too much", 0.9, 0.85, by=0.1)  # on a student's machine the lecture goes on
    assert capsys.readouterr().out.startswith("✗ too much: 0.900 > 0.850 (+5.0 points) (not so")
    assert results["claims"]["too much"]["holds"] is False
    with pytest.raises(ValueError, match="once"):
        claim("time grows", True)


def test_quick_mode_skips_by_name(capsys, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    quick = {}
    Claims(quick)("wrong", False)
    assert quick["claims"] == {}
    assert "quick mode: wrong" in capsys.readouterr().out


def seeds(*entries):
    return {str(seed): {"claims": entry} for seed, entry in enumerate(entries)}


def test_each_claim_needs_a_record_that_holds_in_every_seed():
    good, bad = {"c": {"holds": True}}, {"c": {"holds": False, "shown": "1 > 2"}}
    assert claims.problems(["c"], seeds(good, good, good)) == []
    assert claims.problems(["c"], seeds(good, bad, good)) == ["seed 1 contradicts: c: 1 > 2"]
    assert claims.problems(["c"], seeds(good, {}, good)) == ["seed 1 has no record of: c"]
    assert claims.problems(["c"], seeds(good, good)) == ["3 seeds needed, 2 on file for: c"]
    assert claims.problems(["c"], {}) == ["3 seeds needed, 0 on file for: c"]
    assert claims.problems([], seeds(good)) == ["no lecture makes this claim any more: c"]


def test_less_than_two_points_need_five_seeds():
    near = {"c": {"holds": True, "higher": 0.88, "lower": 0.87}}
    assert claims.problems(["c"], seeds(*[near] * 3)) == ["5 seeds needed, 3 on file for: c"]
    assert claims.problems(["c"], seeds(*[near] * 5)) == []


def test_claims_are_found_in_the_notebook_by_literal_names(tmp_path):
    path = tmp_path / "x.ipynb"
    cells = [new_code_cell("claim('a', 1)\nclaim.above(\n    'b', 2, 1)\nother('c')")]
    nbformat.write(new_notebook(cells=cells), path)
    assert list(claims.claimed(path)) == ["a", "b"]
    cells.append(new_code_cell("claim(f'{x}', 1)"))
    nbformat.write(new_notebook(cells=cells), path)
    with pytest.raises(ValueError, match="as a text"):
        list(claims.claimed(path))


def test_numpy_numbers_are_recorded_as_true_or_false():
    results = {}
    claim = Claims(results)
    claim("a", np.float64(2) > 1)
    claim.above("b", np.float64(0.9), np.float32(0.8))
    assert all(entry["holds"] is True for entry in results["claims"].values())


@pytest.mark.parametrize(
    "path", sorted(claims.LECTURES.glob("[0-9]*.ipynb")), ids=lambda path: path.stem
)
def test_what_is_published_holds_where_it_was_run(path):
    cells = nbformat.read(path, as_version=4).cells
    printed = "".join(o.get("text", "") for cell in cells for o in cell.get("outputs", []))
    assert "✗" not in printed
