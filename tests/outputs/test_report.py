"""The report and the exports: nbgrader's own scores, who was not graded and why, safe cells."""

from __future__ import annotations

import csv
import json
import os
import subprocess

import pytest
from nbgrader.plugins import CsvExportPlugin
from school import FULL, MAXIMUM, School, named, notebook

from autograder import files
from autograder.gradebook import journal
from autograder.outputs import export, report
from autograder.submissions import alerts

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # as in nbgrader_config.py
# name: (by cell the values of nbgrader's Grade, late penalty of the notebook "one")
CLASS = {
    "full": ({name: {"auto_score": points} for name, points in FULL.items()}, None),
    "manual_over_auto": ({"auto": {"auto_score": 4, "manual_score": 1.5}}, None),
    "manual_zero": ({"auto": {"auto_score": 4, "manual_score": 0}}, None),
    "extra": ({"auto": {"auto_score": 4, "extra_credit": 2.25}}, None),
    "extra_beyond_a_bonus": ({"bonus": {"manual_score": 0, "extra_credit": 5}}, None),
    "extra_alone": ({"written": {"auto_score": None, "extra_credit": 1}}, None),
    "extra_below_zero": ({"written": {"manual_score": 2, "extra_credit": -0.5}}, None),
    "task_graded": ({"task": {"manual_score": 2.5, "extra_credit": 0.1}}, None),
    "task_waits": ({"task": {"auto_score": None}}, None),
    "written_waits": ({"written": {"auto_score": None}}, None),
    "late": ({"task": {"manual_score": 1}}, 2.5),
    "later_than_it_is_worth": ({}, 1000.0),
    "minus": ({name: {"manual_score": -3} for name in FULL}, None),
    "thirds": ({"auto": {"manual_score": 1 / 3}, "task": {"manual_score": 2 / 3}}, 0.1),
}
WAIT = {"task_waits", "written_waits", "extra_alone"}


@pytest.fixture
def school(tmp_path):
    school = School(tmp_path)
    yield school
    school.gradebook.close()


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    school = School(tmp_path_factory.mktemp("school"))
    for name, (changes, penalty) in CLASS.items():
        school.hand_in(name)
        school.grade(name, changes, penalty)
    yield school
    school.gradebook.close()


# ------------------------------------------------------------------ nbgrader's own score


@pytest.mark.parametrize("student", CLASS)
def test_the_gradebooks_own_score(graded, student):
    row = graded.rows()[student]
    entry = graded.gradebook.find_submission("tiny", student)
    assert row.raw_score == pytest.approx(entry.score, abs=1e-12)
    assert row.late_submission_penalty == entry.late_submission_penalty
    assert row.max_score == entry.max_score == MAXIMUM
    assert len(row.scores) == len(FULL)
    assert sum(score.points or 0 for score in row.scores) == pytest.approx(entry.score)
    assert row.complete == (student not in WAIT)
    assert row.status == (export.BY_HAND if student in WAIT else export.GRADED)


def test_every_export_says_what_nbgrader_export_says(graded):
    expected = {row["student_id"]: row for row in named(graded.export(CsvExportPlugin))}
    table = named(graded.export(export.QuestionsExportPlugin))
    assert {row["student_id"] for row in table} == expected.keys() == CLASS.keys()
    for row in table:
        for column in ("raw_score", "late_submission_penalty", "score", "max_score"):
            theirs = float(expected[row["student_id"]][column])
            assert float(row[column]) == pytest.approx(theirs, abs=1e-12), (row, column)
    canvas = graded.export(export.CanvasExportPlugin)
    assert canvas[1] == ["Points Possible", "", "", "", "", str(MAXIMUM)]
    moodle = graded.export(export.MoodleExportPlugin)
    for cells in ({line[3]: line[-1] for line in canvas[2:]}, {m[0]: m[-1] for m in moodle[1:]}):
        assert cells.keys() == CLASS.keys() - WAIT
        for name in cells:
            assert float(cells[name]) == pytest.approx(float(expected[name]["score"]), abs=1e-12)
    assert cells["later_than_it_is_worth"] == cells["minus"] == "0"
    assert cells["extra"] == "12.25"
    assert cells["thirds"] == "3.9"


