"""The pages say what the results files say, and what they link to, name and tell to type exists."""

from __future__ import annotations

import importlib.metadata
import pkgutil
import re
import subprocess
import sys

import nbformat
import nbgrader.apps
import pytest
from helpers import REPOSITORY

from autograder.__main__ import COMMANDS

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", "exercises/README.md", "autograder/README.md"]
PAGES += ["autograder/SECURITY.md", "data/README.md", "benchmarks/README.md", "deploy/README.md"]
FOLDERS = "autograder benchmarks classes data deploy exercises lectures requirements rnn_course"
PLACE = re.compile(rf"\b(?:{'|'.join(FOLDERS.split())}|solutions|tests)/[\w./*<>-]+")
COMMAND = re.compile(
    r"^(?:\w+=\S+ )*(?:python -m )?(make|autograder|nbgrader) ([a-z][a-z_-]*)", re.MULTILINE
)
NBGRADER = {
    name.replace("App", "").lower() for name in nbgrader.apps.__all__ if name.endswith("App")
}


@pytest.fixture(params=PAGES)
def page(request):
    """A page as text."""
    return (REPOSITORY / request.param).read_text(encoding="utf-8")


def test_tables_come_from_the_results_files():
    command = [sys.executable, "benchmarks/readme.py", "--check"]
    process = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr


def test_a_stale_table_is_noticed(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    import readme

    page = tmp_path / "README.md"
    monkeypatch.setitem(readme.PAGES, page, [readme.mutants])
    page.write_text("<!-- results: mutants -->\n| 1 |\n<!-- end -->\n", encoding="utf-8")
    assert readme.mutants() in readme.filled(page)
    page.write_text("<!-- results: mutant -->\n| 1 |\n<!-- end -->\n", encoding="utf-8")
    with pytest.raises(ValueError, match="expected each of"):
        readme.filled(page)


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    path = REPOSITORY / name
    text = path.read_text(encoding="utf-8")
    for target, heading in re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]*))?\)", text):
        linked = path.parent / target if target else path
        assert linked.exists(), target
        assert not heading or heading in headings(linked), f"{target}#{heading}"


def headings(page):
    """The names under which GitHub links to the headings of a page."""
    lines = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def test_every_exercise_is_listed_with_its_points():
    section = README.partition("\n## The exercises\n")[2].partition("\n## ")[0]
    listed = {}
    for row in section.split("\n"):
        found = re.findall(r"\(exercises/(\w+)/(\w+)\.ipynb\)", row)
        points = row.rstrip(" |").rpartition("|")[2].split("+") if found else []
        listed |= {place: float(number) for place, number in zip(found, points, strict=True)}
    expected = {}
    for path in (REPOSITORY / "solutions").glob("*/*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        points = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in cells)
        expected[path.parent.name, path.stem] = points
    assert listed == expected


def test_files_that_are_named_exist(page):
    """`tests/kernels/test_sandbox.py`, `classes/<assignment>/survivors.yaml` and the like."""
    for code in inline(page):
        for place in PLACE.findall(code):
            pattern = re.sub(r"<\w+>", "*", place.rstrip("."))
            assert any(REPOSITORY.glob(pattern)), place


def test_python_names_exist(page):
    """`autograder.kernels.sandbox.Limits` and the like; groups of entry points count, too."""
    groups = importlib.metadata.entry_points().groups
    for name in set(re.findall(r"\bautograder(?:\.[A-Za-z_]\w*)+", page)) - groups:
        pkgutil.resolve_name(name)


def test_commands_exist(page):
    """`make check`, `autograder run …`, `nbgrader autograde …`, in a text and in blocks of code."""
    lines = "\n".join([*inline(page), *re.findall(r"```\w*\n(.*?)```", page, re.DOTALL)])
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    known = {
        "make": set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE)),
        "autograder": COMMANDS.keys(),
        "nbgrader": NBGRADER,
    }
    for program, command in COMMAND.findall(lines):
        name = command.replace("_", "") if program == "nbgrader" else command
        assert name in known[program], f"{program} {command}"


def inline(page):
    """What stands in backticks within a text."""
    return re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", page, flags=re.DOTALL))
