"""A made-up class through every export, cell by cell against the gradebook."""

from __future__ import annotations

import csv
import random
import re
from types import SimpleNamespace

import pandas
import pytest
from school import FULL, MAXIMUM, School, named, notebook

from autograder.gradebook import journal, scores
from autograder.outputs import export
from autograder.submissions.notebooks import ABSENT

pytestmark = pytest.mark.filterwarnings("ignore:Object of type")  # as in nbgrader_config.py

PLATFORMS = ("Canvas", "Moodle", "Brightspace", "Gradescope")
NAMES = [
    ("Ada", "Lovelace"),
    ("Seán", "O'Brien, Jr."),
    ('"Bob"', "Quote"),
    ("Eve", "=1+1"),
    ("+SUM(A1)", "@home"),
    ("-", "Dash"),
    ("小龍", "李"),
    ("Анна", "Каренина"),
    ("محمد", "الخوارزمي"),
    ("Zoë;x", "Müller; =2"),
    ("New\nline", "Tab\there"),
    ("", "Mononym"),
]
LEFT_OUT = {  # student -> what the terminal says
    "waits": "tiny: to be graded by hand: written",
    "broken": "tiny: could not be graded: it hung",
    "again": "tiny: could not be graded: it hung",
    "part": "tiny: graded in part: two.ipynb: was not handed in",
    "new": "tiny: not graded yet: one.ipynb: has not been graded: run nbgrader autograde",
    "nothing": "tiny: handed in nothing",
    "left": "not in the gradebook: has left, or was never graded",
    "stranger": "unknown: neither name, mail address nor lms_user_id; is it in students.csv?",
    "=cmd": "'=cmd' would be a formula in a spreadsheet, or cannot be written",
}


def student(number):
    return f"s{number:02}"


def enter(school, name, number, first="A", last="B"):
    school.gradebook.update_or_create_student(
        name,
        first_name=first,
        last_name=last,
        email=f"{number}@example.org",
        lms_user_id=str(1000 + number),
    )


def fill(school):
    """Students with odd names and random points, and one for each reason to be left out."""
    chance = random.Random(0)
    for number, (first, last) in enumerate(NAMES):
        name = student(number)
        school.hand_in(name)
        changes = {
            cell: {
                "auto_score": chance.choice([None, 0, most, chance.uniform(0, most)]),
                "manual_score": chance.choice([0, 0.5, chance.uniform(0, most)]),
                "extra_credit": chance.choice([None, 0, 0.25, chance.random()]),
            }
            for cell, most in FULL.items()
        }
        school.grade(name, changes, penalty=chance.choice([None, 0, 1.5, 100]))
        enter(school, name, number, first, last)
    for number, name in enumerate(("waits", "again", "by_hand", "left", "=cmd", "zero"), 50):
        school.hand_in(name)
        school.grade(name, points=dict.fromkeys(FULL, 0.0) if name == "zero" else FULL)
        enter(school, name, number)
    school.grade("waits", {"written": {"auto_score": None}})
    school.grade("by_hand", {cell: {"manual_score": 1} for cell in FULL}, points={})
    school.gradebook.remove_student("left")
    school.hand_in("broken")
    school.hand_in("part", ("one",))
    school.grade("part", points={cell: 1.0 for cell in FULL if cell != "other"})
    folder = school.folder / "submitted" / "new" / "tiny"
    folder.mkdir(parents=True)
    (folder / "one.ipynb").write_text(notebook())
    (folder / "two.ipynb").write_text(notebook())
    for number, name in enumerate(("broken", "part", "new", "nothing"), 60):
        enter(school, name, number)
    school.hand_in("stranger")
    school.grade("stranger")
    path = journal.place(school.folder / "autograded", "tiny")
    path.parent.mkdir()
    failures = {"broken": "", "again": "", "by_hand": ""}
    journal.append(path, journal.FAILED, failures, reason="it hung")


@pytest.fixture(scope="module")
def class_(tmp_path_factory):
    school = School(tmp_path_factory.mktemp("class"))
    fill(school)
    yield school
    school.gradebook.close()


@pytest.fixture
def school(tmp_path):
    school = School(tmp_path)
    yield school
    school.gradebook.close()


WRITTEN = {*map(student, range(len(NAMES))), "by_hand", "zero"}


