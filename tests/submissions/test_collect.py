"""Collecting: whose a file is says the platform, and a harmful file costs only itself."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile

import pytest
from helpers import Course, make_course
from nbgrader.api import Gradebook
from nbgrader.apps.dbapp import DbStudentImportApp
from nbgrader.apps.zipcollectapp import ZipCollectApp
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.submissions import collect, roster

PATTERN = r".*/(?P<student_id>[^/]+)/(?P<file_id>[^/]+)"
CANVAS = r"/[^/_]+_(?:LATE_)?(?P<student_id>\d+)_\d+_(?P<file_id>.+?)(?:-\d+)?(?:\.\w+)?$"
MOODLE = r"/(?P<student_id>[^/_]+)_\d+_assignsubmission_file/(?P<file_id>[^/]+)"
BLACKBOARD = r"/[^_]+_(?P<student_id>\w+)_attempt_(?P<timestamp>[0-9\-]+)_(?P<file_id>\w+)"


def zipped(files):
    """A zip file; a name may also be a ZipInfo."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items() if isinstance(files, dict) else files:
            packed.writestr(name, text)
    return content.getvalue()


def tarred(members, pack=gzip.compress):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as packed:
        for member, text in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(text)
            packed.addfile(info, io.BytesIO(text))
    return pack(content.getvalue())


class Download:
    """A course into whose archive folder files are put."""

    def __init__(self, folder):
        self.folder = folder
        release = folder / "release" / "tiny"
        release.mkdir(parents=True)
        (release / "first.ipynb").write_text("{}")
        self.archive = folder / "downloaded" / "tiny" / "archive"

    def put(self, files):
        for name, content in files.items():
            path = os.path.join(os.fsencode(self.archive), os.fsencode(name))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)

    def collect(self, pattern=PATTERN, force=False, **limits):
        """student -> names and contents of what was collected; the warnings are in `log`."""
        course = CourseDirectory(root=str(self.folder), assignment_id="tiny")
        course.db_url = f"sqlite:///{self.folder / 'gradebook.db'}"
        config = Config()
        config.FileNameCollectorPlugin.named_regexp = pattern
        config.Extractor.update(limits)
        app = ZipCollectApp(config=config, coursedir=course, force=force)
        app.extractor_plugin, app.collector_plugin = collect.Extractor, collect.Collector
        app.init_plugins()
        self.log = []
        for plugin in (app.extractor_plugin_inst, app.collector_plugin_inst):
            plugin.log = app.log
        app.log.warning = lambda text, *values: self.log.append(text % values if values else text)
        app.extract_archive_files()
        app.process_extracted_files()
        found = {}
        for path in sorted((self.folder / "submitted").rglob("*")):
            student, _, *name = (*path.relative_to(self.folder / "submitted").parts, "")
            assert not path.is_symlink()
            if path.is_file():
                found.setdefault(student, {})["/".join(name).rstrip("/")] = path.read_bytes()
        return found

    def names(self, *arguments, **options):
        return {
            student: set(files) for student, files in self.collect(*arguments, **options).items()
        }

    def says(self, *words):
        return any(all(word in line for word in words) for line in self.log)


@pytest.fixture
def download(tmp_path):
    return Download(tmp_path)


# ------------------------------------------------------------------ what comes along

