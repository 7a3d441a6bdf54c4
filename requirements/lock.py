"""Rewrite main.txt, site.txt and gluon.txt from main.in, site.in and gluon.in (`make lock`).

uv locks main.txt for every platform and every Python of the course at once; what only some of them
need carries a marker. Versions that need not change are kept; `--upgrade` takes the newest.
"""

import re
import subprocess
import sys
from pathlib import Path

import install

HERE = Path(__file__).resolve().parent
FOR = {
    "main": ["--universal", "--python-version", install.VERSIONS[0]],
    "site": ["--universal", "--python-version", install.VERSIONS[0]],
    "gluon": ["--python-version", install.GLUON_VERSION, "--python-platform", "linux"],
}


def wanted(source: Path) -> list[str]:
    """The requirement lines of an .in file, without comments."""
    lines = (line.split(" #")[0].strip() for line in source.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def portable(compiled: list[str]) -> list[str]:
    """Without the CUDA libraries: torch itself pins them where it needs them."""
    return [line for line in compiled if not re.match(r"(nvidia|cuda|triton)\b", line)]


def lock(name: str) -> None:
    source, target = HERE / f"{name}.in", HERE / f"{name}.txt"
    draft = target.with_suffix(".new")
    draft.write_text(target.read_text() if target.exists() else "")  # uv keeps its pins
    options = ["--no-annotate", "--no-header", "--no-emit-package", "pip", "--quiet"]
    command = [sys.executable, "-m", "uv", "pip", "compile", *FOR[name], *options, *sys.argv[1:]]
    subprocess.run([*command, "-o", draft, source], check=True)
    lines = [line for line in draft.read_text().splitlines() if re.match(r"[a-z0-9]", line)]
    lines = portable(lines)
    draft.write_text("\n".join(lines) + "\n")
    draft.replace(target)
    print(f"{target.name}: {len(lines)} packages")


if __name__ == "__main__":
    for environment in FOR:
        lock(environment)
