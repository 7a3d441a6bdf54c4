"""A visible check says the same on a student's laptop and in the judge, word for word.

`make test` asks it of some of those with mistakes, `make test-all` of all.
"""

from __future__ import annotations

import re
import time
from unittest import mock

import nbformat
import pytest
from helpers import REPOSITORY, skip_without_kernel, some
from nbformat import NotebookNode

from autograder import syntax
from autograder.grading import execute
from autograder.kernels import sandbox, visible
from autograder.quality import members

pytest.importorskip("torch")  # and the sample classes, which lie beside the package
PATHS = sorted((REPOSITORY / "solutions").glob("*/*.ipynb"))
# The same draws for both, whatever a check draws from.
SEED = """
import random, sys
random.seed(0)
if "numpy" in sys.modules:
    sys.modules["numpy"].random.seed(0)
if "torch" in sys.modules:
    sys.modules["torch"].manual_seed(0)
if "keras" in sys.modules:
    sys.modules["keras"].utils.set_random_seed(0)
if "mxnet" in sys.modules:
    sys.modules["mxnet"].random.seed(0)
"""
# Long trainings are left out: what is asked of their models is asked of untrained ones, or fails
# with the same sentence on both sides.
LONG = {"fit", "fit-raw", "fit-feedforward", "blind", "real", "novel", "compare", "measure-look"}
# What differs from call to call: these frameworks number their layers through, whoever made them,
# MXNet's rounding, far below what a check allows, is not the same twice, and what stands in memory
# that a student's network must not read is anything.
NUMBER = r"\b(sequential|embedding|simple_rnn|dense|lstm)_?\d+"
ROUNDING = r"(?<=difference )\S+(?=, at most)"
VARIES = {
    "simple_rnn_keras": NUMBER,
    "flattens_before_the_lstm": NUMBER,
    "gluon_sentiment": rf"{NUMBER}|{ROUNDING}",
    "forgets_the_empty_review": rf"{NUMBER}|{ROUNDING}|(?<=difference is )\S+(?=, at most)"
    r"|(?<=expected )\S+(?=[,;] )|(?<=found )\S+(?=[,;] )",
}
ON_A_LAPTOP = {  # nothing is out of sight there
    name: [path.name for path in (REPOSITORY / name).iterdir()]
    for name in ("autograder", "data", "rnn_course")
}
EVERY_TEST = ("reference", "alternative", "blank")  # of the others, those that they fail
UNTRAINED = {"pytorch": "model = CNNLSTM(**SIZES)", "keras": "model = build_cnn_lstm(**SIZES)"}


def code(source):
    return NotebookNode(cell_type="code", source=source, metadata={}, outputs=[])


def said(cell, varies):
    """What a cell printed and how it ended, without what varies."""

    def same(text):
        return re.sub(varies, r"\1", text) if varies else text

    printed = "".join(o.text for o in cell.outputs if o.get("name") == "stdout")
    ended = [(o.ename, same(o.evalue)) for o in cell.outputs if o.output_type == "error"]
    result = [o.data["text/plain"] for o in cell.outputs if o.output_type == "execute_result"]
    own = [same(line) for line in printed.split("\n") if line.startswith(("✓", "✗"))]
    return own, ended, result


@pytest.fixture(scope="module")
def run(request, tmp_path_factory):
    """A student's kernel and the judge, for one notebook."""
    skip_without_kernel(request.param)
    notebook = nbformat.read(request.param, 4)
    names = {"assignment": request.param.parent.name, "notebook": request.param.stem}
    resources = {"metadata": {"path": str(tmp_path_factory.mktemp("work"))}, "nbgrader": names}
    run = execute.NotebookRun(execute.Execute(), notebook, resources, sandbox.Limits(), "judge")
    run.assignment, run.name = request.param.parent.name, request.param.stem
    try:
        with mock.patch.object(visible, "packages", return_value=ON_A_LAPTOP):
            run._start_student()
        run._start_judge()
        run.student.wait_until_ready()
        yield run
    finally:
        run.close()


def asked(path):
    """Whose checks of a notebook are compared; the others are all right there."""
    class_members = members.members(path.parent.name)
    return [m for m in class_members if m.name in EVERY_TEST or m.scores.get(path.stem)]


@pytest.mark.parametrize(
    ("run", "member"),
    [
        pytest.param(path, member, id=f"{path.parent.name}-{path.stem}-{member.name}")
        for path in PATHS
        for member in some(asked(path), lambda member: member.name in EVERY_TEST)
    ],
    indirect=["run"],
)
def test_same_messages_on_a_laptop_and_in_the_judge(run, member):
    path = REPOSITORY / "exercises" / run.assignment / f"{run.name}.ipynb"
    answered = member.submission(run.name, run.nb, nbformat.read(path, as_version=4))
    run.student.run(code("%reset -f"), 0, 60)
    for cell in answered.cells:
        if cell.cell_type == "code" and not syntax.is_test(cell) and cell.id not in LONG:
            run.student.run(code(cell.source), 0, 60)
    if run.assignment == "cnn_lstm":
        run.student.run(code(UNTRAINED[run.name]), 0, 60)
    tests = [cell for cell in answered.cells if syntax.is_test(cell)]
    assert tests
    assert run.assignment != "cnn_lstm" or len(tests) == {"pytorch": 6, "keras": 7}[run.name]
    if member.name in EVERY_TEST:
        wanted = {cell.id for cell in tests}
    else:
        wanted = set(member.scores.get(run.name, {}))  # the others are as in `reference`
    for cell in tests:
        if cell.id not in wanted and "def " not in cell.source:  # what later checks may call
            continue
        run.student.run(code(SEED), 0, 60)
        in_judge = code(cell.source)
        run.deadline = time.monotonic() + 60
        run._run_in_judge(0, in_judge, cell.source)
        run.student.run(code(SEED), 0, 60)
        on_laptop = code(cell.source)
        run.student.run(on_laptop, 0, 60)
        varies = VARIES.get(member.name) or VARIES.get(run.assignment)
        assert said(in_judge, varies) == said(on_laptop, varies), cell.id
