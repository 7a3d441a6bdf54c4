"""What travels between the coordinator of a grading run and whoever grades: plain data.

It imports nothing heavy, so that a Dask scheduler and its workers can read it in no time. What
comes back is one line of JSON, whoever sends it, and is checked before anything is done with it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

NOTES = "notes-from-the-grader"  # id of the cell that tells what happened to a notebook
ALL, CPU, GPU = "all", "cpu", "gpu"  # parts of a submission: everything, or by where it runs

MAX_ANSWER = 128 * 2**20  # bytes that may come back for one submission
MOST_ENTRIES = 1000  # of a log, or of a table of seconds
LONGEST = 500  # characters of one message
LONGEST_TRACE = 20_000


@dataclass(frozen=True)
class Assignment:
    """Everything that grading needs beside a submission; the same for a whole class."""

    name: str
    config: Any  # nbgrader's configuration, a traitlets Config
    gradebook: bytes  # an SQLite file with the cells of this assignment and no student
    files: dict[str, bytes]  # what the assignment brings beside its notebooks
    secret: str = ""  # the seed of the hidden test sets
    tier: str = "cpu"
    gpu_cells: dict[str, list[str]] = field(default_factory=dict)  # notebook -> marked cells
    cell_ids: dict[str, dict[str, str]] = field(default_factory=dict)  # notebook -> id -> name
    # notebook -> earlier versions of its cells, see gradebook.versions
    versions: dict[str, list[dict[str, dict]]] = field(default_factory=dict)
    notebook_seconds: float = 3600.0  # so long may grading take for each notebook
    memory: int = 0  # bytes that grading one submission may hold in all; 0: a fair share
    course_packages: tuple[str, ...] = ()  # what the course's notebooks import of its own
    process_bytes: int = 2 * 2**30  # and how much of it the process that grades may add itself


@dataclass(frozen=True)
class Submission:
    """What one student handed in: the notebooks to be graded, and the files beside them."""

    student: str
    notebooks: dict[str, bytes | int]  # a number is the size of a file that is too large to read
    files: dict[str, bytes]
    timestamp: str = ""
    part: str = ALL
    seconds: float = 3600.0  # so long may it take in all


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
    kernels: dict[str, int] = field(default_factory=dict)  # "forked", or why fresh -> how many


def joined(parts: Sequence[Graded]) -> Graded:
    """What came of a submission that was graded in parts, without saying where."""
    whole = Graded({})
    for part in parts:
        whole.notebooks |= part.notebooks
        whole.log += part.log
        whole.took += part.took
        whole.memory = max(whole.memory, part.memory)
        for stage, seconds in part.seconds.items():
            whole.seconds[stage] = whole.seconds.get(stage, 0.0) + seconds
        for kind, count in part.kernels.items():
            whole.kernels[kind] = whole.kernels.get(kind, 0) + count
    return whole


def to_line(answer: Graded | NotGradedError) -> bytes:
    """What became of a submission as one line of JSON."""
    if isinstance(answer, NotGradedError):
        found = {"reason": answer.reason, "trace": answer.trace, "where": answer.where}
    else:
        notebooks = {name: content.decode() for name, content in answer.notebooks.items()}
        found = asdict(answer) | {"notebooks": notebooks}
    return json.dumps(found).encode() + b"\n"


def from_line(line: bytes, names: Collection[str]) -> Graded:
    """The graded notebooks `names` in what came back; nothing about it is trusted.

    Raises NotGradedError if it says why there are none, ValueError if it is no such line.
    """
    try:
        if not isinstance(line, bytes) or len(line) > MAX_ANSWER:
            raise ValueError("it is too large")
        found = json.loads(line)
        where = readable(found["where"], LONGEST)
        if "reason" in found:
            trace = readable(found["trace"], LONGEST_TRACE, keep="\n")
            raise NotGradedError(readable(found["reason"], LONGEST), trace, where)
        return Graded(
            _notebooks(found["notebooks"], names),
            {
                readable(stage, 50): _number(value)
                for stage, value in _few(found["seconds"].items())
            },
            [(int(_number(level)), readable(text, LONGEST)) for level, text in _few(found["log"])],
            _number(found["took"]),
            where,
            int(_number(found["memory"])),
            {
                readable(kind, LONGEST): int(_number(count))
                for kind, count in _few(found["kernels"].items())
            },
        )
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"what came back is not a graded submission ({error!r:.100})") from None


def readable(text: str, longest: int, keep: str = "") -> str:
    """A text that is harmless in a terminal, a file and a table: cut, and without control signs."""
    if not isinstance(text, str):
        raise TypeError("a text was expected")
    text = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return "".join(char if char.isprintable() or char in keep else "�" for char in text)


def _notebooks(found: dict[str, str], names: Collection[str]) -> dict[str, bytes]:
    if found.keys() != set(names):
        raise ValueError("not the notebooks that were sent")
    return {name: content.encode() for name, content in found.items()}


def _few(entries: Collection) -> Collection:
    if len(entries) > MOST_ENTRIES:
        raise ValueError("too many entries")
    return entries


def _number(value: float) -> float:
    if type(value) not in (int, float) or not 0 <= value < 2**60:
        raise ValueError("a number was expected")
    return value