def of_gradebook(school):
    """Student -> what a platform's file must say."""
    found = {}
    for person in school.gradebook.students:
        if person.id in WRITTEN:
            entry = school.gradebook.find_submission("tiny", person.id)
            score = max(0.0, entry.score - entry.late_submission_penalty)
            found[person.id] = SimpleNamespace(
                id=person.id,
                first=person.first_name,
                last=person.last_name,
                email=person.email,
                number=person.lms_user_id,
                score=score,
            )
    return found


def text(value):
    """A name as a cell holds it: on one line, and no formula."""
    value = re.sub(r"[\n\t]", " ", value)
    value = re.sub(r"(?<=;)(?=\s*[=+\-@])", "'", value)
    return f"'{value}" if value[:1] in tuple("=+-@") else value


def test_canvas(class_):
    expected = of_gradebook(class_)
    head, possible, *lines = class_.export(export.CanvasExportPlugin)
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "tiny"]
    assert possible == ["Points Possible", "", "", "", "", str(MAXIMUM)]
    assert [line[3] for line in lines] == sorted(WRITTEN)
    for name, number, sis, login, section, score in lines:
        who = expected[login]
        assert name == text(", ".join(filter(None, (who.last, who.first))))
        assert (number, sis, section) == (who.number, "", "")
        assert float(score) == pytest.approx(who.score, abs=1e-12)


def test_moodle(class_):
    expected = of_gradebook(class_)
    lines = named(class_.export(export.MoodleExportPlugin))
    assert [line["username"] for line in lines] == sorted(WRITTEN)
    for line in lines:
        who = expected[line["username"]]
        assert list(line) == ["username", "email", "tiny"]
        assert line["email"] == who.email
        assert float(line["tiny"]) == pytest.approx(who.score, abs=1e-12)


def test_brightspace(class_):
    expected = of_gradebook(class_)
    lines = named(class_.export(export.BrightspaceExportPlugin))
    assert [line["Username"] for line in lines] == sorted(WRITTEN)
    for line in lines:
        who = expected[line["Username"]]
        assert line["OrgDefinedId"] == who.number
        assert float(line["tiny Points Grade"]) == pytest.approx(who.score, abs=1e-12)
        assert line["End-of-Line Indicator"] == "#"
        assert len(line) == 4


def test_gradescope(class_):
    expected = of_gradebook(class_)
    lines = named(class_.export(export.GradescopeExportPlugin))
    assert [line["SID"] for line in lines] == sorted(WRITTEN)
    for line in lines:
        who = expected[line["SID"]]
        assert (line["First Name"], line["Last Name"]) == (text(who.first), text(who.last))
        assert line["Email"] == who.email
        assert float(line["tiny"]) == pytest.approx(who.score, abs=1e-12)
        assert line["tiny - Max Points"] == str(MAXIMUM)
        assert len(line) == 6


@pytest.mark.parametrize("plugin", PLATFORMS)
def test_who_is_left_out_and_why(class_, plugin, capfd):
    lines = class_.export(getattr(export, f"{plugin}ExportPlugin"))
    cells = {cell for line in lines for cell in line}
    assert not cells & {*LEFT_OUT, "'=cmd", "1054"}
    said = capfd.readouterr().err
    for name, reason in LEFT_OUT.items():
        wanted = rf"Left out: ([^:]*, )?{re.escape(name)}(, [^:]*)?: {re.escape(reason)}"
        assert re.search(wanted, said), (name, said)
    assert f"{len(WRITTEN)} students written, {len(LEFT_OUT)} left out" in said
    assert said.count("it hung") == 1  # one line per reason


@pytest.mark.parametrize("comma", [False, True])
def test_tidy(class_, comma):
    class_.export(export.TidyExportPlugin, decimal_comma=comma)
    path = class_.folder / "export.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbfassignment")
    separators = {"sep": ";", "decimal": ","} if comma else {}
    table = pandas.read_csv(path, dtype={"student_id": str}, **separators)
    assert list(table.columns) == [
        *("assignment", "student_id", "first_name", "last_name", "notebook", "question"),
        *("points", "max_score", "status", "note"),
    ]
    assert (table.points.dtype, table.max_score.dtype) == (float, int)
    assert not table.duplicated(["assignment", "student_id", "question"]).any()
    handed_in = {*WRITTEN, *LEFT_OUT} - {"nothing", "=cmd"} | {"'=cmd"}
    assert set(table.student_id) == handed_in
    assert set(table.groupby("student_id").size()) == {len(FULL)}
    known = {person.id: person for person in class_.gradebook.students}
    for line in table.itertuples():
        student = line.student_id.lstrip("'")
        grades = {}
        if student in known:
            first = "" if pandas.isna(line.first_name) else line.first_name
            assert first == text(known[student].first_name or "")
        if student in WRITTEN:
            entry = class_.gradebook.find_submission("tiny", student)
            grades = {g.name: g for book in entry.notebooks for g in book.grades}
            assert line.points == pytest.approx(grades[line.question].score, abs=1e-12)
            assert (line.status, line.notebook) == (
                export.GRADED,
                grades[line.question].notebook.name,
            )


