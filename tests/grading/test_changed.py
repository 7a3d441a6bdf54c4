"""An assignment changes after some have handed in: mended tests, new questions, other points."""

from __future__ import annotations

import copy
import json

import nbformat
import pytest
from helpers import (
    CHECK_SQUARE,
    cell,
    last_entries,
    make_course,
    make_tmp,
    nbgrader,
    run_autograde,
    tiny_notebook,
)
from nbgrader.api import Gradebook

from autograder.gradebook import versions
from autograder.outputs import export
from autograder.submissions.recovery import Official
from autograder.submissions.renewal import renew

GOOD = "def square(x):\n    return x * x"


def changed_notebook():
    """Every kind of change at once."""
    nb = tiny_notebook()
    by_name = {c.id: c for c in nb.cells}
    by_name["setup"].source += "\nimport math  # new"
    by_name["integers"].source = CHECK_SQUARE.replace("3), 9", "2), 4")
    by_name["essay"].metadata.nbgrader.points = 4
    nb.cells = [c for c in nb.cells if c.id != "fractions"]  # removed
    nb.cells.append(cell("test", "negative", 'check.equal(student.call("square", -1), 1, "x")', 1))
    nb.cells.append(cell("written", "why", "### BEGIN SOLUTION\nSo.\n### END SOLUTION", 2))
    return nb


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A class that was graded; then the assignment changed, and it was graded again."""
    course = make_course(tmp_path_factory.mktemp("changed"), ("one",))
    make_tmp(course.folder)
    honest = course.answered(GOOD)
    next(c for c in honest.cells if c.id == "essay").source = "Because I say so."
    edited = copy.deepcopy(honest)
    next(c for c in edited.cells if c.id == "integers").source = "check.equal(9, 9, 'x')"
    pointed = copy.deepcopy(honest)
    next(c for c in pointed.cells if c.id == "integers").metadata.nbgrader.points = 300
    lacking = copy.deepcopy(honest)
    lacking.cells = [c for c in lacking.cells if c.id != "setup"]
    stripped = copy.deepcopy(honest)
    for c in stripped.cells:
        c.metadata.pop("nbgrader", None)
        c.id = f"x{c.id}"
    everybody = {"honest": honest, "edited": edited, "pointed": pointed, "lacking": lacking}
    for name, notebook in {**everybody, "stripped": stripped}.items():
        course.hand_in(name, notebook)
    code, output = run_autograde(course)
    assert code == 0, output
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        for name, question, points in (("honest", "essay", 1.5), ("edited", "fractions", 2)):
            gradebook.find_grade(question, "one", "tiny", name).manual_score = points
        gradebook.find_comment("essay", "one", "tiny", "honest").manual_comment = "good"
        gradebook.db.commit()
    nbformat.write(changed_notebook(), course.folder / "source/tiny/one.ipynb")
    code, course.released_again = nbgrader(course, "generate_assignment", "tiny", "--force")
    assert code == 0, course.released_again
    new = course.answered(GOOD)
    course.hand_in("new", new)
    new.cells = [c for c in new.cells if c.id != "negative"]
    course.hand_in("new_lacking", new)
    course.between = course.rows()
    course.canvas_between = exported(course)
    code, course.log = run_autograde(course)
    assert code == 0, course.log
    return course


def exported(course):
    """Canvas's file, and what the export says."""
    target = course.folder / "canvas.csv"
    exporter = "--exporter=autograder.outputs.export.CanvasExportPlugin"
    code, said = nbgrader(course, "export", exporter, f"--to={target}")
    assert code == 0, said
    return target.read_text(), said


def alerts(course, name):
    return [text for text in course.rows()[name].alerts if "metadata" not in text]


def test_the_run_says_what_changed_and_grades_it(course):
    what = "changed: essay, integers, setup; added: negative, why; removed: fractions"
    assert f"The assignment has changed since 5 were graded ({what}); they are graded" in course.log
    last = course.log.splitlines()[-1]
    assert "Graded now: 7 of 7 submissions" in last
    assert f"the assignment has changed since 5 were graded ({what})" in last
    code, again = run_autograde(course)
    assert code == 0
    assert again.count("graded and unchanged") == 7
    assert "has changed since" not in again


def test_points(course):
    scores = {s.question: s for s in course.rows()["honest"].scores}
    assert {name: (s.points, s.max_score) for name, s in scores.items()} == {
        "integers": (3, 3),
        "negative": (1, 1),
        "essay": (1.5, 4),  # given by hand
        "why": (0, 2),
    }
    assert course.rows()["honest"].max_score == 10
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        comment = gradebook.find_comment("essay", "one", "tiny", "honest")
        assert comment.manual_comment == "good"


def test_a_new_question_is_not_graded_until_the_next_run(course):
    row = course.between["honest"]
    assert {s.question: s.points for s in row.scores} == {
        "integers": 3,
        "negative": None,
        "essay": 1.5,
        "why": None,
    }
    assert not row.complete
    assert (row.status, row.notes[0]) == (export.NOT_YET, export.OUTDATED)
    assert {row.status_of(score)[0] for score in row.scores} == {export.NOT_YET}
    text, said = course.canvas_between
    assert ",honest," not in text
    assert f"honest, lacking, pointed, stripped: tiny: not graded yet: {export.OUTDATED}" in said
    assert course.rows()["honest"].status == export.GRADED


def test_points_by_hand_that_go_with_a_question_are_named(course):
    said = course.released_again
    assert "fractions is no longer in one: points that were given by hand went with it" in said
    assert "(edited: 2)" in said


