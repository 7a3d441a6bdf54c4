"""A fourth framework: one file and an entry point beside the engine, and nothing in it changes.

In the sandbox it is graded only in an environment of its own (`make test-all` makes one per
Python, from the wheel): the file is installed there.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

import nbformat
import numpy as np
import pytest
from helpers import cell
from nbformat.v4 import new_notebook

from autograder import check, student
from autograder.api import agent, frameworks
from autograder.course import Course
from autograder.kernels import sandbox

ADAPTER = Path(__file__).with_name("perceptrons.py")
REASON = sandbox.unavailable_reason()
OWN = Path(sys.prefix).parent.name == ".venvs"
METADATA = "Metadata-Version: 2.1\nName: perceptrons\nVersion: 1.0\n"
ENTRY_POINT = "[autograder.frameworks]\nsklearn = perceptrons:Perceptrons\n"
LOCKED = """\
import numpy as np
from sklearn.neural_network import MLPClassifier
from autograder import check, student"""
TRAIN = """\
def train(x, y):
    ### BEGIN SOLUTION
    return MLPClassifier((8,), solver="lbfgs", max_iter=5000, random_state=0).fit(x, y)
    ### END SOLUTION"""
TEST = """\
from autograder.reference import Network, dense, relu

NETWORK = Network(
    "perceptron",
    lambda weights, x: dense(relu(dense(x, *weights["hidden"])), *weights["output"]),
    {"hidden": ("dense", "num_features", "num_hiddens"), "output": ("dense", "num_hiddens", 1)},
)
SIZES = {"num_features": 3, "num_hiddens": 8}
known = {"output": "probability", "reference": NETWORK, "sizes": SIZES}
rng = np.random.default_rng(0)
x, z = rng.normal(size=(2, 300, 3))
model = student.call("train", x, (x[:, 0] > x[:, 1]).astype(int))
points = check.Points(4)
with points.part(1, "parameters"):
    check.parameter_count(model, 41)
with points.part(2, "accuracy"):
    check.accuracy(model, z, z[:, 0] > z[:, 1], at_least=0.9, **known)
with points.part(1, "function"):  # last: it leaves random weights behind
    check.same_function(model, tokens=z[:10], **known)
points.total()"""
STUDENTS = {  # name -> answer, points
    "right": (
        "def train(x, y):\n    return MLPClassifier((8,), solver='lbfgs', max_iter=5000).fit(x, y)",
        4,
    ),
    "tanh": (
        "def train(x, y):\n"
        "    return MLPClassifier((8,), 'tanh', solver='lbfgs', max_iter=5000).fit(x, y)",
        None,  # another function; how well its weights do with a ReLU is chance
    ),
    "linear": (
        "from sklearn.linear_model import LogisticRegression\n"
        "def train(x, y):\n    return LogisticRegression().fit(x, y)",
        0,
    ),
    "borrows": (  # of the engine a kernel sees autograder/api and nothing else
        "def train(x, y):\n    from autograder.reference import dense\n"
        "    return MLPClassifier((8,), solver='lbfgs', max_iter=5000).fit(x, y)",
        0,
    ),
}


def install(folder: Path) -> None:
    """What pip would do: the module, its name and its entry point."""
    shutil.copy(ADAPTER, folder)
    info = folder / "perceptrons-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(ENTRY_POINT)


@pytest.fixture
def four(tmp_path, monkeypatch):
    """The frameworks of this process, with the fourth."""
    install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    frameworks.installed.cache_clear()
    yield frameworks.installed()
    frameworks.installed.cache_clear()


def test_it_is_found_and_asked(four, monkeypatch, capsys):
    assert four.keys() == {"torch", "keras", "gluon", "sklearn"}
    names: dict = {}
    exec(f"{LOCKED}\n{TRAIN}", names)
    monkeypatch.setattr(student, "_transport", agent.Agent(names).handle)
    found: dict = {"check": check, "student": student, "np": np}
    exec(TEST, found)
    assert found["points"].earned == 4, capsys.readouterr().out


def test_what_is_no_model_is_named_beside_all_frameworks(four):
    with pytest.raises(TypeError, match=r"sklearn's MLPClassifier.*found dict"):
        frameworks.of_model({})


@pytest.mark.skipif(REASON is not None, reason=str(REASON))
@pytest.mark.skipif(not OWN, reason="installs a package: `make test-all` has a place for it")
def test_it_is_graded_by_the_judge(tmp_path):
    install(Path(sysconfig.get_path("purelib")))
    cells = [
        cell("locked", "setup", LOCKED),
        cell("solution", "train", TRAIN),
        cell("test", "test-train", TEST, points=4),
    ]
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (tmp_path / "source/mlp").mkdir(parents=True)
    source = new_notebook(cells=cells, metadata={"kernelspec": kernelspec})
    nbformat.write(source, tmp_path / "source/mlp/mlp.ipynb")
    config = "import autograder\nautograder.configure(get_config())\n"
    (tmp_path / "nbgrader_config.py").write_text(config)
    course = Course(tmp_path)
    course.run("generate_assignment", "mlp")
    for name, (answer, _) in STUDENTS.items():
        notebook = course.released("mlp", "mlp")
        next(c for c in notebook.cells if c.id == "train").source = answer
        course.hand_in(name, "mlp", "mlp", notebook)
    output = course.run("autograde", "mlp")
    found = {name: row.score for name, row in course.rows("mlp").items()}
    tanh = found.pop("tanh")
    assert 1 <= tanh <= 3, output
    expected = {name: points for name, (_, points) in STUDENTS.items() if points is not None}
    assert found == expected, output
