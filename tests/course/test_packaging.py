"""The wheel brings everything that is needed, and says so."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from helpers import REPOSITORY
from packaging.requirements import Requirement

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OURS = ("autograder", "data", "rnn_course")
# Looked for, not needed: IPython comes with ipykernel; a value may be one of these.
NOT_OURS = {"ipython", "pandas", "pyarrow"}
# Needed by name only: kernels start with it.
NOT_IMPORTED = {"ipykernel"}


def names(requirements):
    found = {Requirement(text).name.lower() for text in requirements}
    return {name.removesuffix("-cpu") for name in found}


def imported(paths):
    """The distributions that modules import, anywhere in their code."""
    known, found = packages_distributions(), set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                continue
            for module in {name.partition(".")[0] for name in modules}:
                if module not in {*sys.stdlib_module_names, *OURS, ""}:
                    found.add(known.get(module, [module])[0].lower().replace("_", "-"))
    return {name.removesuffix("-cpu") for name in found} - NOT_OURS


def test_everything_imported_is_named_and_everything_named_is_used():
    found = imported(path for name in OURS for path in (REPOSITORY / name).rglob("*.py"))
    core = names(PROJECT["dependencies"])
    assert core == {"numpy"}
    run_time = names(text for name in ("grading", "corpora") for text in EXTRAS[name])
    others = ("torch", "keras", "gluon", "lectures")  # rnn_course draws for the lectures
    assert (
        found - names(text for name in others for text in EXTRAS[name])
        == (core | run_time) - NOT_IMPORTED
    )


def test_a_student_needs_numpy_only():
    own = REPOSITORY / "autograder"
    paths = [own / "__init__.py", *(own / "api").rglob("*.py")]
    at_import = []
    for path in paths:
        tree = ast.parse(path.read_text())
        tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        at_import.append(tree)
    modules = {
        (node.names[0].name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
        for tree in at_import
        for node in tree.body
    }
    assert modules - {*sys.stdlib_module_names, "autograder"} == {"numpy"}


def test_lower_bounds_hold_for_the_lock():
    lock = (REPOSITORY / "requirements/main.txt").read_text().splitlines()
    pins = {Requirement(line).name.lower(): Requirement(line) for line in lock}
    named = [name for name in EXTRAS if name not in ("gluon", "site")]  # locked by themselves
    for text in [*PROJECT["dependencies"], *(text for name in named for text in EXTRAS[name])]:
        wanted = Requirement(text)
        (pin,) = pins[wanted.name.lower()].specifier
        assert wanted.specifier.contains(pin.version), text


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "copy"
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(copy)], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), "."]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_packages_whole(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", *OURS], cwd=REPOSITORY, capture_output=True, text=True
    ).stdout.splitlines()
    expected = {p for p in tracked if not p.endswith(".md")}
    assert {name for name in held if ".dist-info/" not in name} == expected


def test_the_wheel_works_alone(wheel, tmp_path):
    """In an empty environment with NumPy alone: checks, corpus, and one sentence on the rest."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    python = tmp_path / "env/bin/python"
    pins = Path(REPOSITORY / "requirements/main.txt")
    command = [python, "-m", "pip", "install", "-q", "-c", pins, wheel]
    subprocess.run(command, check=True, cwd=tmp_path)
    code = """
from autograder import check, student
from data import longmemory
square = lambda x: x * x
check.equal(student.call("square", 3), 9, "square of 3")
print(len(longmemory.generate(10, "seed")))
"""
    run = {"cwd": tmp_path, "capture_output": True, "text": True}
    done = subprocess.run([python, "-c", code], **run)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([python, "-m", "autograder", "--version"], **run)
    assert (done.returncode, done.stdout) == (0, f"autograder {PROJECT['version']}\n"), done.stderr
    done = subprocess.run([python, "-m", "autograder", "trial", "x"], **run)
    assert done.returncode == 1
    assert "needs more than a student does" in done.stderr
    assert "Traceback" not in done.stderr


def test_version_is_the_same_everywhere():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert str(citation["version"]) == PROJECT["version"]
    assert f"## {PROJECT['version']}" in (REPOSITORY / "CHANGELOG.md").read_text()


def test_a_clone_without_its_environment_says_what_is_missing():
    """With no packages at all, as `python3 -m autograder` of the system's Python."""
    command = [sys.executable, "-S", "-m", "autograder", "grade", "ps1"]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("error: grading needs more than a student does, and ")
    assert run.stderr.count("\n") == 1
    assert "in the course's repository `make setup` and `source .venv/bin/activate`" in run.stderr
