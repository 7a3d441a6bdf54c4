"""Tables as text: nothing is cut, nothing is colored, columns stand below each other."""

from __future__ import annotations

import pytest

from autograder.outputs import terminal


@pytest.mark.parametrize("settings", [{}, {"COLUMNS": "20", "FORCE_COLOR": "1", "TERM": "xterm"}])
def test_a_table_is_the_same_in_any_terminal(settings, monkeypatch):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    long = "a_name_that_is_longer_than_a_narrow_terminal_is_wide"
    rows = [["[b]x[/b]", "1", "a  b"], ["语言", "12.5", ""], [long, "·", "z" * 300]]
    assert terminal.table(["who", "   points", "note"], rows, left=(0, 2)).split("\n") == [
        f"{'who':<52}     points  note",
        f"{'[b]x[/b]':<52}  {'1':>9}  a  b",
        f"{'语言':<50}  {'12.5':>9}",  # as wide as four letters
        f"{long}  {'·':>9}  {'z' * 300}",
    ]


def test_without_heads_there_are_only_rows():
    assert terminal.table(["", ""], [["a", "1"], ["bc", "2"]]) == "a   1\nbc  2"
