"""A forked kernel: nothing that a student's code can build on tells it from a fresh one."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_sandbox import REASON, Kernel

from autograder.grading.execute import modules_to_preload
from autograder.kernels import forks, sandbox
from autograder.kernels.client import JudgeKernel

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

LOOK = """
import gc, locale, os, random, signal, socket, sys, tempfile, threading
lines = (line.split(":", 1) for line in open("/proc/self/status"))
status = {name: text.split() for name, text in lines}

def links():
    # sockets and pipes by their kind, each as often as it is open; not what IPython's history
    # opens for a moment: its journal, and the folder when the journal is deleted
    found = []
    for number in range(3, 200):
        try:
            place = os.readlink(f"/proc/self/fd/{number}").partition("[")[0]
            found.append(place.replace(os.path.dirname(sys.argv[2]), ""))
        except OSError:
            pass
    passing = ("-journal", "/profile_default", "stderr.log")
    return sorted(place for place in found if not place.endswith(passing))

print({
    "modules": sorted(set(sys.modules) - {"signal", "gc"}),
    "threads": sorted(type(thread).__name__ for thread in threading.enumerate()),
    "locale": locale.getlocale(),
    "folder": (os.getcwd().split("/")[:3], os.listdir(), tempfile.gettempdir()),
    "environment": {n: v for n, v in os.environ.items() if n != "PWD"},
    "argv": (sys.argv[0], sys.orig_argv[:4], [flag for flag in sys.flags]),
    "cmdline": open("/proc/self/cmdline").read().split(chr(0))[:4],
    "path": sys.path,
    "status": {n: status[n] for n in status if n.startswith(("Cap", "Sig", "Shd", "Sec", "NoN"))
               and n != "SigQ"},
    "umask": status["Umask"],
    "oom": open("/proc/self/oom_score_adj").read(),
    "limits": open("/proc/self/limits").read().split("Max pending")[0],
    "readable": [os.access(f"/proc/self/{name}", os.R_OK) for name in ("fd", "mem", "environ")],
    "files": links(),
    "main": sorted(name for name in vars(sys.modules["__main__"]) if name[0] != "_"),
})
"""
RANDOM = """
import random, uuid, tempfile
values = [random.random(), uuid.uuid4().hex, tempfile.mkdtemp()]
import numpy
values += [numpy.random.rand(), numpy.random.default_rng().random()]
import torch
values += [torch.rand(1).item(), torch.initial_seed(), torch.nn.Linear(2, 2).weight[0, 0].item()]
from sympy.core.random import rng
values += [rng.random(), numpy.random.random()]
print(values)
"""
KERAS = """
import keras, tensorflow as tf
print([float(keras.random.normal((1,))[0]), float(tf.random.normal((1,))[0]),
       float(keras.initializers.GlorotUniform()((2, 2))[0, 0])])
"""


def look(workdir, fork, code=LOOK, before="", **settings):
    with Kernel(workdir, fork=fork, **settings) as kernel:
        assert bool(kernel.manager.provisioner.fresh) != fork
        # A fresh kernel has printed: debugpy warns of frozen modules. Its first print opens a pipe.
        assert kernel.run("print(1)") == "1"
        assert kernel.run(before) == ""
        return ast.literal_eval(kernel.run(code))


def differences(one, other):
    return {key: (one[key], other[key]) for key in one if one[key] != other[key]}


def test_a_fork_looks_like_a_fresh_kernel(tmp_path):
    (tmp_path / "words.csv").write_text("a")
    settings = {"files": ["words.csv"], "environment": {"COURSE_TIER": "cpu"}}
    assert differences(look(tmp_path, True, **settings), look(tmp_path, False, **settings)) == {}


FIRST_STEP = "; torch.optim.Adam([torch.ones(1, requires_grad=True)]).step()"


@pytest.mark.parametrize(
    ("names", "then"),
    [("numpy, torch", ""), ("numpy, torch", FIRST_STEP), ("numpy, keras", "")],
    ids=["torch", "torch, and one step", "keras"],
)
def test_so_it_does_after_its_imports(tmp_path, names, then):
    for name in names.split(", "):
        pytest.importorskip(name)
    settings = {"before": f"import {names}{then}", "preload": names.split(", "), "cores": [0]}
    both = [look(tmp_path, fork, **settings) for fork in (True, False)]
    assert differences(*both) == {}


LATER = """
import time, torch, sys
start = time.process_time()
before = [name for name in sys.modules if name.startswith(("torch._dynamo", "sympy"))]
{import_}
print([before, round(time.process_time() - start, 3), "torch._dynamo" in sys.modules,
       [(name, module.__name__) for name, module in list(sys.modules.items())
        if name.startswith("torch._dynamo") and module.__spec__.loader is not module.__loader__],
       [type(finder).__name__ for finder in sys.meta_path if type(finder).__name__ == "Later"]])
