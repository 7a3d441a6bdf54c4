"""Grades survive kill -9, a full disk, a second run and whatever else may happen to a gradebook.

Most runs of `nbgrader` here are forks of a process that has imported it already, which saves
seconds per run; they are the command itself in all other respects.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import random
import re
import shutil
import signal
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import nbformat
import pytest
from helpers import (
    EVERYTHING,
    contents,
    copy,
    fill,
    last_entries,
    make_course,
    nbgrader,
    output_of,
    rows,
    run_autograde,
    start,
    states,
)
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderApp
from nbgrader.apps.api import NbGraderAPI

from autograder.gradebook import journal, scores
from autograder.grading import autograde, ledger

KILLS = 20 if EVERYTHING else 4
GOOD = "def square(x):\n    return x * x"


# ------------------------------------------------------------------ the class


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A class of six that is not graded yet; nobody has handed in the second notebook."""
    course = make_course(tmp_path_factory.mktemp("original"))
    good, lacking = course.answered(GOOD), course.answered(GOOD)
    lacking.cells = [cell for cell in lacking.cells if cell.id != "integers"]
    course.hand_in("good", good)
    course.hand_in("half", course.answered("def square(x):\n    return int(x * x)"))
    course.hand_in("lacks_a_test", lacking)
    course.hand_in("misnamed", good, "one (1)")
    course.hand_in("text_file", "my answer is 9")
    course.hand_in("truncated", nbformat.writes(good)[:700])
    return course


@pytest.fixture
def course(original, tmp_path):
    course = copy(original, tmp_path / "course")
    yield course
    os.rmdir(os.path.realpath(course.folder / "tmp"))  # and no run has left anything there


@pytest.fixture(scope="module")
def undisturbed(original, tmp_path_factory):
    """The class graded in one go, and what it is to look like."""
    course = copy(original, tmp_path_factory.mktemp("undisturbed"))
    code, output = run_autograde(course)
    assert code == 0, output
    return contents(course)


# ------------------------------------------------------------------ kill -9


def test_undisturbed_run(undisturbed):
    none, waiting, done = [None] * 3, [1] * 3, [0] * 3
    scores = {name: [row[2] for row in part["grade"]] for name, part in undisturbed.items()}
    assert scores == {  # essay, fractions, integers of either notebook
        "good": [0, 4, 3, *none],
        "half": [0, 1, 3, *none],
        "lacks_a_test": [0, 4, 3, *none],
        "misnamed": none + none,
        "text_file": none + none,
        "truncated": none + none,
    }
    by_hand = {name: [row[5] for row in part["grade"]] for name, part in undisturbed.items()}
    assert by_hand["good"] == done + waiting
    assert by_hand["misnamed"] == by_hand["text_file"] == by_hand["truncated"] == waiting + waiting
    comments = {name: part["comment"][0][2] for name, part in undisturbed.items()}
    assert comments["good"] == "No response."
    assert comments["misnamed"] is None
    assert comments["truncated"] is None


def kill_at_line(number):
    """Kill the session when, from the first submission on, so many lines of our code have run."""
    files = {module.__file__ for module in (autograde, ledger, journal, scores)}
    count, began = itertools.count(1), False

    def line(frame, event, argument):
        if event == "line" and next(count) == number:
            os.killpg(0, signal.SIGKILL)
        return line

    def call(frame, event, argument):
        nonlocal began
        began = began or frame.f_code.co_name == "_grade"
        return line if began and frame.f_code.co_filename in files else None

    threading.settrace(call)  # submissions are handed out in threads


