"""Workers lose their process, never more: time, memory, crashes, and answers that are none.

The processes here are small programs that behave badly in place of `autograder.grading.worker`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from types import SimpleNamespace

import psutil
import pytest

from autograder.grading import messages, supervise
from autograder.grading.backends import Local

PROGRAM = """
import json, os, pickle, signal, socket, subprocess, sys, threading, time
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(1)), daemon=True).start()
line = socket.socket(fileno=int(sys.argv[1]))
requests = line.makefile("rb")
pickle.load(requests)
good = {{"notebooks": {{"one.ipynb": "{{}}"}}, "seconds": {{"tests": 0.5}}, "log": [[30, "hm"]],
        "took": 1.0, "where": "", "memory": 0, "kernels": {{}}}}
def send(found):
    line.sendall(json.dumps(found).encode() + b"\\n")
while True:
    submission, cores = pickle.load(requests)
    if submission.student == "good":
        send(good)
        continue
    {misdeed}
"""


@pytest.fixture
def make_worker(monkeypatch):
    """Makes workers with a process that does `misdeed` to everybody but the student `good`."""
    made = []

    def make(misdeed, memory=2**40):
        program = PROGRAM.format(misdeed=misdeed)
        monkeypatch.setattr(supervise, "COMMAND", [sys.executable, "-c", program])
        made.append(supervise.Worker(b"N.", [], memory, 2**31))  # the assignment None, pickled
        return made[-1]

    yield make
    for worker in made:
        worker.close()
        assert worker.process is None
        assert not os.path.exists(worker.folder)


def submission(student="bad", seconds=30.0, size=2):
    notebooks = {"one.ipynb": b"{}".ljust(size)}
    return messages.Submission(student, notebooks, {}, seconds=seconds)


HUGE = "line.sendall(b'x' * 2**24)"
MISDEEDS = {
    "time.sleep(60)": "it took longer than 1 s",
    "line.sendall(b'{'); time.sleep(60)": "it took longer than 1 s",
    "threading.Event().wait()": "it took longer than 1 s",
    "os._exit(3)": r"the process that graded it ended \(exit status 3\)",
    "os.kill(os.getpid(), signal.SIGSEGV)": r"ended \(SIGSEGV\)",
    "line.close(); requests.close(); time.sleep(60)": "the process that graded it ended",
    f"os._exit({supervise.OUT_OF_MEMORY})": r"needed more than 2\.0 GiB of memory for itself",
    f"while True: {HUGE}": "what came back has more than 134217728 bytes",
    "line.sendall(b'\\n')": "what came back is not a graded submission",
    "line.sendall(pickle.dumps(good) + b'\\n')": "what came back is not a graded submission",
    "send([])": "not a graded submission",
    "send(None)": "not a graded submission",
    "send(good | {'notebooks': {}})": "not the notebooks that were sent",
    "send(good | {'notebooks': {'one.ipynb': '{}', '../x': ''}})": "not the notebooks that were",
    "send(good | {'notebooks': {'one.ipynb': 5}})": "not a graded submission",
    "send(good | {'notebooks': {'one.ipynb': '\\ud800'}})": "not a graded submission",
    "send(good | {'took': float('nan')})": "a number was expected",
    "send(good | {'took': -1})": "a number was expected",
    "send(good | {'took': '1'})": "a number was expected",
    "send(good | {'memory': True})": "a number was expected",
    "send(good | {'kernels': {'forked': 'x'}})": "a number was expected",
    "send(good | {'seconds': {'tests': 10**400}})": "a number was expected",
    "send(good | {'log': [[30, 'x']] * 2000})": "too many entries",
    "send(good | {'log': [[30]]})": "not a graded submission",
    "send(good | {'where': None})": "a text was expected",
    "line.sendall(b'[' * 10**6 + b'\\n')": "not a graded submission",
    "line.sendall(b'9' * 10**6 + b'\\n')": "not a graded submission",
    "send({'reason': 'because', 'trace': 'of this', 'where': ''})": "^because$",
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_a_bad_answer_costs_one_submission(make_worker, misdeed):
    worker = make_worker(misdeed)
    with pytest.raises(messages.NotGradedError, match=MISDEEDS[misdeed]):
        worker.grade(submission(seconds=1.0 if "longer than 1 s" in MISDEEDS[misdeed] else 30.0))
    answer = worker.grade(submission("good"))
    assert answer.notebooks == {"one.ipynb": b"{}"}
    assert (answer.log, answer.seconds) == ([(30, "hm")], {"tests": 0.5})


def test_what_a_process_says_is_harmless_text(make_worker):
    worker = make_worker(
        "send({'reason': 'a\\x1b[2J\\n' + 'b' * 9999, 'trace': 'c\\x07\\nd', 'where': ''})"
    )
    with pytest.raises(messages.NotGradedError) as caught:
        worker.grade(submission())
    assert caught.value.reason.startswith("a�[2J�bbb")
    assert len(caught.value.reason) == messages.LONGEST
    assert caught.value.trace == "c�\nd"


def test_memory_of_children_counts_and_they_end_with_the_process(make_worker):
    child = "import time; x = b'x' * 2**28; time.sleep(60)"
    start = f"subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True).wait()"
    worker = make_worker(start, memory=2**27)
    seen = set()
    look = worker._look
    worker._look = lambda: seen.update(supervise.family_of(worker.process.pid)) or look()
    with pytest.raises(messages.NotGradedError, match=r"it used more than 0\.1 GiB of memory"):
        worker.grade(submission())
    gone, alive = psutil.wait_procs(seen, timeout=5)
    assert (len(gone) >= 2, alive) == (True, [])


def test_a_process_that_never_listens_cannot_hold_the_grader_up(make_worker):
    worker = make_worker("pass")
    worker.package = b"N."
    supervise.COMMAND[:] = [sys.executable, "-c", "import time; time.sleep(60)"]
    began = time.monotonic()
    with pytest.raises(messages.NotGradedError, match="it took longer than 1 s"):
        worker.grade(submission(seconds=1.0, size=2**24))  # far more than the line takes at once
    assert time.monotonic() - began < 10


def test_closing_ends_what_is_being_graded(make_worker):
    worker = make_worker("time.sleep(60)")
    caught = []

    def grade():
        try:
            worker.grade(submission())
        except supervise.ClosedError as error:
            caught.append(error)

    thread = threading.Thread(target=grade)
    thread.start()
    while worker.process is None:
        time.sleep(0.01)
    time.sleep(0.5)
    child = psutil.Process(worker.process.pid)
    worker.close()
    thread.join(10)
    assert len(caught) == 1
    assert not child.is_running()
    with pytest.raises(supervise.ClosedError):
        worker.grade(submission())


def test_bound_on_memory_is_hard_and_lifted_for_kernels():
    program = """
