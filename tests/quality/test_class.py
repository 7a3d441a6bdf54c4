"""Every student of every sample class gets the score written in their file.

`make test` grades some of each class, another commit others; `make test-all` all.
"""

from __future__ import annotations

import csv
import html
import re
from pathlib import Path

import nbformat
import pytest
from helpers import EVERYTHING, run_forked, skip_without_kernel, some

from autograder import syntax
from autograder.quality import members, sample_class

pytest.importorskip("torch")  # and the sample classes, which lie beside the package
ASSIGNMENTS = sorted(path.name for path in Path(members.CLASSES).iterdir() if path.is_dir())
ASSIGNMENTS = [name for name in ASSIGNMENTS if (Path("solutions") / name).exists()]
ALWAYS = ("reference", "alternative", "blank")
# The generic attackers never reach an assignment's own cells, so one of each kernel will do.
ATTACKED = ASSIGNMENTS if EVERYTHING else ["gluon_sentiment", "text_pipeline"]


class Forked(sample_class.Commands):
    """The same commands, started faster."""

    def __call__(self, title: str, *arguments: str, watch: int = 0) -> None:
        code, output = run_forked(self.course, *arguments)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(output)
        assert code == 0, output[-3000:]


def points_of_tests(assignment: str) -> float:
    """All points but those that wait to be graded by hand."""
    cells = [
        cell
        for path in Path("solutions", assignment).glob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
    ]
    return sum(cell.metadata.nbgrader.points for cell in cells if syntax.is_test(cell))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_class_gets_its_expected_scores(assignment, tmp_path, capsys, monkeypatch):
    if assignment != "cnn_lstm":  # which is graded as `make grade` does it
        monkeypatch.setattr(sample_class, "Commands", Forked)
    skip_without_kernel(*Path("solutions", assignment).glob("*.ipynb"))
    students = some(members.members(assignment), lambda member: member.name in ALWAYS)
    names = [member.name for member in students]
    assert sample_class.grade(assignment, tmp_path, names) == 0, capsys.readouterr().out
    grades = (tmp_path / "grades.csv").read_text().splitlines()
    assert len(grades) == 1 + len(students)
    table = {row["student_id"]: row for row in csv.DictReader(grades)}
    assert float(table["blank"]["score"]) == 0
    assert float(table["reference"]["score"]) == points_of_tests(assignment)
    assert {row["alerts"] for row in table.values()} == {""}  # nobody here is an attacker
    check_feedback_on_hidden_tests(assignment, tmp_path)
    assert "not recognized by" not in (tmp_path / "nbgrader.log").read_text()
    for path in (tmp_path / "autograded" / "blank").rglob("*.ipynb"):
        errors = [
            output.ename
            for cell in nbformat.read(path, as_version=4).cells
            for output in cell.get("outputs", [])
            if output.output_type == "error"
        ]
        assert set(errors) == {"NotImplementedError"}


def check_feedback_on_hidden_tests(assignment, folder):
    """What the hidden part of a test said stands on no page, but its sentence without data does."""
    told = 0
    for path in (folder / "autograded").rglob("*.ipynb"):
        page = folder / "feedback" / path.relative_to(folder / "autograded").with_suffix(".html")
        text, said, shown = page.read_text(), set(), set()
        for cell in nbformat.read(path, as_version=4).cells:
            outputs = cell.get("outputs", [])
            hidden = cell.metadata.get("autograder", {}).get("hidden")
            begin = hidden["from_output"] if hidden else len(outputs)
            shown.update(line for o in outputs[:begin] for line in lines_of(o))
            said.update(line for o in outputs[begin:] for line in lines_of(o))
            if hidden:
                shown.update(hidden["told"])
                told += len(hidden["told"])
        for line in said - shown:  # another test may have said the same in the open
            assert html.escape(line) not in text, f"{page}: {line}"
    assert told > 0 or not EVERYTHING  # by one of those with mistakes


def lines_of(output):
    """The lines of a stream or an error that could hold data: those with a number in them."""
    text = output.get("text", "") or output.get("evalue", "")
    return [line for line in text.split("\n") if re.search(r"\d{2}", line)]


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_class_has_what_it_must_have(assignment):
    students = {member.name: member for member in members.members(assignment)}
    assert {"reference", "blank", "alternative"} <= set(students)
    for notebook in Path("solutions", assignment).glob("*.ipynb"):
        mistakes = [member for member in students.values() if member.scores.get(notebook.stem)]
        assert len(mistakes) >= 6, notebook.stem


@pytest.mark.timeout(600)
@pytest.mark.parametrize("assignment", ATTACKED)
def test_generic_attackers_get_nothing(assignment, tmp_path, monkeypatch):
    monkeypatch.setattr(sample_class, "Commands", Forked)
    skip_without_kernel(*Path("solutions", assignment).glob("*.ipynb"))
    rows = sample_class.attack(assignment, tmp_path)
    assert len(rows) == len(members.attackers("generic"))
    for row in rows.values():
        assert not any(score.points for score in row.scores), row
        assert row.alerts


HEADER = "# ---\n# note: x\n# ---\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected a header between two lines"),
        ("print(1)\n", "expected a header between two lines"),
        ("# ---\n# note: x\n# %% a b\n1\n", "expected a header between two lines"),
        (f"{HEADER}lost = 1\n# %% a b\n1\n", r"expected '# %% notebook question', found \[\]"),
        (f"{HEADER}# %% a\n1\n", r"expected '# %% notebook question', found \['a'\]"),
    ],
)
def test_a_file_of_another_form_is_refused(text, problem, tmp_path):
    (tmp_path / "x.py").write_text(text)
    with pytest.raises(ValueError, match=problem):
        members.read_member(tmp_path / "x.py")


def test_a_file_is_read_cell_by_cell(tmp_path):
    (tmp_path / "x.py").write_text(f"{HEADER}# %% a b\n# 1\n\n\nx = 2\n\n\n# %% a +behind:b\n3\n")
    member = members.read_member(tmp_path / "x.py")
    assert (member.name, member.note) == ("x", "x")
    assert member.answers == {("a", "b"): "# 1\n\n\nx = 2", ("a", "+behind:b"): "3"}


def test_an_unexpected_score_is_shown_and_counted():
    assert sample_class._mark(3.0, 3.0) == "3"
    assert sample_class._mark(None, None) == "·"
    assert sample_class._mark(3.0, 0.0) == "!3 (0)"
    assert sample_class._mark(None, 4.0) == "!· (4)"


def test_a_command_that_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="autograde failed: Stopped: The gradebook is empty"):
        sample_class.Commands(tmp_path)("autograde", "autograde", "text_pipeline")
