"""python -m autograder …: what the Makefile's grading targets call."""

from __future__ import annotations

import argparse
import sys

from autograder import attacks, calibrate, sample_class


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m autograder", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in [
        ("release", "write exercises/<assignment> from solutions/<assignment>"),
        ("grade-class", "grade the sample class and compare with the scores it must get"),
        ("calibrate", "train the reference solution with many seeds and set the thresholds"),
    ]:
        command = commands.add_parser(name, help=help_text)
        command.add_argument("assignment", nargs="+" if name == "release" else None)
        if name == "calibrate":
            command.add_argument("--corpus", default="longmemory", choices=["longmemory", "imdb"])
    commands.add_parser("attacks", help="run the attackers against three graders and compare")
    options = parser.parse_args(arguments)
    try:
        if options.command == "release":
            return sample_class.release(options.assignment)
        if options.command == "grade-class":
            return sample_class.grade(options.assignment)
        if options.command == "attacks":
            return attacks.run()
        return calibrate.run(options.assignment, options.corpus)
    except (RuntimeError, FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
