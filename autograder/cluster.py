"""The Dask side of grading: how a cluster is reached, and what runs on its workers.

Dask does the scheduling, the transport and the retries after a worker's death. A worker grades in
a process of its own per thread (a desk): what a submission does to that process, be it memory,
time or a crash, costs the desk and never the worker.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from queue import Empty, SimpleQueue

import dask
import psutil
from distributed import Client, Future, LocalCluster, Worker, WorkerPlugin, get_worker
from distributed.comm import get_address_host
from distributed.system import MEMORY_LIMIT

from autograder import cores
from autograder.journal import RefusedError, remove_room
from autograder.parcel import GPU, Assignment, Graded, NotGradedError, Submission

MOST_AT_ONCE = 50  # results taken from the cluster in one go
LOOK_SECONDS = 0.25  # how often a desk's time and memory are looked at
PACKAGES = ("rnn-course", "nbgrader", "nbclient", "distributed")
# A built-in function and a text: this works on a worker that has nothing of ours.
VERSIONS = f"""(lambda version: {{"python": "%d.%d" % __import__("sys").version_info[:2],
    **{{name: version(name) for name in {PACKAGES!r}}}}})(
    __import__("importlib.metadata").metadata.version)"""
# For a scheduler of our own. A submission whose worker died is given to another, twice at most;
# a worker that says nothing for a minute counts as dead; nothing waits in a busy worker's queue.
SETTINGS = {
    "distributed.scheduler.allowed-failures": 2,
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.limit": "1h",  # no warnings about a busy event loop
}


# ------------------------------------------------------------------ reaching a cluster


@contextmanager
def local(jobs: int, gpus: int = 0) -> Iterator[str]:
    """The address of a cluster on this machine that grades `jobs` submissions at a time.

    With GPUs it is one worker with many threads, so that they are lent out by one hand.
    """
    layout = {"n_workers": jobs, "threads_per_worker": 1}
    if gpus:
        layout = {"n_workers": 1, "threads_per_worker": jobs, "resources": {"GPU": gpus}}
    with (
        dask.config.set(SETTINGS),
        LocalCluster(
            host="127.0.0.1",
            dashboard_address=None,
            worker_dashboard_address=None,
            memory_limit=0,  # a desk's memory is looked after here, a worker itself holds little
            silence_logs=logging.CRITICAL,
            local_directory=tempfile.gettempdir(),
            **layout,
        ) as cluster,
    ):
        yield cluster.scheduler_address


def connect(address: str, patience: float = 10) -> Client:
    """A client of the scheduler at `address`; RefusedError with a sentence if there is none."""
    try:
        return Client(address, timeout=patience, set_as_default=False, name="autograder")
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise RefusedError(
            f"No Dask scheduler answers at {address} ({reason}): start one with `dask scheduler`, "
            "or leave --scheduler out to grade on this machine."
        ) from None


def gpus_here() -> int:
    """How many NVIDIA GPUs this machine has."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def check(client: Client, address: str, patience: float = 60) -> None:
    """Raises RefusedError if there is no worker, or one that lacks what grading needs."""
    try:
        client.wait_for_workers(1, timeout=patience)
    except TimeoutError:
        raise RefusedError(
            f"The scheduler at {address} has no workers: start some with `dask worker {address}`."
        ) from None
    ours = eval(VERSIONS)
    for worker, theirs in client.run(eval, VERSIONS, on_error="return").items():
        if isinstance(theirs, Exception):
            raise RefusedError(
                f"The worker {worker} does not have what grading needs ({theirs}): install the "
                "course there, see deploy/README.md."
            )
        for name, version in ours.items():
            if theirs[name] != version:
                raise RefusedError(
                    f"The worker {worker} has {name} {theirs[name]}, here it is {version}: install "
                    "the same versions on both (requirements/main.txt)."
                )


