"""`autograder …` or `python -m autograder …`; needs nothing to say what is missing."""

from __future__ import annotations

import sys
from importlib.metadata import version


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:
        print(f"autograder {version('rnn-course')}")
        return 0
    try:
        from autograder import commands
    except ModuleNotFoundError as error:
        print(
            f"error: grading needs more than a student does, and {error.name} is missing: "
            "`pip install 'rnn-course[grading]'`, or in the course's repository `make setup` and "
            "`source .venv/bin/activate`.",
            file=sys.stderr,
        )
        return 1
    return commands.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
