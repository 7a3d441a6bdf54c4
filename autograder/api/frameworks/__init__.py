"""Frameworks whose models a test can ask: one adapter each, found by entry point.

An adapter is a class with the methods of `Framework`; a package names it in the entry-point group
`autograder.frameworks`, and nothing here changes:

    [project.entry-points."autograder.frameworks"]
    sklearn = "my_course.adapter:Perceptrons"

No adapter imports its framework before it meets a model of it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from autograder.reference.layouts import Layout


class Framework(Protocol):
    """What the autograder needs to know about a framework; runs in the student's kernel.

    A framework that compiles graphs can have one more method: `eagerly()`, a context manager in
    which it does not (see `autograder.api.student.eagerly`).
    """

    name: str  # as tests and messages say it, e.g. 'torch'
    packages: tuple[str, ...]  # the top-level packages that its classes come from
    models: str  # what it calls a model, for messages, e.g. 'torch.nn.Module'

    def is_model(self, value: Any) -> bool:
        """Whether an object, one of whose classes comes from `packages`, is a model."""

    def array(self, value: Any) -> np.ndarray | None:
        """The numbers in an object of its classes, as a NumPy array; None if it is not a tensor."""

    def forward(self, model: Any, inputs: np.ndarray) -> np.ndarray:
        """The model's outputs (N, ...) in evaluation mode for inputs (N, ...); no gradients.

        Inputs are integers (token ids) or floating-point numbers.
        """

    def weights(self, model: Any) -> list[tuple[str, np.ndarray]]:
        """The trainable arrays with their names, in the order in which the framework has them."""

    def load(self, model: Any, arrays: list[np.ndarray]) -> None:
        """Give the model other weights: one array for each of `weights`, in the same order."""

    def layouts(self) -> Mapping[str, Layout]:
        """How it stores each kind of layer (see `autograder.reference.layouts`), by kind.

        Only the judge asks for this; a student's kernel does not have `autograder.reference`.
        """


@contextmanager
def eagerly() -> Iterator[None]:
    """No framework compiles a graph in this block."""
    with ExitStack() as stack:
        for adapter in installed().values():
            if hasattr(adapter, "eagerly"):
                stack.enter_context(adapter.eagerly())
        yield


@functools.cache
def installed() -> dict[str, Framework]:
    """The adapters of all installed packages by the framework's name."""
    adapters = [point.load()() for point in entry_points(group="autograder.frameworks")]
    return {adapter.name: adapter for adapter in adapters}


def of(value: Any) -> Framework | None:
    """The framework that an object's class, or one of its base classes, comes from."""
    packages = {kind.__module__.partition(".")[0] for kind in type(value).__mro__}
    if packages <= {"builtins", "__main__", "numpy"}:
        return None
    found = (a for a in installed().values() if not packages.isdisjoint(a.packages))
    return next(found, None)


def of_model(model: Any) -> Framework:
    """The framework of a model; TypeError if the object is not a model."""
    framework = of(model)
    if framework is None or not framework.is_model(model):
        kinds = ", ".join(adapter.models for adapter in installed().values())
        raise TypeError(f"expected a model ({kinds}), found {type(model).__name__}")
    return framework
