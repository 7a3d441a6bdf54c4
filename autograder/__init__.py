"""nbgrader made safe, parallel and GPU-aware: `autograder.configure(c)` in `nbgrader_config.py`.

Test cells say `from autograder import check, student`.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

# jsonschema compiles a grammar for 2.5 s, for an optional check that nobody here asks for.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: not to be found


def configure(c: Any, grading: Any = None) -> None:
    """Let nbgrader grade with sandbox and judge: one line in a course's `nbgrader_config.py`.

    `c` is what `get_config()` returns there. `grading`: a folder for everything about a class
    (submissions, grades, feedback, gradebook); None: where nbgrader keeps it. Everything else that
    the file sets, above or below, works as usual in nbgrader.
    """
    try:
        from autograder import configuration  # not above: students' kernels import this package

        configuration.configure(c, grading)
    except KeyboardInterrupt:
        raise SystemExit("Interrupted: run the same command again to continue.") from None
    except Exception as error:  # nbgrader would go on without it, and so without the sandbox
        raise SystemExit(
            f"nbgrader_config.py: no autograder here ({type(error).__name__}: {error})"
        ) from None


def distribution() -> str:
    """The name of the installed distribution that this package came with; empty: it is a folder."""
    from importlib.metadata import packages_distributions

    return packages_distributions().get("autograder", [""])[0]


def __getattr__(name: str) -> Any:
    """`check` and `student` for test cells, loaded when they are needed."""
    if name in ("check", "student"):
        return importlib.import_module(f"autograder.api.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