"""


@pytest.mark.parametrize(
    "import_",
    [
        "import torch._dynamo as found; assert torch._dynamo is found",
        "from torch._dynamo import config; assert config is torch._dynamo.config",
        "import torch._dynamo.config; torch._dynamo.config.verbose",
        "torch._dynamo.config.verbose",
        "import sympy; assert sympy.sqrt(4) == 2",
        "import importlib.util as u; assert u.find_spec('sympy'); import sympy; sympy.Symbol('x')",
        "torch.optim.SGD([torch.ones(1, requires_grad=True)])",
        "assert torch.compile(lambda x: x + 1, backend='eager')(torch.ones(1)) == 2",
    ],
)
def test_what_is_imported_ahead_is_there_when_it_is_asked_for(tmp_path, import_):
    """PyTorch imports 800 modules when the first optimizer is made, for a second or two."""
    pytest.importorskip("torch")
    found = look(tmp_path, True, LATER.format(import_=import_), preload=["torch"])
    assert found == [[], found[1], True, [], []]
    assert found[1] < 0.5 or "compile" in import_


def test_no_two_forks_draw_the_same_numbers(tmp_path):
    pytest.importorskip("torch")
    first, second = (look(tmp_path, True, RANDOM, preload=["numpy", "torch"]) for _ in range(2))
    assert not set(first) & set(second)


def test_no_two_forks_of_keras_draw_the_same_numbers(tmp_path):
    pytest.importorskip("keras")
    first, second = (look(tmp_path, True, KERAS, preload=["keras"]) for _ in range(2))
    assert not set(first) & set(second)


def test_other_libraries_work_in_a_fork(tmp_path):
    names = ["scipy.stats", "pandas", "sklearn.ensemble", "matplotlib.pyplot", "tqdm.auto"]
    for name in names:
        pytest.importorskip(name)
    code = """
        import pandas, scipy.stats, matplotlib.pyplot as plt
        from sklearn.ensemble import HistGradientBoostingClassifier  # by OpenMP
        from tqdm.auto import tqdm
        frame = pandas.DataFrame({"x": scipy.stats.norm(0).rvs(500)})
        model = HistGradientBoostingClassifier().fit(frame, frame.x > 0)
        frame.plot(), plt.savefig("plot.png"), plt.close()
        print(list(tqdm([model.score(frame, frame.x > 0) > 0.9])))
    """
    assert look(tmp_path, True, code, preload=names) == [True]


def test_threads_are_as_many_as_the_cores(tmp_path):
    pytest.importorskip("torch")
    code = "import os, torch; print([len(os.sched_getaffinity(0)), torch.get_num_threads()])"
    assert look(tmp_path, True, code, preload=["torch"], cores=[0]) == [1, 1]
    cores = len(os.sched_getaffinity(0))
    assert look(tmp_path, True, code, preload=["torch"]) == [cores, cores]


def test_a_fork_is_a_matter_of_milliseconds(tmp_path):
    """Not of the seconds that the import takes."""
    pytest.importorskip("torch")
    with Kernel(tmp_path, preload=["torch"]):
        pass
    with Kernel(tmp_path, preload=["torch"]) as kernel:
        code = "import time, torch; print(time.process_time())"
        assert float(kernel.run(code)) < 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"fork": False}, "forks are switched off"),
        ({"gpu": True}, "it has a GPU"),
        ({"files": ["random.py"]}, "a file called like a module: random"),
        ({"files": ["numpy/__init__.py"], "preload": ["numpy"]}, "like a module: numpy"),
        ({"files": ["ipykernel_launcher.txt"]}, "like a module: ipykernel_launcher"),
        ({"preload": ["no_such_module"]}, "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_why_a_kernel_is_fresh(tmp_path, settings, reason):
    for name in settings.get("files", []):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    manager = sandbox.kernel_manager("python3", tmp_path, **settings)
    provisioner = manager.provisioner
    provisioner._make_folders()
    try:
        spec = manager.kernel_spec
        environment = provisioner._environment(spec.argv[0], spec.env)
        assert provisioner._zygote(spec.argv, environment) is None
        assert reason in provisioner.fresh
    finally:
        provisioner.release()


def test_a_wall_that_does_not_stand_means_no_forks(tmp_path, monkeypatch):
    forks.close_all()
    monkeypatch.setattr(sandbox, "seccomp_filter", lambda _: bytes.fromhex("060000000000ff7f"))
    sandbox._bubblewrap(sandbox.tempfile.gettempdir())  # was tried before, with the filter
    with Kernel(tmp_path) as kernel:
        assert "not all of its walls stand" in kernel.manager.provisioner.fresh
    forks.close_all()


def zygotes():
    found = subprocess.run(["pgrep", "-f", str(forks.PROGRAM)], capture_output=True, text=True)
    return {int(pid) for pid in found.stdout.split()}


def test_a_zygote_that_was_killed_is_replaced(tmp_path):
    with Kernel(tmp_path) as kernel:
        *_, before = forks._sources.values()
        os.kill(before.pid, 9)
        assert kernel.run("print(1)") == "1"  # a kernel goes on without what forked it
    with Kernel(tmp_path) as kernel:
        assert kernel.manager.provisioner.fresh == ""
        assert kernel.run("print(2)") == "2"


def test_zygotes_end_with_the_grader(tmp_path):
    program = f"""
