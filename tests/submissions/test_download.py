"""`autograder collect`: each platform's layout as it makes it, rosters, versions, and harm."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import nbformat
import pytest
from helpers import cell
from nbformat.v4 import new_notebook
from nbgrader.api import Gradebook

from autograder import __main__
from autograder.outputs import upload
from autograder.submissions import download, names, platforms, roster

STUDENTS = """\
id,first_name,last_name,email,lms_user_id
ada,Ada,Lovelace,ada@example.org,101
alan,Alan,Turing,alan@example.org,102
jose,José,Núñez de la Peña,jose@example.org,103
"""


def notebook(answer="", cells=4, marked=True, kind="p"):
    """What a student made of the notebook `pipeline` (or, by kind "v", of `vectors`)."""
    made = [cell("solution", f"{kind}-answer", answer)]
    made += [cell("test", f"{kind}-{n}", f"assert {n} == {kind!r}", 1) for n in range(1, cells)]
    for each in made if not marked else ():
        each.metadata.pop("nbgrader")
        each.id = os.urandom(4).hex()
    return nbformat.writes(new_notebook(cells=made))


NOTEBOOK = notebook("mine")


def zipped(files, when=(2027, 1, 15, 12, 0, 0)):
    """A zip file; a name may also be a ZipInfo."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name, when)
            packed.writestr(info, text, zipfile.ZIP_DEFLATED)
    return content.getvalue()


class Course:
    """A course with one assignment, `hw`, of two notebooks, and a roster."""

    def __init__(self, folder, capsys):
        self.folder, self._capsys = folder, capsys
        release = folder / "release" / "hw"
        release.mkdir(parents=True)
        (release / "pipeline.ipynb").write_text(notebook())
        (release / "vectors.ipynb").write_text(notebook(kind="v"))
        self.roster = folder / "students.csv"
        self.roster.write_text(STUDENTS)

    def put(self, files, name="download"):
        """A folder of files; returns its path."""
        for file, content in files.items():
            path = os.path.join(os.fsencode(self.folder / name), os.fsencode(file))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as opened:
                opened.write(content.encode() if isinstance(content, str) else content)
        return self.folder / name

    def zip(self, files, name="submissions.zip", **options):
        path = self.folder / name
        path.write_bytes(zipped(files, **options))
        return path

    def command(self, *arguments, roster=True):
        return [
            *("collect", "hw", *map(str, arguments)),
            *(["--roster", str(self.roster)] if roster else []),
            f"--CourseDirectory.root={self.folder}",
        ]

    def collect(self, *arguments, **options):
        """student -> name -> content of what lies there; the output is in `said`."""
        self.code = __main__.main(self.command(*arguments, **options))
        captured = self._capsys.readouterr()
        self.said = captured.out + captured.err
        return self.submitted()

    def submitted(self):
        found = {}
        for path in sorted((self.folder / "submitted").rglob("*")):
            student, *rest = path.relative_to(self.folder / "submitted").parts
            if path.is_file() and not student.startswith("."):
                assert not path.is_symlink()
                assert rest[0] == "hw"
                found.setdefault(student, {})["/".join(rest[1:])] = path.read_bytes()
        return found

    def names(self, *arguments, **options):
        return {who: set(files) for who, files in self.collect(*arguments, **options).items()}

    def line(self, *words):
        return any(all(word in line for word in words) for line in self.said.splitlines())


@pytest.fixture
def course(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)  # this repository's nbgrader_config.py is not read
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    return Course(tmp_path, capsys)


# ------------------------------------------------------------------ layouts

