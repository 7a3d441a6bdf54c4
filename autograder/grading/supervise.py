"""Processes that grade, looked after from outside: what a submission does to one costs no other.

`nbgrader autograde` has its submissions graded by such workers on this machine, `autograder grade`
by those that a Dask worker starts; this module needs neither nbgrader nor Dask.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil

from autograder.gradebook.journal import remove_scratch
from autograder.grading import messages
from autograder.grading.messages import Graded, NotGradedError, Submission
from autograder.kernels.keeper import Keeper

LOOK_SECONDS = 0.25  # how often a worker's time and memory are looked at
CHUNK = 2**20  # bytes
OUT_OF_MEMORY = 77  # the exit status of a process that was refused memory, see `bound_memory`
COMMAND = [sys.executable, "-m", "autograder.grading.worker"]
GiB = 2**30


class ClosedError(Exception):
    """The workers were closed while a submission was graded; nothing is known of it."""


@dataclass
class Part:
    """One notebook of a submission, and what will come of it."""

    submission: Submission  # with this notebook alone
    used: list[float]  # seconds, of those that all its notebooks may take together
    future: Future[Graded] = field(default_factory=Future)


class Workers:
    """A worker for each of `shares`, the processor cores of one; use it with `with`, or close it.

    `package` is the assignment, pickled.
    """

    def __init__(
        self, package: bytes, shares: list[list[int]], memory: int, process_bytes: int
    ) -> None:
        self.keeper = Keeper() if sys.platform == "linux" else None
        self.all = [Worker(package, cores, memory, process_bytes, self.keeper) for cores in shares]
        self.closed = False
        self.changes = threading.Lock()  # held while it is closed, or given something to grade
        self.waiting: SimpleQueue[Part | None] = SimpleQueue()
        for worker in self.all:
            worker.warm_up()
            threading.Thread(target=self._work, args=(worker,), daemon=True).start()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def grade(self, submission: Submission) -> Graded:
        """Grade each notebook at the next free worker. Raises NotGradedError, or ClosedError."""
        used: list[float] = []
        parts = [
            Part(replace(submission, notebooks={name: content}), used)
            for name, content in submission.notebooks.items()
        ] or [Part(submission, used)]
        with self.changes:
            if self.closed:
                raise ClosedError
            for part in parts:
                self.waiting.put(part)
        try:
            return messages.joined([part.future.result() for part in parts])
        finally:
            for part in parts:  # where one failed, the rest is for nothing
                part.future.cancel()

    def _work(self, worker: Worker) -> None:
        while part := self.waiting.get():
            if not part.future.set_running_or_notify_cancel():
                continue
            start = time.monotonic()
            try:
                part.future.set_result(worker.grade(part.submission, sum(part.used)))
            except BaseException as error:
                part.future.set_exception(error)
            part.used.append(time.monotonic() - start)

    def close(self) -> None:
        """End all processes, whatever they are doing."""
        with self.changes:
            self.closed = True
        for worker in self.all:
            worker.end()
        for worker in self.all:
            worker.close()
            self.waiting.put(None)  # after what waits, which nobody will grade
        if self.keeper:
            self.keeper.close()


class Worker:
    """A process that grades one notebook after the other, and is replaced when it is lost."""

    def __init__(
        self,
        package: bytes,
        cores: list[int],
        memory: int,
        process_bytes: int,
        keeper: Keeper | None = None,
    ) -> None:
        self.package, self.cores = package, cores
        self.doors = [keeper.door.fileno()] if keeper else []
        self.memory, self.process_bytes = memory, process_bytes
        self.process: subprocess.Popen | None = None
        self.family: list[psutil.Process] = []  # it, and what was last seen of its children
        self.closed = False
        self.changes = threading.Lock()  # held while the process is started or ended
        self.grading = threading.Lock()  # held by whoever uses it

    def warm_up(self) -> None:
        """Start the process in the meantime, so that it is warm when it is needed."""

        def start() -> None:
            with self.grading:
                self.start()

        threading.Thread(target=start, daemon=True).start()

    def start(self) -> None:
        """Start the process if it does not run."""
        with self.changes:
            if self.closed or (self.process and self.process.poll() is None):
                return
            self._clear_away()
            self.folder = tempfile.mkdtemp(prefix="grading-")
            self.line, theirs = socket.socketpair()
            self.line.setblocking(False)
            self.log = tempfile.TemporaryFile()  # noqa: SIM115  (open as long as the process lives)
            with theirs:
                self.process = subprocess.Popen(
                    [*COMMAND, *map(str, [theirs.fileno(), *self.doors])],
                    pass_fds=[theirs.fileno(), *self.doors],
                    stdin=subprocess.PIPE,  # never written to; its end is the end of the process
                    stdout=self.log,
                    stderr=self.log,
                    env={**os.environ, **_places(self.folder)},
                    start_new_session=True,  # Ctrl-C is the coordinator's affair
                )
            self.unsent = self.package

    def grade(self, submission: Submission, used: float = 0.0) -> Graded:
        """Grade within the submission's seconds, of which some may have been used before.

        Raises NotGradedError if it cannot be graded or the process is lost, ClosedError if the
        worker was closed.
        """
        with self.grading:
            self.start()
            if self.closed:
                raise ClosedError
            message = self.unsent + pickle.dumps((submission, self.cores))
            self.unsent = b""
            try:
                answer, peak = self._exchange(message, submission.seconds, used)
                graded = messages.from_line(answer, submission.notebooks)
            except OSError:
                raise self._lost() from None
            except ValueError as error:
                raise self._lost(str(error)) from None
            graded.memory = peak
            return graded

    def _exchange(self, message: bytes, seconds: float, used: float) -> tuple[bytes, int]:
        """Send a message and wait for the line that answers it; also the most bytes seen in use."""
        deadline, looked, peak = time.monotonic() + seconds - used, 0.0, 0
        rest, answer = memoryview(message), bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self.line, selectors.EVENT_READ | selectors.EVENT_WRITE)
            while not answer.endswith(b"\n"):
                for _, events in selector.select(LOOK_SECONDS):
                    if events & selectors.EVENT_WRITE:
                        rest = rest[self.line.send(rest[:CHUNK]) :]
                        if not rest:
                            selector.modify(self.line, selectors.EVENT_READ)
                    if events & selectors.EVENT_READ:
                        part = self.line.recv(CHUNK)
                        if not part:
                            raise self._lost()
                        answer += part
                if len(answer) > messages.MAX_ANSWER:
                    raise self._lost(f"what came back has more than {messages.MAX_ANSWER} bytes")
                now = time.monotonic()
                if now > deadline:
                    raise self._lost(f"it took longer than {seconds:.0f} s")
                if now > looked + LOOK_SECONDS:
                    looked, peak = now, max(peak, self._look())
        return bytes(answer), peak

    @property
    def _running(self) -> subprocess.Popen:
        if self.process is None:
            raise RuntimeError("the process that grades has not been started")
        return self.process

    def _look(self) -> int:
        self.family = family_of(self._running.pid)
        used = memory_of(self.family)
        if used > self.memory and memory_of(self.family, exactly=True) > self.memory:
            raise self._lost(
                f"it used more than {self.memory / GiB:.1f} GiB of memory in all; grade fewer at a "
                "time, or raise Autograde.memory_bytes"
            )
        return used

    def _lost(self, reason: str = "") -> Exception:
        """End the process and say what happened to it."""
        if not reason:
            with suppress(subprocess.TimeoutExpired):
                self._running.wait(2)
            reason = self._how_it_ended()
        with self.changes:
            log = self._last_words()
            self._clear_away()
        if self.closed:
            return ClosedError()
        self.warm_up()
        return NotGradedError(reason, log)

    def _last_words(self) -> str:
        begin = max(0, self.log.seek(0, os.SEEK_END) - messages.LONGEST_TRACE)
        return os.pread(self.log.fileno(), messages.LONGEST_TRACE, begin).decode(errors="replace")

    def _how_it_ended(self) -> str:
        status = self._running.poll() or 0
        if status == OUT_OF_MEMORY:
            return (
                f"the process that graded it needed more than {self.process_bytes / GiB:.1f} GiB "
                "of memory for itself; see Autograde.process_bytes"
            )
        names = {number.value: number.name for number in signal.Signals}
        ended = names.get(-status, f"signal {-status}")
        how = f"exit status {status}" if status >= 0 else ended
        return f"the process that graded it ended ({how})"

    def end(self) -> None:
        """End the process for good; whoever waits for it is told."""
        self.closed = True
        with self.changes:
            self._kill()

    def close(self) -> None:
        """End the process for good and remove what it leaves."""
        self.end()
        with self.grading, self.changes:
            self._clear_away()

    def _kill(self) -> None:
        if self.process is None:
            return
        for member in {*self.family, *family_of(self.process.pid)}:
            with suppress(psutil.Error):
                member.kill()
        with suppress(OSError):
            self.process.kill()

    def _clear_away(self) -> None:
        if self.process is None:
            return
        self._kill()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.line.close()
        self.log.close()
        remove_scratch(Path(self.folder))
        self.process, self.family = None, []


def _places(folder: str) -> dict[str, str]:
    """Where a process keeps what it would keep at home, which may be read-only."""
    names = ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
    return {"TMPDIR": folder, **{name: f"{folder}/{name.lower()}" for name in names}}


# ------------------------------------------------------------------ memory


def family_of(pid: int) -> list[psutil.Process]:
    """A process and everything that it started."""
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.Error:
        return []


def memory_of(family: list[psutil.Process], exactly: bool = False) -> int:
    """Bytes that these processes hold; what they share counts once if they are counted `exactly`.

    That takes longer, because the system has to look at every page.
    """
    total = 0
    for member in family:
        with suppress(psutil.Error):
            total += member.memory_full_info().pss if exactly else member.memory_info().rss
    return total


def machine_memory() -> int:
    """Bytes of memory that this machine has, or that a container may use of it."""
    found = [psutil.virtual_memory().total]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # not there, or "max"
            found.append(int(Path(path).read_text()))
    return min(found)


def share_of_memory(jobs: int) -> int:
    """What each of so many workers may use, kernels and all, and leave a tenth for the rest."""
    return int(machine_memory() * 0.9) // jobs


def bound_memory(more: int) -> None:
    """Let this process hold `more` bytes than now; beyond that, allocating fails at once.

    It is a soft limit: kernels lift it and get limits of their own (see `sandbox`).
    """
    import resource  # not on Windows

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = psutil.Process().memory_info().vms + more
    if most == resource.RLIM_INFINITY or wanted < most:
        resource.setrlimit(resource.RLIMIT_AS, (wanted, most))