def test_a_waiting_task_is_an_empty_cell_and_no_zero(graded):
    table = {row["student_id"]: row for row in named(graded.export(export.QuestionsExportPlugin))}
    assert (table["task_waits"]["one.task"], table["task_waits"]["status"]) == (
        "",
        "to be graded by hand",
    )
    assert table["task_graded"]["one.task"] == "2.6"
    assert (table["manual_zero"]["one.auto"], table["manual_zero"]["status"]) == ("0", "graded")
    assert table["extra_alone"]["one.written"] == ""


def test_exports_are_the_same_every_time_and_of_whom_is_asked(graded):
    for plugin in ("Questions", "Canvas", "Moodle"):
        exporter = getattr(export, f"{plugin}ExportPlugin")
        assert graded.export(exporter) == graded.export(exporter)
        chosen = graded.export(exporter, student=["late", "minus", "nobody"], assignment=["tiny"])
        assert sum("late" in line or "minus" in line for line in chosen) == 2
        assert len(chosen) == (4 if plugin == "Canvas" else 3)
    for wrong in ({"assignment": ["tinny"]}, {"to": str(graded.folder / "no" / "grades.csv")}):
        with pytest.raises(SystemExit):
            graded.export(export.QuestionsExportPlugin, **wrong)


def test_the_summary_counts_what_the_gradebook_says(graded):
    found = report.collect(run_of(graded), graded.course)
    rows = graded.rows().values()
    assert found["mean"] == round(sum(row.score for row in rows) / len(rows), 2)
    assert (found["students"], found["counted"], found["max_score"]) == (14, 14, MAXIMUM)
    assert found["to_be_graded_by_hand"] == len(WAIT)
    task = next(line for line in found["questions"] if line["question"] == "task")
    assert (task["by_hand"], task["not_graded"], task["max_score"]) == (1, 0, 3)
    assert sum(found["distribution"]) == len(CLASS)
    assert "3 to be graded by hand" in report.to_text(found).splitlines()[-1]


# ------------------------------------------------------------------ not graded


def run_of(school, failures=None):
    names = sorted(os.listdir(school.folder / "submitted"))
    record = {
        "seconds": 1.0,
        "stages": {},
        "memory": 0,
        "kernels": {"forked": 1},
        "alerts": [],
        "given_again": [],
    }
    records = [record | {"student": name} for name in names]
    return {
        "ended": report.now(),
        "seconds": 1.0,
        "tier": "cpu",
        "graded": len(records),
        "failed": len(failures or {}),
        "failures": failures or {},
        "workers": {},
        "records": records,
    }


@pytest.fixture
def broken(school):
    """Somebody with all points, somebody with 0, and every way of not being graded."""
    for name, points in (("full", FULL), ("zero", dict.fromkeys(FULL, 0.0))):
        school.hand_in(name)
        school.grade(name, points=points)
    for name in ("unreadable", "half_unreadable", "unreadable_by_hand"):
        folder = school.hand_in(name)
        (folder / "one.ipynb").write_text(notebook(not_graded="no notebook", notes=["no notebook"]))
        school.grade(name, points={"other": 1.0} if "half" in name else {})
    (folder.parents[1] / "unreadable" / "tiny" / "two.ipynb").write_text("{")  # damaged later
    school.grade(name, {cell: {"manual_score": 1} for cell in FULL}, points={})
    school.hand_in("nothing", ())
    school.grade("nothing", points={})
    (school.hand_in("renamed", ("other",)) / "one (1).ipynb").touch()
    (school.folder / "submitted/renamed/tiny/one (1).ipynb").touch()
    school.hand_in("half", ("one",))
    school.grade("half", points={name: 1.0 for name in FULL if name != "other"})
    school.hand_in("failed")
    school.hand_in("failed_again")
    school.grade("failed_again")
    path = journal.place(school.folder / "autograded", "tiny")
    path.parent.mkdir()
    journal.append(path, journal.FAILED, {"failed": "", "failed_again": ""}, reason="it hung")
    (school.folder / "submitted" / "new" / "tiny").mkdir(parents=True)
    (school.folder / "submitted" / "new" / "tiny" / "one.ipynb").write_text(notebook())
    return school