GRADESCOPE = """\
submission_71:
  :submitters:
  - :name: Ada Lovelace
    :sid: '4711'
    :email: ada@example.org
  :created_at: 2027-01-15 21:25:17.487350000 Z
  :score: 0.0
  :history: []
submission_72:
  :submitters:
  - :name: Alan T.
    :sid: '4712'
    :email: alan@example.org
  - :name: José Núñez de la Peña
    :sid: ''
    :email: other@example.org
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: 2027-01-15 22:00:00 Z
    zone: !ruby/object:ActiveSupport::TimeZone
      name: Etc/UTC
"""
BOTH = {"ada": {"pipeline.ipynb"}, "alan": {"pipeline.ipynb"}}
LAYOUTS = {
    # instructure/canvas-lms, lib/content_zipper.rb: get_filename, add_upload_submission, and
    # Attachment.make_unique_filename for what is handed in again.
    "Canvas": (
        {
            "lovelaceada_101_5550_pipeline.ipynb": NOTEBOOK,
            "lovelaceada_101_5551_utils-2.py": "x = 1",
            "turingalan_LATE_102_5552_pipeline-1.ipynb": NOTEBOOK,
            "núñezdelapeñajosé_103_5553_my_data_2.csv": "1",
            "núñezdelapeñajosé_103_5554_pipeline (1)-3.ipynb": NOTEBOOK,
        },
        {
            "ada": {"pipeline.ipynb", "utils.py"},
            "alan": {"pipeline.ipynb"},
            "jose": {"pipeline.ipynb", "my_data_2.csv"},
        },
    ),
    # moodle/moodle, mod/assign/classes/downloader.php: get_student_prefix and
    # load_submissionplugin_filelist, with folders and without; before 4.1 with `_` at the end.
    "Moodle, folders": (
        {
            "Ada Lovelace_4711_assignsubmission_file/work/pipeline.ipynb": NOTEBOOK,
            "Ada Lovelace_4711_assignsubmission_file/work/data/my_data.csv": "1",
            "Ada Lovelace_4711_assignsubmission_onlinetext/onlinetext.html": "<p>",
            "Turing Alan_4712_assignsubmission_file_/pipeline.ipynb": NOTEBOOK,
        },
        {"ada": {"pipeline.ipynb", "data/my_data.csv"}, "alan": {"pipeline.ipynb"}},
    ),
    "Moodle, no folders": (
        {
            "Ada Lovelace_4711_assignsubmission_file_my_pipeline_v2.ipynb": NOTEBOOK,
            "Alan Turing_4712_assignsubmission_file_pipeline.ipynb": NOTEBOOK,
        },
        BOTH,
    ),
    # Names as cgmb/d2lmf (parse_submission_dirname) and published scripts for teachers read them:
    # "397063-2557369 - Mary-Ann Smith - Sep 24, 2024 926 PM/document.pdf", with an index.html.
    "Brightspace": (
        {
            "Exam 1/index.html": "<html>",
            "Exam 1/39786-640693 - Ada Lovelace - Oct 10, 2025 1022 AM/old.ipynb": notebook("old"),
            "Exam 1/39786-640693 - Ada Lovelace - Oct 11, 2025 926 PM/new.ipynb": NOTEBOOK,
            "Exam 1/39787-640694 - Alan Turing - Oct 11, 2025 1130 AM/pipeline.ipynb": NOTEBOOK,
        },
        {
            "ada": {"pipeline.ipynb", "timestamp.txt"},
            "alan": {"pipeline.ipynb", "timestamp.txt"},
        },
    ),
    # vangef/BBGradebookOrganiser, utils/organiser.py; kwurst/bb-file-cleanup, README.
    "Blackboard": (
        {
            "HW_1_ada_attempt_2027-01-15-22-59-01.txt": "Name: Ada Lovelace (ada)",
            "HW_1_ada_attempt_2027-01-15-22-59-01_pipe_line.ipynb": NOTEBOOK,
            "HW_1_ada_attempt_2027-01-14-10-00-00_pipe_line.ipynb": notebook("old"),
            "HW_1_alan_attempt_2027-01-15-23-00-00_pipeline.ipynb": NOTEBOOK,
        },
        {
            "ada": {"pipeline.ipynb", "timestamp.txt"},
            "alan": {"pipeline.ipynb", "timestamp.txt"},
        },
    ),
    # The keys that programs read which work on exports: ":submitters", ":sid", ":email", ":name",
    # ":created_at" (matthigger/gradescope_auto_py, grade.py); a group has several submitters.
    "Gradescope": (
        {
            "assignment_9100_export/submission_metadata.yml": GRADESCOPE,
            "assignment_9100_export/submission_71/pipeline.ipynb": NOTEBOOK,
            "assignment_9100_export/submission_72/pipeline.ipynb": NOTEBOOK,
            "assignment_9100_export/submission_72/utils.py": "x = 1",
        },
        {
            "ada": {"pipeline.ipynb", "timestamp.txt"},
            "alan": {"pipeline.ipynb", "utils.py", "timestamp.txt"},
            "jose": {"pipeline.ipynb", "utils.py", "timestamp.txt"},
        },
    ),
    # What Classroom calls the copy that it makes for each student, and what a form appends.
    "Google": (
        {
            "Homework/Ada Lovelace - pipeline.ipynb": NOTEBOOK,
            "Homework/pipeline - Alan Turing.ipynb": NOTEBOOK,
        },
        BOTH,
    ),
    "one folder per student": (
        {
            "ada/pipeline.ipynb": NOTEBOOK,
            "102/mine/pipeline.ipynb": NOTEBOOK,
            "102/mine/utils.py": "x",
            "jose@example.org/pipeline.ipynb": NOTEBOOK,
        },
        {
            "ada": {"pipeline.ipynb"},
            "alan": {"pipeline.ipynb", "utils.py"},
            "jose": {"pipeline.ipynb"},
        },
    ),
    "one file per student": (
        {
            "ada_pipeline-2.ipynb": NOTEBOOK,
            "pipeline_alan.ipynb": NOTEBOOK,
            "jose.zip": zipped({"x/pipeline.ipynb": NOTEBOOK, "x/utils.py": "x"}),
        },
        {
            "ada": {"pipeline.ipynb"},
            "alan": {"pipeline.ipynb"},
            "jose": {"pipeline.ipynb", "utils.py"},
        },
    ),
}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(course, name, packed):
    files, expected = LAYOUTS[name]
    found = course.collect(course.zip(files) if packed else course.put(files))
    assert {student: set(theirs) for student, theirs in found.items()} == expected
    assert all(theirs["pipeline.ipynb"] == NOTEBOOK.encode() for theirs in found.values())
    assert course.line("submissions.zip: " if packed else "download: ", name.partition(",")[0])
    assert course.line(f"Collected: {len(expected)} new, 0 replaced, 0 unchanged")
    assert course.code == 0, course.said


def test_each_layout_has_an_example_that_it_reads():
    students = [
        roster.Student("ada", "Ada", "Lovelace", "ada@example.org", "101"),
        roster.Student("bob", "Bob", "Bool"),
    ]
    for layout in platforms.LAYOUTS:
        path = tuple(layout.example.split("/"))
        listing = platforms.Listing(
            roster.Roster(students),
            [path, (path[0], "submission_metadata.yml")],
            lambda _: GRADESCOPE.encode(),
            usual=frozenset({"pipeline"}),
        )
        found = platforms.recognize(listing)
        assert found, layout
        assert type(found[0]) is layout
        assert [c.student.id for c in found[0].read(path[found[1] :])] == ["ada"]


def test_times_are_the_platforms(course):
    files = LAYOUTS["Brightspace"][0]
    found = course.collect(course.zip(files), "--timezone", "America/New_York")
    assert found["ada"]["timestamp.txt"] == b"2025-10-12 01:26:00 UTC"
    assert course.line("ada", "2025-10-12 01:26:00", "pipeline (4 of 4 cells)", "new")
    assert course.line("ada", "old.ipynb", "left out: older than")
    found = course.collect(course.zip(LAYOUTS["Gradescope"][0]), "--force")
    assert found["ada"]["timestamp.txt"] == b"2027-01-15 21:25:17 UTC"
    assert found["jose"]["timestamp.txt"] == b"2027-01-15 22:00:00 UTC"


def test_hidden_names_of_canvas(course):
    files = {"anon_x1y2Z_5550_pipeline.ipynb": NOTEBOOK, "LATE_anon_Q1_5_pipeline.ipynb": NOTEBOOK}
    assert course.collect(course.zip(files)) == {}
    assert course.line("Not found: 'anon_x1y2Z'", "Canvas hides who this is until")
    course.roster.write_text(STUDENTS.replace("101", "x1y2Z").replace("102", "anon_Q1"))
    assert course.names(course.zip(files)) == BOTH


