"""Who handed in one of two notebooks, a broken file or nothing can be finished, by one policy."""

from __future__ import annotations

import csv
import re
import shutil

import pytest
from helpers import ASSIGNMENT, make_course, make_tmp, nbgrader, run_autograde
from nbgrader.api import Gradebook

from autograder.gradebook.journal import RefusedError
from autograder.grading.ledger import policy_of
from autograder.outputs import export

pytestmark = pytest.mark.slow
KINDS = {"half": ("two",), "broken": ("two",), "nothing": ("one", "two")}  # what is missing


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """One student for each kind, one who lacks nothing, one with a notebook of another name."""
    course = make_course(tmp_path_factory.mktemp("missing"))
    make_tmp(course.folder)
    good = course.answered()
    for name in ("whole", "half", "broken", "misnamed"):
        course.hand_in(name, good)
    course.hand_in("whole", good, "two")
    course.hand_in("broken", "<<<<<<< HEAD\n{}", "two")
    course.hand_in("misnamed", good, "two (1)")
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        for number, name in enumerate((*KINDS, "whole", "misnamed")):
            gradebook.add_student(name, email=f"{name}@x.org", lms_user_id=str(number))
    code, output = run_autograde(course)
    assert code == 0, output
    return course


def autograde(course, policy):
    code, output = run_autograde(course, f"--Autograde.missing={{'tiny': '{policy}'}}")
    assert code == 0, output
    return output


def table(course, name):
    target = course.folder / f"{name}.csv"
    plugin = f"--exporter=autograder.outputs.export.{name}ExportPlugin"
    code, output = nbgrader(course, "export", plugin, f"--to={target}")
    assert code == 0, output
    with open(target, encoding="utf-8-sig") as file:
        return list(csv.reader(file)), output


def pages(course):
    code, output = nbgrader(course, "generate_feedback", ASSIGNMENT, "--force")
    assert code == 0, output
    return {
        (path.parts[-3], path.stem): path.read_text(encoding="utf-8")
        for path in course.folder.glob("feedback/*/tiny/*.html")
    }


def of_formgrader(course):
    """Student -> what formgrader's list shows: the score, and whether somebody has to look."""
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        found = gradebook.submission_dicts(ASSIGNMENT)
    return {entry["student"]: (entry["score"], entry["needs_manual_grade"]) for entry in found}


def test_without_a_policy_they_wait_for_a_person(course):
    rows = course.rows()
    assert rows["whole"].status == export.GRADED
    assert rows["half"].status == rows["broken"].status == export.IN_PART
    assert "nothing" not in rows
    assert of_formgrader(course)["half"] == (7, True)


@pytest.fixture(scope="module")
def zero(course):
    return autograde(course, "0")


@pytest.fixture(scope="module")
def excused(course, zero):
    return autograde(course, "excused")


def test_zero(course, zero):
    assert "Skipping whole: graded and unchanged" in zero  # the others are not graded again
    last = zero.splitlines()[-1]
    assert "; 0 points for what is missing: 2 (broken: two.ipynb: the file is not" in last
    assert "half: two.ipynb was not handed in); handed in nothing, 0 points: 1 (nothing)" in last
    rows = course.rows()
    for name, missing in KINDS.items():
        row = rows[name]
        assert (row.status, row.complete, row.not_graded) == (export.GRADED, True, "")
        assert (row.score, row.max_score) == (14 - 7 * len(missing), 18)
        for notebook in missing:
            assert any(note.startswith(f"{notebook}.ipynb: 0 points: ") for note in row.notes)
        assert of_formgrader(course)[name] == (row.score, False)
    assert rows["misnamed"].status == export.IN_PART  # what is there under another name is no 0
    assert "is it two (1).ipynb?" in rows["misnamed"].not_graded
    canvas, _ = table(course, "Canvas")
    moodle, _ = table(course, "Moodle")
    expected = {"whole": "14", "half": "7", "broken": "7", "nothing": "0"}
    assert {line[3]: line[5] for line in canvas[2:]} == expected
    assert {line[0]: line[2] for line in moodle[1:]} == expected
    found = pages(course)
    for name, missing in KINDS.items():
        for notebook in missing:
            assert "This notebook gets 0 points." in found[name, notebook]
            assert "(Score: 0.0 / 9.0)" in found[name, notebook]
            assert "hidden-marker" not in found[name, notebook]
    assert "This notebook" not in found["half", "one"]


