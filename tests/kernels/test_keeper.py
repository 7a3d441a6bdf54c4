"""Workers on one machine share the processes that their kernels are forks of."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from test_sandbox import REASON, Kernel

from autograder.grading import supervise
from autograder.kernels import forks
from autograder.kernels.keeper import Keeper

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks need Linux")

SLOW = "import time; time.sleep(1)"
BROKEN = "raise ValueError('of no use')"
ENDS = "import os; os._exit(3)"


@pytest.fixture
def keeper(monkeypatch):
    """A keeper whom this process asks, as a worker does."""
    forks.close_all()
    keeper = Keeper()
    monkeypatch.setattr(forks, "_keeper", keeper.door)
    yield keeper
    forks.close_all()
    keeper.close()


@pytest.fixture
def recipe(tmp_path):
    """Makes a recipe of modules with these sources."""

    def make(**sources):
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source)
        return forks.Recipe(list(sources), {"PYTHONPATH": str(tmp_path)})

    return make


def get(recipe, key="key", **options):
    return forks.get(key, recipe, shared=True, **options)


def answer(source, code, tmp_path):
    """What `code` writes in a fork of a source."""
    place = tmp_path / f"said-{time.monotonic_ns()}"
    request = {
        "argv": ["python"],
        "sys_argv": ["python"],
        "cwd": str(tmp_path),
        "environment": {},
        "code": f"import os, sys\nopen({str(place)!r}, 'w').write(str({code}) + '.')",
        "prints": False,
        "inside": None,
    }
    with open(os.devnull, "wb") as null:
        source.fork(request, [null.fileno()])
    end = time.monotonic() + 10
    while not (place.exists() and place.read_text().endswith(".")):
        assert time.monotonic() < end
        time.sleep(0.01)
    return place.read_text()[:-1]


def ended(pids, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        left = [pid for pid in pids if psutil.pid_exists(pid)]
        if all(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE for pid in left):
            return True
        time.sleep(0.05)
    return False


def test_a_source_of_the_keeper_forks(keeper, recipe, tmp_path):
    source = get(recipe(one="number = 5"))
    assert psutil.Process(source.pid).ppid() == keeper.process.pid
    assert "one" in source.modules
    assert answer(source, "sys.modules['one'].number", tmp_path) == "5"
    assert answer(source, "os.getppid()", tmp_path) == str(source.pid)
    assert get(recipe()) is source


def test_two_who_ask_get_the_same_at_the_same_time(keeper, recipe, tmp_path):
    """Each hears its own answers, although they ask over one socket."""
    program = f"""
import json, socket, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from autograder.kernels import forks
forks.share(socket.socket(fileno={keeper.door.fileno()}))
source = forks.get("key", forks.Recipe(**json.loads(sys.argv[1])), shared=True)
request = {{"argv": ["x"], "sys_argv": ["x"], "cwd": "/", "environment": {{}}, "code": "",
           "prints": False, "inside": None}}