def test_canvas_names_that_look_like_a_classmates_number(course):
    own = {"turingalan_102_5550_pipeline.ipynb": NOTEBOOK}
    files = {
        "x_102_103_5554_pipeline.ipynb": notebook("planted"),  # jose's name is "x_102"
        "lovelaceada_101_5550_102_1_pipeline.ipynb": NOTEBOOK,  # a file's
        "lovelace_ada_101_5551_102_1_utils.py": NOTEBOOK,
    }
    found = course.collect(course.zip({**files, **own}))
    assert found["alan"] == {"pipeline.ipynb": NOTEBOOK.encode()}
    assert "jose" not in found
    assert "ada" not in found  # one number, two names
    assert course.line("Not found: 'x_102'", "can be read in more than one way")
    assert course.line("ada", "SKIPPED: two names claim to be this student")


def test_an_unknown_layout_and_a_pattern(course):
    path = course.zip({"hw-101-pipe.ipynb": NOTEBOOK, "hw-102-pipe.ipynb": NOTEBOOK})
    assert course.collect(path) == {}
    assert course.code == 1
    assert course.line("error:", "its layout is not known", "hw-101-pipe.ipynb", "--pattern")
    pattern = r"/hw-(?P<student_id>\d+)-(?P<file_id>.+)"
    assert course.names(path, "--pattern", pattern) == BOTH
    course.collect(path, "--pattern", "/(x")
    assert course.line("error: --pattern is not a regular expression")
    course.collect(path, "--pattern", "/x")
    assert course.line("error: --pattern needs a group")


def test_what_is_no_download(course):
    (course.folder / "text.zip").write_text("no zip")
    course.collect(course.folder / "text.zip")
    assert course.line("error:", "text.zip is not a readable zip file")
    course.collect(course.folder / "nothing.zip")
    assert course.line("error:", "nothing.zip cannot be read: No such file")
    course.collect(course.zip({"__MACOSX/._x": ""}))
    assert course.line("error:", "submissions.zip holds no files")


def test_several_downloads_and_a_late_one(course):
    class_ = course.zip({"ada/pipeline.ipynb": notebook("old"), "alan/x.ipynb": NOTEBOOK})
    late = course.zip({"p.ipynb": NOTEBOOK, "bob/x.py": "x"}, "ada.zip", when=(2027, 2, 1, 0, 0, 0))
    found = course.collect(late, class_)
    assert found["ada"] == {"pipeline.ipynb": NOTEBOOK.encode(), "bob/x.py": b"x"}
    assert set(found["alan"]) == {"pipeline.ipynb"}
    assert course.line("ada.zip: one student's files")


def test_a_folder_that_holds_the_zip_file(course):
    path = course.put({"export.zip": zipped({"ada/p.ipynb": NOTEBOOK, "alan/p.ipynb": NOTEBOOK})})
    assert course.names(path) == BOTH


# ------------------------------------------------------------------ notebooks

KNOWN = {
    "a browser's copy": ({"ada/pipeline (1).ipynb": NOTEBOOK}, "4 of 4 cells"),
    "an editor's ending": ({"ada/pipeline.ipynb.txt": NOTEBOOK}, "4 of 4 cells"),
    "another name": ({"ada/Untitled.ipynb": NOTEBOOK}, "4 of 4 cells"),
    "fewer cells": ({"ada/Untitled.ipynb": notebook(cells=2)}, "2 of 4 cells"),
    "no metadata": ({"ada/x.ipynb": notebook(marked=False)}, "3 of 3 locked cells, by text"),
    "broken": ({"ada/Pipeline.ipynb": NOTEBOOK[:200]}, "by its name alone"),
    "a zip in a zip": (
        {"ada/a.zip": zipped({"b/c.zip": zipped({"x.ipynb": NOTEBOOK}), "__MACOSX/._x": ""})},
        "4 of 4 cells",
    ),
    "junk beside": (
        {
            "ada/p.ipynb": NOTEBOOK,
            "ada/.ipynb_checkpoints/p-checkpoint.ipynb": NOTEBOOK,
            "__MACOSX/ada/._p.ipynb": "",
            "ada/.DS_Store": "",
        },
        "4 of 4 cells",
    ),
}


@pytest.mark.parametrize("how", KNOWN)
def test_notebooks_are_known_by_their_cells(course, how):
    files, known = KNOWN[how]
    assert course.names(course.zip(files)) == {"ada": {"pipeline.ipynb"}}
    assert course.line("ada", f"pipeline ({known})", "new")


def test_both_notebooks_and_what_belongs_to_them(course):
    files = {
        "ada/hw/1.ipynb": notebook(kind="v"),
        "ada/hw/2.ipynb": NOTEBOOK,
        "ada/hw/data/x.csv": "1",
        "ada/hw/notes.ipynb": nbformat.writes(new_notebook()),
        "ada/hw/timestamp.txt": "2000-01-01 00:00:00 UTC",
        "ada/cv.pdf": "x",
    }
    expected = {"vectors.ipynb", "pipeline.ipynb", "data/x.csv", "notes.ipynb", "cv.pdf"}
    assert course.names(course.zip(files)) == {"ada": expected}
    assert course.line("ada", "timestamp.txt", "left out: only the platform decides when it came")
    assert course.line("ada", "and 3 other files")


def test_the_newest_version_counts(course):
    files = {
        zipfile.ZipInfo("ada/b.ipynb", (2027, 1, 2, 0, 0, 0)): NOTEBOOK,
        zipfile.ZipInfo("ada/c.ipynb", (2027, 1, 1, 0, 0, 0)): notebook("old"),
        zipfile.ZipInfo("ada/pipeline.ipynb", (2027, 1, 1, 0, 0, 0)): notebook("older"),
    }
    found = course.collect(course.zip(files))
    assert found == {"ada": {"pipeline.ipynb": NOTEBOOK.encode()}}
    for name in ("ada/c.ipynb", "ada/pipeline.ipynb"):
        assert course.line("ada", name, "left out: older than ada/b.ipynb")


