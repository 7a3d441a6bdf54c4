"""The commands of `autograder …`: grade a class; also what the Makefile calls."""

from __future__ import annotations

import argparse
import sys

from autograder import courses
from autograder.grading import coordinator, single, trial
from autograder.quality import attacks, calibrate, mutants, sample_class


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="autograder", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in [
        ("release", "write exercises/<assignment> from solutions/<assignment>"),
        ("grade-class", "grade the sample class and compare with the scores it must get"),
        ("calibrate", "train the reference solution with many seeds and set the thresholds"),
    ]:
        command = commands.add_parser(name, help=help_text)
        command.add_argument("assignment", nargs="+" if name == "release" else None)
        if name == "grade-class":
            command.add_argument("--student", nargs="+", help="only these of the class")
        if name == "calibrate":
            command.add_argument("--corpus", required=True, choices=[*courses.recipes()])
    commands.add_parser("attacks", help="run the attackers against three graders and compare")
    command = commands.add_parser("mutants", help="make small mistakes; do the tests notice them?")
    command.add_argument("assignment", nargs="+")
    command.add_argument("--limit", type=int, default=mutants.LIMIT, help="for each notebook")
    command = commands.add_parser("grade", help="grade what a class has handed in, on many workers")
    coordinator.add_options(command)
    single.add_options(commands.add_parser("run", help="grade notebooks without a course"))
    trial.add_options(commands.add_parser("trial", help="can plain tests run in the judge?"))
    options, further = parser.parse_known_args(arguments)
    if options.command == "grade":
        return coordinator.run(options, further)
    if further and options.command != "trial":
        parser.error(f"unknown arguments: {' '.join(further)}")
    try:
        if options.command == "release":
            return sample_class.release(options.assignment)
        if options.command == "grade-class":
            return sample_class.grade(options.assignment, students=options.student)
        if options.command == "mutants":
            return mutants.run(options.assignment, options.limit)
        if options.command == "trial":
            return trial.run(options, further)
        if options.command == "run":
            return single.run(options)
        if options.command == "attacks":
            return attacks.run()
        return calibrate.run(options.assignment, options.corpus)
    except (RuntimeError, FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
