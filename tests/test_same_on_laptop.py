"""A visible check says the same on a student's laptop and in the judge, word for word."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from autograder import classroom, execute, sandbox

REPOSITORY = Path(__file__).parent.parent
SEED = {"pytorch": "torch.manual_seed(0)", "keras": "keras.utils.set_random_seed(0)"}
UNTRAINED = {"pytorch": "model = CNNLSTM(**SIZES)", "keras": "model = build_cnn_lstm(**SIZES)"}


def code(source):
    return NotebookNode(cell_type="code", source=source, metadata={}, outputs=[])


def said(cell):
    """What a cell printed and how it ended, without what differs from call to call."""
    printed = "".join(o.text for o in cell.outputs if o.get("name") == "stdout")
    ended = [(o.ename, o.evalue) for o in cell.outputs if o.output_type == "error"]
    result = [o.data["text/plain"] for o in cell.outputs if o.output_type == "execute_result"]
    own = [line for line in printed.split("\n") if line.startswith(("✓", "✗"))]
    return own, ended, result


@pytest.fixture(scope="module", params=["pytorch", "keras"])
def run(request, tmp_path_factory):
    """A student's kernel and the judge, for one notebook of the CNN-LSTM pair."""
    notebook = nbformat.read(REPOSITORY / "solutions/cnn_lstm" / f"{request.param}.ipynb", 4)
    resources = {"metadata": {"path": str(tmp_path_factory.mktemp("work"))}}
    run = execute.NotebookRun(execute.Execute(), notebook, resources, sandbox.Limits(), "judge")
    run.name = request.param
    try:
        run._start_student()
        run._start_judge()
        run.student.wait_until_ready()
        yield run
    finally:
        run.close()


@pytest.mark.parametrize("name", [member.name for member in classroom.members("cnn_lstm")])
def test_same_messages_on_a_laptop_and_in_the_judge(run, name):
    member = classroom.read_member(classroom.CLASSES / "cnn_lstm" / f"{name}.py")
    released = nbformat.read(REPOSITORY / "exercises/cnn_lstm" / f"{run.name}.ipynb", 4)
    answered = member.submission(run.name, run.nb, released)
    run.student.run(code("%reset -f"), 0, 60)
    for cell in answered.cells:
        if cell.cell_type != "code" or (is_grade(cell) and not is_solution(cell)):
            continue
        if cell.id not in ("fit", "real"):
            run.student.run(code(cell.source), 0, 60)
    run.student.run(code(UNTRAINED[run.name]), 0, 60)
    tests = [cell for cell in answered.cells if is_grade(cell) and not is_solution(cell)]
    assert len(tests) == 6
    if name not in ("reference", "alternative", "blank"):  # the others are as in `reference`
        tests = [cell for cell in tests if cell.id in member.scores.get(run.name, {})]
    for cell in tests:
        run.student.run(code(SEED[run.name]), 0, 60)
        in_judge = code(cell.source)
        run._run_in_judge(0, in_judge, 60)
        run.student.run(code(SEED[run.name]), 0, 60)
        on_laptop = code(cell.source)
        run.student.run(on_laptop, 0, 60)
        assert said(in_judge) == said(on_laptop), cell.id
