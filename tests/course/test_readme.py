"""README.md says what the results files say, and what it and the guides link to exists."""

from __future__ import annotations

import re
import subprocess
import sys

import nbformat
import pytest
from helpers import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", "exercises/README.md", "autograder/README.md"]
PAGES += ["autograder/SECURITY.md", "data/README.md"]


def test_tables_come_from_the_results_files():
    command = [sys.executable, "benchmarks/readme.py", "--check"]
    process = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    path = REPOSITORY / page
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


def test_make_targets_exist():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`?make ([a-z]+)\b", README)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