def test_not_yet_not_possible_and_zero_differ_by_question(class_):
    table = named(class_.export(export.TidyExportPlugin))
    found = {
        name: {line["question"]: line for line in table if line["student_id"] == name}
        for name in ("waits", "broken", "part", "new", "left", "zero")
    }
    cells = {
        name: (lines["written"]["points"], lines["written"]["status"])
        for name, lines in found.items()
    }
    assert cells == {
        "waits": ("", "to be graded by hand"),
        "broken": ("", "could not be graded"),
        "part": ("1", "graded"),
        "new": ("", "not graded yet"),
        "left": ("", "not graded yet"),
        "zero": ("0", "graded"),
    }
    assert found["broken"]["written"]["note"] == "it hung"
    assert found["part"]["other"]["status"] == "could not be graded"
    assert found["part"]["other"]["note"].startswith("was not handed in")


def test_a_score_is_missing_in_one_of_two_assignments(school, capfd):
    school.gradebook.add_assignment("more")
    school.gradebook.add_notebook("three", "more")
    school.gradebook.add_grade_cell("q", "three", "more", max_score=1, cell_type="code")
    for name in ("both", "one"):
        school.hand_in(name)
        school.grade(name)
    entry = school.gradebook.update_or_create_submission("more", "both")
    entry.notebooks[0].grades[0].auto_score = 0
    school.gradebook.db.commit()
    for place in ("submitted", "autograded"):
        folder = school.folder / place / "both" / "more"
        folder.mkdir()
        (folder / "three.ipynb").write_text(notebook())
    lines = named(school.export(export.MoodleExportPlugin))
    assert lines == [{"username": "both", "email": "", "more": "0", "tiny": "10"}]
    said = capfd.readouterr().err
    assert "Left out: one: more: handed in nothing" in said
    assert "exports one" in said
    lines = named(school.export(export.MoodleExportPlugin, assignment=["tiny"]))
    assert [line["username"] for line in lines] == ["both", "one"]
    tidy = named(school.export(export.TidyExportPlugin))
    assert [line["assignment"] for line in tidy] == ["more"] + ["tiny"] * 2 * len(FULL)


def test_nobody_gets_the_score_of_the_line_above(school, capfd):
    """Moodle and Brightspace find students by a column; a blank in it is not a student."""
    for number, name in enumerate(("ada", "bob")):
        school.hand_in(name)
        school.grade(name)
        enter(school, name, number)
    school.gradebook.update_or_create_student("bob", email=None, lms_user_id=None)
    for plugin, column in (("Moodle", "email"), ("Brightspace", "lms_user_id")):
        lines = school.export(getattr(export, f"{plugin}ExportPlugin"))
        assert len(lines) == 2
        assert "ada" in lines[1]
        assert f"Left out: bob: has no {column}, and others have one" in capfd.readouterr().err
    school.gradebook.update_or_create_student("ada", email=None, lms_user_id=None)
    head, *lines = school.export(export.BrightspaceExportPlugin)
    assert head == ["Username", "tiny Points Grade", "End-of-Line Indicator"]
    assert [line[0] for line in lines] == ["ada", "bob"]


@pytest.mark.parametrize("plugin", PLATFORMS)
def test_two_students_with_one_number_or_mail_address(school, plugin, capfd):
    for number, name in enumerate(("ada", "bob", "eve")):
        school.hand_in(name)
        school.grade(name)
        enter(school, name, number)
    column = getattr(export, f"{plugin}ExportPlugin").finds_by
    school.gradebook.update_or_create_student("bob", **{column: "7"})
    school.gradebook.update_or_create_student("eve", **{column: "7"})
    lines = school.export(getattr(export, f"{plugin}ExportPlugin"))
    cells = {cell for line in lines for cell in line}
    assert cells & {"ada", "bob", "eve"} == {"ada"}
    assert f"Left out: bob, eve: has the same {column} as" in capfd.readouterr().err


def test_a_number_of_canvas_is_a_number(school):
    school.hand_in("ada")
    school.grade("ada")
    school.gradebook.update_or_create_student("ada", lms_user_id="12b")
    assert school.export(export.CanvasExportPlugin)[2] == ["ada", "", "", "ada", "", "10"]


