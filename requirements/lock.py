"""Write main.txt and gluon.txt anew from main.in and gluon.in (`make lock`).

pip-compile locks what this machine would install. Three touches make the result fit every
platform of the course: no build suffix (`+cpu`), no CUDA libraries (torch itself pins them where
it needs them), and the lines of the .in file that are meant for other platforms.
"""

import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

HERE = Path(__file__).resolve().parent


def wanted(source: Path) -> list[str]:
    """The requirement lines of an .in file, without comments."""
    lines = (line.split(" #")[0].strip() for line in source.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def portable(compiled: list[str], asked: list[str]) -> list[str]:
    """The locked lines for every platform, in pip-compile's alphabetical order."""
    kept = [re.sub(r"(==[^+ ;]+)\+\S+", r"\1", line) for line in compiled]
    kept = [line for line in kept if not re.match(r"(nvidia|cuda|triton)\b", line)]
    elsewhere = [
        line for line in asked if (marker := Requirement(line).marker) and not marker.evaluate()
    ]
    return sorted(kept + elsewhere, key=lambda line: Requirement(line).name.lower())


def lock(name: str) -> None:
    source, target = HERE / f"{name}.in", HERE / f"{name}.txt"
    draft = target.with_suffix(".new")
    draft.write_text(target.read_text() if target.exists() else "")  # pip-compile keeps its pins
    options = ["--strip-extras", "--no-header", "--no-annotate", "--no-emit-index-url"]
    options += ["--no-emit-find-links", "--no-emit-trusted-host", "--quiet", *sys.argv[1:]]
    command = [sys.executable, "-m", "piptools", "compile", *options, "-o", draft, source]
    subprocess.run(command, check=True)
    lines = [line for line in draft.read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)]
    draft.write_text("\n".join(portable(lines, wanted(source))) + "\n")
    draft.replace(target)
    print(f"{target.name}: {len(lines)} packages")


if __name__ == "__main__":
    for environment in ("main", "gluon"):
        lock(environment)