def test_canvas_counts_by_its_own_numbers_and_keeps_a_students(course):
    files = {
        "lovelaceada_101_99_pipeline-1.ipynb": notebook("old"),
        "lovelaceada_101_100_pipeline.ipynb": NOTEBOOK,
        "lovelaceada_101_101_data-1.csv": "1",
        "lovelaceada_101_102_data-2.csv": "2",
    }
    found = course.collect(course.zip(files))["ada"]
    assert found == {
        "pipeline.ipynb": NOTEBOOK.encode(),
        "data-1.csv": b"1",
        "data-2.csv": b"2",
    }


def test_of_the_same_age_the_right_name_counts(course):
    files = {"ada/pipeline (2).ipynb": notebook("x"), "ada/pipeline.ipynb": NOTEBOOK}
    assert course.collect(course.zip(files))["ada"] == {"pipeline.ipynb": NOTEBOOK.encode()}
    assert course.line("ada/pipeline (2).ipynb", "left out: of the same time as")


def test_no_notebook_of_the_assignment(course):
    course.collect(course.zip({"ada/essay.pdf": "x"}))
    assert course.line("ada", "1 files", "no notebook of the assignment")
    assert course.code == 1


def test_notebooks_as_the_gradebook_knows_them(course):
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        for student in csv.DictReader(io.StringIO(STUDENTS)):
            gradebook.add_student(student.pop("id"), **student)
        gradebook.add_assignment("hw")
        gradebook.add_notebook("graded", "hw")
        for name, locked in (("p-answer", False), ("p-1", True)):
            source = {"source": f"assert {name[2:]} == 'p'", "cell_type": "code", "locked": locked}
            gradebook.add_source_cell(name, "graded", "hw", **source)
    assert course.names(course.zip({"ada/x.ipynb": NOTEBOOK}), roster=False) == {
        "ada": {"graded.ipynb"}
    }
    assert course.line("graded (2 of 2 cells)")


# ------------------------------------------------------------------ the roster

ROSTERS = {
    "plain": STUDENTS.encode(),
    "a BOM": codecs.BOM_UTF8 + STUDENTS.encode(),
    "Excel, semicolons, Latin-1": ("\r\n;;;;\r\n" + STUDENTS.replace(",", ";")).encode("cp1252"),
    "Excel, sep=": b"sep=;\r\n" + STUDENTS.replace(",", ";").encode(),
    "Excel, Unicode text": STUDENTS.replace(",", "\t").encode("utf-16"),
    "empty rows": STUDENTS.replace("\n", "\r\n,,,,\r\n\r\n").encode(),
    "other heads": STUDENTS.replace("id,", "Student ID,", 1).replace("_", " ").encode(),
}


@pytest.mark.parametrize("form", ROSTERS)
def test_rosters(tmp_path, form):
    path = tmp_path / "students.csv"
    path.write_bytes(ROSTERS[form])
    found = roster.from_file(path)
    assert list(found.students) == ["ada", "alan", "jose"]
    expected = roster.Student("jose", "José", "Núñez de la Peña", "jose@example.org")
    assert found.students["jose"] in (
        expected,
        roster.Student(**{**vars(expected), "lms_user_id": "103"}),
    )
    for words in ("jose", "JOSE@example.org", "jose nunez de la pena", "Núñez de la Peña, José"):
        assert found.find(words) is found.students["jose"], words
    assert found.find("josé núñez de la peña x") is None


def test_rosters_that_cannot_be_used(course):
    path = course.zip({"ada/x.ipynb": NOTEBOOK})
    for text, says in {
        "": "is empty",
        "name,mail\nada,a@b": "has no column `id` (found: name, mail)",
        "id\n../x": "cannot be an id",
        "id,last_name,first_name\nada,Smith, Jr.,Ada": "(ada): more cells than the header has",
        "id,email\nada,a\nada,b": "two different students with the id 'ada'",
    }.items():
        course.roster.write_text(text)
        assert course.collect(path) == {}
        assert course.line("error:", "students.csv", says), course.said
    course.roster.unlink()
    course.collect(path)
    assert course.line("error:", "students.csv cannot be read")
    course.collect(path, roster=False)
    assert course.line("error: the gradebook has no students", "--roster students.csv")


def test_who_is_not_found_is_listed_and_nobody_is_made_up(course):
    files = {
        "Ada Lovelac_4711_assignsubmission_file/x.ipynb": NOTEBOOK,
        "Teilnehmer_4712_assignsubmission_file/x.ipynb": NOTEBOOK,
        "Alan Turing_4713_assignsubmission_file/x.ipynb": NOTEBOOK,
        "readme.txt": "x",
    }
    assert course.names(course.zip(files)) == {"alan": {"pipeline.ipynb"}}
    assert course.line("Not found: 'Ada Lovelac_4711' (1 file)", "nearest: ada")
    assert course.line("Not found: 'Teilnehmer_4712'")
    assert course.line("readme.txt", "left out: nothing in its name says whose it is")
    assert course.line("Nothing came from: ada, jose")
    assert course.code == 1


def test_two_of_one_name_are_nobody(course):
    course.roster.write_text("id,first_name,last_name\na1,Ada,Lovelace\na2,Ada,Lovelace\nb,Bo,B\n")
    prefix = "assignsubmission_file/x.ipynb"
    files = {f"Ada Lovelace_1_{prefix}": NOTEBOOK, f"Bo B_2_{prefix}": NOTEBOOK}
    assert set(course.names(course.zip(files))) == {"b"}
    assert course.line("Not found: 'Ada Lovelace_1'", "nearest: a1, a2")


def test_two_who_claim_to_be_one_are_both_skipped(course):
    files = {
        f"{name}_assignsubmission_file/x.ipynb": NOTEBOOK
        for name in ("Ada Lovelace_1", "Lovelace Ada_2", "Alan Turing_3")
    }
    assert set(course.names(course.zip(files))) == {"alan"}
    assert course.line("ada", "SKIPPED: two names claim to be this student")


def test_names_in_drive_are_believed_only_once(course):
    files = {
        "Ada Lovelace - pipeline.ipynb": NOTEBOOK,
        "Copy of Ada Lovelace - x.ipynb": notebook("planted"),
        "Alan Turing - pipeline.ipynb": NOTEBOOK,
    }
    assert set(course.names(course.zip(files))) == {"alan"}
    assert course.line("ada", "SKIPPED: several files claim to be pipeline")


# ------------------------------------------------------------------ harm


