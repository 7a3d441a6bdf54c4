"""What a student's kernel sees of the course, assignment by assignment."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder import courses
from autograder.grading.execute import Execute
from autograder.kernels import sandbox, visible
from autograder.kernels.client import Client

NOTEBOOKS = sorted(Path("solutions").glob("*/*.ipynb"))
# Nothing here answers a graded question of the assignment: data.imdb cleans, counts, splits and
# pads (text_pipeline); simple_rnn_keras tells students to pad with it; autograder.reference
# computes and counts all layers.
ALWAYS = ("__init__.py", "grammar", "recorded.npz")
SEEN = {
    "cells_by_hand": {"recorded"},
    "cnn_lstm": {"imdb", "longmemory", "registry"},
    "feedforward_and_cnn": {"longmemory"},
    "generation": {"longmemory", "moby_dick", "registry"},
    "gluon_sentiment": {"longmemory"},
    "lstm_and_packing": {"longmemory"},
    "simple_rnn_keras": {"imdb", "registry"},
    "text_pipeline": {"longmemory"},
}

DATA = ["03_battlefield.json", "06_gluon.npz"]  # what lectures read; no answers


def modules(seen):
    """The modules that are seen; of `autograder` always the same is."""
    assert seen.pop("autograder") == ["__init__.py", "api"]
    return {Path(name).stem for name in seen["data"] if name not in ALWAYS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
@pytest.mark.parametrize("folder", ["solutions", "exercises"])
def test_no_module_that_answers_a_question_is_seen(path, folder):
    notebook = nbformat.read(Path(folder, path.parent.name, path.name), as_version=4)
    assert modules(visible.packages(notebook, ["data"])) == SEEN[path.parent.name]


def locked(source, **more):
    metadata = {"grade": False, "solution": False, "locked": True, **more}
    return new_code_cell(source, metadata={"nbgrader": metadata})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy, data.longmemory as corpus", {"longmemory"}),
        ("from data.imdb import pad", {"imdb", "registry"}),
        ("from data import reviews", {"reviews", "imdb", "longmemory", "registry"}),
        ("from autograder import check, reference as ref", set()),
        ("%matplotlib inline\nimport data.glove", {"glove", "registry"}),
        ("import os.path\nfrom pathlib import Path", set()),
        ("from data.nowhere import anything", set()),
        ("try:\n    from data import imdb\nexcept ImportError:\n    imdb = None", set()),
        ("def f():\n    from data import imdb", set()),
    ],
)
def test_what_a_locked_cell_imports_is_seen(source, expected):
    notebook = NotebookNode(cells=[locked(source)])
    assert modules(visible.packages(notebook, ["data"])) == expected


def test_what_other_cells_import_is_not():
    source = "from data import moby_dick"
    test = locked(source, grade=True, points=1)
    answer = locked(source, solution=True, locked=False)
    notebook = NotebookNode(cells=[test, answer, new_code_cell(source)])
    assert modules(visible.packages(notebook, ["data"])) == set()
    assert modules(visible.packages(notebook, ["data"], tests=True)) == {
        "moby_dick",
        "registry",
    }  # run in the same kernel


def test_modules_of_installed_courses_are_not_seen(monkeypatch, tmp_path):
    """Networks and recipes lie in the environment where a course is installed from a wheel."""
    seen = {}

    def kernel_manager(*_, packages, **__):
        seen.update(packages)
        raise InterruptedError

    monkeypatch.setattr(sandbox, "kernel_manager", kernel_manager)
    notebook = nbformat.read("solutions/cnn_lstm/pytorch.ipynb", as_version=4)
    names = {"assignment": "cnn_lstm", "notebook": "pytorch"}
    with pytest.raises(InterruptedError):
        Execute().preprocess(notebook, {"metadata": {"path": str(tmp_path)}, "nbgrader": names})
    assert seen["rnn_course"] == [*DATA, "__init__.py", "thresholds"]
    assert modules(seen) == SEEN["cnn_lstm"]


def test_the_kernel_of_an_assignment_cannot_import_its_answers(tmp_path):
    if reason := sandbox.unavailable_reason():
        pytest.skip(reason)
    notebook = nbformat.read("solutions/text_pipeline/pipeline.ipynb", as_version=4)
    manager = sandbox.kernel_manager(
        "python3", tmp_path, packages=visible.packages(notebook, courses.code())
    )
    client = Client(manager, 2**20)
    try:
        client.wait_until_ready()
        code = """
from autograder import check, student
from data import longmemory
print(longmemory.load(2, 1)[0].tokens.shape)
hidden = ["data.imdb", "data.reviews", "autograder.reference", "autograder.kernels.judge"]
for name in [*hidden, "rnn_course", "tests"]:
    try:
        __import__(name)
        print(name)
    except ImportError:
        pass
assert not hasattr(check, "reference_networks")
import importlib.util, pathlib
for name in ["autograder", "rnn_course"]:
    folder = pathlib.Path(importlib.util.find_spec(name).origin).parent
    print(*sorted(path.name for path in folder.iterdir()))
"""
        cell = NotebookNode(cell_type="code", source=code, metadata={}, outputs=[])
        client.run(cell, 0, seconds=60)
    finally:
        client.close()
    assert [output.get("text") for output in cell.outputs] == [
        f"(2, 59)\n__init__.py api\n{' '.join(DATA)} __init__.py thresholds\n"
    ]