def test_an_empty_class(school):
    for plugin in (*PLATFORMS, "Tidy"):
        lines = school.export(getattr(export, f"{plugin}ExportPlugin"))
        assert len(lines) == (2 if plugin == "Canvas" else 1)


def test_spreadsheets_take_no_cell_for_a_formula(class_):
    for comma in (False, True):
        class_.export(export.TidyExportPlugin, decimal_comma=comma)
        text = (class_.folder / "export.csv").read_text(encoding="utf-8-sig")
        for line in csv.reader(text.splitlines(), delimiter=";" if comma else ","):
            assert not [cell for cell in line if cell.strip()[:1] in tuple("=+-@")]


# ------------------------------------------------------------------ a class of 200


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """200 students with random points, extra credit, penalties, and what a policy has settled."""
    school, chance = School(tmp_path_factory.mktemp("large")), random.Random(1)
    expected = {}  # student -> what is missing
    with scores.transaction(school.gradebook):  # 200 commits would take long
        for number in range(200):
            name = f"p{number:03}"
            folder = school.hand_in(name)
            kind = chance.choice(["whole"] * 4 + ["0", "excused", "nothing"])
            penalty = chance.choice([None, None, 0.5, 20])
            points = {cell: round(chance.uniform(0, most), 3) for cell, most in FULL.items()}
            changes = {"auto": {"extra_credit": chance.choice([None, 0.75])}}
            lacking = {"whole": (), "nothing": ("one", "two")}.get(kind, ("two",))
            policy = "excused" if kind == "nothing" else kind
            for book in lacking:
                record = notebook(not_graded=ABSENT, absent=True, missing=policy)
                (folder / f"{book}.ipynb").write_text(record)
                (school.folder / "submitted" / name / "tiny" / f"{book}.ipynb").unlink()
            if "two" in lacking:
                points["other"] = 0.0 if policy == "0" else None
            if kind == "nothing":
                points, changes = {}, None
            school.grade(name, changes, penalty, points)
            enter(school, name, number, *NAMES[number % len(NAMES)])
            expected[name] = kind
    yield school, expected
    school.gradebook.close()


def score_in(school, name, kind):
    """What platforms must read: of nbgrader's own numbers, scaled where a part is excused."""
    entry = school.gradebook.find_submission("tiny", name)
    score = max(0.0, entry.score - entry.late_submission_penalty)
    return {"nothing": None, "excused": score / (MAXIMUM - 1) * MAXIMUM}.get(kind, score)


@pytest.mark.parametrize(
    ("plugin", "key", "column", "excused"),
    [
        ("Canvas", "SIS Login ID", "tiny", "EX"),
        ("Moodle", "username", "tiny", "-"),
        ("Brightspace", "Username", "tiny Points Grade", None),
        ("Gradescope", "SID", "tiny", None),
    ],
)
def test_a_class_of_200(large, plugin, key, column, excused):
    school, kinds = large
    lines = named(school.export(getattr(export, f"{plugin}ExportPlugin")))
    found = {line[key]: line[column] for line in lines if line[key]}
    for name, kind in kinds.items():
        score = score_in(school, name, kind)
        if score is None:
            assert found.pop(name, None) == excused
        else:
            assert float(found.pop(name)) == pytest.approx(score, abs=1e-9), (name, kind)
    assert not found


def test_a_class_of_200_question_by_question(large):
    school, kinds = large
    tidy = named(school.export(export.TidyExportPlugin))
    assert len(tidy) == 200 * len(FULL)
    grades = {
        (entry.student.id, grade.name): grade
        for entry in school.gradebook.assignment_submissions("tiny")
        for book in entry.notebooks
        for grade in book.grades
    }
    for line in tidy:
        grade = grades[line["student_id"], line["question"]]
        if grade.auto_score is None:
            assert (line["points"], line["status"]) == ("", "excused")
            assert line["note"] == "excused: was not handed in"
        else:
            assert float(line["points"]) == pytest.approx(grade.score, abs=1e-12)
            assert line["status"] == "graded"
    table = {
        line["student_id"]: line for line in named(school.export(export.QuestionsExportPlugin))
    }
    for name, kind in kinds.items():
        whole = MAXIMUM - {"excused": 1, "nothing": MAXIMUM}.get(kind, 0)
        assert float(table[name]["max_score"]) == whole
        assert table[name]["status"] == ("excused" if kind == "nothing" else "graded")