def test_killed_at_random_moments(course, original, undisturbed):
    moments = random.Random(20)
    kills = 0
    for attempt in range(4 * KILLS):
        if kills == KILLS:
            break
        if moments.random() < 0.4 or set(states(course).values()) == {"graded"}:
            forget_grades(course, original)
        force = ["--force"] * (moments.random() < 0.2)
        if attempt % 2:
            process = start(course, "autograde", "tiny", *force)
            process.join(timeout=moments.uniform(0.1, 2))
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it has no session of its own yet, or has ended
                process.kill()
        else:
            kill = partial(kill_at_line, moments.randrange(1, 240))
            one = ["--Autograde.jobs=1"]  # most of these lines belong to the first to be graded
            process = start(course, "autograde", "tiny", *one, *force, before=kill)
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL), output_of(course)
        kills += process.exitcode == -signal.SIGKILL
        # What is there is whole; it may be the gradebook's part or the files' part alone.
        for name, part in contents(course).items():
            assert part == {kind: undisturbed[name][kind] for kind in part}
    assert kills == KILLS
    code, output = run_autograde(course)
    assert code == 0, output
    assert contents(course) == undisturbed
    assert set(states(course).values()) == {"graded"}
    counts = "select count(*), count(distinct student_id) from submitted_assignment"
    assert rows(course, counts) == [(6, 6)]
    left = [path.name for path in (course.folder / "autograded").iterdir()]
    assert sorted(left) == sorted(undisturbed)


def forget_grades(course, original):
    shutil.rmtree(course.folder / "autograded", ignore_errors=True)
    (course.folder / "journal/tiny.jsonl").unlink(missing_ok=True)
    shutil.copy(original.folder / "gradebook.db", course.folder / "gradebook.db")


def kill_before(name):
    place = autograde.Autograde if name.startswith("run_") else ledger.Ledger
    setattr(place, name, lambda *_: os.killpg(0, signal.SIGKILL))


@pytest.mark.parametrize("step", ["_save", "_move_into_place", "run_post_convert_hook"])
def test_killed_between_two_steps(course, step):
    only = ["--student=text_file"]
    code, _ = run_autograde(course, *only, before=partial(kill_before, step))
    assert code == -signal.SIGKILL
    graded = step == "run_post_convert_hook"
    assert states(course)["text_file"] == ("graded" if graded else "grading")
    assert (course.folder / "autograded/text_file/tiny").exists() == graded
    code, output = run_autograde(course, *only)
    assert code == 0
    assert ("Skipping text_file" in output) == graded
    assert (course.folder / "autograded/text_file/tiny/one.ipynb").exists()


def test_interrupted_and_nothing_is_left(course):
    for name in ("good", "lacks_a_test", "misnamed", "text_file", "truncated"):
        shutil.rmtree(course.folder / "submitted" / name)
    course.hand_in("half", course.answered("import time\ntime.sleep(100)"))
    run = start(course, "autograde", "tiny")
    while states(course) != {"half": "grading"}:
        assert run.is_alive()
        time.sleep(0.1)
    time.sleep(1)
    os.kill(run.pid, signal.SIGINT)
    run.join(30)
    assert run.exitcode not in (None, 0)
    assert "Interrupted: run the same command again to continue." in output_of(course)
    assert "could not be graded" not in output_of(course)
    said = [line for line in output_of(course).splitlines() if line.startswith("[Autograde")]
    assert sum("Interrupted: " in line for line in said) == 1
    assert states(course) == {"half": "grading"}
    assert os.listdir(course.folder / "tmp") == []


def test_an_interrupted_command_of_nbgraders_ends_with_one_sentence(capsys):
    stop = KeyboardInterrupt()
    autograde._excepthook(KeyboardInterrupt, stop, None)
    assert capsys.readouterr().err == "Interrupted: run the same command again to continue.\n"
    stop.add_note(autograde.INTERRUPTED)  # it has been said
    autograde._excepthook(KeyboardInterrupt, stop, None)
    assert capsys.readouterr().err == ""
    autograde._excepthook(ValueError, ValueError("x"), None)
    assert "ValueError: x" in capsys.readouterr().err


