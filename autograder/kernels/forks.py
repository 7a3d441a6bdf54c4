"""Kernels by fork: a process that has imported what they need, once, becomes each of them.

Starting Python and importing a framework takes seconds of processor time, a fork some milliseconds.
`zygote` is that process's program; here it is started, asked and ended. It holds imported modules
and nothing else: no student's code runs in it, only in its forks, each used once. Workers that are
started together share these processes: `keeper` holds them.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import importlib.util
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("zygote.py")
MOST = 6  # that are kept in one process; the one that was asked longest ago ends first
SECONDS = 60  # to import, or to fork
ARGUMENTS = " " * 400  # room for what a fork says that it was started with
PROGRAM_HERE = "{program}"
MOST_BYTES = 1 << 20  # of a question or an answer
# What a kernel runs: the program `ipykernel_launcher`, without the look for it.
CODE = "from ipykernel import kernelapp as app; app.launch_new_instance()"
# Process 1 of a sandbox that a fork will enter. It ends as its kernel ends, and with bubblewrap,
# which alone holds the other end of `status`. No process of the same user can write to it.
REAPER = """
import ctypes, os, select, signal, sys
kernel, patience, status, ready = map(int, sys.argv[1:])
woken, wake = os.pipe()
os.set_blocking(wake, False)
signal.set_wakeup_fd(wake)
signal.signal(signal.SIGCHLD, lambda *_: None)
if ctypes.CDLL(None).prctl(4, 0, 0, 0, 0):  # PR_SET_DUMPABLE
    os._exit(1)
events = select.poll()
events.register(status, 0)  # its end alone, not what is written to it
events.register(woken, select.POLLIN)
os.write(ready, b"1")
os.close(ready)
while True:
    found = [file for file, _ in events.poll(1000 * patience)]
    if status in found or not (found or os.path.exists(f"/proc/{kernel}")):
        os._exit(1)
    if woken in found:
        os.read(woken, 4096)
    try:
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            if ended[0] == kernel:
                status = os.waitstatus_to_exitcode(ended[1])
                os._exit(status if status >= 0 else 128 - status)
    except ChildProcessError:
        pass
"""


class ForkError(RuntimeError):
    """There is no process to fork, or the fork failed; the message says why."""


class Door:
    """The pipes of a sandbox that is made without a kernel, so that a fork can enter it."""

    def __init__(self) -> None:
        self.status, self._status = os.pipe()  # bubblewrap writes to it as long as it runs
        self.ready, self._ready = os.pipe()

    @property
    def options(self) -> list[str]:
        """What bubblewrap is told."""
        return ["--as-pid-1", "--json-status-fd", str(self._status)]

    def command(self, kernel: int) -> list[str]:
        """Process 1 of the sandbox, where the fork will have the process id `kernel`."""
        numbers = [kernel, 2 * SECONDS, self.status, self._ready]
        return [sys.executable, "-I", "-S", "-c", REAPER, *map(str, numbers)]

    @property
    def passed(self) -> tuple[int, ...]:
        """The files that bubblewrap inherits."""
        return (self.status, self._status, self._ready)

    def leave(self) -> None:
        """Once bubblewrap runs: the ends that are written to are its own."""
        os.close(self._status)
        os.close(self._ready)

    def close(self) -> None:
        """When bubblewrap has ended; before, its own end would become a broken pipe."""
        os.close(self.status)
        os.close(self.ready)


@dataclass(frozen=True)
class Recipe:
    """How a process to fork is started: what it imports, its command line, its environment.

    In `command`, `PROGRAM_HERE` stands for the command line of the program.
    """

    modules: list[str]
    environment: dict[str, str]
    command: list[str] = field(default_factory=lambda: [PROGRAM_HERE])

    def argv(self, line: int) -> list[str]:
        """The command line of a process that is asked over the open file `line`."""
        program = [sys.executable, str(PROGRAM), str(line), json.dumps(self.modules), ARGUMENTS]
        place = self.command.index(PROGRAM_HERE)
        return [*self.command[:place], *program, *self.command[place + 1 :]]


class Source:
    """A process that has imported `modules` (top-level names) and forks on request."""

    def __init__(
        self,
        line: socket.socket,
        process: subprocess.Popen | Forked,
        pid: int = 0,
        modules: Iterable[str] = (),
    ) -> None:
        self.line, self.process = line, process  # the latter may be what the former's runs in
        self.pid, self.modules = pid, frozenset(modules)
        self.stalled = False

    def fork(self, request: Mapping[str, Any], files: Iterable[int]) -> int:
        """Have it fork (see `zygote.main`); the fork's process id. Raises ForkError."""
        try:
            with ask(self.line, json.dumps(request).encode(), files) as answer:
                process = int(answer.recv(MOST_BYTES) or 0)
        except (TimeoutError, BlockingIOError):
            self.stalled = True
            raise ForkError("it does not answer") from None
        except OSError:
            process = 0
        if process == 0:
            raise ForkError(self.said())
        if process < 0:
            raise ForkError(f"it could not fork: {os.strerror(-process)}")
        return process

    def said(self) -> str:
        """Its last words."""
        return "it ended without a word"

    @property
    def lives(self) -> bool:
        """Whether its process is still there."""
        return self.process.poll() is None

    def close(self) -> None:
        """Ask it for nothing more; kernels that it has forked in a sandbox go on."""
        self.line.close()
        if isinstance(self.process, Forked):
            self.process.forget()


