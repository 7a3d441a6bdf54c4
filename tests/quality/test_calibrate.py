"""How a threshold follows from runs, and that the committed ones do."""

from __future__ import annotations

import json

import pytest

import rnn_course
from autograder.__main__ import main
from autograder.quality import calibrate


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([0.90, 0.92] * 5, 0.86),  # mean 0.91, deviation 0.0105
        ([1.0] * 10, 0.99),  # no error seen: counting alone gives 0.001
        ([0.8] * 10, 0.74),  # counting: sqrt(0.8 * 0.2 / 1000) = 0.0126
    ],
)
def test_threshold(accuracies, expected):
    assert calibrate.threshold(accuracies) == expected


def test_committed_thresholds_follow_from_their_runs():
    for path in rnn_course.THRESHOLDS.glob("*.json"):
        for corpora in json.loads(path.read_text()).values():
            for entry in corpora.values():
                assert len(entry["accuracies"]) >= 10
                assert entry["threshold"] == calibrate.threshold(entry["accuracies"])
                assert min(entry["accuracies"]) >= entry["threshold"]
                assert calibrate.failing(entry["accuracies"]) < 1 / 1_000


def test_a_notebook_that_trains_nothing_is_refused():
    with pytest.raises(ValueError, match="expected a cell 'fit' that trains 'model', found none"):
        calibrate.run("text_pipeline", "longmemory")


def test_every_corpus_with_a_threshold_can_be_asked_for(capsys):
    corpora = {
        corpus
        for path in rnn_course.THRESHOLDS.glob("*.json")
        for entry in json.loads(path.read_text()).values()
        for corpus in entry
    }
    with pytest.raises(SystemExit):
        main(["calibrate", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert all(corpus in shown for corpus in corpora), corpora