HELPERS = {
    "ada/first.ipynb": "{}",
    "ada/utils.py": "x = 1",
    "ada/data/notes.csv": "1",
    "ada/x": "y",
}
ALL = {"first.ipynb", "utils.py", "data/notes.csv", "x"}
SHAPES = {
    "folders": HELPERS,
    "one zip": {"export.zip": zipped(HELPERS)},
    "a zip in the folder": {
        "ada/work.zip": zipped({name[4:]: text for name, text in HELPERS.items()})
    },
    "a zip with a folder": {"ada/work.zip": zipped(HELPERS), "ada/.DS_Store": "junk"},
    "zips in the zip": {
        "export.zip": zipped({"ada.zip": zipped({n[4:]: t for n, t in HELPERS.items()})})
    },
    "a zip per student": {
        "ada.zip": zipped({n[4:]: t for n, t in HELPERS.items()}),
        "bob.zip": zipped({"mine/first.ipynb": "{}"}),
    },
    "a folder in the folder": {f"ada/homework/{n[4:]}": t for n, t in HELPERS.items()},
    "tar": {"ada/w.tar.gz": tarred([(n[4:], t.encode()) for n, t in HELPERS.items()])},
    "capitals": {"ada/W.ZIP": zipped(HELPERS)},
    "Windows": {"export.zip": zipped({"ada\\": ""} | {n.replace("/", "\\"): "" for n in HELPERS})},
    "a Mac": {
        "export.zip": zipped(
            HELPERS | {"__MACOSX/ada/._first.ipynb": "", "ada/.DS_Store": "", "__MACOSX/._ada": ""}
        )
    },
    "Jupyter and Python": {"ada/.ipynb_checkpoints/first-checkpoint.ipynb": "", **HELPERS}
    | {"ada/__pycache__/utils.cpython-311.pyc": "x"},
    "junk beside": {"export.zip": zipped(HELPERS), "__MACOSX/._export.zip": "junk"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_all_files_come_along(download, shape):
    download.put(SHAPES[shape])
    found = download.names()
    assert found.pop("ada") == ALL
    assert found == ({"bob": {"first.ipynb"}} if "bob.zip" in SHAPES[shape] else {})


def test_this_courses_configuration(tmp_path):
    (tmp_path / "release" / "tiny").mkdir(parents=True)
    course, download = Course(tmp_path), Download.__new__(Download)
    download.archive = tmp_path / "downloaded" / "tiny" / "archive"
    inner = zipped({"bob/first.ipynb": "planted", "../../x.ipynb": "planted"})
    download.put(
        {"export.zip": zipped(HELPERS | {"ada/more.zip": inner, "bob/first.ipynb": "own"})}
    )
    output = course.run("zip_collect", "tiny")
    assert (tmp_path / "submitted/bob/tiny/first.ipynb").read_text() == "own"
    folder = tmp_path / "submitted/ada/tiny"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == ALL | {"more/bob/first.ipynb"}
    assert "Left out: export/ada/more/../../x.ipynb, because its name leads out" in output
    assert os.listdir(tmp_path / "submitted/ada") == ["tiny"]
    assert "not recognized" not in output


@pytest.mark.parametrize("pattern", [CANVAS, ".*" + CANVAS])
def test_the_platforms_names(download, pattern):
    download.put(
        {
            "submissions.zip": zipped(
                {
                    "lovelaceada_101_5550_first.ipynb": "{}",
                    "lovelaceada_101_5551_utils-2.py": "x",
                    "lovelaceada_101_5555_my.data.csv": "x",
                    "lovelaceada_101_5556_no_extension": "x",
                    "turingalan_LATE_102_5552_first-1.ipynb": "late",
                    "turingalan_LATE_102_5553_data.zip": zipped({"a_103_1_first.ipynb": "p"}),
                    "x_104_5554_y_105_1_first.ipynb": "who",
                }
            )
        }
    )
    assert download.names(pattern) == {
        "101": {"first.ipynb", "utils.py", "my.data.csv", "no_extension"},
        "102": {"first.ipynb", "turingalan_LATE_102_5553_data/a_103_1_first.ipynb"},
        "104": {"y_105_1_first.ipynb"},
    }


@pytest.mark.parametrize("pattern", [MOODLE, ".*" + MOODLE])
def test_folders_of_moodle(download, pattern):
    ada, bob = "Ada L_4711_assignsubmission_file", "Bob_4712_assignsubmission_file"
    files = {f"{ada}/first.ipynb": "{}", f"{ada}/{bob}/first.ipynb": "planted"}
    download.put({"class.zip": zipped(files)})
    assert download.names(pattern) == {"Ada L": {"first.ipynb", f"{bob}/first.ipynb"}}


def test_times_of_the_platform(download):
    download.put(
        {
            "ps1_hacker_attempt_2016-01-30-15-30-10_first.ipynb": "old",
            "ps1_hacker_attempt_2016-01-30-15-50-10_first.ipynb": "new",
            "ps1_late_attempt_99-99_first.ipynb": "when",
        }
    )
    found = download.collect(BLACKBOARD)
    assert found["hacker"]["first.ipynb"] == b"new"
    assert found["hacker"]["timestamp.txt"] == b"2016-01-30 15:50:10"
    assert found["late"] == {"first.ipynb": b"when"}
    assert download.says("99-99 is no date and time")


# ------------------------------------------------------------------ whose it is

PLANTED = {
    "a folder in a zip": {"ada/work.zip": zipped({"bob/first.ipynb": "planted"})},
    "a folder": {"ada/bob/first.ipynb": "planted"},
    "a zip in a zip": {"ada/w.zip": zipped({"bob.zip": zipped({"first.ipynb": "planted"})})},
    "a zip of a student's name": {"ada/bob.zip": zipped({"first.ipynb": "planted"})},
    "upwards": {"ada/w.zip": zipped({"../bob/first.ipynb": "planted", "first.ipynb": "{}"})},
    "upwards in a folder": {"ada/w.zip": zipped({"x/../../bob/first.ipynb": "planted"})},
    "backslashes": {"ada/w.zip": zipped({"..\\bob\\first.ipynb": "planted", "first.ipynb": ""})},
    "dots": {"ada/...zip": zipped({"bob/first.ipynb": "planted"}), "ada/first.ipynb": "{}"},
    "dots of a tar file": {"ada/...tar.gz": tarred([("bob/first.ipynb", b"planted")])},
    "one dot": {"ada/..zip": zipped({"bob/first.ipynb": "planted", "first.ipynb": "{}"})},
    "dots in a zip": {"ada/w.zip": zipped({"...zip": zipped({"bob/first.ipynb": "planted"})})},
    "a tar file": {"ada/w.tar.gz": tarred([("../bob/first.ipynb", b"planted"), ("a", b"b")])},
    "two zips beside": {
        "ada.zip": zipped({"bob/first.ipynb": "planted"}),
        "cem.zip": zipped({"cem/first.ipynb": "{}"}),
    },
    "a zip beside folders": {
        "ada.zip": zipped({"bob/first.ipynb": "planted"}),
        "cem/first.ipynb": "{}",
    },
}


@pytest.mark.parametrize("also", [False, True])
@pytest.mark.parametrize("how", PLANTED)
def test_nobody_hands_in_for_a_classmate(download, how, also):
    own = {"bob/first.ipynb": "own"} if also else {}
    download.put(PLANTED[how] | own)
    found = download.collect()
    assert found.pop("bob", {}) == ({"first.ipynb": b"own"} if also else {})
    assert found.keys() >= {"ada"}
    assert found.keys() <= {"ada", "cem"}
    assert sorted(path.name for path in download.folder.iterdir()) == sorted(
        {"release", "downloaded", "submitted", "gradebook.db"} & set(os.listdir(download.folder))
    )


def test_in_the_download_of_a_class_too(download):
    files = {f"x{number}/first.ipynb": "{}" for number in range(3)}
    inner = zipped({"x1/first.ipynb": "planted", "/x2/first.ipynb": "planted"})
    download.put({"export.zip": zipped(files | {"x0/w.zip": inner, "x0/x2/first.ipynb": "p"})})
    found = download.collect()
    assert {student: found[student]["first.ipynb"] for student in found} == {
        "x0": b"{}",
        "x1": b"{}",
        "x2": b"{}",
    }
    assert download.says("x0/w/", "/x2/first.ipynb", "leads outside the archive")


def test_a_class_beside_folders_is_pointed_out(download):
    download.put({"export.zip": zipped({"ada/first.ipynb": "{}"}), "bob/first.ipynb": "{}"})
    assert download.names().keys() == {"export", "bob"}
    assert download.says("export.zip lies beside folders, so it is taken for one student's")


@pytest.mark.parametrize("known_from", ["submitted", "gradebook"])
def test_a_late_zip_of_a_known_student_is_no_class(download, known_from):
    if known_from == "submitted":
        (download.folder / "submitted" / "ada").mkdir(parents=True)
    else:
        with Gradebook(f"sqlite:///{download.folder / 'gradebook.db'}") as gradebook:
            gradebook.add_student("ada")
    download.put({"ada.zip": zipped({"bob/first.ipynb": "planted"})})
    assert download.names() == {"ada": {"first.ipynb"}}


@pytest.mark.parametrize("place", ["ada/timestamp.txt", "ada/w.zip", "ada/h/timestamp.txt"])
def test_a_students_timestamp_is_not_believed(download, place):
    text = zipped({"x/timestamp.txt": "2000", "x/first.ipynb": "{}"}) if ".zip" in place else "2000"
    notebook = {} if ".zip" in place else {place.replace("timestamp.txt", "first.ipynb"): "{}"}
    download.put({place: text} | notebook)
    assert download.names() == {"ada": {"first.ipynb"}}
    assert download.says("timestamp.txt", "only the platform decides when it came")


def test_a_pattern_for_other_files_does_not_look_into_archives(download):
    only_notebooks = r".*/[^/_]+_(?P<student_id>\d+)_\d+_(?P<file_id>.+?)(?:-\d+)?\.ipynb"
    inner = zipped({"turingalan_102_5551_first.ipynb": "planted"})
    files = {"ada_101_1_first.ipynb": "{}", "ada_101_2_w.zip": inner}
    download.put({"class.zip": zipped(files)})
    assert download.names(only_notebooks) == {"101": {"first.ipynb"}}
    assert download.says("turingalan", "only a name in a student's own archive says whose it is")


# ------------------------------------------------------------------ harmful files


def special(name, mode):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def member(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def liar(content):
    """A zip file whose first file says that it holds less than it does."""
    return content.replace((10**6).to_bytes(4, "little"), (7).to_bytes(4, "little"))


LINK, DEVICE = stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o666
HARMFUL = {
    "link": zipped([(special("link", LINK), "/etc/passwd"), ("first.ipynb", "{}")]),
    "device": zipped([(special("null", DEVICE), ""), ("first.ipynb", "{}")]),
    "absolute": zipped({"/tmp/planted": "x", "first.ipynb": "{}"}),
    "drive": zipped({"C:\\planted": "x", "first.ipynb": "{}"}),
    "upwards": zipped({"../../../../planted": "x", "first.ipynb": "{}"}),
    "only dots": zipped({"..": "x", ".": "x", "first.ipynb": "{}"}),
    "long name": zipped({"x" * 300: "x", "first.ipynb": "{}"}),
    "long path": zipped({"x/" * 900 + "x": "x", "first.ipynb": "{}"}),
    "twice": zipped({"first.ipynb": "{}", "firs2.ipynb": "2"}).replace(b"firs2", b"first"),
    "file and folder": zipped([("first.ipynb", "{}"), ("a", "x"), ("a/b", "x")]),
    "tar link": tarred([(member("l", tarfile.SYMTYPE, "/etc"), b""), ("first.ipynb", b"{}")]),
    "tar hard link": tarred(
        [(member("l", tarfile.LNKTYPE, "/etc/passwd"), b""), ("first.ipynb", b"{}")]
    ),
    "tar device": tarred([(member("n", tarfile.CHRTYPE), b""), ("first.ipynb", b"{}")]),
    "tar through a link": tarred(
        [
            (member("l", tarfile.SYMTYPE, "/tmp"), b""),
            ("l/planted", b"x"),
            ("first.ipynb", b"{}"),
        ]
    ),
}


@pytest.mark.parametrize("how", HARMFUL)
def test_a_harmful_file_costs_only_itself(download, how):
    name = "ada/w.tar.gz" if "tar" in how else "ada/w.zip"
    download.put({name: HARMFUL[how], "bob/first.ipynb": "{}"})
    found = download.collect()
    assert found["ada"]["first.ipynb"] == b"{}"
    assert found["bob"] == {"first.ipynb": b"{}"}
    assert download.says("Left out")
    assert not os.path.exists("/tmp/planted")


def test_a_file_and_a_folder_of_one_name(download):
    download.put({"ada/h/first.ipynb": "{}", "ada/h/a": "x", "ada/a/b": "x", "ada/h/c/d": "x"})
    download.put({"ada/c": "x"})
    assert download.names() == {"ada": {"first.ipynb", "a", "c/d"}}
    assert download.says("ada/a/b", "ada has two files of this name")
    assert download.says("ada/c,", "ada has two files of this name")


def bomb(size):
    return zipped({"zeros": b"\0" * size, "first.ipynb": "{}"})


def encrypted():
    content = bytearray(zipped({"first.ipynb": "{}"}))
    for place in (6, content.index(b"PK\1\2") + 8):
        content[place] |= 1
    return bytes(content)


def overlapping(copies):
    """Many entries of a zip file's list that share the same data."""
    content = zipped({"z": b"\0" * 10**6})
    start, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    listed = b"".join(content[start : end - 1] + bytes([65 + number]) for number in range(copies))
    tail = bytearray(content[end:])
    tail[8:10] = tail[10:12] = copies.to_bytes(2, "little")
    tail[12:16] = len(listed).to_bytes(4, "little")
    return content[:start] + listed + bytes(tail)


REFUSED = {
    "no zip file": b"PK\3\4 but no more",
    "empty": b"",
    "half of it": zipped({"first.ipynb": os.urandom(5000)})[:3000],
    "bomb": bomb(10**7),
    "overlapping bomb": overlapping(20),
    "a bomb in a zip": zipped({"w.zip": bomb(10**7)}),
    "many files": zipped({str(number): "" for number in range(200)}),
    "tar bomb": tarred([("zeros", b"\0" * 10**7)]),
    "tar with a long name": tarred([("n" * 2 * 10**6, b"")]),
    "tar of many folders": tarred([(member(str(n), tarfile.DIRTYPE), b"") for n in range(200)]),
    "no tar file": gzip.compress(b"1,2,3"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_cannot_be_unpacked_stays_packed(download, how):
    name = "w.csv.gz" if "tar" in how else "w.zip"
    download.put({f"ada/{name}": REFUSED[how], "bob/first.ipynb": "{}"})
    found = download.collect(max_bytes=5 * 10**6, max_files=100)
    assert found["bob"] == {"first.ipynb": b"{}"}
    assert set(found["ada"]) in ({name}, {"w/w.zip"}, {"w.zip"})
    assert download.says("Not unpacked", "w")
    unpacked = sum(p.stat().st_size for p in (download.archive.parent / "extracted").rglob("*"))
    assert unpacked < 6 * 10**6


def test_a_file_that_cannot_be_unpacked_costs_itself(download):
    download.put({"ada/w.zip": encrypted(), "bob/first.ipynb": "{}"})
    assert download.names() == {"ada": {"w.zip"}, "bob": {"first.ipynb"}}
    assert download.says("Left out: ada/w/first.ipynb", "password required")
    assert download.says("Not unpacked: ada/w.zip")


@pytest.mark.parametrize("around", [True, False])
def test_a_students_archive_that_cannot_be_unpacked_is_still_theirs(download, around):
    files = {"ada.zip": b"no zip", "bob.zip": zipped({"first.ipynb": "{}"}), "cem.zip": bomb(10**6)}
    download.put({"class.zip": zipped(files)} if around else files)
    assert download.names(max_bytes=10**5) == {
        "ada": {"ada.zip"},
        "bob": {"first.ipynb"},
        "cem": {"cem.zip"},
    }


def test_many_archives_share_a_limit(download):
    many = {f"ada/{number}.zip": bomb(10**6) for number in range(10)}
    download.put(many | {"bob/w.zip": bomb(10**6)})
    found = download.names(max_bytes=3 * 10**6)
    assert "zeros" in found["bob"]
    assert sum(name.endswith(".zip") for name in found["ada"]) == 8
    assert "w.zip" not in found["bob"]


def test_a_zip_that_holds_itself(download):
    content = zipped({"first.ipynb": "{}"})
    for _ in range(10):
        content = zipped({"w.zip": content})
    download.put({"ada/w.zip": content})
    assert download.names() == {"ada": {"w/w/w/w.zip"}}


def test_a_lying_zip(download):
    content = zipped({"zeros": b"\0" * 10**6, "first.ipynb": "{}"})
    download.put({"ada/w.zip": liar(content)})
    assert download.names()["ada"] == {"first.ipynb"}
    assert download.says("w/zeros", "Bad CRC-32")


def test_odd_files_in_the_folders(download):
    names = [b"ada/\xff.txt", b"ada/a\nb.txt", b"ada/-rf", b"ada/" + b"x" * 250]
    download.put({os.fsdecode(name): "x" for name in names} | {"ada/first.ipynb": "{}"})
    download.put({os.fsdecode(b"n\xfc/first.ipynb"): "{}", "first.ipynb": "nobody's"})
    (download.archive / "ada" / "loop").symlink_to(download.archive)
    (download.archive / "bob").symlink_to("/etc")
    os.mkfifo(download.archive / "ada" / "pipe")
    found = download.names()
    expected = {os.fsdecode(name).partition("/")[2] for name in names} | {"first.ipynb"}
    assert found == {"ada": expected}
    for name in ("ada/loop", "bob", "ada/pipe"):
        assert download.says(f"Left out: {name}, because it is a link or not a regular file")
    assert download.says("n�/first.ipynb", "cannot be a student's name")
    assert download.says("Left out: first.ipynb", "whose is it?")


def test_names_in_zips_of_other_systems(download):
    utf8 = zipfile.ZipInfo("José/first.ipynb")
    content = zipped([(utf8, "{}"), ("Jose\u0301/x.py", "x")])
    content = content.replace(b"\x00\x08\x00\x00", b"\x00\x00\x00\x00")  # nothing says UTF-8
    download.put({"export.zip": content})
    assert download.names() == {"José": {"first.ipynb", "x.py"}}


def test_a_second_download_replaces_what_it_holds(download):
    download.put({"export.zip": zipped({"ada/first.ipynb": "1", "bob/first.ipynb": "1"})})
    download.collect()
    with pytest.raises(SystemExit):
        download.collect()
    download.put({"export.zip": zipped({"ada/first.ipynb": "2"})})
    assert download.collect(force=True) == {
        "ada": {"first.ipynb": b"2"},
        "bob": {"first.ipynb": b"1"},
    }


def test_several_folders_with_notebooks_are_left_as_they_are(download):
    files = {f"Homework/{name}/first.ipynb": "{}" for name in ("ada", "bob")}
    download.put({"export.zip": zipped(files)})
    assert download.names() == {"Homework": {"ada/first.ipynb", "bob/first.ipynb"}}
    assert download.says("Homework: there are notebooks in ada, bob")
    wrapped = r"/Homework/(?P<student_id>[^/]+)/(?P<file_id>[^/]+)"
    assert download.names(wrapped, force=True).keys() >= {"ada", "bob"}


def test_a_full_disk_stops_the_collection(download, monkeypatch):
    download.put({"ada/first.ipynb": "{}"})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(collect.Extractor, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        download.collect()


def test_the_exchange_says_when_it_was(tmp_path_factory):
    """A student's own timestamp.txt counts as little in the exchange as in a download."""
    course = make_course(tmp_path_factory.mktemp("exchange"), ("one",))
    inbound = course.folder / "x/abc/inbound"
    handed_in = inbound / "ada+tiny+2027-01-16 10:00:00.000000 UTC+r4nd0m"
    handed_in.mkdir(parents=True)
    for folder in (inbound.parent, inbound):
        folder.chmod(0o777)
    (handed_in / "one.ipynb").write_text("{}")
    (handed_in / "timestamp.txt").write_text("2020-01-01 00:00:00 UTC")
    exchange = f"--Exchange.root={course.folder / 'x'}"
    course.run("collect", "tiny", "--course=abc", exchange, "--ExchangeCollect.check_owner=False")
    collected = course.folder / "submitted/ada/tiny/timestamp.txt"
    assert collected.read_text() == "2027-01-16 10:00:00.000000 UTC"


ROSTERS = {  # what a spreadsheet writes -> who is in the gradebook then, or the sentence
    "bom": (b"\xef\xbb\xbfid,first_name\nada,Ada\n\n,\n", {"ada": "Ada"}),
    "semicolons": ("id;first_name\nada;Ad\xe4\n".encode("cp1252"), {"ada": "Ad\xe4"}),
    "other heads": (b"Student ID,Given Name,Group\nada,Ada,3\n", {"ada": "Ada"}),
    "utf-16": ("id\tfirst_name\nada\tAda\n".encode("utf-16"), {"ada": "Ada"}),
    "empty": (b"", "is empty: it needs a header, id,first_name,last_name,email"),
    "no id": (b"name,email\nAda,a@x\n", "has no column `id` (found: name, email)"),
    "blank id": (b"id,first_name\n,Ada\n", "student 1: '' cannot be an id"),
    "twice": (b"id,first_name\nada,A\nada,B\n", "has two different students with the id 'ada'"),
}


@pytest.mark.parametrize("kind", ROSTERS)
def test_importing_students_takes_what_a_spreadsheet_writes(kind, tmp_path, capfd):
    content, expected = ROSTERS[kind]
    file, url = tmp_path / "students.csv", f"sqlite:///{tmp_path / 'gradebook.db'}"
    file.write_bytes(content)
    with Gradebook(url) as gradebook:
        gradebook.add_student("alan", first_name="Alan", email="alan@x")
        gradebook.add_student("ada", email="ada@x")
    roster.install()
    app = DbStudentImportApp()
    app.coursedir = CourseDirectory(db_url=url)
    app.extra_args = [str(file)]
    if isinstance(expected, str):
        with pytest.raises(SystemExit):
            app.start()
        assert expected in capfd.readouterr().err
        expected = {"ada": None}
    else:
        app.start()
    with Gradebook(url) as gradebook:
        found = {student.id: student.first_name for student in gradebook.students}
        assert found == {"alan": "Alan", **expected}
        assert gradebook.find_student("ada").email == "ada@x"  # no column, no change
