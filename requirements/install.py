"""The setup: two virtual environments, the course linked into both, both kernels registered.

Every make target runs this first. It needs only the standard library, so that any Python from
3.8 on can say what is missing; when there is nothing to do it says nothing and takes 0.1 s.
COURSE_PYTHON=3.12 chooses the Python of the main environment. The other one, Gluon's, is left out
where there is no Python 3.11. With --student and frameworks, the main environment gets only what a
student needs: Jupyter, NumPy and these frameworks.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autograder.kernels import host  # noqa: E402  (it needs no package)

VERSIONS = ("3.11", "3.12", "3.13")  # the first that is found is taken
GLUON_VERSION = "3.11"  # the last that the numpy of MXNet's time was built for
UNFINISHED = "unfinished"
PYTHON_ELSEWHERE = (  # where installers put it without touching PATH
    "/opt/homebrew/bin/python{0}",
    "/usr/local/bin/python{0}",
    "~/.local/bin/python{0}",
    "~/.local/share/uv/python/cpython-{0}.*/bin/python{0}",
    "~/.pyenv/versions/{0}.*/bin/python{0}",
)
HOW_TO_GET_PYTHON = (
    "install it with `apt-get install python{0} python{0}-venv`, `brew install python@{0}`, "
    "`uv python install {0}` or conda (environment.yml)"
)
# TensorFlow announces its CPU features, and oneDNN with a time and a process id, on every import.
# Without oneDNN the announcement goes, and one reason why results differ between processors.
VALIDATION = """\
# `nbgrader validate` and the Validate button give a cell the time that it has when it is graded.
c = get_config()
c.ExecutePreprocessor.timeout = 120
"""
KERNEL_ENV = {
    "python3": {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        # PyTorch's threads otherwise spin while they wait: 10 times slower on a busy machine
        "OMP_WAIT_POLICY": "passive",
    },
    "gluon": {},
}


class SetupError(Exception):
    """One sentence for the reader: what was expected, what was found, what to do."""


class Build(NamedTuple):
    """A build of PyTorch for Linux: what it downloads and takes on disk, libraries included."""

    name: str
    download_gb: float
    disk_gb: float


# Of PyTorch 2.13.0 with what it needs from NVIDIA, on x86-64; measured, in 10^9 bytes.
CPU = Build("the CPU build", 0.2, 0.8)
CUDA = Build("the build for NVIDIA GPUs", 2.7, 5.0)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
GPU_DRIVER = ("/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1")

FRAMEWORKS = ("torch", "keras")  # that a student may choose
ALL = frozenset({"all"})


class Environment(NamedTuple):
    """A virtual environment, its lock file and the disk it takes without PyTorch."""

    folder: Path
    lock: Path
    gigabytes: float

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.folder / "course-setup.txt"


MAIN = Environment(ROOT / ".venv", ROOT / "requirements" / "main.txt", 2.9)
GLUON = Environment(ROOT / ".venv-gluon", ROOT / "requirements" / "gluon.txt", 0.7)
KERNELS = {MAIN: ("python3", "Python 3 (ipykernel)"), GLUON: ("gluon", "Gluon (MXNet 1.9.1)")}


def versions(env: Environment) -> tuple[str, ...]:
    """The Pythons that an environment may have, the preferred one first."""
    if env == GLUON:
        return (GLUON_VERSION,)
    chosen = os.environ.get("COURSE_PYTHON")
    if chosen and chosen not in VERSIONS:
        raise SetupError(f"COURSE_PYTHON must be one of {', '.join(VERSIONS)} and is {chosen}.")
    return (chosen,) if chosen else VERSIONS


def why_no_gluon() -> str | None:
    """Why the Gluon notebooks cannot run here, if they cannot: MXNet 1.9.1 fits few machines."""
    if platform.system() != "Linux":
        return "MXNet has no build for this platform: they can be read, not run."
    if GLUON.python.exists():
        return None
    try:
        find_python(versions(GLUON))
    except SetupError as fault:
        return f"For MXNet, {fault}"
    return None


def check_platform() -> None:
    if platform.system() == "Windows":
        raise SetupError(
            "make sets the course up on Linux, macOS and WSL: on Windows type "
            "`conda env create -f environment.yml` (see CONTRIBUTING.md)."
        )
    if platform.system() == "Darwin" and platform.machine() == "x86_64":
        raise SetupError(
            "PyTorch 2.13 is not built for Intel Macs: on Apple silicon use an arm64 Python, "
            "on an Intel Mac run the course in a Linux container."
        )
    if platform.system() == "Linux" and platform.machine() not in ("x86_64", "aarch64"):
        raise SetupError(
            f"PyTorch and TensorFlow are not built for Linux on {platform.machine()}: "
            "use a machine with x86-64 or arm64."
        )
    if platform.system() == "Linux" and glob.glob("/lib/ld-musl-*") and not platform.libc_ver()[0]:
        raise SetupError(
            "PyTorch and TensorFlow are not built for musl (Alpine Linux): use a Linux with glibc, "
            "such as Debian."
        )


def shortcomings(no_gluon: str | None) -> list[str]:
    """What will not work here though everything can be installed, one sentence each."""
    found = []
    reason = host.refusal() if platform.system() == "Linux" else None
    if reason and os.environ.get("COURSE_UNSANDBOXED") != "1":
        found.append(
            "Only the sample class, which is harmless, can be graded here; everything else will "
            f"work. {reason}"
        )
    if no_gluon:
        found.append(f"The Gluon notebooks are left out; everything else will work. {no_gluon}")
        return found
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        found.append(
            "The Gluon notebooks will not run here; everything else will work. MXNet needs "
            "libgomp.so.1: install it with `apt-get install libgomp1` or `dnf install libgomp`."
        )
    return found


def find_python(wanted: tuple[str, ...]) -> tuple[str, str]:
    """Path and version of the first Python wanted that can make virtual environments."""
    folders = [f for f in os.environ.get("PATH", "").split(os.pathsep) if f]
    candidates = []
    for version in wanted:
        candidates += [os.path.join(folder, f"python{version}") for folder in folders]
        for pattern in PYTHON_ELSEWHERE:
            candidates += sorted(glob.glob(os.path.expanduser(pattern.format(version))))
    candidates += [os.path.join(f, name) for name in ("python3", "python") for f in folders]
    candidates.append(getattr(sys, "_base_executable", sys.executable))
    probe = (  # without its global lock (3.13t) it takes other wheels
        "import sys, importlib.util as u;"
        "locked = getattr(sys, '_is_gil_enabled', lambda: True)();"
        "print('%d.%d' % sys.version_info[:2] + ('' if locked else 't'),"
        " u.find_spec('ensurepip') is not None, getattr(sys, '_base_executable', sys.executable))"
    )
    found = []
    for candidate in dict.fromkeys(candidates):
        if not os.access(candidate, os.X_OK) or str(ROOT) in candidate:
            continue
        with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
            answer = subprocess.run(
                [candidate, "-c", probe], capture_output=True, text=True, timeout=20
            ).stdout
            version, has_venv, base = answer.strip().split(" ", 2)
            if version in wanted and has_venv == "True":
                return base, version
            found.append(version)
    for version in wanted:
        if version in found:
            raise SetupError(
                f"Python {version} is here, but cannot make virtual environments: "
                f"type `apt-get install python{version}-venv`, then the same command again."
            )
    seen = ", ".join(dict.fromkeys(found)) or "none"
    raise SetupError(
        f"Python {' or '.join(wanted)} is needed (found: {seen}): "
        f"{HOW_TO_GET_PYTHON.format(wanted[0])}, then type the same command again."
    )


def check_disk(gigabytes: float) -> None:
    """Pip unpacks downloads beside the environment, hence the 20 % on top of what it keeps."""
    needed = 1.2 * gigabytes
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if free < needed:
        raise SetupError(
            f"Setup needs {needed:.1f} GB of disk and {ROOT} has {free:.1f} GB free: make room, "
            "or clone the course on a larger disk."
        )


# ------------------------------------------------------------------ which PyTorch


def has_nvidia_gpu() -> bool:
    return any(os.path.exists(path) for path in GPU_DRIVER)


def has_cpu_index() -> bool:
    """Whether PyTorch's own index of CPU builds answers."""
    request = urllib.request.Request(f"{CPU_INDEX}/torch/", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=5):
            return True
    except (OSError, ValueError):
        return False


