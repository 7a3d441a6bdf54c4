"""The only code of the autograder that runs next to a student's code: it answers with data.

A request is one JSON text (see `wire`), and so is an answer. Objects of the student stay here, in
`Agent.objects`; only plain numbers, strings and arrays leave. Nothing here is trusted: the other
side checks everything that it receives.
"""

from __future__ import annotations

import importlib
import io
import operator
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import nullcontext, redirect_stdout, suppress
from typing import Any

import numpy as np

from autograder.api import frameworks, wire

BATCH = 250  # examples per forward pass: bounds memory, invisible in the result
MOST_PRINTED = 1_000_000  # characters that a function prints while a test calls it

Models = dict[int, tuple[Any, "list | None"]]  # by their `id`: models with their weights, if built


class Agent:
    """Answers requests about the objects in `namespace`, a notebook's global variables."""

    def __init__(self, namespace: MutableMapping[str, Any]) -> None:
        self.namespace = namespace
        self.objects: dict[int, Any] = {}
        self.ids: dict[int, int] = {}  # of the objects by their `id`, so that one has one
        self.broken: dict[int, Exception] = {}  # what ended an iterator, by its `id`
        self.next_id = time.time_ns()  # a reference into another kernel finds nothing here
        self.kept: dict[int, tuple[dict[str, Any], Models]] = {}
        self.operations: dict[str, Callable] = {
            "get": self.get,
            "call": self.call,
            "use": self.use,
            "predict": self.predict,
            "weights": self.weights,
            "load": self.load,
            "keep": self.keep,
            "recall": self.recall,
        }

    def handle(self, request: str) -> str:
        """Answer one request: {"op": name, ...arguments} -> {"ok": value} or {"error": ...}."""
        try:
            message = wire.decode(request, self._import)
            operation = self.operations[message.pop("op")]
            answer = {"ok": operation(**message)}
            return wire.encode(answer)
        except Exception as error:
            return wire.encode({"error": describe(error)})

    def get(self, name: str) -> Any:
        """The value of a variable: data if it is plain data, otherwise a reference."""
        return self._export(self._find(name))

    def call(self, target: Any, args: list, kwargs: dict, eagerly: bool = False) -> Any:
        """Call a function or class of the notebook, by name or by reference."""
        function = self._find(target) if isinstance(target, str) else target
        with frameworks.eagerly() if eagerly else nullcontext():
            return self._export(function(*args, **kwargs))

    def use(self, action: str, args: list, kwargs: dict) -> wire.Packed:
        """Do what a plain test does with names and objects (see ACTIONS), and return the results.

        The `value` or what was `raised`, what was `printed`, which arguments were `changed`, and
        which one the value is (`same`). Lists and the like hold references to everything that is
        not plain data.
        """
        given = {**dict(enumerate(args)), **kwargs}
        before = {key: text for key, arg in given.items() if (text := self._text(arg))}
        actions = ACTIONS | {
            "name": self._find,
            "has name": self.namespace.__contains__,
            "delete name": self.namespace.pop,
            "bind name": self.namespace.__setitem__,
            "next": self._next,
        }
        answer: dict[str, Any] = {}
        printed = io.StringIO()
        try:
            with redirect_stdout(printed):
                value = actions[action](*args, **kwargs)
            answer["value"] = value
            answer["same"] = [key for key in before if given[key] is value]
        except (Exception, SystemExit) as error:
            answer["raised"] = describe(error) | {
                "kinds": [[kind.__module__, kind.__name__] for kind in type(error).__mro__],
                "args": list(getattr(error, "args", ())),
            }
        answer["printed"] = printed.getvalue()[:MOST_PRINTED]
        changed = [key for key, text in before.items() if self._text(given[key]) != text]
        answer["changed"] = [[key, given[key]] for key in changed]
        return wire.Packed(answer, self._refer)

    def _text(self, value: Any) -> str:
        """Data that a function can change, as text; nothing for other values."""
        if not isinstance(value, CHANGEABLE) and not _is_frame(value):
            return ""
        try:
            return wire.encode(value, self._refer)
        except wire.WireError:
            return "cannot be told"

    def _next(self, iterator: Iterator, most: int) -> tuple[list, bool]:
        """Up to `most` values of an iterator, and whether that was its end."""
        values: list = []
        if id(iterator) in self.broken:
            raise self.broken.pop(id(iterator))
        try:
            for _ in range(most):
                values.append(next(iterator))
        except StopIteration:
            return values, True
        except Exception as error:
            if not values:
                raise
            self.broken[id(iterator)] = error
        return values, False

    def predict(self, ref: Any, tokens: np.ndarray) -> np.ndarray:
        """Outputs of a model in evaluation mode, computed in batches: tokens (N, T) -> (N, ...)."""
        forward = frameworks.of_model(ref).forward
        parts = [forward(ref, tokens[i : i + BATCH]) for i in range(0, len(tokens), BATCH)]
        return np.concatenate(parts)

    def weights(self, ref: Any) -> dict:
        """The trainable arrays of a model in order: [[name, array], ...], and its framework."""
        framework = frameworks.of_model(ref)
        arrays = framework.weights(ref)
        return {"framework": framework.name, "arrays": [[name, array] for name, array in arrays]}

    def load(self, ref: Any, arrays: list) -> None:
        """Give a model other weights: one array for each trainable array, in the same order."""
        frameworks.of_model(ref).load(ref, arrays)

    def keep(self, place: int) -> None:
        """Keep what names mean now: plain mutable data as copies, models with their weights."""
        names = {n: v for n, v in self.namespace.items() if not _is_ipython(n)}
        models = {id(v): v for v in names.values() if _is_model(v)}
        last = next(reversed(self.kept.values()), ({}, {}))[1]
        weights = {key: (model, self._weights(model, last)) for key, model in models.items()}
        self.kept[place] = Copier().copy(names), weights

    def recall(self, place: int) -> None:
        """Give names the meaning again that they had when `keep` was called at `place`."""
        names, weights = self.kept[place]
        for name in [n for n in self.namespace if not _is_ipython(n) and n not in names]:
            del self.namespace[name]
        self.namespace.update(Copier().copy(names))
        for model, arrays in weights.values():
            if arrays is not None:
                with suppress(Exception):  # a model whose layers were changed in place
                    frameworks.of_model(model).load(model, arrays)

    def _weights(self, model: Any, last: Models) -> list | None:
        """Copies of a model's trainable arrays; those of the last time if they are equal."""
        try:
            arrays = [array for _, array in frameworks.of_model(model).weights(model)]
        except Exception:  # a model that has not been built yet
            return None
        before = last.get(id(model), (None, None))[1] or []
        if len(before) == len(arrays) and all(map(np.array_equal, before, arrays)):
            return before
        return [np.array(array) for array in arrays]

    def _find(self, name: str) -> Any:
        if name not in self.namespace:
            raise NotImplementedError(
                f"{name} does not exist yet: complete and run the cells above this one first"
            )
        return self.namespace[name]

    def _import(self, link: wire.Ref | wire.Name) -> Any:
        """What the other side means by a reference, or by the name of a library's function."""
        if isinstance(link, wire.Ref):
            return self.objects[link.id]
        return operator.attrgetter(link.path)(importlib.import_module(link.module))

    def _export(self, value: Any) -> wire.Packed | wire.Ref:
        try:
            return wire.Packed(_to_numpy(value))
        except wire.WireError:
            return self._refer(value, always=True)

    def _refer(self, value: Any, always: bool = False) -> Any:
        """What crosses in place of a value that is not plain data: an array, or a reference."""
        array = value if always else _to_numpy(value)
        if isinstance(array, np.ndarray):
            return array
        if id(value) not in self.ids:
            self.next_id += 1
            self.ids[id(value)], self.objects[self.next_id] = self.next_id, value
        return wire.Ref(self.ids[id(value)], _kind(value), callable(value))