def test_journal_survives_half_a_line(tmp_path):
    path = tmp_path / "tiny.jsonl"
    journal.append(path, journal.GRADED, {"a": "1"})
    with open(path, "a") as file:
        file.write('{"student": "a", "state": "gra')
    assert journal.read(path)["a"]["state"] == "graded"
    journal.append(path, journal.FAILED, {"a": "2", "b": "3"}, reason="why")
    assert {name: entry["reason"] for name, entry in journal.read(path).items()} == {
        "a": "why",
        "b": "why",
    }


# ------------------------------------------------------------------ one submission fails


def no_room_for(name):
    lay_out = ledger.Ledger._lay_out

    def full(self, result, assignment):
        if result.student == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        lay_out(self, result, assignment)

    ledger.Ledger._lay_out = full


def locked_for(name, path):
    scores.PATIENCE = 0.1
    save = ledger.Ledger._save_all

    def locked(self, results):
        with closing(sqlite3.connect(path)) as other:
            if results[0].student == name:
                other.execute("begin exclusive")
            save(self, results)

    ledger.Ledger._save_all = locked


def replaced_by_link(path):
    path.rename(path.with_suffix(".txt"))
    path.symlink_to(path.with_suffix(".txt"))


def replaced_by_file(path):
    shutil.rmtree(path.parent)
    path.parent.write_text("not a folder")


def bad_timestamp(path):
    (path.parent / "timestamp.txt").write_text("yesterday")


@pytest.mark.parametrize(
    ("damage", "before", "reason"),
    [
        (None, partial(no_room_for, "half"), "The disk is full"),
        (None, "locked", "The gradebook is locked by another program"),
        (replaced_by_link, None, "tiny/one.ipynb is a symbolic link, which is not followed"),
        (replaced_by_file, None, "tiny is a file: ask for a folder with the notebooks"),
        (bad_timestamp, None, "timestamp.txt holds no date and time"),
    ],
)
def test_one_failure_stops_no_other(course, undisturbed, damage, before, reason):
    submitted = course.folder / "submitted/half/tiny/one.ipynb"
    content = submitted.read_bytes()
    if damage:
        damage(submitted)
    if before == "locked":
        before = partial(locked_for, "half", course.folder / "gradebook.db")
    code, output = run_autograde(course, "--no-execute", "--Autograde.jobs=1", before=before)
    assert code == 1
    assert reason in output
    assert "Traceback (most" not in output
    assert "Traceback (most" in (course.folder / "journal/tiny.log").read_text()
    assert reason in last_entries(course)["half"]["reason"]
    assert states(course) == {name: "graded" for name in undisturbed} | {"half": "failed"}
    assert "half" not in contents(course)

    shutil.rmtree(course.folder / "submitted/half")
    course.hand_in("half", content)
    code, output = run_autograde(course)
    assert code == 0, output
    assert output.count("Skipping") == 5
    assert contents(course)["half"] == undisturbed["half"]


def test_a_failed_regrade_keeps_the_grades(course):
    only = ["--student=text_file"]
    assert run_autograde(course, *only)[0] == 0
    before = contents(course)
    code, output = run_autograde(course, "--force", *only, before=partial(no_room_for, "text_file"))
    assert code == 1
    assert "The disk is full" in output
    assert "its grades of an earlier run still stand" in output
    assert contents(course) == before


GREEDY = """
from nbgrader.preprocessors import NbGraderPreprocessor

class Greedy(NbGraderPreprocessor):
    def preprocess(self, nb, resources):
        if resources["nbgrader"]["student"] == "half":
            bytearray(3 * 2**30)
        return nb, resources
"""


def in_path(folder):
    os.environ["PYTHONPATH"] = str(folder)


