"""What a grader gets beside submissions: everything about an assignment, as plain data."""

from __future__ import annotations

import copy
import pickle
import stat
from collections.abc import Collection
from contextlib import suppress
from fnmatch import fnmatch
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from traitlets.config import Config

from autograder import files
from autograder.gradebook import versions
from autograder.gradebook.journal import RefusedError
from autograder.grading.execute import Execute
from autograder.grading.messages import GPU, Assignment
from autograder.grading.worker import cells_of
from autograder.submissions.notebooks import MAX_BYTES, cell_ids

if TYPE_CHECKING:
    from autograder.grading.autograde import Autograde

PATIENCE = 60  # seconds that a notebook may take beyond its limits: kernels, mending


def pack(converter: Autograde, tier: str) -> Assignment:
    """What is needed to grade any submission, wherever that is done.

    Where its plain tests run is as the configuration says it (see `trial.settle`).
    """
    course = converter.coursedir
    name, execute = course.assignment_id, Execute(parent=converter)
    source = Path(course.format_path(course.source_directory, ".", name))
    theirs = {source / excluded for excluded in converter.exclude_overwriting.get(name, [])}
    secret, limits = execute.secret_file, execute.limits_of(name)
    released = {}
    if source.is_dir():
        released = read_files(source, course.ignore, converter.log, theirs, follow_links=True)
    return Assignment(
        name,
        _config_to_send(converter),
        cells_of(course.db_url, course.course_id, name),
        released,
        Path(secret).read_text(encoding="utf-8") if secret else "",
        tier,
        gpu_cells=_marked_cells(source) if tier == GPU else {},
        memory=converter.memory_bytes,
        process_bytes=converter.process_bytes,
        course_packages=tuple(execute.course_packages),
        cell_ids=_cell_ids(source),
        versions=versions.earlier(converter.versions),
        # Hidden parts may take half as long again (see `execute`).
        notebook_seconds=limits.notebook_seconds * 3 // 2 + 2 * limits.cell_seconds + PATIENCE,
    )


def _config_to_send(converter: Autograde) -> Config:
    """The configuration without what only this process needs, and nbgrader does not know."""
    config = copy.deepcopy(converter.config)  # `Config.copy` shares its sections
    ours = type(converter).class_own_traits(config=True)
    for name in [*ours, "pre_convert_hook", "post_convert_hook"]:
        for part in (config.Autograde, config.BaseConverter):
            part.pop(name, None)
    try:
        pickle.dumps(config)
    except Exception as error:
        raise RefusedError(
            f"The configuration cannot be given to another process ({error}): in "
            "nbgrader_config.py, name functions and classes by a text 'module.name'."
        ) from None
    return config


def _marked_cells(source: Path) -> dict[str, list[str]]:
    """Notebook -> names of the cells that carry the tag `gpu` in the source notebook."""
    marked = {}
    for path in sorted(source.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        tagged = [cell for cell in cells if "gpu" in cell.metadata.get("tags", [])]
        names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in tagged]
        marked[path.stem] = [name for name in names if name]
    return {notebook: names for notebook, names in marked.items() if names}


def _cell_ids(source: Path) -> dict[str, dict[str, str]]:
    """Notebook -> cell id -> name, as far as the source notebooks can be read; they only help."""
    found = {}
    for path in source.glob("*.ipynb"):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            found[path.stem] = cell_ids(path)
    return found


def read_files(
    folder: Path,
    ignore: Collection[str],
    log: Logger,
    leave_out: Collection[Path] = (),
    follow_links: bool = False,
) -> dict[str, bytes]:
    """Name -> content of what lies in a folder beside notebooks; `ignore`: patterns of names."""
    found = {}
    for name, mode, size in files.walk(folder):
        path = folder / name
        if stat.S_ISLNK(mode) and follow_links and path.exists():
            mode, size = path.stat().st_mode, path.stat().st_size
        if stat.S_ISDIR(mode) or path in leave_out or _is_ignored(name, ignore):
            continue
        if not stat.S_ISREG(mode):
            log.warning("Left out, because it is not a regular file: %s", path)
        elif size > MAX_BYTES:
            log.warning("Left out, because it is too large: %s", path)
        else:
            found[str(name)] = path.read_bytes()
    return found


def _is_ignored(name: Path, patterns: Collection[str]) -> bool:
    ignored = any(fnmatch(part, pattern) for part in name.parts for pattern in patterns)
    return ignored or name.suffix == ".ipynb"