def special(name, mode):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def tarred(kind):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as packed:
        info = tarfile.TarInfo("x")
        info.type, info.linkname = kind, "/etc/passwd"
        packed.addfile(info)
    return content.getvalue()


def not_utf8():
    return zipped({"ä.py": "", "x.ipynb": NOTEBOOK}).replace("ä".encode(), b"\xff\xfe")


HARM = {
    "upwards": (zipped({"../../alan/hw/x.ipynb": "planted"}), "leads out"),
    "absolute": (zipped({"/tmp/planted": "planted"}), "leads out"),
    "link": (zipped({special("x", stat.S_IFLNK | 0o777): "/etc/passwd"}), "a link"),
    "device": (zipped({special("x", stat.S_IFCHR | 0o666): ""}), "a link or not a regular"),
    "tar link": (tarred(tarfile.SYMTYPE), "a link"),
    "tar device": (tarred(tarfile.CHRTYPE), "a link or not a regular"),
    "zeros": (zipped({"x": b"\0" * 10**7}), "at most 5 fit"),
    "zeros in a zip": (zipped({"a.zip": zipped({"x": b"\0" * 10**7})}), "at most 5 fit"),
    "many files": (zipped({str(n): "" for n in range(200)}), "more than 99 files"),
    "no UTF-8": (not_utf8(), "no UTF-8"),
}
LIMITS = ["--Extractor.max_bytes=5300000", "--Extractor.max_files=100"]


@pytest.mark.parametrize("how", HARM)
def test_harm_skips_the_student_and_nobody_else(course, how):
    content, says = HARM[how]
    name = "w.tar.gz" if "tar" in how else "w.zip"
    path = course.zip({f"ada/{name}": content, "alan/x.ipynb": NOTEBOOK})
    assert course.names(path, *LIMITS) == {"alan": {"pipeline.ipynb"}}
    assert course.line("ada", "SKIPPED", says), course.said
    assert course.code == 1
    assert not os.path.exists("/tmp/planted")


@pytest.mark.parametrize("how", ["upwards", "link", "zeros", "no UTF-8"])
def test_harm_in_the_download_itself(course, how):
    files = {"alan/x.ipynb": NOTEBOOK, "ada/x.ipynb": NOTEBOOK}
    harm = {
        "upwards": "ada/../alan/hw/x.ipynb",
        "link": special("ada/x", stat.S_IFLNK | 0o777),
        "zeros": "ada/zeros",
        "no UTF-8": "ada/ä.py",
    }
    path = course.zip({**files, harm[how]: b"\0" * 10**7 if how == "zeros" else b"/etc"})
    if how == "no UTF-8":
        path.write_bytes(path.read_bytes().replace("ä".encode(), b"\xff\xfe"))
    assert course.names(path, *LIMITS) == {"alan": {"pipeline.ipynb"}}
    assert course.line("ada", "SKIPPED"), course.said


