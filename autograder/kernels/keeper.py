"""One process for each set of imports, for all workers on a machine: they need its memory once.

Run as a program, `python -m autograder.kernels.keeper FILE`, by `supervise.Workers`. Workers ask
over the open file FILE, a socket that all of them share: (key, recipe), with the file that the
answer goes to. They are told the process id and get the socket at which that process forks (see
`forks.Source`). It ends, and all it has started, when nobody is left who could ask.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from autograder.kernels import forks


class Keeper:
    """Started here, and ended with `close`; `door` is what workers inherit."""

    def __init__(self) -> None:
        self.door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is the coordinator's affair
            )

    def close(self) -> None:
        """End it, and all that it has started."""
        self.door.close()
        self.process.kill()
        self.process.wait()


class Zygotes:
    """The processes by their keys; the one that was asked for longest ago ends first."""

    def __init__(self) -> None:
        self.all: dict[str, forks.Zygote] = {}

    def find(self, key: str, recipe: forks.Recipe) -> forks.Zygote:
        """The one for `key`, started if it is not there; it may not have imported yet."""
        zygote = self.all.pop(key, None)
        if zygote is not None and not zygote.lives:
            zygote.close()
            zygote = None
        self.all[key] = zygote or forks.Zygote(recipe)
        while len(self.all) > forks.MOST:
            self.all.pop(next(iter(self.all))).close()
        return self.all[key]


def answer(zygote: forks.Zygote, asker: socket.socket) -> None:
    """Say where it can be asked, once it has imported everything, or why it has not."""
    try:
        zygote.wait()
        told = {"pid": zygote.pid, "modules": sorted(zygote.modules)}
        send(asker, told, [zygote.line.fileno()])
    except (forks.ForkError, OSError, ValueError) as error:  # the latter two: it has been closed
        send(asker, {"error": str(error)})


def send(asker: socket.socket, told: dict[str, Any], files: Iterable[int] = ()) -> None:
    """One message; nothing is to be done about a worker that is gone."""
    with asker, suppress(OSError):
        socket.send_fds(asker, [json.dumps(told).encode()], list(files))


def main(door: socket.socket) -> None:
    """Answer whoever asks, also while something else is imported, which takes seconds.

    All is started in this thread, because it ends with the thread that started it.
    """
    zygotes = Zygotes()
    while True:
        text, files, _, _ = socket.recv_fds(door, forks.MOST_BYTES, 1)
        if not text:
            return
        asker = socket.socket(fileno=files[0])
        key, recipe = json.loads(text)
        try:
            zygote = zygotes.find(key, forks.Recipe(**recipe))
        except OSError as error:
            send(asker, {"error": str(error)})
            continue
        threading.Thread(target=answer, args=(zygote, asker), daemon=True).start()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