def test_not_graded_is_named_and_is_no_zero(broken):
    rows = broken.rows()
    status = {name: row.status for name, row in rows.items()}
    whole = {"unreadable", "nothing", "renamed", "failed", "failed_again"}
    part = {"half_unreadable", "half"}
    assert {name for name, found in status.items() if found == export.NOT_GRADED} == whole
    assert {name for name, found in status.items() if found == export.NOT_YET} == {"new"}
    assert {name for name, found in status.items() if found == export.IN_PART} == part
    assert {name for name, row in rows.items() if not row.not_graded} == {
        "full",
        "zero",
        "unreadable_by_hand",
    }
    assert rows["unreadable"].not_graded == (
        "one.ipynb: no notebook; "
        "two.ipynb: the autograded notebook is damaged: grade it again with --force"
    )
    assert rows["failed"].not_graded == "it hung"
    assert rows["half"].not_graded.startswith("two.ipynb: was not handed in")
    assert "one.ipynb: has not been graded: run nbgrader autograde" in rows["new"].not_graded
    assert "is it one (1).ipynb or other.ipynb?" in rows["renamed"].not_graded
    found = report.collect(run_of(broken, {"full_disk": "no room"}), broken.course)
    assert found["not_graded"].keys() == whole | {"full_disk"}
    assert found["not_graded_yet"].keys() == {"new"}
    assert found["graded_in_part"].keys() == part
    assert (found["mean"], found["counted"]) == (round((10 + 0 + 5) / 3, 2), 3)
    assert sum(found["distribution"]) == 3
    text = report.to_text(found)
    assert "could not be graded: failed: it hung" in text
    assert "not graded yet: new: one.ipynb: has not been graded: run nbgrader autograde" in text
    last = text.splitlines()[-1]
    assert "2 graded in part (half, half_unreadable)" in last
    assert "6 could not be graded (full_disk, failed, failed_again, nothing, renamed and 1" in last
    assert "1 not graded yet (new)" in last
    page = report.to_html(found)
    for name in whole | part:
        assert f"<td>{name}</td>" in page
    assert "<td>could not be graded: it hung</td>" in page
    person = found["needs_a_person"]  # one row each, with all reasons
    assert person.keys() == whole | part | {"new", "full_disk"}
    assert person["failed"] == ["could not be graded: it hung"]
    assert person["half"][0].startswith("graded in part: two.ipynb: was not handed in")


def test_three_different_things(broken):
    broken.hand_in("waits")
    broken.grade("waits", {"written": {"auto_score": None, "needs_manual_grade": True}})
    table = {row["student_id"]: row for row in named(broken.export(export.QuestionsExportPlugin))}
    cells = {name: (row["one.written"], row["status"], row["note"]) for name, row in table.items()}
    assert cells["waits"] == ("", "to be graded by hand", "")
    assert cells["zero"] == ("0", "graded", "")
    assert cells["unreadable"][:2] == ("", "could not be graded")
    assert cells["new"][:2] == ("", "not graded yet")
    assert "no notebook" in cells["unreadable"][2]
    moodle = {line[0]: line[2] for line in broken.export(export.MoodleExportPlugin)}
    assert moodle == {"username": "tiny", "full": "10", "zero": "0", "unreadable_by_hand": "5"}


def test_a_student_whose_folder_is_gone_keeps_the_points(school):
    school.grade("moved_away")
    assert school.rows()["moved_away"].score == 10


def test_only_some_students_are_read(broken):
    table = export.read(broken.course, {"failed", "zero", "nobody"})
    assert {row.student: row.not_graded for row in table} == {"failed": "it hung", "zero": ""}


# ------------------------------------------------------------------ names and texts

