"""What this machine lets a sandbox do: standard library only, and Python 3.8 on.

The setup asks before anything is installed; `sandbox` asks the same and then tries it.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

TOOLS = ("choom", "prlimit", "setpriv", "taskset")  # util-linux: essential on Debian and Ubuntu
MACHINES = ("x86_64", "aarch64")  # that the filter of system calls is written for
SETTINGS = (  # of the kernel: which value forbids user namespaces, which allows them
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "15000"),
)
# The options of bubblewrap that the sandbox cannot do without; the last came with version 0.7.
_OPTIONS = (
    *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--ro-bind", "/", "/"),
    *("--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", "65536", "--tmpfs", "/tmp"),
)
# What bubblewrap does first, without it: namespaces, and in them mounts and a /proc.
_TRIAL = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)

def do(what, failed):
    if failed:
        sys.stderr.write("%s: %s" % (what, os.strerror(ctypes.get_errno())))
        sys.stderr.flush()
        os._exit(1)

user, group = os.geteuid(), os.getegid()
own = 0 if user == 0 else 0x10000000
do("new namespaces", libc.unshare(own | 0x20000 | 0x4000000 | 0x8000000 | 0x20000000 | 0x40000000))
if own:
    for name, line in (("setgroups", "deny"), ("uid_map", "0 %d 1"), ("gid_map", "0 %d 1")):
        with open("/proc/self/" + name, "w") as file:
            file.write(line % (user if name == "uid_map" else group) if "%" in line else line)
child = os.fork()
if child == 0:
    do("mounts in a namespace", libc.mount(None, b"/", None, 0x44000, None))
    do("a /proc of its own", libc.mount(b"proc", b"/proc", b"proc", 0, None))
    os._exit(0)
os._exit(os.waitpid(child, 0)[1] and 1)
"""


def missing() -> str | None:
    """What every sandbox needs and is not here, in one sentence; None if nothing is missing."""
    if sys.platform != "linux":
        return (
            f"The sandbox needs Linux and this is {platform.system()}: grade on a Linux machine "
            "or in a Linux virtual machine."
        )
    if platform.machine() not in MACHINES:
        return (
            f"The sandbox is written for {' and '.join(MACHINES)} and this is "
            f"{platform.machine()}: grade on another machine."
        )
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    if absent:
        return (
            f"The sandbox needs the program {absent[0]!r}, which is not on PATH: install it with "
            "`apt install util-linux` or `dnf install util-linux`."
        )
    return None


def refusal() -> str | None:
    """Why no sandbox could be started here even with all packages; None if one can, as it seems.

    Either the system's bubblewrap works, or what the packages' bubblewrap would need is allowed.
    """
    absent = missing()
    if absent:
        return absent
    user = [] if os.geteuid() == 0 else ["--unshare-user"]
    bwrap = shutil.which("bwrap")
    if bwrap and _run([bwrap, *user, *_OPTIONS, "true"]) is None:
        return None
    said = _run([sys.executable, "-I", "-c", _TRIAL])
    return said and forbidden(said)


def forbidden(said: str) -> str:
    """The sentence for a sandbox that the system refuses, with the command that mends it."""
    return f"This system forbids the sandbox ({said}): {_remedy()}."


def _run(command: list[str]) -> str | None:
    """The last line of what a command that fails says; None if it does not fail."""
    try:
        trial = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if trial.returncode == 0:
        return None
    return (trial.stderr.strip().splitlines() or [f"exit status {trial.returncode}"])[-1]


def _remedy() -> str:
    if os.geteuid() != 0:  # root makes no user namespace
        for name, forbids, allows in SETTINGS:
            try:
                value = Path("/proc/sys", *name.split(".")).read_text().strip()
            except OSError:
                continue
            if value == forbids:
                return f"type `sudo sysctl -w {name}={allows}`"
    return (
        "allow namespaces and mounts to whoever grades; a container gets them by "
        "`docker run --privileged` or `podman run --privileged`"
    )


def path_with_tools() -> str:
    """PATH with this Python's own programs first: nbgrader looks for alembic there."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def be_the_first_to_go() -> None:
    """If the machine runs out of memory, this process goes before its parent (kernels: first)."""
    try:
        Path("/proc/self/oom_score_adj").write_text("500")
    except OSError:  # not on Linux
        return