def torch_pin() -> str:
    """What the lock says of PyTorch: 'torch==2.13.0'."""
    return re.search(r"^torch==[^\s;]+", MAIN.lock.read_text(encoding="utf-8"), re.M).group()


def offered() -> Build | None:
    """The build of PyTorch that pip would take from where it is told to look; None: no answer.

    Pip names the file before it fetches it, and is then stopped.
    """
    process = start_pip(MAIN, "--dry-run", "--ignore-installed", "--no-deps", torch_pin())
    try:
        for line in process.stdout:
            file = re.search(r"\b(torch-\S+?)-cp3\S*\.whl", line)
            if file:
                return CPU if file.group(1).endswith("+cpu") else CUDA
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return None


def choose_torch(gpu: bool, cpu_index: bool) -> tuple[Build | None, str]:
    """The build of PyTorch that will be installed, and the sentence that says so."""
    if cpu_index:
        build, why = CPU, "because no NVIDIA GPU is here"
    else:
        build = offered()
        why = "as your pip offers it"
        if not gpu and build != CPU:
            why += f", because PyTorch's own index of CPU builds ({CPU_INDEX}) cannot be reached"
    if build is None:
        return None, ""
    size = f"{build.download_gb:g} GB to download, {build.disk_gb:g} GB on disk"
    return build, f"PyTorch comes in {build.name} ({size}), {why}."


