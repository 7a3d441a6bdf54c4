"""What a student's kernel sees of this package and of a course's own: no answers.

Of `autograder` it sees the room `api` and nothing else. Some modules of a course's packages answer
a question of some assignment (they clean texts, or compute a layer). So of these packages it sees
their data, and those modules only that the locked cells of its own notebook import at their top
level, tests left out, and what these import.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Collection, Iterator
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_locked

from autograder import syntax

OWN = ["__init__.py", "api"]  # of this package


def packages(
    notebook: NotebookNode, course_packages: Collection[str] = (), tests: bool = False
) -> dict[str, list[str]]:
    """Package -> the files and folders in it that a kernel sees, `autograder` among them.

    `tests`: the notebook's test cells run in the student's kernel, too.
    """
    folders = {name: folder for name in course_packages if (folder := folder_of(name))}
    trees = [
        syntax.parse_cell(cell.source)
        for cell in notebook.cells
        if cell.cell_type == "code" and is_locked(cell) and (tests or not is_grade(cell))
    ]
    seen = {name: _data(folder) for name, folder in folders.items()}
    while trees:
        for name, module in _imported(trees.pop(), folders):
            if module not in seen[name]:
                seen[name].append(module)
                trees.append(ast.parse((folders[name] / module).read_text(encoding="utf-8")))
    return {"autograder": list(OWN), **seen}


def folder_of(package: str) -> Path | None:
    """Where an installed package lies; None for one that is not there or has no folder."""
    spec = importlib.util.find_spec(package)
    places = spec and spec.submodule_search_locations
    return Path(next(iter(places))) if places else None


def _data(folder: Path) -> list[str]:
    """A package's beginning, and everything in it that is no code."""
    code = {"__pycache__"}
    code |= {path.name for path in folder.iterdir() if path.suffix in (".py", ".md")}
    code |= {path.parent.name for path in folder.glob("*/*.py")}
    return sorted({path.name for path in folder.iterdir()} - code | {"__init__.py"})


def _imported(tree: ast.Module, folders: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """The modules of a course's packages that are imported at the top level of a text."""
    names = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    for name in names:
        package, *path = name.split(".")
        module = f"{'/'.join(path)}.py"
        if path and package in folders and (folders[package] / module).is_file():
            yield package, module
