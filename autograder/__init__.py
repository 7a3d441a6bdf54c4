"""The grading room: what a test cell may ask, how answers are compared, how a class is graded."""

import sys
from typing import Any

# jsonschema compiles a grammar for 2.5 s, for an optional check that nobody here asks for.
sys.modules.setdefault("rfc3987_syntax", None)


def configure(c: Any, grading: Any = None) -> None:
    """Let nbgrader grade by sandbox and judge: a line of a course's `nbgrader_config.py`.

    `c` is what `get_config()` gives there. `grading`: a folder for everything about a class
    (submissions, grades, feedback, gradebook); None: where nbgrader has it. What else the file
    sets, above or below, is nbgrader's as ever.
    """
    try:
        from autograder import configuration  # not above: students' kernels import this package

        configuration.configure(c, grading)
    except Exception as error:  # nbgrader would go on without it, and so without the sandbox
        raise SystemExit(
            f"nbgrader_config.py: no autograder here ({type(error).__name__}: {error})"
        ) from None
