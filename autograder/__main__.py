"""`autograder …` or `python -m autograder …`; needs nothing to say what is missing."""

from __future__ import annotations

import sys
from importlib.metadata import version

from autograder import distribution


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:
        print(f"autograder {version(distribution())}")
        return 0
    try:
        from autograder import cli
    except ModuleNotFoundError as error:
        print(
            f"error: grading needs more than a student does, and {error.name} is missing: "
            f"`pip install '{distribution()}[grading]'`, or in the course's repository "
            "`make setup` and `source .venv/bin/activate`.",
            file=sys.stderr,
        )
        return 1
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