def test_excused(course, excused):
    assert "handed in nothing, excused: 1 (nothing)" in excused.splitlines()[-1]
    rows = course.rows()
    assert rows["nothing"].status == export.EXCUSED
    for name in ("half", "broken"):
        assert (rows[name].status, rows[name].score, rows[name].max_score) == ("graded", 7, 9)
        assert any(note.startswith("two.ipynb: excused: ") for note in rows[name].notes)
        assert of_formgrader(course)[name] == (7, False)
    canvas, said = table(course, "Canvas")
    found = {line[3]: line[5] for line in canvas[2:]}
    assert found == {"whole": "14", "half": "14", "broken": "14", "nothing": "EX"}
    assert "half: 7 of 9 points are written as 14 of 18, for two is excused" in said
    moodle, _ = table(course, "Moodle")
    assert {line[0]: line[2] for line in moodle[1:]} == {**found, "nothing": "-"}
    for name in ("Brightspace", "Gradescope"):
        lines, said = table(course, name)
        assert not any("nothing" in line for line in lines)
        assert "Left out: nothing: tiny: excused: the" in said
    tidy, _ = table(course, "Tidy")
    cells = {(line[1], line[4]): (line[6], line[8], line[9]) for line in tidy[1:]}
    assert cells["half", "two"] == ("", "excused", "excused: was not handed in")
    assert cells["whole", "two"][1] == "graded"
    questions, _ = table(course, "Questions")
    by_name = {line[1]: dict(zip(questions[0], line, strict=True)) for line in questions[1:]}
    assert (by_name["nothing"]["status"], by_name["nothing"]["two.essay"]) == ("excused", "")
    assert (by_name["half"]["max_score"], by_name["half"]["two.essay"]) == ("9", "")
    for (name, notebook), page in pages(course).items():
        missing = notebook in KINDS.get(name, ())
        assert ("excused and does not count" in page) == missing
        assert ("(Score: excused / 9.0)" in page) == missing


def test_points_by_hand_are_the_last_word(course, excused):
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        for question in ("integers", "fractions", "essay"):
            gradebook.find_grade(question, "two", "tiny", "half").manual_score = 1
        gradebook.db.commit()
    row = course.rows()["half"]
    assert (row.status, row.score, row.max_score) == (export.GRADED, 10, 18)


def test_what_comes_later_is_graded_and_a_policy_can_be_taken_back(course, excused):
    course.hand_in("nothing", course.answered())
    row = course.rows()["nothing"]
    assert (row.status, row.reasons["one"]) == (export.NOT_YET, export.WAITS)
    output = autograde(course, "excused")
    assert "Graded nothing" in output
    row = course.rows()["nothing"]
    assert (row.status, row.score, row.max_score) == (export.GRADED, 7, 9)
    shutil.rmtree(course.folder / "submitted/nothing")
    assert "nothing" not in autograde(course, "0").splitlines()[-1]  # points once given stay
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        gradebook.add_student("late")
    autograde(course, "0")
    assert course.rows()["late"].score == 0
    autograde(course, "wait")
    assert "late" not in course.rows()
    assert not (course.folder / "autograded/late/tiny").exists()
    assert course.rows()["broken"].status == export.IN_PART


def test_a_withdrawn_student_does_not_come_back(course, excused):
    def remove(name):
        assert nbgrader(course, "db", "student", "remove", name, "--force")[0] == 0

    remove("misnamed")
    for options in ((), ("--force",), ("--student=misnamed",)):
        code, output = run_autograde(course, "--no-execute", *options)
        assert code == 0, output
        assert "no longer in the gradebook: 1 (misnamed)" in output.splitlines()[-1]
        assert "misnamed" not in course.rows()
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        assert "misnamed" not in {student.id for student in gradebook.students}
        gradebook.add_student("misnamed")  # and comes back when the instructor says so
    code, output = run_autograde(course, "--no-execute", "--student=misnamed")
    assert "Graded now: 1 of 1 submissions" in output.splitlines()[-1]
    code, output = run_autograde(
        course, "--CourseDirectory.student_id_exclude=whole,half", "--force"
    )
    assert "Graded whole" not in output
    left_out, _ = table(course, "Tidy")
    assert "misnamed" in {line[1] for line in left_out}
    (course.folder / "gradebook.db").unlink()  # a new gradebook: nobody has left it
    assert nbgrader(course, "generate_assignment", "tiny", "--force")[0] == 0
    code, output = run_autograde(course, "--no-execute")
    assert "no longer in" not in output
    assert "whole" in course.rows()


def test_nobody_has_handed_in(tmp_path_factory):
    course = make_course(tmp_path_factory.mktemp("empty"), ("one",))
    make_tmp(course.folder)
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        gradebook.add_student("ada")
        gradebook.add_student("alan")
    code, output = run_autograde(course)
    assert code == 1
    assert "No notebooks were matched" in output
    assert "handed in nothing, 0 points: 1 (alan)" in run_policy(course, "--student=alan")
    assert "handed in nothing, 0 points: 1 (ada)" in run_policy(course)
    assert "handed in nothing" not in run_policy(course)


def run_policy(course, *options):
    code, output = run_autograde(course, "--Autograde.missing={'*': 0}", *options)
    assert code == 0, output
    return output.splitlines()[-1]


@pytest.mark.parametrize(
    ("setting", "policy"),
    [
        ({}, "wait"),
        ({"*": 0}, "0"),
        ({"*": "0", "ps1": "excused"}, "excused"),
        ({"ps2": "0"}, "wait"),
        ({"ps1": "wait", "*": "0"}, "wait"),
    ],
)
def test_the_setting(setting, policy):
    assert policy_of(setting, "ps1") == policy


@pytest.mark.parametrize("wrong", ["zero", None, 1, "", "EX"])
def test_another_word_is_refused(wrong):
    with pytest.raises(
        RefusedError, match=re.escape("expected '0' (they get 0 points), 'excused'")
    ):
        policy_of({"*": wrong}, "ps1")
