"""`autograder …` or `python -m autograder …`: grade a class; also what the Makefile calls."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

from autograder import distribution

# Command -> its module, with `add_options(parser)` and `main(options, further)`, and what it does.
COMMANDS = {
    "collect": ("submissions.download", "sort a platform's download into submitted/"),
    "grade": ("grading.coordinator", "grade a class, on many workers"),
    "feedback": ("outputs.upload", "pack the feedback pages for Canvas or Moodle"),
    "run": ("grading.single", "grade notebooks without a course"),
    "trial": ("grading.trial", "say whether plain tests can run in the judge"),
    "release": ("quality.release", "write exercises/<assignment> from solutions/<assignment>"),
    "grade-class": (
        "quality.sample_class",
        "grade the sample class and compare with the expected scores",
    ),
    "calibrate": (
        "quality.calibrate",
        "train the reference solution with many seeds and set the thresholds",
    ),
    "attacks": ("quality.attacks", "run the attackers against three graders and compare"),
    "mutants": ("quality.mutants", "make small mistakes and see whether the tests notice them"),
}
# Options that these do not know are nbgrader's.
TAKES_MORE = {"collect", "feedback", "grade", "trial"}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code. Only its module is imported."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        command = (sys.argv[1:] if arguments is None else arguments)[:1]
        then = " to continue" if TAKES_MORE & {*command} else ", which starts again"
        print(f"Interrupted: run the same command again{then}.", file=sys.stderr)
        return 130


def _run(arguments: list[str] | None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:
        try:
            print(f"autograder {version(distribution())}")
        except (PackageNotFoundError, ValueError):
            print("autograder is not installed here: this is its folder alone", file=sys.stderr)
            return 1
        return 0
    parser = argparse.ArgumentParser(prog="autograder", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    module: ModuleType | None = None
    for name, (path, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if arguments[:1] == [name]:
            module = _import(f"autograder.{path}")
            if module is None:
                return 1
            module.add_options(command)
    options, further = parser.parse_known_args(arguments)
    if module is None:
        parser.error("the command comes first")
    if further and options.command not in TAKES_MORE:
        parser.error(f"unknown arguments: {' '.join(further)}")
    try:
        code = module.main(options, further)
        asks = options.command in TAKES_MORE - {"grade"}  # which says so itself
        if code and asks and not Path("nbgrader_config.py").exists():
            question = "There is no nbgrader_config.py here: is this the course's folder?"
            print(question, file=sys.stderr)
        return code
    except (RuntimeError, FileNotFoundError, ValueError) as error:
        if options.command in TAKES_MORE:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1


def _import(name: str) -> ModuleType | None:
    """A command's module; None, with a sentence, if something that it needs is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        package = distribution()
        install = f"`pip install '{package}[grading]'`, or " if package else ""
        print(
            f"error: grading needs more than a student does, and {error.name} is missing: "
            f"{install}in the course's repository `make setup` and `source .venv/bin/activate`.",
            file=sys.stderr,
        )
        return None


if __name__ == "__main__":
    sys.exit(main())
