"""Which tests are slow, which run side by side, and fixtures for all."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from helpers import EVERYTHING, PARTS, make_course, part

# What takes longest comes first, so that no process is left alone with it at the end, and is left
# out by `make test-fast`.
SLOW = [
    "test_attacks",
    "test_class",
    "test_same_on_laptop",
    "test_nbgrader_own",
    "test_nothing_lost",
    "test_cases",
    "test_missing",
    "test_changed",
    "test_exercises",
    "test_grading",
    "test_trial",
    "test_cluster",
    "test_nbgrader_sample",
    "test_sandbox",
    "test_forks",
    "test_keeper",
    "test_browser",
    "test_site_browser",
    "test_jupyterlab",
    "test_feedback",
    "test_configure",
    "test_single",
    "test_packaging",
]


def pytest_configure() -> None:
    """What runs in the background of a shell ignores Ctrl-C, and so would all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # TensorFlow's logger closes the stream that it was made with, which would be pytest's, as soon
    # as a command of nbgrader's sets up logging while a test captures what is printed.
    with suppress(ImportError):
        from absl import logging

        logging.get_absl_handler().python_handler.stream = sys.__stderr__


def pytest_report_header() -> str:
    """Which part of the long lists runs, and how to ask for it again."""
    which = "all" if EVERYTHING else part()
    return f"long lists: COURSE_TESTS={which} (0 to {PARTS - 1}: one part of them, all: everything)"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Tests of a file stay in one process (pytest-xdist), but each class may have another one."""
    from xdist.scheduler import LoadFileScheduling

    class Groups(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            return file + test.partition("[")[2] if "test_class" in file else file

    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest first."""
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)
    ranks = {name: rank for rank, name in enumerate(SLOW)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


@pytest.fixture(scope="session")
def tiny_course_factory(tmp_path_factory):
    """Makes a released course in a folder of its own."""
    return lambda: make_course(tmp_path_factory.mktemp("course"))


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 3 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
