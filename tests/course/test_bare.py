"""The setup as a new user types it: an empty environment, each Python, a user made for the test.

As root, the test makes a Linux of its own to type in: only one Python, no bubblewrap, no OpenMP,
and an ordinary user, whose home is empty. Of the locks a few packages are left, and these come from
a folder of tiny ones.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from helpers import REPOSITORY, load_setup

INSTALL = load_setup("install")
NOWHERE = "http://127.0.0.1:9"  # nobody listens
UID = 20077
LEFT = ["filelock", "ipykernel", "jupyterlab", "matplotlib", "mxnet", "nbgrader", "numpy", "pooch"]
LEFT += ["requests", "setuptools", "torch", "tqdm"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the setup of Linux is played"),
]


def tiny_wheel(folder: Path, name: str, version: str, tag: str = "py3-none-any") -> None:
    """A package that holds one empty module."""
    stem = f"{name.replace('-', '_').replace('.', '_')}-{version}"
    info = f"{stem}.dist-info"
    files = {
        f"{stem.partition('-')[0]}_tiny.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
        record += f"{path},sha256={digest.rstrip('=')},{len(text)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{stem}-{tag}.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


@pytest.fixture
def place():
    """A folder that other users may enter, as they may not those of pytest."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def packages():
    """A folder of tiny packages, and the real setuptools, which links the course."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        fill(Path(folder))
        yield Path(folder)


def short(lock: Path) -> str:
    lines = lock.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if line.partition("==")[0] in LEFT)


def fill(folder: Path) -> None:
    download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder]
    real = re.search(r"^setuptools==\S+", INSTALL.MAIN.lock.read_text(), re.M).group()
    subprocess.run([*download, real], check=True)
    for lock in (INSTALL.MAIN.lock, INSTALL.GLUON.lock):
        for line in short(lock).splitlines():
            name, version = re.match(r"([\w.-]+)==([^\s;]+)", line).groups()
            if name not in ("setuptools", "torch"):
                tiny_wheel(folder, name, version)
    for version in INSTALL.VERSIONS:
        tag = f"cp{version.replace('.', '')}"
        release = INSTALL.torch_pin().partition("==")[2]
        tiny_wheel(folder, "torch", f"{release}+cpu", f"{tag}-{tag}-manylinux_2_28_x86_64")


class Linux:
    """A machine with one Python, on which a new user types commands in a fresh clone."""

    def __init__(self, version: str, folder: Path, packages: Path) -> None:
        try:
            self.python = Path(INSTALL.find_python((version,))[0])
        except INSTALL.SetupError as fault:
            pytest.skip(str(fault))
        self.folder, self.home, self.clone = folder, folder / "home", folder / "home" / "course"
        self.home.mkdir()
        subprocess.run(["git", "clone", "-q", REPOSITORY, self.clone], check=True)
        for changed in ("requirements/install.py", "requirements/check.py", "Makefile"):
            shutil.copy(REPOSITORY / changed, self.clone / changed)
        setup = self.clone / "requirements" / "install.py"
        text = re.sub(
            '^CPU_INDEX = ".*"', f'CPU_INDEX = "{NOWHERE}"', setup.read_text(), flags=re.M
        )
        setup.write_text(text)
        for lock in (INSTALL.MAIN.lock, INSTALL.GLUON.lock):
            (self.clone / "requirements" / lock.name).write_text(short(lock))
        self.path = self.make_path()
        self.given = [f"PIP_FIND_LINKS={packages}", "PIP_NO_INDEX=1"]
        self.root = os.geteuid() == 0 and shutil.which("unshare") is not None
        if self.root:
            for path in (self.home, *self.home.rglob("*")):
                os.chown(path, UID, UID, follow_symlinks=False)

    def make_path(self) -> Path:
        """A folder with the system's programs, without Pythons and bubblewrap."""
        tools = self.folder / "bin"
        tools.mkdir()
        for path in (*Path("/usr/bin").iterdir(), *Path("/bin").iterdir()):
            hidden = re.match(r"python|pip|bwrap$|uv$", path.name)
            if not hidden and not (tools / path.name).is_symlink():
                (tools / path.name).symlink_to(path)
        (tools / f"python3.{self.python.name[-2:]}").symlink_to(self.python)
        return tools

    def type(self, command: str, ordinary: bool = True) -> subprocess.CompletedProcess:
        """Type a command; as root who may nothing (a container's), unless `ordinary`."""
        steps = []
        user = []
        if self.root:
            steps = self.steps()
            user = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
            if ordinary:
                user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--init-groups"]
        bare = ["env", "-i", f"HOME={self.home}", f"PATH={self.path}", *self.given]
        typed = [*bare, *user, "sh", "-c", f"cd {self.clone} && {command}"]
        script = [*steps, "exec " + " ".join(f"'{word}'" for word in typed)]
        shell = ["unshare", "--mount", "sh", "-ec"] if self.root else ["sh", "-ec"]
        return subprocess.run(
            [*shell, "\n".join(script)], capture_output=True, text=True, timeout=300
        )

    def steps(self) -> list[str]:
        """Hide what a bare machine lacks; the user is known in the namespace of mounts alone."""
        steps = ["mount --make-rprivate /"]
        for name, line in (
            ("passwd", f"new:x:{UID}:{UID}::{self.home}:/bin/sh"),
            ("group", f"new:x:{UID}:"),
        ):
            file = self.folder / name
            file.write_text(Path("/etc", name).read_text() + f"{line}\n")
            file.chmod(0o644)
            steps.append(f"mount --bind {file} /etc/{name}")
        for pattern in ("/usr/lib/*/libgomp.so.1.*", "/usr/lib64/libgomp.so.1.*"):
            steps.append(f"for f in {pattern}; do [ ! -e $f ] || mount --bind /dev/null $f; done")
        prefix = self.python.parents[1]
        closed = [p for p in prefix.parents if not p.stat().st_mode & 0o001]
        if closed:  # a Python in somebody's home
            place = self.folder / "python"
            steps += [f"mkdir -p {place}", f"mount --rbind {prefix} {place}"]
            steps += [f"mount -t tmpfs -o mode=755 none {closed[-1]}", f"mkdir -p {prefix}"]
            steps += [f"mount --rbind {place} {prefix}"]
        return steps


