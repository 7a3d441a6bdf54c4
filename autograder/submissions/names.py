"""By what name a platform gave out each notebook: it takes feedback back by that name.

`autograder collect` writes it beside the submissions, in a hidden folder that nbgrader passes over.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from nbgrader.coursedir import CourseDirectory

FOLDER = ".collected"


class HandedOut(NamedTuple):
    """A notebook as a platform gave it out.

    `owner` is the platform's name for the student, `given` the outermost part of the path.
    """

    layout: str
    owner: str
    given: str


Names = dict[str, dict[str, HandedOut]]  # student -> notebook -> how it was given out


def _path(course: CourseDirectory) -> Path:
    return Path(course.root, course.submitted_directory, FOLDER, f"{course.assignment_id}.json")


def known(course: CourseDirectory) -> Names:
    """What was remembered for the course's present assignment; empty if it was never collected."""
    try:
        found = json.loads(_path(course).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {
        student: {name: HandedOut(*values) for name, values in notebooks.items()}
        for student, notebooks in found.items()
    }


def remember(course: CourseDirectory, new: Names) -> None:
    """Add students, or replace what was known of them; the file is never half-written.

    Only for who holds the lock on the folder of submissions.
    """
    if not new:
        return
    path = _path(course)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    # json escapes what is not ASCII, so that also names that are no UTF-8 can be written
    temporary.write_text(json.dumps(known(course) | new, indent=1, sort_keys=True) + "\n")
    temporary.rename(path)
