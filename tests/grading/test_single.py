"""Notebooks graded without a course: the function, the command, and its example for GitHub."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import nbgrader
import pytest
import yaml
from helpers import REPOSITORY, cell, tiny_notebook

from autograder.gradebook.journal import RefusedError
from autograder.grading import single, trial
from autograder.kernels import sandbox

SAMPLE = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide"
COMMAND = Path(sys.executable).with_name("autograder")
READS = "def square(x):\n    return x ** int(open('numbers/two.txt').read())"
WRONG = "def square(x):\n    return x * x if x > -100 else 0"
REASON = sandbox.unavailable_reason()
needs_sandbox = pytest.mark.skipif(REASON is not None, reason=str(REASON))


def answered(path: Path, code: str = "def square(x):\n    return x * x") -> Path:
    """A submission to the tiny notebook."""
    notebook = tiny_notebook()
    next(c for c in notebook.cells if c.id == "square").source = code
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def run(*arguments: object, folder: Path, **options) -> subprocess.CompletedProcess:
    """The command in a folder, with what it keeps in `folder / "tmp"`; without this environment."""
    (folder / "tmp").mkdir(exist_ok=True)
    environment = {**os.environ, "PATH": "/usr/bin:/bin", "TMPDIR": str(folder / "tmp")}
    command = [COMMAND, "run", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, **options
    )


@pytest.fixture(scope="module")
def make_folder():
    """Makes folders whose paths leave room for kernels' sockets, as pytest's own may not."""
    with tempfile.TemporaryDirectory(prefix="run-") as root:
        yield lambda: Path(tempfile.mkdtemp(dir=root))


@pytest.fixture(scope="module")
def graded(make_folder):
    """A run of the command on good and bad files, in a folder that a student has prepared."""
    folder = make_folder()
    nbformat.write(tiny_notebook(), folder / "tiny.ipynb")
    (folder / "numbers").mkdir()
    (folder / "numbers" / "two.txt").write_text("2")
    answered(folder / "ada" / "homework.ipynb", READS)
    answered(folder / "alan" / "homework.ipynb", WRONG)
    (folder / "text.ipynb").write_text("no notebook")
    (folder / "link.ipynb").symlink_to("tiny.ipynb")
    for module in ("numpy", "psutil", "nbformat", "autograder"):
        (folder / f"{module}.py").write_text("open('imported', 'w')\nraise SystemExit('imported')")
    target = folder / "pages" / "1-homework.html"
    target.parent.mkdir()
    target.symlink_to(folder / "precious")
    (folder / "precious").write_text("precious")
    files = ["ada/homework.ipynb", "alan/homework.ipynb", "text.ipynb", "link.ipynb", "no.ipynb"]
    options = ["--source", "tiny.ipynb", "--feedback", "pages", "--file", "numbers"]
    options += ["--jobs", "1", "--timeout", "60"]
    done = run(*options, *files, folder=folder)
    found = json.loads(done.stdout)
    by_file = {submission["file"]: submission for submission in found["submissions"]}
    assert list(by_file) == files, "in the order in which they were given"
    return folder, done, by_file


@needs_sandbox
def test_points_and_notes_are_printed_per_question(graded):
    ada = graded[2]["ada/homework.ipynb"]
    assert (ada["score"], ada["max_score"], ada["error"]) == (7, 9, None)
    assert ada["questions"] == [
        {"name": "integers", "points": 3, "max_points": 3, "note": "", "by_hand": False},
        {"name": "fractions", "points": 4, "max_points": 4, "note": "", "by_hand": False},
        {"name": "essay", "points": None, "max_points": 2, "note": "", "by_hand": True},
    ]


@needs_sandbox
def test_of_a_hidden_test_one_sentence_is_told(graded):
    folder, done, by_file = graded
    alan = by_file["alan/homework.ipynb"]
    assert alan["score"] == 4
    assert "hidden test" in alan["questions"][0]["note"]
    page = (folder / alan["feedback"]).read_text()
    for text in (done.stdout, page):
        assert "4571" not in text
        assert "is the sign lost?" not in text


@needs_sandbox
@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("text.ipynb", "not a readable notebook"),
        ("link.ipynb", "symbolic link"),
        ("no.ipynb", "No such file"),
    ],
)
def test_what_cannot_be_graded_is_named_and_has_no_points(graded, file, reason):
    found = graded[2][file]
    assert reason in found["error"]
    assert found["score"] is None
    assert found["max_score"] == 9
    assert [question["points"] for question in found["questions"]] == [None] * 3
    assert graded[1].returncode == 1


@needs_sandbox
def test_nothing_but_pages_is_left_and_nothing_beside_submissions_is_run_or_overwritten(graded):
    folder, done, by_file = graded
    assert os.listdir(folder / "tmp") == []
    assert not (folder / "imported").exists(), done.stderr
    assert (folder / "precious").read_text() == "precious"
    pages = ["1-homework.html", "2-homework.html", "3-text.html"]
    assert sorted(os.listdir(folder / "pages")) == pages
    assert [by_file[file]["feedback"] for file in list(by_file)[:3]] == [
        f"pages/{p}" for p in pages
    ]
    assert "(Score: 7 so far / 9.0)" in (folder / "pages" / pages[0]).read_text()


@needs_sandbox
def test_the_log_says_how_far_it_is(graded):
    for line in ("Graded 1-homework", "Graded 2-homework", "Not graded: 3-text"):
        assert line in graded[1].stderr.splitlines()


@needs_sandbox
def test_a_run_that_is_ended_leaves_nothing(make_folder):
    folder = make_folder()
    nbformat.write(tiny_notebook(), folder / "tiny.ipynb")
    answered(folder / "slow.ipynb", "import time\ntime.sleep(100)")
    (folder / "tmp").mkdir()
    process = subprocess.Popen(
        [COMMAND, "run", "--source", "tiny.ipynb", "slow.ipynb"],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    while not list(folder.glob("tmp/grading-*/**/submission-*")):
        assert process.poll() is None, "it has ended by itself"
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, b"")
    assert os.listdir(folder / "tmp") == []


@needs_sandbox
@pytest.mark.skipif(not SAMPLE.exists(), reason="this nbgrader comes without its sample")
@pytest.mark.parametrize(
    ("place", "students"), [(trial.AUTO, ["hacker", "bitdiddle"]), (trial.IN_KERNEL, ["hacker"])]
)
def test_plain_asserts_of_nbgraders_sample(make_folder, place, students):
    """The points of its documentation for this notebook, whose kernel nobody has any more."""
    folder, paths = make_folder(), []
    for name in ("source", *(f"submitted/{student}" for student in students)):
        notebook = nbformat.read(SAMPLE / name / "ps1" / "problem1.ipynb", as_version=4)
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        paths.append(folder / name / "problem1.ipynb")
        paths[-1].parent.mkdir(parents=True)
        nbformat.write(notebook, paths[-1])
    before = os.getcwd()
    hacker, *others = single.grade(paths[0], paths[1:], plain_tests=place, jobs=1)
    assert os.getcwd() == before
    assert (hacker.file, hacker.score, hacker.max_score) == (str(paths[1]), 3, 10)
    assert sum(question.by_hand for question in hacker.questions) == 3
    assert (hacker.notes, hacker.alerts, hacker.error) == (
        ["in-kernel: the tests ran beside the student's code and can be forged"]
        * (place == trial.IN_KERNEL),
        [],
        None,
    )
    for bitdiddle in others:
        assert (bitdiddle.file, bitdiddle.score) == (str(paths[2]), 1.5)
        assert "correct_squares: a locked cell was edited" in bitdiddle.alerts


def test_a_source_without_tests_is_refused(tmp_path):
    notebook = tiny_notebook()
    for marked in notebook.cells:
        marked.metadata = {}
    nbformat.write(notebook, tmp_path / "bare.ipynb")
    done = run("--source", "bare.ipynb", "bare.ipynb", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(r"^error: .*bare.ipynb has no test cell.*Create Assignment", done.stderr)


def test_other_sources_are_refused_with_a_reason(tmp_path):
    (tmp_path / "text.ipynb").write_text("no notebook")
    notebook = tiny_notebook()
    notebook.metadata.kernelspec.name = "fortran"
    nbformat.write(notebook, tmp_path / "kernel.ipynb")
    notebook = tiny_notebook()
    notebook.cells.append(cell("test", "integers", "", points=1))
    notebook.cells[-1].id = "again"
    nbformat.write(notebook, tmp_path / "twice.ipynb")
    reasons = {"text": "not a readable notebook", "kernel": "--name fortran", "no": "No such file"}
    for name, reason in (reasons | {"twice": "nbgrader cannot make"}).items():
        with pytest.raises(RefusedError, match=reason):
            single.grade(tmp_path / f"{name}.ipynb", [tmp_path / "text.ipynb"])


def test_no_record_is_no_success(tmp_path):
    scores = [single.export.Score("tiny", "integers", None, 3, by_hand=False)]
    row = single.export.Row("1-ada", max_score=3, scores=scores)
    found = single._result(row, "tiny.ipynb: ", {})
    assert (found.score, found.error) == (None, "there is no record of integers")


# ------------------------------------------------------------------ the example for GitHub

GUIDE = (REPOSITORY / "autograder" / "README.md").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load(re.search(r"```yaml\n(name: grade\n.*?\n)```\n", GUIDE, re.S)[1])
STEPS = WORKFLOW["jobs"]["grade"]["steps"]


def test_the_workflow_can_only_read_and_pastes_nothing_into_a_shell():
    assert set(WORKFLOW["permissions"].values()) == {"read"}
    assert not any("${{" in step.get("run", "") for step in STEPS)
    checkouts = [step["with"] for step in STEPS if step.get("uses", "").startswith("actions/check")]
    assert len(checkouts) == 2
    assert not any(options["persist-credentials"] for options in checkouts)


@needs_sandbox
def test_the_workflow_grades_what_a_pull_request_changes(tmp_path):
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
        command = ["git", "-C", "submitted", *who, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    submitted = tmp_path / "submitted"
    answered(submitted / "alan" / "homework.ipynb")
    answered(submitted / "gone" / "homework.ipynb")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "base"]):
        git(*arguments)
    base = git("rev-parse", "HEAD").strip()
    name = "$(touch x) 'a b'"
    answered(submitted / name / "homework.ipynb", WRONG)
    (submitted / "gone" / "homework.ipynb").unlink()
    git("add", ".")
    git("commit", "-qm", "handed in")
    (tmp_path / "solutions").mkdir()
    nbformat.write(tiny_notebook(), tmp_path / "solutions" / "homework.ipynb")
    environment = {
        **os.environ,
        "BASE": base,
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}",
    }
    for title in ("Grade", "Summary"):
        (script,) = [step["run"] for step in STEPS if step.get("name") == title]
        command = ["bash", "-e", "-c", script]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    summary = (tmp_path / "summary.md").read_text()
    found = json.loads(re.fullmatch(r"```json\n(.*)\n```\n", summary, re.S)[1])
    (graded,) = found["submissions"]
    assert (graded["file"], graded["score"]) == (f"submitted/{name}/homework.ipynb", 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "grades.json",
        "pages",
        "solutions",
        "submitted",
        "summary.md",
    ]
