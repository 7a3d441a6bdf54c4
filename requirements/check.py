"""`make check`: one screen: what is installed and, for each gap, the command to type.

`make sandbox`: whether student code can be locked up here. Standard library only, because it has to
work before anything is installed. What needs a package is asked of the environments' own
interpreters, in short scripts with a time limit.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import install

from autograder.kernels import host

GROUPS = {
    "frameworks": ("torch", "tensorflow-cpu", "tensorflow", "keras", "numpy", "scikit-learn"),
    "notebooks": ("jupyterlab", "nbgrader", "nbval", "pytest"),
    "gluon": ("mxnet", "numpy", "scikit-learn"),
}
PACKAGES = """
import json, sys
from importlib import metadata
from packaging.requirements import Requirement
found, wrong = {}, []
for line in open(sys.argv[1], encoding="utf-8"):
    if "==" not in line: continue
    wanted = Requirement(line.strip())
    if wanted.marker and not wanted.marker.evaluate(): continue
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        try:
            version = metadata.version(wanted.name.replace("-cpu", ""))
        except metadata.PackageNotFoundError:
            version = None
            if len(sys.argv) > 2: continue
    found[wanted.name] = version
    if version is None or not wanted.specifier.contains(version, prereleases=True):
        wrong.append(wanted.name)