def _kind(value: Any) -> str:
    """What an object is, for messages; for a module or an exception also which one."""
    if isinstance(value, type(sys)):
        return f"module {value.__name__}"
    if not isinstance(value, type):
        return type(value).__name__
    if not issubclass(value, Exception):
        return f"class {value.__name__}"
    base = next(kind for kind in value.__mro__ if kind.__module__ == "builtins")
    return f"exception {value.__name__} {base.__name__}"


CHANGEABLE = list, dict, set, bytearray, deque, np.ndarray

# What a plain test can do with an object of the student's, the object first.
ACTIONS: dict[str, Callable] = {
    "call": lambda function, /, *args, **kwargs: function(*args, **kwargs),
    "attribute": getattr,
    "set attribute": setattr,
    "delete attribute": delattr,
    "special": lambda value, name, *args: getattr(value, name)(*args),
    "item": operator.getitem,
    "set item": operator.setitem,
    "delete item": operator.delitem,
    "contains": operator.contains,
    "iterate": iter,
    "instance": isinstance,
    "subclass": issubclass,
    **{
        kind.__name__: kind for kind in (abs, bool, float, format, hash, int, len, repr, round, str)
    },
    **{kind: getattr(operator, kind) for kind in operator.__all__ if kind not in ("call", "abs")},
}


