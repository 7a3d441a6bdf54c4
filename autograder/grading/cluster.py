"""The Dask side of grading: how a cluster is reached, and what runs on its workers.

Dask does the scheduling, the transport and the retries after a worker's death. A worker grades in
a process of its own per thread (see `supervise`): what a submission does to that process, be it
memory, time or a crash, costs that process and never the worker.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, metadata, requires
from multiprocessing import resource_tracker
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, cast
from unittest import mock

import dask
from distributed import Client, Future, LocalCluster, WorkerPlugin, get_worker
from distributed import Worker as DaskWorker
from distributed.comm import get_address_host
from distributed.utils import LoopRunner
from packaging.requirements import Requirement
from tornado.ioloop import IOLoop

from autograder import courses, distribution
from autograder.gradebook.journal import RefusedError
from autograder.grading import messages, supervise
from autograder.grading.messages import GPU, Assignment, Graded, NotGradedError, Submission
from autograder.kernels import cores, visible

MOST_THREADS = 8  # of a Dask worker here; each looks at a process's memory all the time
MOST_AT_ONCE = 50  # results taken from the cluster in one go
NOT_GRADING = {"dev", "site"}  # extras whose pins need not agree
BUILD_TOOLS = {"pip", "setuptools", "wheel"}  # each environment brings its own
# A built-in function and a text: this works on a worker that has nothing of ours. A build for
# another processor (2.13.0+cpu, tensorflow-cpu) is the same version.
VERSIONS = """{
    "python": "%d.%d" % __import__("sys").version_info[:2],
    **{
        d.name.lower().replace("_", "-").removesuffix("-cpu"): d.version.partition("+")[0]
        for d in reversed(list(__import__("importlib.metadata").metadata.distributions()))
    },
}"""
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

    It has as few Dask workers as divide them evenly: the processes that grade for the threads of
    one share memory. With GPUs there is only one, so that they are lent out by one hand.
    """
    few = math.ceil(jobs / MOST_THREADS)
    workers = 1 if gpus else next(n for n in range(few, jobs + 1) if jobs % n == 0)
    layout: dict[str, Any] = {"n_workers": workers, "threads_per_worker": jobs // workers}
    if gpus:
        layout["resources"] = {"GPU": gpus}
    with (
        dask.config.set(SETTINGS | {"distributed.worker.preload": ["autograder.grading.quiet"]}),
        _loop_without_ctrl_c() as loop,
        LocalCluster(
            loop=loop,
            host="127.0.0.1",
            dashboard_address=None,
            worker_dashboard_address=None,
            memory_limit=0,  # a process's memory is looked after here, a worker itself holds little
            silence_logs=logging.CRITICAL,
            local_directory=tempfile.gettempdir(),
            **layout,
        ) as cluster,
    ):
        try:
            yield cluster.scheduler_address
        except KeyboardInterrupt:
            _kill(cluster)
            raise


@contextmanager
def _loop_without_ctrl_c() -> Iterator[IOLoop]:
    """An event loop in a thread that blocks the signal, and so do the processes it starts."""
    # It unblocks the signal in the thread that starts it; after a Ctrl-C it cleans up in silence.
    with mock.patch.dict(os.environ, {"PYTHONWARNINGS": "ignore"}):
        resource_tracker.ensure_running()
    runner = LoopRunner(asynchronous=False)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        runner.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield runner.loop
    finally:
        runner.stop()


def _kill(cluster: LocalCluster) -> None:
    """End the workers at once: what they were at is graded again."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        with suppress(AttributeError, OSError, TypeError):
            os.kill(nanny.process.process.pid, signal.SIGKILL)


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
    versions = eval(VERSIONS)
    ours = {name: versions[name] for name in sorted(pinned() & versions.keys())}
    for worker, theirs in client.run(eval, VERSIONS, on_error="return").items():
        if isinstance(theirs, Exception):
            raise RefusedError(
                f"The worker {worker} does not have what grading needs ({theirs}): install the "
                "course there, see deploy/README.md."
            )
        for name, version in ours.items():
            if theirs.get(name) != version:
                found = f"has {name} {theirs[name]}" if name in theirs else f"lacks {name}"
                raise RefusedError(
                    f"The worker {worker} {found}, here it is {version}: install "
                    "the same versions on both (requirements/main.txt)."
                )


def pinned() -> set[str]:
    """What grading here rests upon: Python, our packages, all that they require."""
    ours = distribution()
    extras = {*(metadata(ours).get_all("Provides-Extra") or ())} - NOT_GRADING
    found, waiting = set(), [f"{ours}[{','.join(sorted(extras))}]"]
    while waiting:
        wanted = Requirement(waiting.pop())
        with suppress(PackageNotFoundError):
            for text in requires(wanted.name) or []:
                marker, plain = Requirement(text).marker, text.partition(";")[0].strip()
                extras = wanted.extras or {""}
                applies = marker is None or any(marker.evaluate({"extra": e}) for e in extras)
                if applies and plain not in found:
                    found.add(plain)
                    waiting.append(plain)
    names = {Requirement(text).name.lower().replace("_", "-") for text in found}
    return {"python", ours, *(name.removesuffix("-cpu") for name in names)} - BUILD_TOOLS


class Run:
    """The tasks of one grading run on a cluster, and the futures that come back."""

    def __init__(self, client: Client, name: str, assignment: Assignment) -> None:
        self.client, self.name, self.assignment = client, name, assignment
        self.futures: SimpleQueue[Future] = SimpleQueue()
        self.looked = 0.0
        self.look()
        client.register_plugin(GradingPlugin(assignment, self.threads), name=name)
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


def code_digest(packages: Iterable[str]) -> str:
    """A digest of all that these packages hold: workers must grade by the same as we do."""
    digest = sha256()
    for package in filter(None, map(visible.folder_of, packages)):
        for path in sorted(p for p in package.rglob("*") if p.is_file()):
            place = path.relative_to(package.parent)
            if "__pycache__" not in place.parts and path.suffix != ".md":
                digest.update(
                    f"{place.as_posix()}\0{sha256(path.read_bytes()).hexdigest()}\n".encode()
                )
    return digest.hexdigest()


# ------------------------------------------------------------------ on a worker


class GradingPlugin(WorkerPlugin):
    """Gives a Dask worker a process that grades for each of its threads, for one run."""

    def __init__(self, assignment: Assignment, threads: dict[str, int]) -> None:
        self.package = pickle.dumps(assignment)  # a worker need not import nbgrader to pass it on
        self.memory, self.process_bytes = assignment.memory, assignment.process_bytes
        self.threads = threads  # host -> how many submissions are graded there at a time
        self.packages = sorted({"autograder", *courses.code(), *assignment.course_packages})
        self.digest = code_digest(self.packages)

    def setup(self, worker: DaskWorker) -> None:
        """Start the processes."""
        self.workers: supervise.Workers | None = None
        self.leases: list[cores.Lease] = []
        self.problem = ""
        if self.digest != code_digest(self.packages):
            self.problem = (
                "it has another version of the course's code than this machine; bring both to the "
                "same commit"
            )
            return
        count = worker.state.nthreads
        on_host = max(count, self.threads.get(get_address_host(worker.address), 0))
        own = worker.memory_manager.memory_limit
        share_of_own = own // count if own else supervise.share_of_memory(on_host)
        memory = self.memory or share_of_own
        share = max(1, len(cores.available()) // on_host)
        self.leases = [cores.Lease(share) for _ in range(count)]
        shares = [lease.cores for lease in self.leases]
        self.workers = supervise.Workers(self.package, shares, memory, self.process_bytes)

    def teardown(self, worker: DaskWorker) -> None:
        """End the processes, whatever they are doing."""
        if self.workers:
            self.workers.close()
        for lease in self.leases:
            lease.close()

    def grade(self, submission: Submission) -> Graded:
        """Grade in the next free process. Raises NotGradedError."""
        if self.problem or self.workers is None:
            raise NotGradedError(f"the worker was refused: {self.problem}")
        try:
            return self.workers.grade(submission)
        except supervise.ClosedError:
            raise NotGradedError("the run was ended") from None


def problem_of(run: str, dask_worker: DaskWorker) -> str:
    """Why a worker cannot take part in a run; empty if it can."""
    return cast(GradingPlugin, dask_worker.plugins[run]).problem


def grade(run: str, submission: Submission) -> bytes:
    """The Dask task: grade one submission in one of this worker's processes; see `messages`."""
    worker = get_worker()
    answer: Graded | NotGradedError
    try:
        answer = cast(GradingPlugin, worker.plugins[run]).grade(submission)
    except NotGradedError as error:
        answer = error
    answer.where = worker.address
    return messages.to_line(answer)