print(json.dumps({"found": found, "wrong": wrong}))
"""
KERNEL = """
import json, sys, time
from jupyter_client.manager import start_new_kernel
start = time.monotonic()
manager, client = start_new_kernel(kernel_name=sys.argv[1], startup_timeout=60)
try:
    reply = client.execute("", user_expressions={"sum": "1 + 1"}, reply=True, timeout=60)
    answer = reply["content"]["user_expressions"]["sum"]["data"]["text/plain"]
    seconds = time.monotonic() - start
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
print(json.dumps({"answer": answer, "seconds": seconds}))
"""
DEVICE = """
import json, torch
if torch.cuda.is_available(): name = "cuda: " + torch.cuda.get_device_name()
elif torch.backends.mps.is_available(): name = "mps"
else: name = "cpu"
print(json.dumps(name))
"""
SANDBOX = """
import json
from autograder.kernels import sandbox
print(json.dumps(sandbox.unavailable_reason() or ""))
"""
CORPORA = """
import json
from data import registry
from data.__main__ import ACTIONS
places = {name: actions.where() for name, actions in ACTIONS.items()}
print(json.dumps([
    {"name": c.name, "where": str(places.get(c.name) or ""), "built_in": c.name not in ACTIONS}
    for c in registry.CORPORA
]))
"""


class Report:
    """Aligned lines; remembers whether something required is missing."""

    def __init__(self) -> None:
        self.missing = 0

    def line(self, state: str, name: str, text: str, remedy: str = "") -> None:
        """State: 'ok', 'missing' (required), 'optional' (not here, not required) or 'note'."""
        self.missing += state == "missing"
        mark = {"ok": "ok", "missing": "MISSING", "optional": "-", "note": ""}[state]
        print(f"  {mark:<9}{name:<16}{text}", flush=True)
        if remedy:
            print(f"  {'':<25}get it:  {remedy}")


def ask(python: Path, *arguments: str) -> tuple[Any | None, str]:
    """The JSON that the interpreter prints, or None and the last line of its error output."""
    env = dict(os.environ, PATH=f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}")
    try:
        command, folder = [str(python), *arguments], str(install.ROOT)
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd=folder, env=env
        )
        return json.loads(run.stdout), ""
    except (OSError, subprocess.TimeoutExpired) as fault:
        return None, str(fault)
    except ValueError:
        return None, (run.stderr.strip().splitlines() or ["no answer"])[-1][:90]


def main_python() -> Path:
    """The interpreter of .venv or, without one, of the conda environment that runs this."""
    if os.environ.get("CONDA_DEFAULT_ENV") == "rnn-course" and not install.MAIN.python.exists():
        return Path(sys.executable)
    return install.MAIN.python


def is_students() -> bool:
    """Whether .venv comes from `make setup-student`."""
    return "student" in install.parts_of(install.MAIN)


def check_system(report: Report) -> None:
    free = shutil.disk_usage(str(install.ROOT)).free / 1e9
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {free:.0f} GB free"
    report.line("note", "system", system)
    if main_python().exists():
        numbers, fault = ask(main_python(), "-c", "import sys; print(list(sys.version_info[:3]))")
        if numbers:
            report.line("ok", "python", ".".join(map(str, numbers)))
        else:
            report.line("missing", "python", f"of .venv does not start ({fault})", "make setup")
        return
    try:
        path, version = install.find_python(install.versions(install.MAIN))
        report.line("ok", "python", f"{version} ({path})")
    except install.SetupError as fault:
        expected, _, remedy = str(fault).partition(": ")
        report.line("missing", "python", expected, remedy)


def check_packages(
    report: Report, label: str, python: Path, env: install.Environment, groups: list[str]
) -> None:
    if not python.exists():
        report.line("missing", label, "not installed", "make setup")
        return
    fewer = ["student"] if is_students() else []  # packages than the lock names
    answer, fault = ask(python, "-I", "-c", PACKAGES, str(env.lock), *fewer)
    if answer is None:
        report.line("missing", label, f"half installed ({fault})", "make setup")
        return
    found, wrong = answer["found"], answer["wrong"]
    text = f"{len(found) - len(wrong)} of {len(found)} packages as locked"
    if wrong:
        text += f" (not {', '.join(wrong[:4])}{' …' if len(wrong) > 4 else ''})"
    report.line("missing" if wrong else "ok", label, text, "make setup" if wrong else "")
    for group in groups:
        versions = [f"{name} {found[name]}" for name in GROUPS[group] if found.get(name)]
        report.line("note", "", ", ".join(versions))


def check_kernel(report: Report, name: str) -> None:
    label = f"{name} kernel"
    if not main_python().exists():
        report.line("missing", label, "not registered", "make setup")
        return
    answer, fault = ask(main_python(), "-c", KERNEL, name)
    if answer and answer["answer"] == "2":
        report.line("ok", label, f"1 + 1 = 2, started in {answer['seconds']:.1f} s")
    else:
        report.line("missing", label, f"does not start ({fault})", "make setup")


def check_kernels(report: Report) -> None:
    check_kernel(report, "python3")
    no_gluon = install.why_no_gluon()
    if is_students():
        report.line("optional", "gluon kernel", "not needed by students", "make setup")
    elif no_gluon:
        report.line("optional", "gluon kernel", no_gluon)
    else:
        check_kernel(report, "gluon")


def check_device(report: Report) -> None:
    name, _ = ask(main_python(), "-c", DEVICE) if main_python().exists() else ("", "")
    report.line("note", "device", name or "unknown without PyTorch")


def check_sandbox(report: Report) -> None:
    if is_students():
        report.line("optional", "grading", "not needed by students", "make setup")
        return
    reason = host.refusal()
    if not reason and main_python().exists():
        reason, _ = ask(main_python(), "-c", SANDBOX)  # in full, with the packages' bubblewrap
    if reason:
        report.line("optional", "sandbox", f"needed to grade strangers' notebooks. {reason}")
        return
    origin = shutil.which("bwrap") or "bubblewrap among the Python packages"
    report.line("ok", "sandbox", f"can be made ({origin})")


def check_corpora(report: Report) -> None:
    if not main_python().exists():
        report.line("note", "corpora", "listed once the packages are installed")
        return
    corpora, fault = ask(main_python(), "-c", CORPORA)
    if corpora is None:
        report.line("missing", "corpora", f"cannot be listed ({fault})", "make setup")
        return
    for corpus in corpora:
        name, where = corpus["name"], corpus["where"] or ("built in" if corpus["built_in"] else "")
        command = "make glove" if name == "glove" else f".venv/bin/python -m data fetch {name}"
        state = "ok" if where else "optional"
        report.line(state, name, where or "not here", "" if where else command)


def sandbox() -> int:
    """Say in one sentence whether grading would run here, and if not why."""
    if os.environ.get("COURSE_UNSANDBOXED") == "1":
        print("COURSE_UNSANDBOXED=1: notebooks are graded without a sandbox.")
        return 0
    reason = host.refusal()
    if reason:
        print(f"{reason} For notebooks that you trust: COURSE_UNSANDBOXED=1.", file=sys.stderr)
    else:
        print("A sandbox can be made here, so notebooks of strangers can be graded.")
    return 1 if reason else 0


def main() -> int:
    report = Report()
    print("Recurrent networks course: what is here\n")
    check_system(report)
    main_groups = ["frameworks", "notebooks"]
    check_packages(report, "packages", main_python(), install.MAIN, main_groups)
    if not is_students() and not install.why_no_gluon():
        gluon = install.GLUON
        check_packages(report, "for gluon", gluon.python, gluon, ["gluon"])
    check_kernels(report)
    check_device(report)
    check_sandbox(report)
    check_corpora(report)
    if report.missing:
        print(f"\nRequired and missing: {report.missing}. The lines marked 'get it' say how.")
        return 1
    print("\nEverything that the course requires is here.")
    return 0


if __name__ == "__main__":
    sys.exit(sandbox() if sys.argv[1:] == ["sandbox"] else main())
