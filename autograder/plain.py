"""Test cells with plain asserts, run in the judge on the student's names by data alone."""

from __future__ import annotations

import ast
import builtins
import contextlib
from typing import Any

from autograder import student, wire
from autograder.student import StudentError

names: dict[str, Any] = {}  # what the last part of a plain test cell left behind


def run_plain(source: str, known: dict[str, Any]) -> Any:
    """Run a test cell with plain asserts on the student's names, by data alone.

    Every name that the cell uses and that neither Python nor `known` (the judge's variables) has
    is fetched from the student: plain data as it is, anything else as a `Remote`. Returns the
    value of the last expression, nbgrader's partial credit.
    """
    global names
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names = namespace = dict(known)
    for name in sorted(used - set(known) - set(dir(builtins))):
        with contextlib.suppress(NotImplementedError):  # the cell itself may define it
            namespace[name] = _remote(student._ask("get", name=name))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<test>", "exec"), namespace)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "<test>", "eval"), namespace)


class Remote:
    """A function or object that stays in the student's kernel; equal to nothing but itself."""

    def __init__(self, ref: wire.Ref) -> None:
        object.__setattr__(self, "_ref", ref)

    def __repr__(self) -> str:
        return f"<the student's {self._ref.kind}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = [arg._ref if isinstance(arg, Remote) else arg for arg in args]
        try:
            answer = student._ask("call", target=self._ref, args=args, kwargs=kwargs)
        except StudentError as error:
            raise _builtin_error(error) from None
        return _remote(answer)

    def __bool__(self) -> bool:
        raise TypeError(f"expected True or False, found {self!r}")

    def __getattr__(self, name: str) -> Any:
        # NumPy, for one, would read memory wherever an `__array_interface__` points.
        if name.startswith("__"):
            raise AttributeError(f"{self!r} gives no {name}")
        return _remote(student._ask("attribute", ref=self._ref, name=name))


def _remote(value: Any) -> Any:
    return Remote(value) if isinstance(value, wire.Ref) else value


def _builtin_error(error: StudentError) -> Exception:
    """A built-in exception of the student's code as itself, so that tests can expect it."""
    kind = getattr(builtins, error.cause, None)
    is_plain = isinstance(kind, type) and issubclass(kind, Exception)
    # StopIteration would end a loop of the test, and the test with it.
    misleading = (AssertionError, StopIteration)
    return kind(str(error)) if is_plain and not issubclass(kind, misleading) else error