class Run:
    """The tasks of one grading run on a cluster, and the futures that come back."""

    def __init__(self, client: Client, name: str, assignment: Assignment) -> None:
        self.client, self.name, self.assignment = client, name, assignment
        self.futures: SimpleQueue[Future] = SimpleQueue()
        self.looked = 0.0
        self.look()
        client.register_plugin(Desks(assignment, self.threads), name=name)
        for worker, problem in client.run(problem_of, name).items():
            if problem:
                raise RefusedError(f"The worker {worker} was refused: {problem}.")

    def look(self) -> bool:
        """See who is there, not oftener than twice a second; False: the scheduler is away."""
        if self.client.status != "running":
            return False
        if time.monotonic() - self.looked < 0.5:
            return True
        try:
            workers = self.client.scheduler_info(n_workers=-1)["workers"]
        except (OSError, TimeoutError):
            return False
        self.workers = {address: info["nthreads"] for address, info in workers.items()}
        self.gpus = sum(int(info["resources"].get("GPU", 0)) for info in workers.values())
        self.threads: dict[str, int] = {}
        for info in workers.values():
            self.threads[info["host"]] = self.threads.get(info["host"], 0) + info["nthreads"]
        self.looked = time.monotonic()
        return True

    @property
    def slots(self) -> int:
        """How many submissions can be graded at the same time."""
        return sum(self.workers.values())

    def submit(self, submission: Submission, attempt: int, avoid: set[str]) -> Future:
        """Hand a submission to the cluster, if possible not to the workers to be avoided."""
        others = [address for address in self.workers if address not in avoid]
        if submission.part == GPU or not avoid:  # restrictions that may be relaxed go all at once
            others = []
        future = self.client.submit(
            grade,
            self.name,
            submission,
            key=(self.name, submission.student, submission.part, attempt, time.time_ns()),
            resources={"GPU": 1} if submission.part == GPU else None,
            workers=others or None,
            allow_other_workers=bool(others),
        )
        future.add_done_callback(self.futures.put)
        return future

    def done(self, seconds: float) -> list[Future]:
        """What has come back; waits for the first so long."""
        found = []
        with suppress(Empty):
            found.append(self.futures.get(timeout=seconds))
            while len(found) < MOST_AT_ONCE:
                found.append(self.futures.get_nowait())
        return found

    def close(self) -> None:
        """Free the workers from what this run has left on them."""
        with suppress(Exception):  # the scheduler may be gone
            self.client.unregister_worker_plugin(self.name)
        with suppress(Exception):
            self.client.close(timeout=2)


def code_digest() -> str:
    """A digest of this package's code: workers must grade by the same as the coordinator."""
    paths = sorted(Path(__file__).parent.glob("*.py"))
    return sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


# ------------------------------------------------------------------ on a worker