class Copier:
    """Copies lists, tuples, dicts, sets, arrays and data frames; everything else stays itself.

    If one object is in two places, so is its copy. Beyond `MOST_COPIED` items and bytes, objects
    stay themselves: data of that size is rarely changed in place.
    """

    MOST_COPIED = 200_000, 2**28

    def __init__(self) -> None:
        self.items, self.bytes = self.MOST_COPIED
        self.done: dict[int, Any] = {}

    def copy(self, value: Any) -> Any:
        """A copy of `value`, down to what stays itself; `value` itself if that is true of it."""
        kind = type(value)
        if kind not in (list, tuple, dict, set, np.ndarray) and not _is_frame(value):
            return value
        if id(value) in self.done:
            return self.done[id(value)]
        size = len(value) if kind is not np.ndarray and not _is_frame(value) else 1
        if self.items < size:
            return value
        self.items -= size
        self.done[id(value)] = copied = self._start(value)
        if kind is list:
            copied.extend(map(self.copy, value))
        elif kind is dict:
            copied.update((key, self.copy(item)) for key, item in value.items())
        elif kind is tuple:
            self.done[id(value)] = copied = tuple(map(self.copy, value))
        return copied

    def _start(self, value: Any) -> Any:
        if type(value) in (list, dict, tuple):
            return type(value)()
        if type(value) is set:
            return set(value)
        size = int(value.nbytes if type(value) is np.ndarray else np.sum(value.memory_usage()))
        if self.bytes < size:
            return value
        self.bytes -= size
        return value.copy()


def _is_frame(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    frames = getattr(pandas, "DataFrame", None), getattr(pandas, "Series", None)
    return pandas is not None and type(value) in frames


def _is_ipython(name: str) -> bool:
    """Whether a global name is IPython's, which changes from cell to cell."""
    return name.startswith("_") or name in ("In", "Out", "get_ipython", "exit", "quit")


def _is_model(value: Any) -> bool:
    try:
        return bool(frameworks.of_model(value))
    except Exception:  # TypeError, or whatever an odd object leads to
        return False


_agent: Agent | None = None


def agent() -> Agent:
    """The one agent of this process; it serves the notebook's global variables."""
    global _agent
    if _agent is None:
        _agent = Agent(sys.modules["__main__"].__dict__)
    return _agent


def _to_numpy(value: Any) -> Any:
    """Tensors become arrays, also inside lists, tuples and dicts."""
    if type(value) in (list, tuple):
        return type(value)(_to_numpy(item) for item in value)
    if type(value) is dict:
        return {key: _to_numpy(item) for key, item in value.items()}
    if type(value) in (float, int, str) or isinstance(value, type):
        return value
    # By its class, because a class of the student's may have methods of these names, too.
    framework = frameworks.of(value)
    array = None if framework is None else framework.array(value)
    return value if array is None else array


def describe(error: BaseException) -> dict:
    """What went wrong in the student's code: type, message, and the line of the notebook."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame for frame in frames if "ipykernel" in frame.filename or "<ipython" in frame.filename
    ]
    where = f"{own[-1].name}: {own[-1].line}" if own else ""
    return {"type": type(error).__name__, "message": str(error)[:2000], "where": where[:300]}


def restore_ipython() -> None:
    """Undo the usual ways of changing how IPython runs a cell; for test cells in this kernel."""
    from IPython import get_ipython

    shell = get_ipython()
    for name in [name for name in vars(shell) if callable(getattr(type(shell), name, None))]:
        delattr(shell, name)
    shell.ast_transformers.clear()
    shell.input_transformers_post.clear()
    shell.input_transformer_manager.__init__()
    for callbacks in shell.events.callbacks.values():
        callbacks.clear()
    shell.set_custom_exc((), None)
    sys.settrace(None)
    sys.setprofile(None)
