"""Odd places: folders whose names look like patterns, strict umasks, homes that cannot be written.

Also submissions that are too large to be read: many files, sparse files.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

import pytest
from helpers import copy, make_course, nbgrader, run_autograde, states
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory

from autograder.gradebook import journal
from autograder.gradebook.journal import RefusedError
from autograder.grading import autograde
from autograder.kernels import cores

ODD = "c++ course (1) $ü {x}"
NAMES = ["rnn-course (1)", "c++ course", "dollar$", "class (2027)", "übung é", "{x} {student_id}"]
NAMES += ["back\\slash", "quo'te\"", "^caret|pipe.", "a#b;c", "]", "new\nline"]


@pytest.fixture(scope="module", autouse=True)
def installed():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CourseDirectory, "format_path", CourseDirectory.format_path)
        autograde.install()
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    course = make_course(tmp_path_factory.mktemp("original") / ODD)
    course.hand_in("ada", course.answered())
    course.hand_in("bob (1)+$", course.answered())
    return course


@pytest.mark.parametrize("name", NAMES)
def test_folders_with_odd_names(name):
    for root, step in ((f"/x/{name}", "submitted"), ("/x", f"/y/{name}/submitted")):
        course = CourseDirectory(root=root)
        folder = course.format_path(step, "bob (1)", "ps1")
        pattern = course.format_path(step, "(?P<student>.*)", "ps1", escape=True)
        assert re.fullmatch(pattern, folder)["student"] == "bob (1)"


@pytest.mark.parametrize("name", ["[a] b", "star*", "why?", "100%s", "%41"])
def test_folders_that_are_patterns_are_refused(name):
    for root, step in ((f"/x/{name}", "submitted"), ("/x", f"/y/{name}/submitted")):
        with pytest.raises(NbGraderException, match="reads as a pattern: rename the folder, or"):
            CourseDirectory(root=root).format_path(step, "*", "ps1")


def test_a_class_in_a_folder_with_an_odd_name(original, tmp_path):
    course = copy(original, tmp_path / ODD)
    code, output = run_autograde(course, "--no-execute")
    assert code == 0, output
    assert "Graded now: 2 of 2 submissions" in output
    assert states(course) == {"ada": "graded", "bob (1)+$": "graded"}
    code, output = run_autograde(course, "--no-execute", "--student=bob (1)+$", "--force")
    assert "Graded now: 1 of 1 submissions" in output
    code, output = nbgrader(course, "generate_feedback", "tiny")
    assert code == 0, output
    assert len(list(course.folder.glob("autograded/*/tiny/one.ipynb"))) == 2


def test_students_whose_names_are_no_text_are_named(original, tmp_path):
    course = copy(original, tmp_path / "course")
    submitted = course.folder / "submitted"
    for name in ("\udcff", "esc\x1b[2J", "new\nline"):  # the first one is no UTF-8
        shutil.copytree(submitted / "ada", submitted / name)
    code, output = run_autograde(course, "--no-execute")
    assert code == 1
    told = "the folder's name has characters that are not text: rename it"
    assert f"2 of 5 submissions; not graded: 3 (esc�[2J: {told}; new�line: {told}; �:" in output
    assert states(course)["bob (1)+$"] == "graded"


def strict_and_homeless():
    os.umask(0o077)
    os.environ["HOME"] = "/proc/none"  # where not even root can make a folder


def test_strict_umask_and_a_home_that_cannot_be_written(original, tmp_path):
    course = copy(original, tmp_path / "course")
    only = ["--student=ada"]
    code, output = run_autograde(course, *only, before=strict_and_homeless)
    assert code == 0, output
    points = [score.points for score in course.rows()["ada"].scores if score.notebook == "one"]
    assert points == [3, 4, 0]


def test_cores_without_a_home(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(cores, "_folder", lambda: tmp_path / "file" / "folder")
    assert cores.Lease(1).cores == []


# ------------------------------------------------------------------ too large to be read


def sparse(path: Path, size: int) -> None:
    path.touch()
    os.truncate(path, size)


def test_a_submission_with_too_much_is_refused_at_once(tmp_path, monkeypatch):
    began = time.monotonic()
    sparse(tmp_path / "one.ipynb", 2**40)  # larger than any notebook that is read: reported as such
    first = journal.fingerprint(tmp_path, 2**29)
    os.utime(tmp_path / "one.ipynb", (0, 0))
    assert journal.fingerprint(tmp_path, 2**29) != first
    for number in range(3):
        sparse(tmp_path / f"{number}.bin", 2**29)
    with pytest.raises(RefusedError, match="holds more than 10,000 files or 1 GiB"):
        journal.fingerprint(tmp_path, 2**29)
    assert time.monotonic() - began < 5
    monkeypatch.setattr(journal, "MAX_FILES", 10)
    deep = tmp_path / "a/b/c/d/e/f/g/h/i/j"
    deep.mkdir(parents=True)
    with pytest.raises(RefusedError, match="holds more than 10 files"):
        journal.fingerprint(tmp_path, 2**20)


def test_a_digest_tells_names_contents_and_links(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.txt").write_text("1")
    found = {journal.fingerprint(tmp_path, 100)}
    (tmp_path / "a/b.txt").write_text("2")
    found.add(journal.fingerprint(tmp_path, 100))
    (tmp_path / "a/b.txt").rename(tmp_path / "a/c.txt")
    found.add(journal.fingerprint(tmp_path, 100))
    (tmp_path / "d").symlink_to("a")
    found.add(journal.fingerprint(tmp_path, 100))
    assert len(found) == 4
    (tmp_path / "one.ipynb").symlink_to("a/c.txt")
    with pytest.raises(RefusedError, match=r"one.ipynb is a symbolic link, which is not followed"):
        journal.fingerprint(tmp_path, 100)
    with pytest.raises(RefusedError, match=r"c.txt is a file: ask for a folder"):
        journal.fingerprint(tmp_path / "a/c.txt", 100)
