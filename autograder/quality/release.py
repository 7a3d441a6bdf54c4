"""Writes exercises/<assignment> from solutions/<assignment>, as `nbgrader` makes them."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from autograder.quality import HOME
from autograder.quality.sample_class import Commands


def release(assignments: list[str]) -> int:
    """Write exercises/<assignment> from solutions/<assignment>."""
    with tempfile.TemporaryDirectory() as folder:
        run = Commands(Path(folder))
        for assignment in assignments:
            run(assignment, "generate_assignment", assignment)
            target = HOME / "exercises" / assignment
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(Path(folder, "release", assignment), target)
    return 0


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of `autograder release`."""
    parser.add_argument("assignment", nargs="+")


def main(options: argparse.Namespace, _: list[str]) -> int:
    """Write the exercises."""
    return release(options.assignment)