def test_nobody_is_accused_of_what_the_instructor_did(course):
    assert alerts(course, "honest") == []
    assert alerts(course, "new") == []
    assert alerts(course, "stripped") == []
    notes = course.rows()["honest"].notes
    assert "one.ipynb: added to the assignment after it was handed out: negative, why" in notes
    assert not any("missing" in note for note in notes)


def test_edits_of_the_version_that_was_given_out_are_still_named(course):
    assert alerts(course, "edited") == ["one.ipynb: integers: a locked cell was edited"]
    assert alerts(course, "pointed") == ["one.ipynb: integers: the points were edited"]
    assert alerts(course, "lacking") == ["one.ipynb: setup: the cell is missing"]
    assert alerts(course, "new_lacking") == ["one.ipynb: negative: the cell is missing"]


def test_forced_again_is_the_same(course):
    before = {name: row.alerts for name, row in course.rows().items()}
    code, _ = run_autograde(course, "--force", "--student=honest")
    assert code == 0
    assert course.rows()["honest"].alerts == before["honest"] == []
    entries = last_entries(course)
    assert {entry["version"] for entry in entries.values()} == {entries["honest"]["version"]}


def test_only_prose_changed(course):
    """A word mended in a locked text changes no points, so nobody is graded again."""
    nb = changed_notebook()
    text = nbformat.v4.new_markdown_cell("Read this.", id="text")
    text.metadata["nbgrader"] = copy.deepcopy(nb.cells[0].metadata.nbgrader)
    text.metadata.nbgrader.grade_id = "text"
    nb.cells.insert(1, text)
    nbformat.write(nb, course.folder / "source/tiny/one.ipynb")
    assert nbgrader(course, "generate_assignment", "tiny", "--force")[0] == 0
    assert run_autograde(course, "--no-execute")[0] == 0
    text.source = "Please read this."
    nbformat.write(nb, course.folder / "source/tiny/one.ipynb")
    assert nbgrader(course, "generate_assignment", "tiny", "--force")[0] == 0
    code, output = run_autograde(course, "--no-execute")
    assert code == 0
    assert output.count("graded and unchanged") == 7


# ------------------------------------------------------------------ without grading


def given(text="x = 1", **changes):
    role = {"cell_type": "code", "locked": True, "grade": False, "solution": False, "task": False}
    return {**role, "points": None, "released": text, "digest": text, **changes}


def official(name, text, **changes):
    kept = given(text, **changes)
    metadata = {key: kept[key] for key in ("grade", "solution", "task", "locked", "points")}
    metadata |= {"grade_id": name, "schema_version": 3}
    return Official(name, kept["cell_type"], text, metadata, kept["locked"])


def notebook(**cells):
    nb = nbformat.v4.new_notebook(metadata={"autograder": {"notes": []}})
    for name, text in cells.items():
        nb.cells.append(cell("locked", name, text))
    return nb


def renewed(nb, now, *earlier):
    renew(nb, {name: official(name, text) for name, text in now.items()}, list(earlier))
    return {c.id: c.source for c in nb.cells}, nb.metadata.autograder.get("added", [])


def test_the_version_that_explains_most_counts():
    first = {"a": given("1"), "b": given("1")}
    second = {"a": given("2"), "b": given("2")}
    now = {"a": "3", "b": "3"}
    assert renewed(notebook(a="1", b="1"), now, second, first)[0] == {"a": "3", "b": "3"}
    assert renewed(notebook(a="2", b="2"), now, second, first)[0] == {"a": "3", "b": "3"}
    assert renewed(notebook(a="3", b="3"), now, second, first)[0] == {"a": "3", "b": "3"}
    assert renewed(notebook(a="1", b="x"), now, second, first)[0] == {"a": "3", "b": "x"}


def test_what_was_edited_in_the_present_version_stays():
    now = {"a": "3", "b": "3", "c": "3"}
    first = {"a": given("1"), "b": given("3"), "c": given("3")}
    assert renewed(notebook(a="mine", b="3", c="3"), now, first)[0]["a"] == "mine"


def test_a_locked_cell_that_is_gone_is_dropped_but_no_text_of_a_student():
    first = {"a": given("1"), "old": given("test")}
    assert renewed(notebook(a="1", old="test"), {"a": "1"}, first)[0] == {"a": "1"}
    assert renewed(notebook(a="1", old="mine"), {"a": "1"}, first)[0] == {"a": "1", "old": "mine"}
    answer = {"a": given("1"), "old": given("stub", locked=False, solution=True)}
    nb = notebook(a="1")
    nb.cells.append(cell("solution", "old", "my answer"))
    assert renewed(nb, {"a": "1"}, answer)[0] == {"a": "1", "old": "my answer"}


def test_without_names_cells_are_found_by_their_text():
    first = {"a": given("1"), "b": given("old")}
    nb = notebook(a="1", b="old")
    for c in nb.cells:
        c.metadata.clear()
    assert renewed(nb, {"a": "1", "b": "new"}, first)[0] == {"a": "1", "b": "new"}


def test_versions_on_disk(tmp_path):
    path = versions.place(tmp_path / "autograded", "ps1")
    one, two = {"nb": {"a": given("1")}}, {"nb": {"a": given("2"), "b": given("1")}}
    assert versions.remember(path, one) == [one]
    assert versions.remember(path, one) == [one]
    assert versions.remember(path, two) == [one, two]
    assert versions.remember(path, one) == [two, one]
    assert versions.earlier([two, one]) == {"nb": [two["nb"]]}
    assert versions.earlier([]) == {}
    assert versions.changes(one, two) == "changed: a; added: b"
    assert versions.changes(two, one) == "changed: a; removed: b"
    assert versions.changes(None, one) == "from a version that is no longer known"
    path.write_text(json.dumps([one])[:20])  # damaged
    assert versions.remember(path, two) == [two]
