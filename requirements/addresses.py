"""Where the course lies in public: everything follows from one line of pyproject.toml.

That is `[project.urls] Repository`; a fork changes it and types `make anywhere`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def release() -> str:
    """Where the files of this version's release are."""
    return f"{project()['urls']['Repository']}/releases/download/v{project()['version']}"


def wheel() -> str:
    return f"rnn_course-{project()['version']}-py3-none-any.whl"


def launches(path: str, gluon: bool = False) -> dict[str, str]:
    """Service -> the address that starts a notebook there; all of them read from GitHub only."""
    home, found, name = project()["urls"]["Repository"].partition("https://github.com/")
    if home or not found:
        return {}
    codespaces = {"Codespaces": f"https://codespaces.new/{name}"}
    if gluon:  # MXNet needs an older Python than the other services have
        return codespaces
    file = f"{name}/blob/main/{path}"
    return {
        "Colab": f"https://colab.research.google.com/github/{file}",
        "Kaggle": f"https://www.kaggle.com/kernels/welcome?src=https://github.com/{file}",
        "Binder": f"https://mybinder.org/v2/gh/{name}/main?urlpath=lab/tree/{path}",
        **codespaces,
    }
