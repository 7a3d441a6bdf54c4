"""One process for each set of imports, for all workers that are started together.

They need its memory, and the seconds of its imports, once.

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
from contextlib import suppress

from autograder.kernels import forks, host

MOST = 12  # sets of imports: notebooks of one assignment, on more cores or fewer


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
    """The processes by their keys; if there are too many, the one that was started first ends."""

    def __init__(self) -> None:
        self.all: dict[str, forks.Zygote] = {}

    def find(self, key: str, recipe: forks.Recipe) -> forks.Zygote:
        """The one for `key`, started if it is not there; it may not have imported yet."""
        if key not in self.all or not self.all[key].lives:
            self.all.pop(key, None)
            self.all[key] = forks.Zygote(recipe)
        while len(self.all) > MOST:
            self.all.pop(next(iter(self.all))).kill()
        return self.all[key]

    def answer(self, key: str, zygote: forks.Zygote, asker: socket.socket) -> None:
        """Say where to ask it, once it has imported everything, or why it has not.

        Nothing is said of one that had to end for others.
        """
        with asker, suppress(OSError):  # the worker may be gone
            try:
                zygote.wait()
            except forks.ForkError as error:
                zygote.kill()
                if self.all.get(key) is zygote:
                    refuse(asker, error)
            else:
                told = {"pid": zygote.pid, "modules": sorted(zygote.modules)}
                socket.send_fds(asker, [json.dumps(told).encode()], [zygote.line.fileno()])


def refuse(asker: socket.socket, error: Exception) -> None:
    """Say why there is nothing to fork; the worker may be gone."""
    with suppress(OSError):
        asker.send(json.dumps({"error": str(error)}).encode())


def main(door: socket.socket) -> None:
    """Answer whoever asks, also while something else is imported, which takes seconds.

    All is started in this thread, because it ends with the thread that started it.
    """
    host.be_the_first_to_go()
    zygotes = Zygotes()
    while True:
        text, files, _, _ = socket.recv_fds(door, forks.MOST_BYTES, 1)
        if not text:
            return
        with socket.socket(fileno=files[0]) as asker:
            key, recipe = json.loads(text)
            try:
                zygote = zygotes.find(key, forks.Recipe(**recipe))
            except OSError as error:  # the program cannot be started
                refuse(asker, error)
                continue
            arguments = (key, zygote, asker.dup())
            threading.Thread(target=zygotes.answer, args=arguments, daemon=True).start()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