# ------------------------------------------------------------------ what is to do


def gigabytes(env: Environment, parts: frozenset[str]) -> float:
    """The disk that an environment takes without PyTorch."""
    if parts == ALL:
        return env.gigabytes
    return 1.9 if "keras" in parts else 0.6


def fingerprint(env: Environment) -> str:
    digest = hashlib.sha256()
    for file in (env.lock, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def parts_of(env: Environment) -> frozenset[str]:
    """What an environment holds: ALL, or 'student' and frameworks; nothing if unfinished."""
    stamp = env.stamp.read_text().splitlines() if env.stamp.exists() else []
    return frozenset(stamp[2].split()) if len(stamp) > 2 else frozenset()


def to_do(env: Environment, parts: frozenset[str] = ALL) -> str:
    """'nothing'; 'update' (another lock, or more parts); 'create' (absent, half made, moved or
    another Python).
    """
    config = env.folder / "pyvenv.cfg"
    if not env.python.exists() or not config.exists():
        return "create"
    version = re.search(r"^version\w*\s*=\s*(\d+\.\d+)", config.read_text(), re.M)
    if not version or version.group(1) not in versions(env):
        return "create"
    if not env.stamp.exists():  # made by hand
        return "update"
    place, digest, *_ = [*env.stamp.read_text().splitlines(), "", ""]
    if place != str(env.folder):
        return "create"
    complete = parts_of(env) == ALL or parts <= parts_of(env)
    return "nothing" if complete and digest == fingerprint(env) else "update"


def explain(output: str) -> str:
    """The sentence for a failed pip run, from what it printed."""
    if re.search(r"No space left on device|Disk quota exceeded|Errno 28|Errno 122", output):
        return (
            "The disk filled up while packages were unpacked: make room (CPU builds need 5 GB in "
            "all, the CUDA build of torch several more), then type the same command again."
        )
    if re.search(
        r"Retrying \(|Max retries|NewConnectionError|NameResolutionError|name resolution|"
        r"timed out|Network is unreachable|Connection (refused|reset|broken)|ProxyError|SSLError",
        output,
    ):
        return (
            "The package index cannot be reached: connect to the network (behind a proxy set "
            "HTTPS_PROXY), then type the same command again."
        )
    missing = re.search(r"No matching distribution found for (\S+)", output)
    if missing:
        return (
            f"The package index has no {missing.group(1)} for {platform.system()} "
            f"{platform.machine()}: use a platform named in the README, or check pip's settings "
            "with `pip config list`."
        )
    errors = [line for line in output.splitlines() if line.lower().startswith("error")]
    reason = errors[-1].split(":", 1)[-1].strip() if errors else "no reason given"
    return f"pip failed ({reason}): fix that, then type the same command again."


class Progress:
    """Numbered steps on standard output; on a terminal the running step also shows a detail."""

    def __init__(self, total: int) -> None:
        self.total, self.number = total, 0

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        self.number += 1
        self.line = f"[{self.number}/{self.total}] {text} … "
        start = time.monotonic()
        print(self.line, end="", flush=True)
        try:
            yield
        except BaseException:
            print(flush=True)
            raise
        self.detail(f"{time.monotonic() - start:.0f} s")
        print("" if sys.stdout.isatty() else f"{time.monotonic() - start:.0f} s", flush=True)

    def detail(self, text: str) -> None:
        if sys.stdout.isatty():
            print(f"\r\033[K{self.line}{text}", end="", flush=True)


def start_pip(env: Environment, *arguments: str) -> subprocess.Popen:
    """Start `pip install`.

    The lock's file descriptor is inherited: if this process is killed, nobody else touches the
    environment before pip has ended too.
    """
    command = [str(env.python), "-I", "-m", "pip", "install", "--no-input", *arguments]
    return subprocess.Popen(
        [*command, "--progress-bar", "off", "--disable-pip-version-check"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        errors="replace",
        close_fds=False,
        cwd=str(ROOT),
        env={**os.environ, "PIP_USER": "0"},
    )


def pip(env: Environment, *arguments: str, progress: Progress) -> None:
    """Run pip quietly; its output goes to a log in the environment and, if it fails, is explained.

    What it installs is left to `compile_all`, which does it on all cores.
    """
    process = start_pip(env, "--no-compile", *arguments)
    output, collected = [], 0
    with open(str(env.folder / "pip.log"), "a", encoding="utf-8") as log:
        for line in process.stdout:
            log.write(line)
            output.append(line)
            collected += line.startswith("Collecting ")
            if line.startswith("Installing collected"):
                progress.detail("unpacking")
            elif line.lstrip().startswith(("Collecting ", "Downloading ")):
                name = re.split(r"[=<>~! ;]", line.split()[1].split("/")[-1])[0]
                progress.detail(f"{collected}: {name}")
    if process.wait() != 0:
        raise SetupError(explain("".join(output)))


def compile_all(env: Environment) -> None:
    """Compile all packages: a sandbox cannot keep what each of its kernels would compile anew.

    But for their own tests, a fifth of all, which nobody imports.
    """
    command = [str(env.python), "-I", "-m", "compileall", "-qq", "-x", "site-packages/.+/tests?/"]
    command.append(str(env.folder / "lib"))
    # Some packages hold files that are no Python. Where no pool of processes can be made,
    # the second try does all of the work.
    for jobs in (["-j", "0"], []):
        done = subprocess.run([*command, *jobs], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if b"Traceback" not in done.stderr:
            return


def make_environment(env: Environment, base: str, version: str) -> None:
    if env.folder.is_symlink():
        raise SetupError(
            f"{env.folder} is a link to another folder: remove the link, then type the same "
            "command again."
        )
    if env.folder.exists():
        shutil.rmtree(str(env.folder))
    env.folder.mkdir()
    env.stamp.write_text(UNFINISHED)
    made = subprocess.run(
        [base, "-m", "venv", str(env.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode != 0:
        if "No space left" in made.stdout:
            raise SetupError(explain(made.stdout))
        reason = (made.stdout.strip().splitlines() or ["no reason given"])[-1]
        raise SetupError(
            f"{base} could not make a virtual environment ({reason}): on Debian and Ubuntu type "
            f"`apt-get install python{version}-venv`, then the same command again."
        )


def packages(lock: Path) -> int:
    """How many packages a lock file names (tensorflow and tensorflow-cpu are alternatives)."""
    names = re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.M)
    return len({name.replace("-cpu", "") for name in names})


def register_kernel(env: Environment) -> None:
    """Write an environment's kernelspec inside .venv, where its Jupyter looks first."""
    name, display_name = KERNELS[env]
    folder = MAIN.folder / "share" / "jupyter" / "kernels" / name
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "argv": [str(env.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": display_name,
        "language": "python",
        "metadata": {"debugger": True, "supported_encryption": ["curve"]},
        "kernel_protocol_version": "5.5",
        "env": KERNEL_ENV[name],
    }
    draft = folder / "kernel.json.new"
    draft.write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")
    draft.replace(folder / "kernel.json")


def configure_validation() -> None:
    """Write nbgrader's configuration for students, who have none where they work."""
    folder = MAIN.folder / "etc" / "jupyter"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nbgrader_config.py").write_text(VALIDATION, encoding="utf-8")


def plan_torch() -> list[str]:
    """Say which build of PyTorch comes; pip's arguments for it, [] if nothing has to be said."""
    release = torch_pin().replace("==", "-")
    here = MAIN.folder.glob(f"lib/python3*/site-packages/{release}*.dist-info")
    if platform.system() != "Linux" or any(here):
        return []
    gpu = has_nvidia_gpu()
    cpu_index = not gpu and has_cpu_index()
    build, sentence = choose_torch(gpu, cpu_index)
    if build is None:
        return []  # pip will say what is wrong
    check_disk(build.disk_gb)
    print(f"setup: {sentence}", flush=True)
    if cpu_index:
        return ["--no-deps", "--index-url", CPU_INDEX, torch_pin()]
    return ["-c", str(MAIN.lock), torch_pin()]  # with what the lock leaves to it, NVIDIA's


def install(
    env: Environment, base: tuple[str, str] | None, parts: frozenset[str], progress: Progress
) -> None:
    """Install what the lock says; into a new environment if a Python to make it with is given."""
    name = env.folder.name
    if base:
        with progress.step(f"creating {name} with Python {base[1]}"):
            make_environment(env, *base)
    env.stamp.write_text(UNFINISHED)
    torch = plan_torch() if env == MAIN and parts & {"all", "torch"} else []
    if parts == ALL:
        what, wanted = f"{packages(env.lock)} packages", ["--no-deps", "-r", str(env.lock)]
    else:
        what = " with ".join(["what students need", *sorted(parts - {"student"})])
        lectures = ["lectures"] if parts & {*FRAMEWORKS} else []  # they need one
        wanted = ["-c", str(env.lock), "-e", f".[{','.join([*lectures, *sorted(parts)])}]"]
    with progress.step(f"installing {what} into {name}"):
        for arguments in filter(None, (torch, wanted)):
            pip(env, *arguments, progress=progress)
        compile_all(env)
    with progress.step(f"linking the course into {name}"):
        if parts == ALL:
            pip(env, "--no-deps", "-e", ".", progress=progress)
        for each in KERNELS:
            if each.python.exists():
                register_kernel(each)
        if env == MAIN:
            configure_validation()
    env.stamp.write_text(f"{env.folder}\n{fingerprint(env)}\n{' '.join(sorted(parts))}\n")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other setup works in this folder."""
    import fcntl  # not on Windows, where check_platform has already stopped

    with open(str(ROOT / ".setup.lock"), "w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another setup is running in this folder; waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_up(parts: frozenset[str] = ALL) -> None:
    """Bring the environments up to date; raises SetupError with the sentence to show."""
    check_platform()
    no_gluon = why_no_gluon() if parts == ALL else None
    wanted = [MAIN] if no_gluon or parts != ALL else [MAIN, GLUON]
    if all(to_do(env, parts) == "nothing" for env in wanted):
        return
    with alone():
        tasks = {env: to_do(env, parts) for env in wanted}
        bases = {env: find_python(versions(env)) for env in wanted if tasks[env] == "create"}
        check_disk(sum(gigabytes(env, parts) for env in bases if not env.folder.exists()))
        for sentence in shortcomings(no_gluon) if parts == ALL else []:
            print(f"setup: {sentence}", flush=True)
        steps = {"nothing": 0, "update": 2, "create": 3}
        progress = Progress(sum(steps[task] for task in tasks.values()))
        for env, task in tasks.items():
            if task == "update" and parts != ALL:  # what is there stays
                parts = ALL if "all" in parts_of(env) else parts | parts_of(env)
            if task != "nothing":
                install(env, bases.get(env), parts, progress)


def parse(arguments: list[str]) -> frozenset[str]:
    """The parts that a command line asks for: `--student torch keras`, or nothing for all."""
    if not arguments:
        return ALL
    chosen = re.split(r"[\s,]+", " ".join(arguments[1:])) if arguments[1:] else []
    unknown = set(chosen) - {*FRAMEWORKS, "none", ""}
    if arguments[0] != "--student" or unknown:
        raise SetupError(
            f"FRAMEWORKS must be any of {', '.join(FRAMEWORKS)}, or none, and is "
            f"{' '.join(chosen)!r}."
        )
    return frozenset({"student", *chosen} - {"none", ""})


def main(arguments: list[str]) -> int:
    try:
        set_up(parse(arguments))
    except SetupError as fault:
        print(f"setup: {fault}", file=sys.stderr)
        return 1
    except OSError as fault:
        reason = f"{fault.strerror} ({fault.filename})" if fault.filename else str(fault)
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = explain("No space left on device")
        print(f"setup: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted; the same command starts again cleanly.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