def test_a_submission_beyond_its_bounds_stops_no_other(course, tmp_path):
    for name in ("lacks_a_test", "misnamed", "text_file", "truncated"):
        shutil.rmtree(course.folder / "submitted" / name)
    (tmp_path / "greedy.py").write_text(GREEDY)
    steps = "--Autograde.autograde_preprocessors=['greedy.Greedy']"
    code, output = run_autograde(course, steps, "--no-execute", before=partial(in_path, tmp_path))
    assert code == 1
    reason = "half: the process that graded it needed more than 2.0 GiB of memory for itself; see "
    assert f"Graded now: 1 of 2 submissions; not graded: 1 ({reason}" in output
    course.hand_in("half", course.answered("x = b'x' * 2**30\nwhile True:\n    pass"))
    code, output = run_autograde(course, "--force", f"--Autograde.memory_bytes={900 * 2**20}")
    assert code == 1
    reason = "half: it used more than 0.9 GiB of memory in all; grade fewer at a time"
    assert f"Graded now: 1 of 2 submissions; not graded: 1 ({reason}" in output
    assert states(course) == {"good": "graded", "half": "failed"}


# ------------------------------------------------------------------ nothing can be graded


def test_full_disk(original, undisturbed, small_disk):
    course = copy(original, small_disk)
    filler = small_disk / "filler"
    for left in (0, 32):  # KiB
        fill(filler, left * 1024)
        code, output = run_autograde(course)
        assert code == 1
        assert "The disk is full: make room and run the command again." in output
        assert "Traceback (most" not in output
    filler.unlink()
    code, output = run_autograde(course)
    assert code == 0, output
    assert contents(course) == undisturbed


def digest(course):
    return hashlib.sha256((course.folder / "gradebook.db").read_bytes()).hexdigest()


def patience(seconds):
    scores.PATIENCE = seconds


def test_refused_gradebooks(course):
    database = course.folder / "gradebook.db"
    before = digest(course)

    uri = f"sqlite:///file:{database}?mode=ro&uri=true"
    code, output = run_autograde(course, f"--db={uri}")
    assert (code, output.count("\n")) == (1, 1)
    assert "The gradebook is read-only: make its file and folder writable" in output

    with closing(sqlite3.connect(database)) as other:
        other.execute("begin exclusive")
        code, output = run_autograde(course, before=partial(patience, 0.1))
    assert (code, output.count("\n")) == (1, 1)
    assert "The gradebook is locked by another program" in output
    assert digest(course) == before

    with closing(sqlite3.connect(database)) as other:
        other.execute("alter table student drop column lms_user_id")
    before = digest(course)
    code, output = run_autograde(course)
    assert (code, output.count("\n")) == (1, 1)
    assert "was made by an older nbgrader (it lacks the column 'lms_user_id'" in output
    assert "make a copy of it, then run `nbgrader db upgrade`" in output
    assert digest(course) == before

    database.unlink()
    code, output = run_autograde(course)
    assert (code, output.count("\n")) == (1, 1)
    assert "run `nbgrader generate_assignment` first" in output
    assert states(course) == {}


def test_unknown_assignment(course):
    (course.folder / "submitted/good/tiny").rename(course.folder / "submitted/good/other")
    code, output = nbgrader(course, "autograde", "other")
    assert (code, output.count("\n")) == (1, 1)
    assert "The gradebook has no assignment 'other': run `nbgrader generate_assignment" in output


def wait_for(path):
    choose = ledger.Ledger.choose

    def waiting(self):
        path.with_suffix(".waiting").touch()
        while not path.exists():
            time.sleep(0.01)
        return choose(self)

    ledger.Ledger.choose = waiting


def test_two_runs_at_once(course):
    go = course.folder / "go"
    first = start(course, "autograde", "tiny", "--no-execute", before=partial(wait_for, go))
    while not go.with_suffix(".waiting").exists():
        assert first.is_alive()
        time.sleep(0.01)
    code, output = run_autograde(course)
    assert (code, output.count("\n")) == (1, 1)
    assert "Another run is grading 'tiny': wait until it has finished" in output
    go.touch()
    first.join()
    assert first.exitcode == 0
    assert set(states(course).values()) == {"graded"}