print(source.pid, *[source.fork(request, [2]) for _ in range(50)])
"""
    asked = json.dumps(vars(recipe(slow=SLOW)))
    command = [sys.executable, "-c", program, asked]
    options = {"pass_fds": [keeper.door.fileno()], "stdout": subprocess.PIPE, "text": True}
    asking = [subprocess.Popen(command, **options) for _ in range(3)]
    pids = [process.communicate(timeout=60)[0].split() for process in asking]
    assert [len(found) for found in pids] == [51] * 3
    assert len({found[0] for found in pids}) == 1
    assert len({pid for found in pids for pid in found[1:]}) == 150


def test_different_imports_do_not_wait_for_each_other(keeper, recipe, tmp_path):
    with forks.ask(keeper.door, json.dumps(["1", vars(recipe(slow=SLOW))]).encode()) as slow:
        start = time.monotonic()
        assert get(recipe(quick=""), "2").lives
        assert time.monotonic() - start < 1
        assert slow.recv(100)


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        ({"broken": BROKEN}, "ValueError: of no use"),
        ({"ends": ENDS}, "ended without a word"),
        ({"a.b": ""}, "ModuleNotFoundError"),
    ],
)
def test_why_there_is_nothing_to_fork(keeper, recipe, sources, reason):
    for _ in range(2):
        with pytest.raises(forks.ForkError, match=reason):
            get(recipe(**sources))
    assert get(recipe(fine=""), "another").lives


def test_a_program_that_cannot_be_started(keeper):
    nowhere = forks.Recipe([], {}, ["/no/such/program", forks.PROGRAM_HERE])
    with pytest.raises(forks.ForkError, match="no/such/program"):
        get(nowhere)
    assert get(forks.Recipe([], {}), "another").lives


def test_one_that_was_killed_is_replaced(keeper, recipe):
    first = get(recipe(one=""))
    os.kill(first.pid, 9)
    assert ended([first.pid])
    with pytest.raises(forks.ForkError):
        first.fork({}, [])
    assert get(recipe(one="")).pid != first.pid


def test_the_one_that_was_asked_for_longest_ago_ends(keeper, recipe):
    sources = [get(recipe(one=""), str(number)) for number in range(forks.MOST + 1)]
    assert ended([sources[0].pid])
    assert all(source.lives for source in sources[1:])


def test_without_the_keeper_each_has_its_own(keeper, recipe, tmp_path):
    kept = get(recipe(one="number = 5"))
    keeper.process.kill()
    assert ended([kept.pid, keeper.process.pid])
    source = get(recipe(one="number = 5"))
    assert psutil.Process(source.pid).ppid() == os.getpid()
    assert answer(source, "sys.modules['one'].number", tmp_path) == "5"


def test_who_stops_listening_stops_nobody(keeper, recipe, tmp_path):
    source = get(recipe(one=""))
    with forks.ask(keeper.door, json.dumps(["slow", vars(recipe(slow=SLOW))]).encode()):
        pass
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, open(os.devnull) as null:
        ours.close()
        request = {"argv": [], "sys_argv": [], "cwd": "/", "environment": {}, "inside": None}
        text = json.dumps(request | {"code": "", "prints": False}).encode()
        socket.send_fds(source.line, [text], [theirs.fileno(), null.fileno()])
    assert answer(source, "1", tmp_path) == "1"
    assert get(recipe(two=""), "2").lives


def test_what_judges_are_forks_of_is_no_one_elses(keeper):
    source = forks.get("judge", forks.Recipe([], {}))
    assert psutil.Process(source.pid).ppid() == os.getpid()


@pytest.mark.skipif(REASON is not None, reason=str(REASON))
def test_a_kernel_goes_on_without_the_worker_that_asked_first(keeper, tmp_path):
    with Kernel(tmp_path) as kernel:
        assert kernel.manager.provisioner.fresh == ""
        (source,) = forks._sources.values()
        assert psutil.Process(source.pid).parent().ppid() == keeper.process.pid
        forks.close_all()  # as when the worker ends
        assert kernel.run("print(1)") == "1"
    with Kernel(tmp_path) as kernel:
        (again,) = forks._sources.values()
        assert again.pid == source.pid


def test_all_ends_with_the_last_who_could_ask(tmp_path, recipe):
    program = """
import json, os, signal, sys
from autograder.grading import supervise
from autograder.kernels import forks
supervise.COMMAND[:] = [sys.executable, "-c", "import sys; sys.stdin.buffer.read()"]
workers = supervise.Workers(b"N.", [[], []], 2**40, 2**31)
forks.share(workers.keeper.door)
source = forks.get("key", forks.Recipe(**json.loads(sys.argv[1])), shared=True)
print(source.pid, workers.keeper.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    command = [sys.executable, "-c", program, json.dumps(vars(recipe(one="")))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended(map(int, done.stdout.split()))
    assert len(done.stdout.split()) == 2


def test_closing_the_workers_ends_the_keeper(recipe, monkeypatch):
    monkeypatch.setattr(supervise, "COMMAND", [sys.executable, "-c", "input()"])
    with supervise.Workers(b"N.", [[]], 2**40, 2**31) as workers:
        monkeypatch.setattr(forks, "_keeper", workers.keeper.door)
        source = get(recipe(one=""))
        keeper = workers.keeper.process.pid
    assert ended([source.pid, keeper])
    forks.close_all()
