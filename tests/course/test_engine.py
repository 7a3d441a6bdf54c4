"""The engine knows nothing of this course, and no room reaches up to one that builds on it."""

from __future__ import annotations

import ast
import re

from helpers import REPOSITORY

ENGINE = REPOSITORY / "autograder"
OURS = re.compile(
    r"review(?!ed)|imdb|longmemory|moby|\brnn[-_]course|sentiment|glove\b|"
    + "|".join(path.name for path in (REPOSITORY / "solutions").iterdir()),
    re.IGNORECASE,
)
SHOWN = {"courses.py": "`rnn_course` in this repository"}  # where this course is the example
# What a room may build upon; the modules beside the rooms are named, too.
BUILDS_ON = {
    "api": {"courses", "reference"},  # when a check is run, never when it is imported
    "reference": {"api", "courses"},
    "kernels": {"api", "syntax"},
    "submissions": {"api", "courses", "files", "grading.messages", "outputs.terminal", "syntax"},
    "gradebook": {"api", "files", "grading.messages", "kernels", "syntax"},
    "grading": {"api", "courses", "files", "gradebook", "kernels", "outputs", "submissions"}
    | {"syntax", "distribution"},
    "outputs": {"api", "courses", "files", "gradebook", "grading.messages", "submissions"},
    "quality": {"course", "courses", "gradebook", "grading", "kernels", "outputs", "syntax"},
}


def test_the_engine_knows_nothing_of_this_course():
    found = [
        f"{path.relative_to(ENGINE)}:{number}: {line.strip()}"
        for path in sorted(ENGINE.rglob("*"))
        if path.suffix in (".py", ".html", ".css", ".j2")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if OURS.search(line) and SHOWN.get(path.name, "\n") not in line
    ]
    assert not found


def imports(path):
    """What a module of the engine imports of the engine: 'room' or 'room.module'."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            package, *rest = name.split(".")
            if package == "autograder" and rest:
                yield rest


def test_rooms_build_on_what_lies_below():
    found = []
    for room, allowed in BUILDS_ON.items():
        for path in (ENGINE / room).rglob("*.py"):
            for name in imports(path):
                if name[0] != room and not {name[0], ".".join(name[:2])} & allowed:
                    found.append(f"{path.relative_to(ENGINE)} imports {'.'.join(name)}")
    assert not found


def test_the_students_room_stands_alone():
    """What is imported when `autograder.api` is, is the room itself."""
    for path in (ENGINE / "api").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autograder"):
                assert node.module.startswith("autograder.api"), f"{path.name}: {node.module}"