def ten_gigabytes_of_zeros():
    """A zip file of 10 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b"\0" * 2**24) + packer.flush(zlib.Z_FULL_FLUSH)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        info = zipfile.ZipInfo("zeros")
        packed.writestr(info, block * 640)
        info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, 10 * 2**30
    return content.getvalue()


@pytest.mark.parametrize("liar", [False, True])
def test_ten_gigabytes_of_zeros(course, liar):
    bomb = ten_gigabytes_of_zeros()
    assert len(bomb) < 2 * 10**7
    if liar:  # it says that it holds 2 GiB, within the limit, and its sum is wrong
        bomb = bomb.replace((10 * 2**30).to_bytes(8, "little"), (2**30).to_bytes(8, "little"))
    path = course.zip({"ada/w.zip": bomb, "alan/x.ipynb": NOTEBOOK})
    limit = "--Extractor.max_bytes=50000000"
    assert course.names(path, limit) == {"alan": {"pipeline.ipynb"}}
    assert course.line("ada", "SKIPPED", "MiB, at most")


def test_links_and_pipes_in_a_folder(course):
    path = course.put({"ada/x.ipynb": NOTEBOOK, "alan/x.ipynb": NOTEBOOK, "jose/x.ipynb": NOTEBOOK})
    (path / "ada" / "x.py").symlink_to("/etc/passwd")
    os.mkfifo(path / "jose" / "pipe")
    assert set(course.names(path)) == {"alan"}
    assert course.line("ada", "SKIPPED: ada/x.py: it is a link or not a regular file")
    assert course.line("jose", "SKIPPED: jose/pipe: it is a link or not a regular file")


def test_names_in_a_folder_that_are_no_utf8(course):
    path = course.put({"ada/x.ipynb": NOTEBOOK, b"jose/\xff.py": "x", b"al\xff/x.ipynb": NOTEBOOK})
    course.put({"jose/x.ipynb": NOTEBOOK})
    assert set(course.names(path)) == {"ada"}
    assert course.line("jose", "SKIPPED", "its name is no UTF-8")
    assert course.line("Not found: 'al")


def test_a_folder_named_like_a_classmate_is_only_a_folder(course):
    inner = zipped({"alan/pipeline.ipynb": notebook("planted"), "102_1_x.ipynb": "{}"})
    files = {"ada/w.zip": inner, "ada/alan/x.py": "planted", "jose/x.ipynb": NOTEBOOK}
    found = course.collect(course.zip(files))
    assert set(found) == {"ada", "jose"}
    assert found["ada"]["pipeline.ipynb"] == notebook("planted").encode()


def test_what_cannot_be_unpacked_costs_itself(course):
    files = {"ada/w.zip": b"PK\3\4 broken", "ada/x.ipynb": NOTEBOOK, "alan/x.ipynb": NOTEBOOK}
    assert course.names(course.zip(files))["ada"] == {"w.zip", "pipeline.ipynb"}
    assert course.line("ada", "ada/w.zip", "left out: kept packed")


def test_a_name_that_is_too_long_costs_itself(course):
    files = {"ada/w.zip": zipped({"x/" * 900 + "x": "", "y.ipynb": NOTEBOOK})}
    assert course.names(course.zip(files)) == {"ada": {"pipeline.ipynb"}}
    assert course.line("left out: its name is empty or too long")


# ------------------------------------------------------------------ once more, and cut short


def stamped(content):
    return {f"39786-1 - Ada Lovelace - Oct {day}, 2025 1022 AM/x.ipynb": c for day, c in content}


def test_twice_changes_nothing_and_newer_replaces(course):
    path = course.zip(stamped([(10, NOTEBOOK)]), "first.zip")
    first = course.collect(path)
    inode = (course.folder / "submitted/ada/hw/pipeline.ipynb").stat()
    assert course.collect(path) == first
    assert course.line("ada", "unchanged")
    assert (course.folder / "submitted/ada/hw/pipeline.ipynb").stat() == inode
    newer = course.zip(stamped([(11, notebook("newer"))]), "newer.zip")
    assert course.collect(newer)["ada"]["pipeline.ipynb"] == notebook("newer").encode()
    assert course.line("ada", "replaced")
    assert course.collect(path)["ada"]["pipeline.ipynb"] == notebook("newer").encode()
    assert course.line("ada", "older than what is there, which is kept")
    assert course.collect(path, "--force") == first


def test_without_times_only_force_replaces(course):
    course.collect(course.zip({"ada/x.ipynb": NOTEBOOK, "alan/x.ipynb": NOTEBOOK}))
    (course.folder / "submitted/ada/hw/timestamp.txt").write_text("2027-01-16 10:00:00 UTC")
    path = course.zip({"ada/x.ipynb": NOTEBOOK, "alan/x.ipynb": notebook("new")})
    found = course.collect(path)
    assert course.line("ada", "unchanged")
    assert found["ada"].keys() == {"pipeline.ipynb", "timestamp.txt"}
    assert found["alan"]["pipeline.ipynb"] == NOTEBOOK.encode()
    assert course.line("alan", "differs from what is there, which is kept; --force replaces it")
    assert course.code == 1
    found = course.collect(path, "--force")
    assert found["alan"]["pipeline.ipynb"] == notebook("new").encode()


def test_a_dry_run_says_the_same_and_writes_nothing(course):
    path = course.zip({"ada/x.ipynb": NOTEBOOK, "ada/y.zip": b"no", "bob/x.ipynb": NOTEBOOK})
    assert course.collect(path, "--dry-run") == {}
    assert course.line("Would be collected: 1 new")
    assert not (course.folder / "submitted").exists()
    said = course.said
    course.collect(path)
    assert course.said == said.replace("Would be collected", "Collected")


def test_one_at_a_time(course):
    path = course.zip({"ada/x.ipynb": NOTEBOOK})
    (course.folder / "submitted").mkdir()
    with download.FileLock(course.folder / "submitted" / ".collecting.lock"):
        assert course.collect(path) == {}
    assert course.line("error: another `autograder collect` is already running")


@pytest.mark.parametrize("moment", range(1, 9))
def test_nothing_is_half_written_when_it_is_killed(course, moment):
    """Killed at each of its renames in turn, and once more run to its end."""
    course.collect(course.zip(stamped([(10, notebook("old"))]), "old.zip"))
    new = stamped([(11, NOTEBOOK)]) | {
        "39786-1 - Ada Lovelace - Oct 11, 2025 1022 AM/utils.py": "x",
        "39787-1 - Alan Turing - Oct 11, 2025 1022 AM/x.ipynb": NOTEBOOK,
    }
    path = course.zip(new, "new.zip")
    before = course.submitted()["ada"]
    pid = os.fork()
    if not pid:
        _die_at(moment)
        __main__.main(course.command(path))
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(status) == (moment < 8), status
    after = {"pipeline.ipynb": NOTEBOOK.encode(), "timestamp.txt": b"2025-10-11 10:22:00 UTC"}
    whole = {"ada": (before, after | {"utils.py": b"x"}), "alan": (after,)}
    for student, files in course.submitted().items():
        assert files in whole[student]
    found = course.collect(path)
    assert found == {"ada": after | {"utils.py": b"x"}, "alan": after}
    hidden = [".collected", ".collecting.lock"]
    assert sorted(os.listdir(course.folder / "submitted")) == [*hidden, "ada", "alan"]


def _die_at(moment):
    rename, count = Path.rename, 0

    def dying(self, target):
        nonlocal count
        count += 1
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(self, target)

    Path.rename = dying


def test_from_a_shell(course):
    path = course.zip({"ada/x.ipynb": NOTEBOOK})
    done = subprocess.run(
        [sys.executable, "-m", "autograder", *course.command(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=course.folder,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "submissions.zip: one folder per student" in done.stdout
    assert course.submitted() == {"ada": {"pipeline.ipynb": NOTEBOOK.encode()}}


# ------------------------------------------------------------------ what goes back


class Pages:
    """Feedback pages, and the zip file that is made of them."""

    def __init__(self, course):
        self.course = course

    def write(self, *students, notebook="pipeline"):
        for student in students:
            folder = self.course.folder / "feedback" / student / "hw"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{notebook}.html").write_text(f"{student}'s {notebook}")

    def pack(self, platform, *options):
        """Name -> content."""
        arguments = ["feedback", "hw", "--for", platform, *options]
        root = f"--CourseDirectory.root={self.course.folder}"
        self.course.code = __main__.main([*arguments, root])
        captured = self.course._capsys.readouterr()
        self.course.said = captured.out + captured.err
        path = self.course.folder / f"feedback-hw-{platform}.zip"
        if not path.exists():
            return {}
        with zipfile.ZipFile(path) as packed:
            return {name: packed.read(name).decode() for name in packed.namelist()}


@pytest.fixture
def pages(course):
    return Pages(course)


def canvas_reads(name):
    """User and attachment, as infer_comment_context_from_filename finds them."""
    parts = [part for part in name.rpartition("/")[2].split("_") if part != "LATE"]
    found = parts[1:3] if parts[0] == "anon" else [p for p in parts if p.isdigit()][:2]
    return None if parts[-1].startswith("link") else tuple(found)


def moodle_reads(name):
    """Participant and file, as is_valid_filename_for_import finds them."""
    parts = name.split("/")
    info = parts.pop(0).split("_", 4)
    assert info[2:4] == ["assignsubmission", "file"]
    return int(info[1]), "/".join([*info[4:], *parts]).lstrip("/")


def test_canvas_takes_every_page_back(course, pages):
    course.collect(course.zip(LAYOUTS["Canvas"][0]))
    pages.write("ada", "alan", "jose")
    found = pages.pack("canvas")
    assert course.code == 0, course.said
    assert {canvas_reads(name): page for name, page in found.items()} == {
        ("101", "5550"): "ada's pipeline",
        ("102", "5552"): "alan's pipeline",
        ("103", "5554"): "jose's pipeline",
    }
    assert "turingalan_LATE_102_5552_pipeline.html" in found
    assert course.line("feedback-hw-canvas.zip: 3 pages of 3 students, for Canvas")
    first = (course.folder / "feedback-hw-canvas.zip").read_bytes()
    pages.pack("canvas")
    assert (course.folder / "feedback-hw-canvas.zip").read_bytes() == first


def test_canvas_without_names_and_a_notebook_called_link(course, pages):
    course.roster.write_text(STUDENTS.replace("101", "x1y2Z").replace("102", "anon_Q1"))
    course.collect(
        course.zip(
            {
                "anon_x1y2Z_5550_my_1_pipeline.ipynb": NOTEBOOK,
                "LATE_anon_Q1_5_pipeline.ipynb": NOTEBOOK,
            }
        )
    )
    pages.write("ada", "alan")
    found = pages.pack("canvas")
    assert sorted(map(canvas_reads, found)) == [("Q1", "5"), ("x1y2Z", "5550")]
    given = names.HandedOut("Canvas", "x_7", "x_7_8_the_link.ipynb")
    assert canvas_reads(upload.canvas(given, "the_link")) == ("7", "8")


def test_canvas_could_take_another_number_for_the_students(course, pages):
    own = {"turingalan_102_5550_pipeline.ipynb": NOTEBOOK}
    course.roster.write_text(STUDENTS.replace("José,Núñez de la Peña", "x,7"))
    course.collect(course.zip({"x_7_103_5554_pipeline.ipynb": NOTEBOOK, **own}))
    pages.write("alan", "jose")
    assert list(pages.pack("canvas")) == ["turingalan_102_5550_pipeline.html"]
    assert course.code == 1
    assert course.line("Left out: jose: Canvas would take 7 in 'x_7_103_5554_pipeline.ipynb'")


@pytest.mark.parametrize("layout", ["Moodle, folders", "Moodle, no folders"])
def test_moodle_takes_every_page_back(course, pages, layout):
    course.collect(course.zip(LAYOUTS[layout][0]))
    pages.write("ada", "alan")
    found = pages.pack("moodle")
    assert course.code == 0, course.said
    assert {moodle_reads(name): page for name, page in found.items()} == {
        (4711, "pipeline.html"): "ada's pipeline",
        (4712, "pipeline.html"): "alan's pipeline",
    }


def test_names_that_are_not_latin(course, pages):
    course.roster.write_text(STUDENTS.replace("Ada,Lovelace", "小龍,李") + 'q,"A, ""B""",C,c@d,9\n')
    files = {
        "小龍 李_1_assignsubmission_file/p.ipynb": NOTEBOOK,
        'A, "B" C_2_assignsubmission_file/p.ipynb': NOTEBOOK,
        "Turing_Alan_4712_assignsubmission_file/p.ipynb": NOTEBOOK,
    }
    course.collect(course.zip(files))
    pages.write("ada", "q", "alan")
    assert set(pages.pack("moodle")) == {
        "小龍 李_1_assignsubmission_file/pipeline.html",
        'A, "B" C_2_assignsubmission_file/pipeline.html',
    }
    assert course.line("Left out: alan: Moodle would not find the participant's number")