FORMULAS = [
    "=1+1",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\u00a0=1",
    "＝1+1",
    "x;=1",
    "x; \t@y",
    '=HYPERLINK("http://x","y")',
    "-",
    "=",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_becomes_a_formula(text):
    written = export._csv([[text, "next"]])
    assert len(written.splitlines()) == 1
    for delimiter in ",;":
        for cell in next(csv.reader([written], delimiter=delimiter)):
            assert cell.strip().removeprefix('"')[:1] not in tuple("=+-@\t\r＝＋－＠"), cell


@pytest.mark.parametrize("text", ["a-b", "1e5", "-5", "+49.5", "007", "x=1", "a; b", "me@home", ""])
def test_other_texts_stay(text):
    assert export._cell(text) == text


def test_numbers_stay_numbers():
    assert [export._cell(n) for n in (-1.5, 13.0, 0.1 + 0.2, 1234567.5, None)] == [
        "-1.5",
        "13",
        "0.3",
        "1234567.5",
        "",
    ]


ODD = [b"\xff.ipynb", b"=cmd.so", b"a\nb,\"c'.pkl", b"\x1b[2J\x07.so", b"\xe2\x80\xae.so"]
ODD += [b"x" * 255]


def test_odd_files_and_students_cost_nobody_the_export(school):
    school.hand_in("good")
    school.grade("good")
    for student in ("odd", "=odd", os.fsdecode(b"n\xfc")):
        folder = os.fsencode(school.folder / "submitted") + b"/" + os.fsencode(student) + b"/tiny"
        os.makedirs(folder)
        for name in ODD:
            open(folder + b"/" + name, "w").close()
        os.symlink(folder, folder + b"/loop")
        os.mkfifo(folder + b"/pipe")
    school.grade("=odd", points={})
    with school.gradebook as gradebook:
        gradebook.update_or_create_student("=odd", last_name="=1+1", email="@x")
        gradebook.update_or_create_student("good", last_name="=2", email="x", lms_user_id="1")
    for plugin in ("Questions", "Tidy", "Canvas", "Moodle", "Brightspace", "Gradescope"):
        lines = school.export(getattr(export, f"{plugin}ExportPlugin"))
        cells = [cell for line in lines for cell in line]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
        assert ("'=odd" in cells) == ("n�" in cells) == (plugin in ("Questions", "Tidy"))
        assert "good" in cells
        assert all(character.isprintable() for cell in cells for character in cell)
    found = report.collect(run_of(school), school.course)
    report.write(school.folder / "reports", found)
    page = (school.folder / "reports/tiny.html").read_text(encoding="utf-8")
    assert "<td>n�</td>" in page
    kept = json.loads((school.folder / "reports/tiny.json").read_text(encoding="utf-8"))
    assert kept["students"] == 4
    assert "n?" in kept["not_graded"]


def test_the_page_of_a_run_shows_texts_as_texts(school):
    school.hand_in("a")
    school.grade("a")
    run = run_of(school, {"<b>": "<script>e()</script>"})
    run["workers"] = {"tcp://<i>": 1}
    run["records"][0] |= {"alerts": ["<img src=x>", "&"], "stages": {"<u>": 1.5}}
    found = report.collect(run, school.course) | {"assignment": "<h1>"}
    page = report.to_html(found)
    assert '<td class="number">1.5</td>' in page
    for text in ("<b>", "<script>", "<i>", "<img", "<u>", "<h1><", "; & "):
        assert text not in page, text
    why = "could not be graded: &lt;script&gt;e()&lt;/script&gt;"
    assert f"<td>&lt;b&gt;</td><td>{why}</td>" in page
    assert "<td>a</td><td>to be read: &lt;img src=x&gt;; &amp;</td>" in page


def test_texts_are_cut(school):
    folder = school.hand_in("long")
    texts = ["y" * 10_000] * 5000
    (folder / "one.ipynb").write_text(notebook(notes=texts, alerts=texts))
    school.grade("long")
    row = school.rows()["long"]
    assert len(row.notes) == len(row.alerts) == export.MOST_TEXTS + 1
    assert row.alerts[-1] == "… and 4900 more"
    lines = school.export(export.QuestionsExportPlugin)
    assert max(len(cell) for line in lines for cell in line) <= export.LONGEST_CELL + 1


def test_folders_without_end(tmp_path):
    before = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(2200):  # a path too long to be named at once
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(before)
    assert list(alerts.in_files(tmp_path))[-1].endswith("cannot be read")
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # Python's rmtree cannot


def test_many_files(tmp_path):
    for number in range(alerts.MOST_FILES + 5):
        (tmp_path / f"{number}.so").touch()
    found = list(alerts.in_files(tmp_path))
    assert len(found) == alerts.MOST_FILES + 1
    assert found[-1].startswith("more than 10,000 files")


def test_what_cannot_be_read_is_said(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert [path.as_posix() for path, mode, _ in files.walk(tmp_path) if not mode] == ["closed"]
    assert list(alerts.in_files(tmp_path)) == ["closed cannot be read"]


def test_files_are_written_whole(tmp_path):
    target = tmp_path / "grades.csv"
    export.write_atomically(target, "old")
    with pytest.raises(UnicodeEncodeError):
        export.write_atomically(target, "new \ud800")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["grades.csv"]
