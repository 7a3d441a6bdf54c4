"""Kernels by fork: a process that has imported what they need, once, becomes each of them.

Starting Python and importing a framework takes seconds of processor time, a fork some milliseconds.
`zygote` is that process's program; here it is started, asked and ended. It holds imported modules
and nothing else: no student's code runs in it, only in its forks, each used once.
"""

from __future__ import annotations

import asyncio
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
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner

PROGRAM = Path(__file__).with_name("zygote.py")
MOST = 6  # that are kept in one process; the one that was asked longest ago ends first
SECONDS = 60  # to import, or to fork
ARGUMENTS = " " * 400  # room for what a fork says that it was started with
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


class Zygote:
    """A process that imports `modules` and then forks on request.

    `wrap` makes its command line of the program's; `environment` is all of its environment;
    `prepare` is called in its process before it starts.
    """

    def __init__(
        self,
        modules: Iterable[str],
        wrap: Callable[[list[str]], list[str]],
        environment: Mapping[str, str],
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.pid = 0
        self.modules: frozenset[str] = frozenset()  # top-level names that it has imported
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        self._lock = threading.Lock()
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(SECONDS)
        names = json.dumps(list(modules))
        argv = [sys.executable, str(PROGRAM), str(theirs.fileno()), names, ARGUMENTS]
        with theirs:
            self.process = subprocess.Popen(
                wrap(argv),
                env=dict(environment),
                cwd="/",
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                start_new_session=True,
                preexec_fn=prepare,
            )

    def wait(self) -> None:
        """Returns when it has imported everything. Raises ForkError."""
        with self._lock:
            if not self.pid:
                answer = json.loads(self._receive())
                self.pid, self.modules = answer["pid"], frozenset(answer["modules"])

    def fork(self, request: Mapping[str, Any], files: Iterable[int]) -> int:
        """Have it fork (see `zygote.main`); the fork's process id. Raises ForkError."""
        self.wait()
        with self._lock:
            try:
                socket.send_fds(self._line, [json.dumps(request).encode()], list(files))
            except OSError as error:
                raise ForkError(f"{error}: {self._said()}") from None
            process = int(self._receive())
        if process < 0:
            raise ForkError(f"it could not fork: {os.strerror(-process)}")
        return process

    def _receive(self) -> bytes:
        try:
            answer = self._line.recv(1 << 20)
        except OSError as error:
            raise ForkError(f"no answer ({error}): {self._said()}") from None
        if not answer:
            raise ForkError(self._said())
        return answer

    def _said(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it ended without a word"

    @property
    def lives(self) -> bool:
        """Whether its process is still there."""
        return self.process.poll() is None

    def close(self) -> None:
        """End it; kernels that it has forked in a sandbox go on."""
        self._line.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self._log.close()


class Provisioner(LocalProvisioner):
    """Starts a kernel, and notices at once when one that was killed has ended."""

    async def kill(self, restart: bool = False) -> None:
        """End the kernel; jupyter_client alone would look a tenth of a second later."""
        process = self.process
        await super().kill(restart)
        for _ in range(100):
            if process is None or process.poll() is not None:
                return
            await asyncio.sleep(0.005)


_zygotes: dict[Hashable, Zygote] = {}
_failed: dict[Hashable, str] = {}
_guard = threading.RLock()


def works_for(argv: list[str]) -> bool:
    """Whether a kernel's command is an ipykernel of this very Python, on Linux."""
    program = os.path.abspath(shutil.which(argv[0]) or argv[0])
    ours = program == os.path.abspath(sys.executable)
    return sys.platform == "linux" and ours and argv[1:3] == ["-m", "ipykernel_launcher"]


def launcher() -> list[str]:
    """What `sys.argv` of a kernel begins with."""
    spec = importlib.util.find_spec("ipykernel_launcher")
    return [str(spec.origin) if spec else "ipykernel_launcher.py"]


def get(
    key: Hashable, make: Callable[[], Zygote], prove: Callable[[Zygote], None] = lambda _: None
) -> Zygote:
    """The process for `key`, made, awaited and proved if it is not there.

    Raises ForkError with the reason, also when asked again: what failed once is not tried again.
    """
    with _guard:
        if key in _failed:
            raise ForkError(_failed[key])
        zygote = _zygotes.pop(key, None)
        if zygote is not None and not zygote.lives:
            zygote.close()
            zygote = None
        if zygote is None:
            zygote = make()
            try:
                zygote.wait()
                prove(zygote)
            except Exception as error:
                zygote.close()
                _failed[key] = f"{type(error).__name__}: {error}"
                raise ForkError(_failed[key]) from None
        _zygotes[key] = zygote  # the last is the one that was asked last
        while len(_zygotes) > MOST:
            _zygotes.pop(next(iter(_zygotes))).close()
        return zygote


@atexit.register
def close_all() -> None:
    """End all of them, and try anew what failed."""
    with _guard:
        while _zygotes:
            _zygotes.popitem()[1].close()
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
            self.returncode = 1
            os.close(self._handle)
        return self.returncode

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
