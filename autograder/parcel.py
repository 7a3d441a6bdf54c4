"""What travels between the coordinator of a grading run and whoever grades: plain data.

It imports nothing heavy, so that a Dask scheduler and its workers can read it in no time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ALL, CPU, GPU = "all", "cpu", "gpu"  # parts of a submission: everything, or by where it runs


@dataclass(frozen=True)
class Assignment:
    """Everything that grading needs beside a submission; the same for a whole class."""

    name: str
    config: Any  # nbgrader's configuration, a traitlets Config
    gradebook: bytes  # an SQLite file with the cells of this assignment and no student
    files: dict[str, bytes]  # what the assignment brings beside its notebooks
    secret: str = ""  # the seed of the hidden test sets
    tier: str = "cpu"
    seconds: int = 0  # the longest that one notebook may take
    gpu_cells: dict[str, list[str]] = field(default_factory=dict)  # notebook -> marked cells


@dataclass(frozen=True)
class Submission:
    """What one student handed in: the notebooks to be graded, and the files beside them."""

    student: str
    notebooks: dict[str, bytes | int]  # a number is the size of a file that is too large to read
    files: dict[str, bytes]
    timestamp: str = ""
    part: str = ALL


class NotGradedError(Exception):
    """A submission could not be graded: one sentence, what led to it, and the worker."""

    def __init__(self, reason: str, trace: str = "", where: str = "") -> None:
        super().__init__(reason, trace, where)  # all of them, so that they survive pickling
        self.reason, self.trace, self.where = reason, trace, where

    def __str__(self) -> str:
        return self.reason


@dataclass
class Graded:
    """What comes back: the executed notebooks with their records, and how long things took."""

    notebooks: dict[str, bytes]
    seconds: dict[str, float] = field(default_factory=dict)
    log: list[tuple[int, str]] = field(default_factory=list)  # level and text
    took: float = 0.0  # seconds in all
    where: str = ""  # the machine that did it
    memory: int = 0  # the most bytes that it held at a time, kernels and all; 0: not looked at