class Zygote(Source):
    """The same, started here; it ends when it is closed, or with the thread that made it.

    `prepare` is called in its process before it starts.
    """

    def __init__(self, recipe: Recipe, prepare: Callable[[], None] | None = None) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        self._lock = threading.Lock()
        with theirs:
            process = subprocess.Popen(
                recipe.argv(theirs.fileno()),
                env=recipe.environment,
                cwd="/",
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                start_new_session=True,
                preexec_fn=prepare,
            )
        super().__init__(ours, process)

    def wait(self) -> None:
        """Returns when it has imported everything. Raises ForkError."""
        with self._lock:
            if self.pid:
                return
            # no timeout of the socket's own: it would hold for all who are given the socket
            if not select.select([self.line], [], [], SECONDS)[0]:
                raise ForkError(f"no answer in {SECONDS} s: {self.said()}")
            try:
                answer = json.loads(self.line.recv(MOST_BYTES))
            except (OSError, ValueError):  # nothing more will come
                raise ForkError(self.said()) from None
            self.modules, self.pid = frozenset(answer["modules"]), answer["pid"]

    def said(self) -> str:
        """The last line that it has printed."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else super().said()

    def kill(self) -> None:
        """End it; whoever waits for it is told."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """End it; kernels that it has forked in a sandbox go on."""
        super().close()
        self.kill()
        self._log.close()


@contextlib.contextmanager
def ask(line: socket.socket, question: bytes, files: Iterable[int] = ()) -> Iterator[socket.socket]:
    """Send a question to a process that others may ask, too; where its answer arrives.

    Raises OSError: BlockingIOError if it has long stopped to read.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            passed = array.array("i", [theirs.fileno(), *files])
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)
            line.sendmsg([question], [rights], socket.MSG_DONTWAIT)  # it is read at once, or never
        ours.settimeout(SECONDS)
        yield ours


_sources: dict[str, Source] = {}
_failed: dict[str, str] = {}
_guard = threading.RLock()
_keeper: socket.socket | None = None  # where sources are asked for; None: they are started here


def works_for(argv: list[str]) -> bool:
    """Whether a kernel's command is an ipykernel of this very Python, on Linux."""
    program = os.path.abspath(shutil.which(argv[0]) or argv[0])
    ours = program == os.path.abspath(sys.executable)
    return sys.platform == "linux" and ours and argv[1:3] == ["-m", "ipykernel_launcher"]