import subprocess, sys
from autograder.grading import supervise
from autograder.kernels import sandbox
supervise.bound_memory(2**28)
take = [sys.executable, "-c", "x = bytearray(2**30)"]
print(subprocess.run(take, stderr=subprocess.DEVNULL).returncode)
print(subprocess.run(take, preexec_fn=sandbox._lift_bound).returncode)
try:
    bytearray(2**30)
except MemoryError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["1", "0", "refused"], done.stderr


def test_a_line_holds_everything(tmp_path):
    graded = messages.Graded({"ü.ipynb": b'{"a": "\\ud83d"}\n'}, {"tests": 1.5}, [(30, "é")])
    line = messages.to_line(graded)
    assert (line.count(b"\n"), json.loads(line)["took"]) == (1, 0.0)
    assert messages.from_line(line, ["ü.ipynb"]) == graded
    with pytest.raises(messages.NotGradedError, match="why"):
        messages.from_line(messages.to_line(messages.NotGradedError("why", "trace", "here")), [])


def test_a_worker_leaves_nothing_when_its_owner_is_killed(tmp_path):
    program = """
import os, signal, sys, time
from autograder.grading import supervise
supervise.COMMAND[:] = [sys.executable, "-c", "import sys; sys.stdin.buffer.read()"]
worker = supervise.Worker(b"N.", [], 2**40, 2**31)
worker.start()
print(worker.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    where = {**os.environ, "TMPDIR": tempfile.mkdtemp(dir=tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=where
    )
    pid = int(done.stdout)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


# ------------------------------------------------------------------ notebook by notebook

ANSWER = """
    name, = submission.notebooks
    {before}
    send(good | {{"notebooks": {{name: "{{}}"}}, "log": [[30, name]], "memory": ord(name[0])}})"""
MEET = """
    place = "{folder}/" + name
    open(place, "w").close()
    while len(os.listdir("{folder}")) < 2:
        time.sleep(0.01)"""
FAILS_AT_B = "name == 'b' and os._exit(3)"


@pytest.fixture
def make_workers(monkeypatch):
    """Makes so many workers whose processes do something `before` each answer."""
    made = []

    def make(count, before=""):
        program = PROGRAM.format(misdeed=ANSWER.format(before=before))
        monkeypatch.setattr(supervise, "COMMAND", [sys.executable, "-c", program])
        made.append(supervise.Workers(b"N.", [[]] * count, 2**40, 2**31))
        return made[-1]

    yield make
    for workers in made:
        workers.close()
        assert all(worker.process is None for worker in workers.all)


def of(*names, seconds=30.0):
    return messages.Submission("ada", dict.fromkeys(names, b"{}"), {}, seconds=seconds)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_came_of_each_notebook_is_put_together_in_their_order(make_workers, count):
    graded = make_workers(count).grade(of("c", "a", "b"))
    assert list(graded.notebooks) == ["c", "a", "b"]
    assert graded.log == [(30, "c"), (30, "a"), (30, "b")]
    assert (graded.took, graded.seconds) == (3.0, {"tests": 1.5})


def test_free_workers_grade_the_notebooks_of_one_submission_side_by_side(make_workers, tmp_path):
    workers = make_workers(2, MEET.format(folder=tmp_path))
    assert set(workers.grade(of("a", "b", seconds=20)).notebooks) == {"a", "b"}


@pytest.mark.parametrize("names", ["ab", "ba", "bb", "abcdef"])
def test_a_notebook_that_is_not_graded_stands_for_its_submission(make_workers, names):
    workers = make_workers(2, FAILS_AT_B)
    with pytest.raises(messages.NotGradedError, match=r"ended \(exit status 3\)"):
        workers.grade(of(*dict.fromkeys(names)))
    assert set(workers.grade(of("c", "d", "e")).notebooks) == {"c", "d", "e"}


def test_all_notebooks_together_have_the_seconds_of_a_submission(make_workers):
    workers = make_workers(1, "time.sleep(1.5)")
    with pytest.raises(messages.NotGradedError, match="it took longer than 4 s"):
        workers.grade(of("a", "b", "c", "d", seconds=4.0))


def test_whoever_waits_is_told_that_the_workers_were_closed(make_workers):
    workers, told = make_workers(1, "time.sleep(60)"), []

    def grade():
        try:
            workers.grade(of("a", "b"))
        except supervise.ClosedError as error:
            told.append(error)

    threads = [threading.Thread(target=grade) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    workers.close()
    for thread in threads:
        thread.join(10)
    grade()
    assert len(told) == 4
    assert not any(thread.name.endswith("(_work)") for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("jobs", "students", "workers"), [(4, 1, 2), (2, 1, 2), (1, 1, 1), (8, 3, 6), (3, 3, 3)]
)
def test_so_many_workers_as_there_are_notebooks(monkeypatch, jobs, students, workers):
    started = []

    class NotedError(Exception):
        pass

    def note(package, shares, memory, process_bytes):
        started.extend(shares)
        raise NotedError

    monkeypatch.setattr(supervise, "Workers", note)
    assignment = messages.Assignment("ps1", None, b"", {})
    chosen = {str(number): "digest" for number in range(students)}
    ledger = SimpleNamespace(known={"one.ipynb", "two.ipynb"})
    with pytest.raises(NotedError):
        next(Local(jobs).outcomes(assignment, chosen, ledger))
    assert len(started) == workers
