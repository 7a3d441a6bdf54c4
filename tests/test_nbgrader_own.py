"""nbgrader's own tests of `nbgrader autograde`, run with this course's engine in their courses.

What differs by intent is listed with the promise that it follows from; anything else is a mistake.
Other files of nbgrader's tests can be run in the same way: `python tests/test_nbgrader_own.py
nbgrader.tests.apps.test_nbgrader_export …` (options of pytest may follow).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from conftest import REPOSITORY

DEVIATIONS = {
    "test_handle_failure": "one bad file never stops a class: cells that are not the assignment's "
    "are the student's own, and what is missing is put back",
    "test_handle_failure_single_notebook": "the same for one notebook",
    "test_missing_source_kernelspec": "the kernel is the assignment's, whatever the file says",
    "test_side_effects": "what a kernel writes stays in its throw-away copy of the files",
    "test_no_execute": "outputs in a file that was handed in are not taken over",
    "test_grade_missing_notebook": "what was not handed in is not graded, which is not 0 points",
    "test_grade_with_validating_envvar": "a kernel's environment tells nothing of grading",
}
# This course's decisions about its own folders and stubs are none about grading. Tests run beside
# the student's code, as in stock nbgrader; a trial of each assignment would take most of the time.
CONFIG = """
load_subconfig({config!r})
c = get_config()
for name in ("CourseDirectory", "ZipCollectApp", "FileNameCollectorPlugin", "ClearSolutions"):
    c.pop(name, None)
c.Execute.plain_tests = {{"*": "in-kernel"}}
"""


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run tests that come with a package, with our configuration found in Jupyter's path."""
    (folder / "config").mkdir()
    config = CONFIG.format(config=str(REPOSITORY / "nbgrader_config.py"))
    (folder / "config/nbgrader_config.py").write_text(config)
    places = {
        "COURSE_GRADING": str(folder / "grading"),
        "JUPYTER_CONFIG_PATH": str(folder / "config"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", "-rf"]
    done = subprocess.run(
        [*command, "--pyargs", *arguments],
        cwd=folder,
        env={**os.environ, **places},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_nbgraders_own_tests_of_autograde(tmp_path):
    _, output = run(tmp_path, "nbgrader.tests.apps.test_nbgrader_autograde", "--numprocesses=2")
    counts = re.search(r"(\d+) failed, (\d+) passed, 2 skipped", output)
    assert counts, output[-4000:]
    assert int(counts[1]) + int(counts[2]) == 40
    failed = set(re.findall(r"^FAILED \S*::(\w+(?:\[\w+\])?)", output, re.MULTILINE))
    assert failed == set(DEVIATIONS), output


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="own-") as place:
        code, text = run(Path(place), *sys.argv[1:])
    print(text)
    sys.exit(code)
