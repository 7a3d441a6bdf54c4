"""`make test-python`: the tests that need no framework, in each other Python that is here.

Each gets the wheel and what it needs, as locked, in an environment of its own under .venvs/. What
needs PyTorch or Keras skips itself there; most of tests/course is about this folder, not about the
wheel. With COURSE_TESTS=all (`make test-all` sets it), the newest Python and the wheel also grade
courses of somebody else: in the student's kernel, by the judge, on Dask, and one with a framework
that it brings along. RERUNS=1 runs a test that fails once more, and names it, as in `make test`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import install

HERE = "{}.{}".format(*sys.version_info)
FOLDER = install.ROOT / ".venvs"
PACKAGED = ("autograder", "data", "rnn_course", "pyproject.toml", "README.md")
TESTS = ["-m", "not slow and not real_data", "--ignore", "tests/course"]
# They take half of the time, on kernels; those of the other courses show that these work.
for slow in ("test_execute.py", "test_places.py"):
    TESTS += ["--ignore", f"tests/grading/{slow}"]
OTHER_COURSES = ["test_configure.py", "test_fourth_framework.py"]
THEY_NEED = ["pandas", "scikit-learn", "matplotlib"]
# not the folder's own packages, which pyproject.toml puts first
WHEEL_ONLY = ["--override-ini", "pythonpath=tests", "-p", "no:cacheprovider"]
AGAIN = ["--reruns", os.environ["RERUNS"], "-rR"] if os.environ.get("RERUNS") else []


def run(log: Path, *command: str | Path, **env: str) -> None:
    """Run a command in the repository; its output goes to the end of the log."""
    with log.open("a") as output:
        subprocess.run(
            [str(part) for part in command],
            check=True,
            cwd=install.ROOT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def build_wheel(folder: Path) -> Path:
    """Of a copy, because a build leaves its own folders behind."""
    copy = folder / "copy"
    copy.mkdir()
    for name in PACKAGED:
        source = install.ROOT / name
        shutil.copytree(source, copy / name) if source.is_dir() else shutil.copy(source, copy)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, copy]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def test(version: str, base: str, wheel: Path, newest: bool) -> bool:
    """Whether all tests pass in a Python; prints the summary, or all of the log."""
    start, env, log = time.monotonic(), FOLDER / version, FOLDER / f"{version}.log"
    log.write_text("")
    # Compiled, as pip does it: a sandbox cannot keep what each of its kernels would compile anew.
    pip = [sys.executable, "-m", "uv", "pip", "install", "--compile-bytecode"]
    pip += ["--python", env / "bin" / "python"]
    try:
        run(log, base, "-m", "venv", "--clear", "--without-pip", env)
        run(log, *pip, "-c", install.MAIN.lock, f"{wheel}[grading,corpora,dev]", *THEY_NEED)
        path = f"{env / 'bin'}{os.pathsep}{os.environ['PATH']}"
        summaries = []
        everything = newest and os.environ.get("COURSE_TESTS") == "all"
        others = [f"tests/course/{name}" for name in OTHER_COURSES] if everything else []
        for tests in filter(None, (TESTS, others)):
            run(log, env / "bin" / "pytest", "--quiet", *tests, *WHEEL_ONLY, *AGAIN, PATH=path)
            lines = log.read_text().splitlines()
            summaries.append(lines[-1])
            if "passed" not in summaries[-1]:
                raise ValueError("no test passed")
        summary = "; other courses: ".join(summaries)
    except (subprocess.CalledProcessError, ValueError) as fault:
        print(f"Python {version} failed ({fault}):\n{log.read_text()}", flush=True)
        return False
    again = [f"  {line}" for line in lines if line.startswith("RERUN ")]
    summary += f"; {time.monotonic() - start:.0f} s in all"
    print(f"Python {version}: {summary}", *again, sep="\n", flush=True)
    return True


def main() -> int:
    pythons = {}
    for version in install.VERSIONS:
        if version == HERE:
            print(f"Python {version}: make test runs all tests in it")
            continue
        try:
            pythons[version], _ = install.find_python((version,))
        except install.SetupError as fault:
            print(f"Python {version}: not tested. {fault}")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        wheel = build_wheel(Path(folder))
        newest = [version for version in install.VERSIONS if version in pythons][-1:]
        tests = [
            pool.submit(test, version, base, wheel, [version] == newest)
            for version, base in pythons.items()
        ]
        return 0 if all([each.result() for each in tests]) else 1


if __name__ == "__main__":
    sys.exit(main())