import sys, time
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parent.parent)!r}]
from test_sandbox import Kernel
from autograder.kernels import forks
from autograder.kernels.client import JudgeKernel
kernel = Kernel({str(tmp_path)!r}).__enter__()
judge = JudgeKernel(2**20, {{}})
print(*[z.pid for z in forks._sources.values()], judge.km.provisioner.pid, flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as grader:
        pids = [int(pid) for pid in grader.stdout.readline().split()]
        assert len(pids) == 3
        grader.kill()
    end = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    assert [pid for pid in pids if alive(pid)] == []


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_process_1_of_a_sandbox_cannot_be_written_to(tmp_path):
    """It runs under the student's user id, and must end when bubblewrap does."""
    code = """
        import os
        for name in ("mem", "maps", "environ"):
            try:
                open(f"/proc/1/{name}", "rb" if name != "mem" else "r+b").close()
                print(name, end=" ")
            except PermissionError:
                pass
        os.kill(1, 9), os.kill(1, 15)
        print("alive")
    """
    with Kernel(tmp_path) as kernel:
        assert kernel.manager.provisioner.fresh == ""
        assert kernel.run(code) == "alive"


def test_the_judge_is_forked_with_its_secret(tmp_path):
    judges = [JudgeKernel(2**20, {"COURSE_SECRET_FILE": str(tmp_path / name)}) for name in "ab"]
    try:
        for name, judge in zip("ab", judges, strict=True):
            judge.wait_until_ready()
            assert isinstance(judge.km.provisioner.process, forks.Forked)
            reply = judge.evaluate("__import__('os').environ['COURSE_SECRET_FILE']")
            text = reply["user_expressions"]["answer"]["data"]["text/plain"]
            assert ast.literal_eval(text) == str(tmp_path / name)
    finally:
        for judge in judges:
            judge.close()
    assert not alive(judges[0].km.provisioner.pid or 0)


def test_what_is_preloaded_is_what_locked_cells_import():
    import nbformat

    notebook = nbformat.read("solutions/cnn_lstm/keras.ipynb", as_version=4)
    assert modules_to_preload(notebook) == ["keras", "matplotlib.pyplot", "numpy"]
    notebook = nbformat.read("solutions/text_pipeline/pipeline.ipynb", as_version=4)
    assert modules_to_preload(notebook) == ["numpy"]


def test_a_process_that_is_no_child():
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        forked = forks.Forked(sleeper.pid)
        assert forked.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            forked.wait(0.01)
        forked.kill()
        assert forked.wait(5) == forked.poll() == 1
        forked.kill()  # too late: nothing happens
