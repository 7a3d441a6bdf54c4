"""How a threshold follows from runs, and that the committed ones do."""

from __future__ import annotations

import json

import pytest

from autograder import calibrate, check


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
    for path in check.THRESHOLDS.glob("*.json"):
        for corpora in json.loads(path.read_text()).values():
            for entry in corpora.values():
                assert len(entry["accuracies"]) >= 10
                assert entry["threshold"] == calibrate.threshold(entry["accuracies"])
                assert min(entry["accuracies"]) >= entry["threshold"]