def test_both_notebooks_the_newest_and_who_is_left_out(course, pages):
    files = {
        "lovelaceada_101_5550_a.zip": zipped(
            {"x/1.ipynb": NOTEBOOK, "x/2.ipynb": notebook(kind="v")}
        ),
        "turingalan_102_5552_pipeline.ipynb": notebook("old"),
        "turingalan_102_5559_pipeline-1.ipynb": NOTEBOOK,
    }
    course.collect(course.zip(files))
    pages.write("ada", "alan", "jose")
    pages.write("ada", notebook="vectors")
    assert set(pages.pack("canvas")) == {
        "lovelaceada_101_5550_pipeline.html",
        "lovelaceada_101_5550_vectors.html",
        "turingalan_102_5559_pipeline.html",
    }
    assert course.code == 1
    assert course.line("Left out: jose: pipeline did not come in a download of Canvas's")
    (course.folder / "feedback/alan/hw/pipeline.html").unlink()
    pages.pack("canvas")
    assert course.line("Left out: alan: there is no feedback page")


def test_what_is_missing_for_a_zip_file_is_said(course, pages):
    assert pages.pack("canvas") == {}
    assert course.line("error: there are no feedback pages: `nbgrader generate_feedback hw` first")
    pages.write("ada")
    (course.folder / "submitted/ada/hw").mkdir(parents=True)
    (course.folder / "submitted/ada/hw/pipeline.ipynb").write_text(NOTEBOOK)
    assert pages.pack("canvas") == {}
    assert course.line("error: the names that Canvas gave are not known", "`autograder collect hw")
    files = course.zip(LAYOUTS["Canvas"][0])
    course.collect(files, "--dry-run")
    assert pages.pack("canvas") == {}
    course.collect(files)  # ada's is there already
    assert course.line("ada", "differs") or course.line("ada", "unchanged")
    assert pages.pack("moodle") == {}
    assert course.line("error: the names that Moodle gave are not known")