# ------------------------------------------------------------------ grading again


def test_only_changed_submissions_are_graded_again(course):
    assert run_autograde(course, "--no-execute")[0] == 0
    course.hand_in("half", course.answered("def square(x):\n    return 'changed'"))
    (course.folder / "submitted/good/tiny/notes.txt").write_text("a further file")
    shutil.rmtree(course.folder / "autograded/truncated")
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        gradebook.remove_submission("tiny", "misnamed")
    code, output = run_autograde(course, "--no-execute")
    assert code == 0
    reasons = r"misnamed: no notebook has the name .*; truncated: one.ipynb: .* hand it in again"
    last = output.splitlines()[-1]
    assert re.search(rf"Graded now: 2 of 6 submissions; not graded: 2 \({reasons}\); in part", last)
    assert "in part: 2 (good: two.ipynb was not handed in; half: two.ipynb was not handed" in last
    assert sorted(line.split()[4] for line in output.splitlines() if "Skipping" in line) == [
        "lacks_a_test:",
        "text_file:",
    ]
    assert "changed" in str(course.autograded("half").cells)
    assert (course.folder / "autograded/good/tiny/notes.txt").read_text() == "a further file"


def test_manual_grades_survive_and_grades_are_the_same(course):
    shutil.rmtree(course.folder / "submitted/half")
    assert run_autograde(course)[0] == 0
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        for name, points in (("essay", 1.5), ("integers", 2)):
            grade = gradebook.find_grade(name, "one", "tiny", "good")
            grade.manual_score, grade.needs_manual_grade = points, False
        grade.extra_credit = 0.5
        gradebook.find_comment("essay", "one", "tiny", "good").manual_comment = "well said"
        gradebook.db.commit()
    tables = []
    for run in range(3):
        code, output = run_autograde(course, "--force")
        assert code == 0
        assert "Graded now: 2 of 5 submissions; not graded: 3 (misnamed: " in output
        table = course.folder / f"grades{run}.csv"
        exporter = "--exporter=autograder.outputs.export.QuestionsExportPlugin"
        assert nbgrader(course, "export", exporter, f"--to={table}")[0] == 0
        tables.append(table.read_bytes())
    assert tables[0] == tables[1] == tables[2]
    assert b"tiny,good,8,0,8,18,graded in part,2.5,4,1.5,,,," in tables[0]
    found = contents(course)["good"]
    assert found["grade"][:3] == [
        ["one", "essay", 0, 1.5, None, 1],
        ["one", "fractions", 4, None, None, 0],
        ["one", "integers", 3, 2, 0.5, 1],
    ]
    assert found["comment"][0] == ["one", "essay", "No response.", "well said"]


def test_links_to_other_files_are_left_out(course):
    folder = course.folder / "submitted/text_file/tiny"
    (folder / "secret.txt").symlink_to(course.folder / "secret_seed")
    (folder / "root").symlink_to("/")
    (folder / "timestamp.txt").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe")
    (folder / "data.csv").write_text("1,2")
    code, output = run_autograde(course, "--student=text_file")
    assert code == 0, output
    assert output.count("Left out, because it is not a regular file") == 4
    autograded = course.folder / "autograded/text_file/tiny"
    assert sorted(path.name for path in autograded.iterdir()) == ["data.csv", "one.ipynb"]


def test_late_penalty_and_missing_secret(course):
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_assignment("tiny", duedate="2030-01-01")
    time_file = course.folder / "submitted/good/tiny/timestamp.txt"
    secret = course.folder / "secret_seed"
    secret.unlink()
    for when, penalty in (("2030-01-02 10:00:00 UTC", 7), ("2029-12-31 10:00:00 UTC", None)):
        time_file.write_text(when)
        code, output = run_autograde(
            course, "--student=good", "--LateSubmissionPlugin.penalty_method=zero"
        )
        assert code == 0, output
        penalties = rows(course, "select late_submission_penalty from submitted_notebook")
        assert {row[0] for row in penalties} == {penalty, 0 if penalty else None}
    assert secret.stat().st_mode & 0o777 == 0o600
    assert len(secret.read_text()) == 33


