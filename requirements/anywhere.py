"""One notebook, anywhere: its first code cell finds the course or installs it; links that start it.

python requirements/anywhere.py NOTEBOOK…   # writes the cell into these notebooks
python requirements/anywhere.py             # into all, and the links into README.md
python requirements/anywhere.py --check     # writes nothing; exit code 1 if any is old

`make anywhere` does all of it, and makes exercises/ anew.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import addresses
import nbformat
from addresses import ROOT
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder import syntax
from autograder.quality import normalize

PAGES = ("README.md", "autograder/README.md")
NAME = "anywhere"
OURS = ("autograder", "data", "rnn_course")
PIP_NAMES = {"sklearn": "scikit-learn", "mxnet": "mxnet==1.9.1 numpy==1.23.5"}
ALSO = {  # what these import
    "keras": ["tensorflow"],
    "data.glove": ["pooch", "requests", "tqdm"],
    "data.imdb": ["pooch", "requests", "tqdm"],
    "data.moby_dick": ["pooch", "requests", "tqdm"],
    "data.reviews": ["pooch", "requests", "tqdm"],
    "rnn_course.drawing": ["matplotlib"],
}
ALWAYS = {*sys.stdlib_module_names, "IPython", "numpy", "scipy"}  # or with the course, scikit-learn
GLUON = """\
if not find_spec("mxnet") and (sys.version_info >= (3, 12) or sys.platform != "linux"):
    raise RuntimeError("MXNet 1.9.1 runs on Linux with Python 3.11: choose such a kernel.")
"""
CELL = """\
# Runs anywhere: what is missing here is installed. Where the course is set up, nothing happens.
{imports}

_course = "{release}"
_needs = {{
    "{ours}": f"{{_course}}/{wheel}",
{needs}}}
{gluon}_missing = [package for module, package in _needs.items() if not find_spec(module)]
if _missing:
    %pip install --quiet --disable-pip-version-check {{" ".join(_missing)}}"""


def notebooks() -> list[Path]:
    return [*sorted(ROOT.glob("lectures/*.ipynb")), *sorted(ROOT.glob("solutions/*/*.ipynb"))]


# ------------------------------------------------------------------ the first cell


def imported(notebook: NotebookNode) -> Iterable[str]:
    """The modules that a notebook imports at its top level, as students get it."""
    for cell in notebook.cells:
        if cell.cell_type != "code" or cell.id == NAME:
            continue
        for node in syntax.parse_cell(syntax.released(cell.source)).body:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from (node.module, *(f"{node.module}.{a.name}" for a in node.names))


def first_cell(notebook: NotebookNode) -> str:
    """The source of a notebook's first code cell."""
    modules = dict.fromkeys(imported(notebook))
    needed = {name.partition(".")[0] for name in modules}
    needed |= {also for name in modules for also in ALSO.get(name, [])}
    # a grader's sandbox shows no other package of ours to the students' notebooks
    ours = "autograder" if "autograder.student" in modules else "rnn_course"
    needs = {name: PIP_NAMES.get(name, name) for name in sorted(needed - {*OURS, *ALWAYS})}
    gluon = "mxnet" in needs
    return CELL.format(
        imports="import sys\n" * gluon + "from importlib.util import find_spec",
        release=addresses.release(),
        ours=ours,
        wheel=addresses.wheel(),
        needs="".join(f'    "{name}": "{package}",\n' for name, package in needs.items()),
        gluon=GLUON * gluon,
    )


def with_first_cell(notebook: NotebookNode) -> NotebookNode:
    """The notebook, its first code cell written anew."""
    source = first_cell(notebook)
    others = [cell for cell in notebook.cells if cell.id != NAME]
    place = next(n for n, cell in enumerate(others) if cell.cell_type == "code")
    metadata = {"jupyter": {"source_hidden": True}, "tags": ["remove-cell"]}
    if "nbgrader" in others[place].metadata:  # locked, as all that is not the student's
        metadata |= {"deletable": False, "editable": False}
        metadata["nbgrader"] = {
            **{"grade": False, "grade_id": NAME, "locked": True},
            **{"schema_version": 3, "solution": False, "task": False},
        }
    cell = new_code_cell(source, id=NAME, metadata=metadata)
    notebook.cells = [*others[:place], cell, *others[place:]]
    return notebook


def text_of(path: Path) -> str:
    """A notebook's file as it should be."""
    notebook = nbformat.read(path, as_version=4)
    return normalize.normalize_text(nbformat.writes(with_first_cell(notebook)))


# ------------------------------------------------------------------ links in README.md


def links() -> str:
    """The table of README.md."""
    lines = ["| notebook | run it on |", "| --- | --- |"]
    for source in notebooks():
        path = source.relative_to(ROOT).as_posix().replace("solutions/", "exercises/")
        notebook = nbformat.read(source, as_version=4)
        title = notebook.cells[0].source.split("\n")[0].lstrip("# ")
        gluon = notebook.metadata.kernelspec.name == "gluon"
        where = addresses.launches(path, gluon)
        services = ", ".join(f"[{name}]({address})" for name, address in where.items())
        lines.append(f"| [{title}]({path}) | {services or '–'} |")
    return "\n".join(lines)


def page(path: Path) -> str:
    """A page of text as it should be: the table of links, and what pip installs from git."""
    text = path.read_text(encoding="utf-8")
    table = r"(<!-- launch -->\n).*?(<!-- end -->)"
    text = re.sub(table, lambda m: f"{m[1]}{links()}\n{m[2]}", text, flags=re.DOTALL)
    repository = addresses.project()["urls"]["Repository"]
    return re.sub(r'(?<=rnn-course\[grading\] @ git\+)[^"`\s]+', lambda _: repository, text)


def main(arguments: list[str]) -> int:
    check = arguments == ["--check"]
    named = [] if check else [Path(name).resolve() for name in arguments]
    wanted = {path: text_of(path) for path in named or notebooks()}
    if not named:
        wanted |= {ROOT / name: page(ROOT / name) for name in PAGES}
    changed = [path for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    for path in changed:
        print(f"{path.relative_to(ROOT)}: {'run `make anywhere`' if check else 'written'}")
        if not check:
            path.write_text(wanted[path], encoding="utf-8")
    return int(check and bool(changed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