def test_pages_that_are_not_the_gradebooks_any_more(course, pages):
    course.collect(course.zip(LAYOUTS["Canvas"][0]))
    pages.write("ada", "alan", "jose")
    for name, shown in {
        "ada": "2.0 / 3.0",
        "alan": "1.0 / 3.0",
        "jose": "not graded / 3.0",
    }.items():
        page = course.folder / "feedback" / name / "hw" / "pipeline.html"
        page.write_text(f"<h4>pipeline (Score: {shown})</h4>")
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        entry = gradebook.add_assignment("hw")
        gradebook.add_notebook("pipeline", "hw")
        gradebook.add_grade_cell("p-1", "pipeline", "hw", max_score=3, cell_type="code")
        for name in ("ada", "alan", "jose"):
            gradebook.update_or_create_student(name)
            (book,) = gradebook.update_or_create_submission("hw", name).notebooks
            book.grades[0].auto_score = None if name == "jose" else 2
        gradebook.db.commit()
        book_id = entry.id
    assert {canvas_reads(name)[0] for name in pages.pack("canvas")} == {"101", "103"}
    assert course.line("Left out: alan: the page has other points", "generate_feedback hw --force")
    assert course.line("Pages that are there can be given back by hand")
    assert course.code == 1
    (course.folder / "journal").mkdir()
    line = {"student": "ada", "state": "graded", "digest": "", "book": book_id}
    (course.folder / "journal" / "hw.jsonl").write_text(json.dumps(line) + "\n")
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        gradebook.remove_student("ada")
    pages.pack("canvas")
    assert course.line("Left out: ada: no longer in the gradebook")


def test_what_was_collected_before_can_be_given_back(course, pages):
    files = course.zip(LAYOUTS["Moodle, no folders"][0])
    course.collect(files)
    (course.folder / "submitted/.collected/hw.json").unlink()
    course.collect(files)
    assert course.line("Collected: 0 new, 0 replaced, 2 unchanged")
    pages.write("ada")
    target = course.folder / "back.zip"
    pages.pack("moodle", "--to", str(target))
    with zipfile.ZipFile(target) as packed:
        assert packed.namelist() == ["Ada Lovelace_4711_assignsubmission_file_pipeline.html"]


def test_what_was_kept_does_not_go_by_the_name_of_what_was_not_taken(course, pages):
    course.collect(course.zip({"lovelaceada_101_5550_pipeline.ipynb": NOTEBOOK}))
    course.collect(course.zip({"lovelaceada_101_5999_pipeline-1.ipynb": notebook("other")}))
    assert course.line("differs from what is there, which is kept")
    pages.write("ada")
    assert list(pages.pack("canvas")) == ["lovelaceada_101_5550_pipeline.html"]


FIRST = ["Ada", "José", "小龍", "Анна", "Zoë", "محمد", "O'Neil", "Mary-Ann", "Jean Luc", "9"]
LAST = ["Lovelace", "Núñez", "李", "Каренина", "Müller", "Smith, Jr.", '"Q"', "=Sum", "de la Peña"]


def named(n):
    return FIRST[n % len(FIRST)], f"{LAST[n % len(LAST)]} {n // 90}"


def canvas_name(n):
    first, last = named(n)
    letters = "".join(c for c in f"{last}{first}".lower() if c.isalnum())
    late = "LATE_" if n % 7 == 0 else ""
    return f"{letters}_{late}{1000 + n}_{5000 + n}_my work{'-1' * (n % 3 == 0)}.ipynb"


# platform -> the path of the n-th student's file
NAMES_OF_200 = {
    "Canvas": canvas_name,
    "Moodle": lambda n: f"{' '.join(named(n))}_{7000 + n}_assignsubmission_file/a_{n}.ipynb",
    "Moodle, no folders": lambda n: (
        f"{' '.join(named(n))}_{7000 + n}_assignsubmission_file_a_{n}.ipynb"
    ),
    "Brightspace": lambda n: (
        f"Exam/39786-{n} - {' '.join(named(n))} - Oct {1 + n % 28}, 2025 926 PM/a_{n}.ipynb"
    ),
    "Blackboard": lambda n: f"HW_1_s{n}_attempt_2027-01-15-22-{n % 60:02}-01_a_{n}.ipynb",
    "Gradescope": lambda n: f"assignment_9_export/submission_{n}/a_{n}.ipynb",
    "Google": lambda n: f"Homework/{' '.join(named(n))} - a_{n}.ipynb",
    "one folder per student": lambda n: f"all/{names_of(n)[n % 4]}/a_{n}.ipynb",
    "one file per student": lambda n: f"{names_of(n)[n % 3]}_pipeline{'-1' * (n % 2)}.ipynb",
}


def names_of(n):
    return f"s{n}", f"{1000 + n}", f"s{n}@example.org", " ".join(named(n))


def class_of_200(platform):
    """Roster and download: the n-th student, s<n>, handed in `answer <n>`."""
    table = [["id", "first_name", "last_name", "email", "lms_user_id"]]
    table += [[f"s{n}", *named(n), f"s{n}@example.org", 1000 + n] for n in range(200)]
    text = io.StringIO()
    csv.writer(text).writerows(table)
    files = {NAMES_OF_200[platform](n): notebook(f"answer {n}") for n in range(200)}
    assert len(files) == 200
    if platform == "Gradescope":
        files["assignment_9_export/submission_metadata.yml"] = "".join(
            f"submission_{n}:\n  :submitters:\n  - :email: s{n}@example.org\n"
            f"  :created_at: 2027-01-15 21:25:{n % 60:02}.4 Z\n"
            for n in range(200)
        )
    return text.getvalue(), files


def collected_200(course, platform):
    """Everybody's own answer lies in everybody's own folder."""
    text, files = class_of_200(platform)
    course.roster.write_text(text)
    collected = course.collect(course.zip(files))
    assert course.code == 0, course.said
    answers = {
        student: nbformat.reads(found["pipeline.ipynb"].decode(), as_version=4).cells[0].source
        for student, found in collected.items()
    }
    assert answers == {f"s{n}": f"answer {n}" for n in range(200)}


@pytest.mark.parametrize("platform", NAMES_OF_200)
def test_a_class_of_200(course, platform):
    collected_200(course, platform)
    assert course.line("submissions.zip: ", platform.partition(",")[0])


@pytest.mark.parametrize(
    ("platform", "reads", "read"),
    [
        ("Canvas", canvas_reads, lambda n: (str(1000 + n), str(5000 + n))),
        ("Moodle", moodle_reads, lambda n: (7000 + n, "pipeline.html")),
    ],
)
def test_a_class_of_200_there_and_back(course, pages, platform, reads, read):
    collected_200(course, platform)
    pages.write(*(f"s{n}" for n in range(200)))
    found = {reads(name): page for name, page in pages.pack(platform.lower()).items()}
    assert found == {read(n): f"s{n}'s pipeline" for n in range(200)}
    assert course.code == 0, course.said