class Desks(WorkerPlugin):
    """Gives a worker one desk per thread for the submissions of one run."""

    def __init__(self, assignment: Assignment, threads: dict[str, int]) -> None:
        self.package = pickle.dumps(assignment)  # a worker need not import nbgrader to pass it on
        self.notebook_seconds = assignment.seconds
        self.threads = threads  # host -> how many submissions are graded there at a time
        self.digest = code_digest()

    def setup(self, worker: Worker) -> None:
        """Open the desks; their processes start at once, so that they are warm when needed."""
        self.desks, self.leases, self.problem = [], [], ""
        if self.digest != code_digest():
            self.problem = (
                "it has another version of the course's code than this machine; bring both to the "
                "same commit"
            )
            return
        count = worker.state.nthreads
        on_host = max(count, self.threads.get(get_address_host(worker.address), 0))
        own = worker.memory_manager.memory_limit
        memory = own // count if own else int(MEMORY_LIMIT * 0.9) // on_host
        share = max(1, len(cores.available()) // on_host)
        self.leases = [cores.Lease(share) for _ in range(count)]
        self.desks = [Desk(self.package, lease.cores, memory) for lease in self.leases]
        self.free: SimpleQueue[Desk] = SimpleQueue()
        for desk in self.desks:
            threading.Thread(target=desk.start, daemon=True).start()
            self.free.put(desk)

    def teardown(self, worker: Worker) -> None:
        """Close the desks, whatever happens at them."""
        for desk in self.desks:
            desk.close()
        for lease in self.leases:
            lease.close()

    def grade(self, submission: Submission) -> Graded:
        """Grade at the next free desk. Raises NotGradedError."""
        if self.problem:
            raise NotGradedError(f"the worker was refused: {self.problem}")
        desk = self.free.get()
        try:
            return desk.grade(submission, 60 + len(submission.notebooks) * self.notebook_seconds)
        finally:
            self.free.put(desk)


def problem_of(run: str, dask_worker: Worker) -> str:
    """Why a worker cannot take part in a run; empty if it can."""
    return dask_worker.plugins[run].problem


def grade(run: str, submission: Submission) -> Graded:
    """The Dask task: grade one submission at one of this worker's desks."""
    worker = get_worker()
    try:
        graded = worker.plugins[run].grade(submission)
    except NotGradedError as error:
        raise NotGradedError(error.reason, error.trace, worker.address) from None
    graded.where = worker.address
    return graded


class Desk:
    """A process that grades one submission after the other, and is replaced when it is lost."""

    def __init__(self, package: bytes, cores: list[int], memory: int) -> None:
        self.package, self.cores, self.memory = package, cores, memory
        self.process: subprocess.Popen | None = None
        self.closed = False
        self.lock = threading.Lock()  # the process starts while the first submission arrives

    def start(self) -> None:
        """Start the process if it does not run."""
        with self.lock:
            if self.closed or (self.process and self.process.poll() is None):
                return
            self._clear_away()
            self.room = tempfile.mkdtemp(prefix="grading-")
            self.pipe, theirs = multiprocessing.Pipe()
            with open(f"{self.room}.log", "wb") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "autograder.grading", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.PIPE,  # never written to; its end is the end of the process
                    stdout=log,
                    stderr=log,
                    env={**os.environ, "TMPDIR": self.room},
                    start_new_session=True,  # Ctrl-C is the coordinator's affair
                )
            theirs.close()
            with suppress(OSError):
                self.pipe.send_bytes(self.package)

    def grade(self, submission: Submission, seconds: float) -> Graded:
        """Grade within `seconds`. Raises NotGradedError if it cannot be, or the process is lost."""
        self.start()
        try:
            self.pipe.send((submission, self.cores))
            peak = self._watch(time.monotonic() + seconds, seconds)
            answer = self.pipe.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        if isinstance(answer, NotGradedError):
            raise answer
        answer.memory = peak
        return answer

    def _watch(self, deadline: float, seconds: float) -> int:
        """Wait for the answer and look after time and memory; the most bytes seen."""
        peak = 0
        while not self.pipe.poll(LOOK_SECONDS):
            used = memory_of(self.process.pid)
            peak = max(peak, used)
            if used > self.memory:
                raise self._lost(f"it used more than {self.memory / 2**30:.1f} GiB of memory")
            if time.monotonic() > deadline:
                raise self._lost(f"it took longer than {seconds:.0f} s")
        return peak

    def _lost(self, reason: str = "") -> NotGradedError:
        """End the process and say what happened to it."""
        if not reason:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
            status = self.process.poll() or 0
            reason = f"exit status {status}" if status >= 0 else signal.Signals(-status).name
            reason = f"the process that graded it ended ({reason})"
        with self.lock:
            log = Path(f"{self.room}.log").read_text(errors="replace")[-10_000:]
            self._clear_away()
        threading.Thread(target=self.start, daemon=True).start()  # warm for the next
        return NotGradedError(reason, log)

    def close(self) -> None:
        """End the process for good."""
        self.closed = True
        with self.lock:
            self._clear_away()

    def _clear_away(self) -> None:
        if self.process is None:
            return
        with suppress(OSError):
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.pipe.close()
        remove_room(Path(self.room))
        Path(f"{self.room}.log").unlink(missing_ok=True)
        self.process = None


def memory_of(process: int) -> int:
    """Bytes that a process and everything that it started hold."""
    try:
        top = psutil.Process(process)
        family = [top, *top.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for member in family:
        with suppress(psutil.Error):
            total += member.memory_info().rss
    return total