@pytest.mark.parametrize("version", INSTALL.VERSIONS)
def test_a_new_user_types_make_setup(version, place, packages):
    machine = Linux(version, place, packages)
    first = machine.type("make setup")
    assert (first.returncode, first.stderr) == (0, ""), first.stdout + first.stderr
    gluon = version == INSTALL.GLUON_VERSION
    lines = first.stdout.splitlines()
    if machine.root or not gluon:  # else this machine may have OpenMP
        missing = "MXNet needs libgomp.so.1: install it" if gluon else "Python 3.11 is needed"
        assert missing in lines[0]
        assert "everything else will work" in lines[0]
        assert re.search("`apt-get install [^`]+`", lines[0])
        lines.pop(0)
    created, torch, installed, linked, *gluons = lines
    assert created.startswith(f"[1/{6 if gluon else 3}] creating .venv with Python {version} ")
    assert torch.startswith("setup: PyTorch comes in the CPU build (0.2 GB to download, 0.8 GB")
    assert "installing" in installed
    assert "linking" in linked
    assert len(gluons) == 3 * gluon
    second = machine.type("make setup && make setup-student && .venv/bin/autograder --version")
    version_line = f"autograder {load_setup('addresses').project()['version']}\n"
    assert (second.stdout, second.stderr) == (version_line, "")
    if machine.root:
        owner = {path.stat().st_uid for path in machine.clone.glob(".venv/bin/auto*")}
        assert owner == {UID}  # an ordinary user's indeed


def test_a_new_user_in_a_container_that_forbids_namespaces(place, packages):
    """What Docker gives: root who may nothing."""
    if os.geteuid() != 0:
        pytest.skip("only root can give up root's rights")
    _, version = INSTALL.find_python(INSTALL.VERSIONS)
    machine = Linux(version, place, packages)
    for path in (machine.home, *machine.home.rglob("*")):
        os.chown(path, 0, 0, follow_symlinks=False)
    run = machine.type("make setup-student FRAMEWORKS=none && make setup", ordinary=False)
    assert run.returncode == 0, run.stdout + run.stderr
    said = [line for line in run.stdout.splitlines() if "sandbox" in line]
    assert len(said) == 1
    assert said[0].startswith("setup: Only the sample class, which is harmless, can be graded")
    assert "(new namespaces: Operation not permitted)" in said[0]
    stopped = machine.type("make sandbox", ordinary=False)
    assert stopped.returncode != 0
    assert "For notebooks that you trust: COURSE_UNSANDBOXED=1." in stopped.stderr