def launcher() -> list[str]:
    """What `sys.argv` of a kernel begins with."""
    spec = importlib.util.find_spec("ipykernel_launcher")
    return [str(spec.origin) if spec else "ipykernel_launcher.py"]


def share(door: socket.socket) -> None:
    """From now on, have sources from the keeper that answers at `door` (see `keeper`)."""
    global _keeper
    _keeper = door


def get(
    key: str,
    recipe: Recipe,
    *,
    shared: bool = False,
    prepare: Callable[[], None] | None = None,
    prove: Callable[[Source], None] = lambda _: None,
) -> Source:
    """What to fork for `key`: made, awaited and proved if it is not there.

    A `shared` one comes from the keeper, if there is one; forks that are in no sandbox end with
    what forked them, and that ends with its keeper, so they need one that is started here.
    Raises ForkError with the reason, also when asked again: what failed once is not tried again.
    """
    with _guard:
        if key in _failed:
            raise ForkError(_failed[key])
        source = _sources.pop(key, None)
        if source is not None and (source.stalled or not source.lives):
            source.close()
            if source.stalled:  # so would be what the keeper has
                _failed[key] = "it does not answer"
                raise ForkError(_failed[key])
            source = None
        if source is None:
            try:
                source = (shared and _kept(key, recipe, prove)) or _made(recipe, prepare, prove)
            except Exception as error:
                _failed[key] = f"{type(error).__name__}: {error}"
                raise ForkError(_failed[key]) from None
        _sources[key] = source  # the last is the one that was asked last
        while len(_sources) > MOST:
            _sources.pop(next(iter(_sources))).close()
        return source


def _made(
    recipe: Recipe, prepare: Callable[[], None] | None, prove: Callable[[Source], None]
) -> Zygote:
    zygote = Zygote(recipe, prepare)
    try:
        zygote.wait()
        prove(zygote)
    except BaseException:
        zygote.close()
        raise
    return zygote


def _kept(key: str, recipe: Recipe, prove: Callable[[Source], None]) -> Source | None:
    """From the keeper; None if there is no keeper, or what it has does not live to be proved."""
    source = _asked_for(key, recipe)
    if source is None:
        return None
    try:
        prove(source)
    except BaseException:
        lives = source.lives
        source.close()
        if lives:
            raise
        return None
    return source


def _asked_for(key: str, recipe: Recipe) -> Source | None:
    if _keeper is None:
        return None
    try:
        with ask(_keeper, json.dumps([key, asdict(recipe)]).encode()) as answer:
            answer.settimeout(2 * SECONDS)  # it says so itself if the import takes too long
            text, files, _, _ = socket.recv_fds(answer, MOST_BYTES, 1)
        told = json.loads(text or "{}")
        if told.get("error"):
            raise ForkError(told["error"])
        line = socket.socket(fileno=files[0])
        return Source(line, Forked(told["pid"]), told["pid"], told["modules"])
    except (OSError, LookupError):
        return None


@atexit.register
def close_all() -> None:
    """End all that were started here, and try anew what failed."""
    with _guard:
        while _sources:
            _sources.popitem()[1].close()
        _failed.clear()


class Forked:
    """A fork that is not in a sandbox, with the part of `Popen` that jupyter_client uses.

    It is somebody else's child, so its exit status is not known: 1 stands for any end.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """None while it runs."""
        if self.returncode is None and select.select([self._handle], [], [], 0)[0]:
            self.forget()
        return self.returncode

    def forget(self) -> None:
        """Look after it no longer, whether it has ended or not."""
        if self.returncode is None:
            self.returncode = 1
            os.close(self._handle)

    def wait(self, timeout: float | None = None) -> int:
        """Returns when it has ended. Raises subprocess.TimeoutExpired."""
        if self.returncode is None and not select.select([self._handle], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a forked kernel", timeout or 0)
        return self.poll() or 1

    def send_signal(self, number: int) -> None:
        """Send it a signal; nothing happens if it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)
