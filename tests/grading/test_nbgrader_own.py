"""nbgrader's own tests, run with this course's engine in their courses.

What differs by intent is listed with the promise that it follows from; anything else is a mistake.
Other files of nbgrader's tests can be run in the same way; options of pytest may follow:

    python tests/grading/test_nbgrader_own.py nbgrader.tests.apps.test_nbgrader_list
"""

from __future__ import annotations

import getpass
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from helpers import thorough
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.grading import autograde

FILES = [  # what tests something that this course replaces
    "nbgrader.tests.apps.test_nbgrader_autograde",
    "nbgrader.tests.apps.test_nbgrader_generate_feedback",
    "nbgrader.tests.apps.test_nbgrader_releasefeedback",
    "nbgrader.tests.apps.test_api",  # formgrader's way to nbgrader's commands
    "nbgrader.tests.apps.test_nbgrader_fetchfeedback",
    "nbgrader.tests.apps.test_nbgrader_export",
    "nbgrader.tests.apps.test_nbgrader_formgrade",
    "nbgrader.tests.apps.test_nbgrader_validate",
    "nbgrader.tests.apps.test_nbgrader_zip_collect",
    "nbgrader.tests.preprocessors.test_getgrades",
]
TESTS, SKIPPED = 150, 3  # the latter are for Windows
NOT_EXECUTED = "outputs in a file that was handed in are not taken over"
DEVIATIONS = {
    "TestNbGraderAutograde": {
        "test_handle_failure": "one bad file never stops a class: cells that are not the "
        "assignment's are the student's own, and what is missing is put back",
        "test_handle_failure_single_notebook": "the same for one notebook",
        "test_missing_source_kernelspec": "the kernel is the assignment's, whatever the file says",
        "test_side_effects": "what a kernel writes stays in its throw-away copy of the files",
        "test_no_execute": NOT_EXECUTED,
        "test_grade_missing_notebook": "what was not handed in is not graded, which is not 0",
        "test_grade_with_validating_envvar": "a kernel's environment tells nothing of grading",
    },
    "TestNbGraderAPI": {
        "test_get_submission": NOT_EXECUTED,
        "test_get_submission_no_timestamp": NOT_EXECUTED,
        "test_get_student": NOT_EXECUTED,
    },
    "TestNbGraderZipCollect": {
        "test_collect_timestamp_file": "nothing in a student's files says when they came",
        "test_collect_preserve_sub_dir": "a folder that a student made around the notebook is "
        "taken off",
        "test_collect_duplicate_fail": "a second file of a name costs that file only",
    },
    "TestGetGrades": {
        "test_save_changed_markdown": "what nobody has graded yet does not look like 0 points",
    },
}
# Tests run beside the student's code, as in stock nbgrader: to try the source's solution in each
# of these courses would take most of the time.
CONFIG = """
import autograder

c = get_config()
autograder.configure(c)
c.Execute.plain_tests = {"*": "in-kernel"}
"""
# For what nbgrader's tests use without a configuration. To ask a program for the version of each
# new gradebook takes half a second every time.
PLUGIN = """
import functools

import autograder
import nbgrader.api
import nbgrader.preprocessors
from autograder.outputs import feedback
from nbgrader.apps.api import NbGraderAPI
from traitlets.config import Config

nbgrader.api.get_alembic_version = functools.cache(nbgrader.api.get_alembic_version)
nbgrader.preprocessors.GetGrades = feedback.GetGrades
init = NbGraderAPI.__init__


def configured(self, coursedir, config):
    ours = Config()
    autograder.configure(ours)
    ours.Execute.plain_tests = {"*": "in-kernel"}
    ours.merge(config)
    init(self, coursedir, config=ours)


NbGraderAPI.__init__ = configured
"""


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run tests that come with a package, with our configuration found in Jupyter's path."""
    (folder / "config").mkdir()
    (folder / "config/nbgrader_config.py").write_text(CONFIG)
    (folder / "config/replaced.py").write_text(PLUGIN)
    places = {
        "JUPYTER_CONFIG_PATH": str(folder / "config"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "config"),
        "USER": getpass.getuser(),  # a container may do without; one test does not
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "replaced"]
    done = subprocess.run(
        [*command, "--tb=short", "-rf", "--pyargs", *arguments],
        cwd=folder,
        env={**os.environ, **places},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@thorough
def test_nbgraders_own_tests(tmp_path):
    _, output = run(tmp_path, *FILES, "--numprocesses=2")
    counts = re.search(r"(\d+) failed, (\d+) passed, (\d+) skipped(?!.* error)", output)
    assert counts, output[-4000:]
    assert (int(counts[1]) + int(counts[2]), int(counts[3])) == (TESTS, SKIPPED)
    failed = set(re.findall(r"^FAILED \S*::(\w+::\w+(?:\[\w+\])?)", output, re.MULTILINE))
    assert failed == {f"{group}::{name}" for group in DEVIATIONS for name in DEVIATIONS[group]}


def test_without_our_configuration_nothing_is_graded(tmp_path):
    course = CourseDirectory(root=str(tmp_path), assignment_id="ps1")
    grader = autograde.Autograde(coursedir=course, config=Config())
    with pytest.raises(NbGraderException, match="There is no nbgrader_config"):
        grader.start()
    assert not list(tmp_path.rglob("gradebook.db"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="own-") as place:
        code, text = run(Path(place), *(sys.argv[1:] or FILES))
    print(text)
    sys.exit(code)