def test_penalties_follow_points_that_a_person_gives(course):
    """Late work gets 0 points, also those that are given by hand afterward."""
    zero = "--LateSubmissionPlugin.penalty_method=zero"
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_assignment("tiny", duedate="2030-01-01")
    (course.folder / "submitted/good/tiny/timestamp.txt").write_text("2030-01-02 10:00:00 UTC")
    assert run_autograde(course, "--student=good", zero)[0] == 0
    assert course.rows()["good"].score == 0

    def give(points):
        with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
            gradebook.find_grade("essay", "one", "tiny", "good").manual_score = points
            gradebook.db.commit()

    give(1.5)
    code, output = run_autograde(course, "--student=good", zero)
    assert code == 0
    assert "Late penalties follow the points of good" in output
    assert course.rows()["good"].score == 0
    assert course.rows()["good"].raw_score == 8.5
    give(2)
    target = course.folder / "grades.csv"
    exporter = "--exporter=autograder.outputs.export.QuestionsExportPlugin"
    code, output = nbgrader(course, "export", exporter, f"--to={target}", zero)
    assert code == 0
    assert "tiny,good,9,9,0,18," in target.read_text()
    assert run_autograde(course, "--student=good")[0] == 0  # it says nothing of penalties
    assert course.rows()["good"].score == 0


def test_what_is_still_not_graded_is_said_again(course):
    assert run_autograde(course, "--no-execute")[0] == 0
    code, output = run_autograde(course, "--no-execute")
    assert code == 0
    assert "Skipping truncated: unchanged, still not graded: one.ipynb " in output
    assert re.search(r"Graded now: 0 of 6 submissions; still not graded: \d \(", output)
    code, output = run_autograde(course, "--student=nosuch")
    assert code == 1


def test_one_notebook_at_a_time(course):
    course.hand_in("good", course.answered(), "two")
    autograded = course.folder / "autograded/good/tiny"
    only = ["--no-execute", "--student=good"]
    assert run_autograde(course, *only, "--notebook=one")[0] == 0
    assert [path.name for path in autograded.iterdir()] == ["one.ipynb"]
    assert states(course) == {"good": "pending"}
    assert run_autograde(course, *only)[0] == 0
    assert sorted(path.name for path in autograded.iterdir()) == ["one.ipynb", "two.ipynb"]
    times = {path.name: path.stat().st_mtime_ns for path in autograded.iterdir()}
    code, output = run_autograde(course, *only, "--notebook=two", "--force")
    assert code == 0, output
    changed = {
        path.name for path in autograded.iterdir() if path.stat().st_mtime_ns > times[path.name]
    }
    assert changed == {"two.ipynb"}
    assert states(course) == {"good": "graded"}


def grade_in_the_formgrader(arguments):
    app = NbGraderApp()
    app.initialize(arguments)
    result = NbGraderAPI(app.coursedir, parent=app).autograde("tiny", "text_file")
    sys.exit(0 if result["success"] else result["error"])


def test_formgrader_grades_in_the_same_way(course):
    code, output = nbgrader(course, use=grade_in_the_formgrader)
    assert code == 0, output
    assert states(course) == {"text_file": "graded"}


def test_runs_that_start_together_agree_on_the_secret(tmp_path):
    path = tmp_path / "secret_seed"

    def make_and_read(_):
        journal.make_secret(path)
        return path.read_text()

    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(make_and_read, range(8)))
    assert len(secrets) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret_seed"]
    path.write_text("\n")
    with pytest.raises(journal.RefusedError, match="is empty, so hidden tests could be guessed"):
        journal.make_secret(path)
