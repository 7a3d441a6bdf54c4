"""What a student's kernel sees of this repository: what its notebook imports, and no answers.

Some modules answer a question of some assignment: `data.imdb` cleans and pads texts,
`autograder.reference` computes recurrent layers. So a kernel is shown those modules only that the
locked cells of its own notebook import at their top level, tests left out, and what these import.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_locked

from autograder import syntax

REPOSITORY = Path(__file__).parent.parent
# For the agent, for `student` and `check`, and for the built-in corpus.
ALWAYS = [
    *(REPOSITORY / "autograder" / name for name in ("__init__.py", "agent.py", "check.py")),
    *(REPOSITORY / "autograder" / name for name in ("student.py", "wire.py", "thresholds")),
    *(REPOSITORY / "data" / name for name in ("__init__.py", "grammar")),
]


def paths(notebook: NotebookNode, tests: bool = False) -> list[Path]:
    """The files and folders to show. `tests`: its test cells run in the student's kernel, too."""
    trees = [
        syntax.parse_cell(cell.source)
        for cell in notebook.cells
        if cell.cell_type == "code" and is_locked(cell) and (tests or not is_grade(cell))
    ]
    seen = list(ALWAYS)
    while trees:
        for path in _imported(trees.pop()):
            if path not in seen:
                seen.append(path)
                trees.append(ast.parse(path.read_text(encoding="utf-8")))
    return seen


def _imported(tree: ast.Module) -> Iterator[Path]:
    """The modules of this repository's packages that are imported at the top level of a text."""
    names = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    for name in names:
        path = REPOSITORY.joinpath(*name.split(".")).with_suffix(".py")
        if name.split(".")[0] in ("autograder", "data") and path.is_file():
            yield path
