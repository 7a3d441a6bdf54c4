"""Workers on one machine share the processes that their kernels are forks of."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from test_sandbox import REASON, Kernel

from autograder.grading import supervise
from autograder.kernels import forks, sandbox
from autograder.kernels.client import JudgeKernel
from autograder.kernels.keeper import MOST, Keeper, Zygotes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks need Linux")

SLOW = "import time; time.sleep(1)"
BROKEN = "raise ValueError('of no use')"
ENDS = "import os; os._exit(3)"
HANGS = "import time; time.sleep(100)"


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


def is_kept(keeper, source):
    """Whether the keeper has started it, not this process."""
    return source.lives and psutil.Process(source.pid).ppid() == keeper.process.pid


def request(code, folder="/"):
    """What a source is asked, for a fork outside every sandbox that runs `code`."""
    names = {"argv": ["python"], "sys_argv": ["python"], "cwd": str(folder), "environment": {}}
    return {**names, "prints": False, "inside": None, "code": code}


def writes(path, what):
    """Code that writes what an expression is into a file, all at once."""
    draft = f"{path}.draft"
    write = f"open({draft!r}, 'w').write(str({what}))"
    return f"import os, sys\n{write}\nos.rename({draft!r}, {str(path)!r})"


def wait_for(path, seconds=10):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    return path.read_text()


def answer(source, what, folder):
    """What an expression is in a fork of a source."""
    place = folder / f"said-{time.monotonic_ns()}"
    with open(os.devnull, "wb") as null:
        source.fork(request(writes(place, what), folder), [null.fileno()])
    return wait_for(place)


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
    assert is_kept(keeper, source)
    assert "one" in source.modules
    assert answer(source, "sys.modules['one'].number", tmp_path) == "5"
    assert answer(source, "os.getppid()", tmp_path) == str(source.pid)
    assert get(recipe()) is source


def test_each_hears_its_own_answers(keeper, recipe, tmp_path):
    """Although all ask over one socket, and at the same time."""
    program = f"""
import json, socket, sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parent.parent)!r}]
from test_keeper import request, writes
from autograder.kernels import forks
forks.share(socket.socket(fileno={keeper.door.fileno()}))
source = forks.get("key", forks.Recipe(**json.loads(sys.argv[1])), shared=True)
print(source.pid)
for number in range(30):
    place = f"{tmp_path}/{{sys.argv[2]}}-{{number}}"
    print(source.fork(request(writes(place, "os.getpid()")), [2]))
"""
    asked = json.dumps(vars(recipe(slow=SLOW)))
    options = {"pass_fds": [keeper.door.fileno()], "stdout": subprocess.PIPE, "text": True}
    asking = [
        subprocess.Popen([sys.executable, "-c", program, asked, name], **options) for name in "abc"
    ]
    told = [process.communicate(timeout=60)[0].split() for process in asking]
    sources = {found.pop(0) for found in told}
    assert len(sources) == 1
    assert psutil.Process(int(sources.pop())).ppid() == keeper.process.pid
    for name, found in zip("abc", told, strict=True):
        assert [wait_for(tmp_path / f"{name}-{number}") for number in range(30)] == found


def test_different_imports_do_not_wait_for_each_other(keeper, recipe, tmp_path):
    with forks.ask(keeper.door, json.dumps(["1", vars(recipe(slow=SLOW))]).encode()) as slow:
        start = time.monotonic()
        assert is_kept(keeper, get(recipe(quick=""), "2"))
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
    assert is_kept(keeper, get(recipe(fine=""), "another"))


def test_a_program_that_cannot_be_started(keeper):
    nowhere = forks.Recipe([], {}, ["/no/such/program", forks.PROGRAM_HERE])
    with pytest.raises(forks.ForkError, match="no/such/program"):
        get(nowhere)
    assert is_kept(keeper, get(forks.Recipe([], {}), "another"))


def test_who_is_gone_before_the_refusal(keeper, recipe):
    nowhere = {"modules": [], "environment": {}, "command": ["/no/such", forks.PROGRAM_HERE]}
    for number in range(50):
        with forks.ask(keeper.door, json.dumps([str(number), nowhere]).encode()):
            pass
    assert is_kept(keeper, get(recipe(one="")))


def test_one_that_was_killed_is_replaced(keeper, recipe):
    first = get(recipe(one=""))
    os.kill(first.pid, 9)
    assert ended([first.pid])
    with pytest.raises(forks.ForkError, match="ended without a word"):
        first.fork({}, [])
    second = get(recipe(one=""))
    assert is_kept(keeper, second)
    assert second.pid != first.pid


def test_too_many_sets_of_imports(keeper, recipe):
    files = len(os.listdir("/proc/self/fd"))
    pids = [get(recipe(one=""), str(number)).pid for number in range(MOST + 2)]
    assert ended(pids[:2])
    assert all(map(psutil.pid_exists, pids[2:]))
    forks.close_all()
    assert len(os.listdir("/proc/self/fd")) == files


@pytest.mark.parametrize("dies", ["the keeper", "what is to be forked"])
def test_what_dies_while_it_is_proved(keeper, recipe, tmp_path, dies):
    seen = []

    def prove(source):
        seen.append(source.pid)
        if len(seen) == 1:
            os.kill(keeper.process.pid if dies == "the keeper" else source.pid, 9)
            assert ended([source.pid])
        assert answer(source, "5", tmp_path) == "5"

    source = get(recipe(one=""), prove=prove)
    assert seen == [seen[0], source.pid]
    assert psutil.Process(source.pid).ppid() == os.getpid()


def test_what_does_not_stand_its_trial(keeper, recipe):
    def prove(source):
        raise sandbox.SandboxUnavailable("a wall is missing")

    for _ in range(2):
        with pytest.raises(forks.ForkError, match="a wall is missing"):
            get(recipe(one=""), prove=prove)
    assert is_kept(keeper, get(recipe(one=""), "another"))


def test_one_that_does_not_answer_is_not_asked_again(keeper, recipe, monkeypatch):
    source = get(recipe(one=""))
    os.kill(source.pid, signal.SIGSTOP)
    monkeypatch.setattr(forks, "SECONDS", 0.5)
    with pytest.raises(forks.ForkError, match="it does not answer"):
        source.fork({}, [])
    start = time.monotonic()
    for _ in range(2):
        with pytest.raises(forks.ForkError, match="it does not answer"):
            get(recipe(one=""))
    assert time.monotonic() - start < 0.4


def test_an_import_that_does_not_end_is_ended(recipe, monkeypatch):
    monkeypatch.setattr(forks, "SECONDS", 1)
    zygotes = Zygotes()
    hanging = zygotes.find("key", recipe(hangs=HANGS))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        zygotes.answer("key", hanging, theirs)
        assert "no answer in 1 s" in json.loads(ours.recv(1000))["error"]
    assert not hanging.lives
    hanging.close()


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
        text = json.dumps(request("")).encode()
        socket.send_fds(source.line, [text], [theirs.fileno(), null.fileno()])
    assert answer(source, "1", tmp_path) == "1"
    assert is_kept(keeper, get(recipe(two=""), "2"))


def test_judges_are_forks_of_what_ends_with_their_worker(keeper):
    judge = JudgeKernel(2**20, {})
    try:
        judge.wait_until_ready()
        process = psutil.Process(judge.km.provisioner.pid)
        assert process.parent().ppid() == os.getpid()
    finally:
        judge.close()


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
