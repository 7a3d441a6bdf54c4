"""What a test cell can ask of a student's notebook: variables, functions and models, by data.

On a laptop, the names are looked up in the notebook's own variables. Under `nbgrader autograde`,
the same calls reach the student's kernel from outside (see `connect`). Both ways give the same
answers and the same messages, because both exchange the same JSON text (see `wire`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograder.api import wire
from autograder.api.agent import agent


class StudentError(AssertionError):
    """The student's code raised an error, or returned something that a test cannot use."""

    cause = ""  # the name of the exception that the student's code raised

    def _render_traceback_(self) -> list[str]:  # notebooks show the sentence, not our call stack
        return [f"{type(self).__name__}: {self}"]


class Model:
    """A model that stays in the student's kernel: token ids (N, T) in, outputs (N, ...) out."""

    def __init__(self, ref: wire.Ref) -> None:
        self._ref = ref

    def __repr__(self) -> str:
        return f"<the student's {self._ref.kind}>"

    def predict(self, tokens: np.ndarray) -> np.ndarray:
        """Outputs in evaluation mode for integer `tokens` (N, T)."""
        outputs = _ask("predict", ref=self._ref, tokens=np.asarray(tokens))
        if not isinstance(outputs, np.ndarray) or outputs.dtype.kind != "f":
            raise StudentError("expected the model to return an array of floating-point numbers")
        return outputs

    def weights(self) -> tuple[str, list[tuple[str, np.ndarray]]]:
        """The framework ('torch', 'keras', 'gluon') and the trainable arrays by name, in order."""
        answer = _ask("weights", ref=self._ref)
        try:
            framework, pairs = str(answer["framework"]), answer["arrays"]
            arrays = [(str(name), array) for name, array in pairs]
        except (TypeError, KeyError, ValueError):
            raise StudentError("expected a list of named arrays as the model's weights") from None
        if not all(
            isinstance(array, np.ndarray) and array.dtype.kind == "f" for _, array in arrays
        ):
            raise StudentError("expected every weight to be an array of floating-point numbers")
        return framework, arrays

    def arrays(self) -> list[np.ndarray]:
        """The trainable arrays in order, as `load` takes them."""
        return [array for _, array in self.weights()[1]]

    def load(self, arrays: list[np.ndarray]) -> None:
        """Replace the trainable arrays, in the order of `weights`."""
        _ask("load", ref=self._ref, arrays=arrays)


def get(name: str) -> Any:
    """The value of the student's variable `name`: plain data, or a Model if it is an object."""
    return _open(_ask("get", name=name))


def call(name: str, /, *args: Any, **kwargs: Any) -> Any:
    """Call the student's function or class `name`; returns a Model or plain data.

    Arguments are plain data, arrays or Models. Raises NotImplementedError if the stub is still
    empty, StudentError for every other error of the student's code.
    """
    positional = [_close(arg) for arg in args]
    named = {key: _close(arg) for key, arg in kwargs.items()}
    return _open(_ask("call", target=name, args=positional, kwargs=named, eagerly=_eagerly))


def build(name: str, /, *args: Any, **kwargs: Any) -> Model:
    """Call the student's function or class `name` and expect a model."""
    model = call(name, *args, **kwargs)
    if not isinstance(model, Model):
        raise StudentError(
            f"expected {name}(...) to return a model, found {type(model).__name__}; "
            "does it end with a return?"
        )
    return model


@contextmanager
def eagerly() -> Iterator[None]:
    """Calls in this block run without compiling a graph first; the numbers are the same.

    For trainings of a few small steps: Keras otherwise compiles for a second in every `fit`.
    Frameworks that do not compile ignore it.
    """
    global _eagerly
    _eagerly = True
    try:
        yield
    finally:
        _eagerly = False


def connect(transport: Callable[[str], str] | None) -> None:
    """Send requests through `transport` (JSON text to JSON text); None: this notebook itself."""
    global _transport
    _transport = transport


_transport: Callable[[str], str] | None = None
_eagerly = False


def _ask(op: str, **arguments: Any) -> Any:
    request = wire.encode({"op": op, **arguments})
    try:
        answer = wire.decode((_transport or agent().handle)(request))
    except wire.WireError as error:
        raise StudentError(f"the notebook's answer could not be read: {error}") from None
    if isinstance(answer, dict) and "ok" in answer:
        return answer["ok"]
    reported = answer.get("error") if isinstance(answer, dict) else None
    raise _student_error(reported if isinstance(reported, dict) else {})


def _student_error(error: dict) -> Exception:
    lengths = {"type": 100, "message": 2000, "where": 300}
    name, message, where = (wire.clean(str(error.get(k, "")), n) for k, n in lengths.items())
    if name == "NotImplementedError":
        return NotImplementedError(message or "this part of the notebook is still to be written")
    place = f"  [in {where}]" if where else ""
    student_error = StudentError(f"your code raised {name}: {message}{place}")
    student_error.cause = name
    return student_error


def _open(value: Any) -> Any:
    return Model(value) if isinstance(value, wire.Ref) else value


def _close(value: Any) -> Any:
    return value._ref if isinstance(value, Model) else value
