"""The judge's end of the line to a student's kernel; this module runs in the judge's own kernel.

A request goes to the student's kernel as a user expression and comes back as text. The text is
untrusted: it is bounded in size and time here, and `wire` accepts plain data only.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import json
import re
import sys
import time
from queue import Empty
from typing import Any

import zmq
from jupyter_client import BlockingKernelClient

from autograder import check, student, syntax, wire
from autograder.student import StudentError

# The student may have rebound any name; what comes back is checked on this side in any case.
_EXPRESSION = "__import__('autograder.agent', fromlist=['agent']).agent().handle({request!r})"

_STRING = re.compile(r"""'[^'\\\n]*(?:\\.[^'\\\n]*)*'|"[^"\\\n]*(?:\\.[^"\\\n]*)*\"""")

_deadline = _limit = 0.0  # see `start_clock`


class NoAnswerError(StudentError):
    """The student's kernel did not answer in time, or is dead; it must be replaced."""

    def public(self) -> str:
        return str(self)  # our own words


def connect(connection_file: str) -> None:
    """Answer `student.get`, `student.call`, … by the kernel behind `connection_file`."""
    context = zmq.Context.instance()
    context.setsockopt(zmq.MAXMSGSIZE, 2 * wire.MAX_BYTES)
    client = BlockingKernelClient(connection_file=connection_file, context=context)
    client.load_connection_file()
    client.start_channels(stdin=False, hb=False, iopub=False)
    student.connect(lambda request: _ask(client, request))


def start_clock(seconds: float) -> None:
    """All requests of the next test cell together may take this long."""
    global _deadline, _limit
    _deadline, _limit = time.monotonic() + seconds, seconds


_hidden: check.Hidden | None = None


def begin_hidden(source: str) -> None:
    """What follows is the hidden part of the test cell `source`."""
    global _hidden
    _hidden = check.Hidden(functools.partial(syntax.public_text, syntax.texts(source)))
    check.hide(_hidden)


def end_hidden(failed: bool) -> None:
    """Print, as a list in JSON, what the hidden part has to say without its data."""
    if failed:
        _hidden.tell(f"✗ {check.public_message(sys.last_value)}")
    check.hide(None)
    print(json.dumps(_hidden.lines))


names_of_plain: dict[str, Any] = {}  # what the last part of a plain test cell left behind


def run_plain(source: str, known: dict[str, Any]) -> Any:
    """Run a test cell with plain asserts on the student's names, by data alone.

    Every name that the cell uses and that neither Python nor `known` (the judge's variables) has
    is fetched from the student: plain data as it is, anything else as a `Remote`. Returns the
    value of the last expression, nbgrader's partial credit.
    """
    global names_of_plain
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names_of_plain = namespace = dict(known)
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


def _ask(client: BlockingKernelClient, request: str) -> str:
    if time.monotonic() >= _deadline:  # do not queue one more request behind an endless loop
        raise _no_answer()
    expressions = {"answer": _EXPRESSION.format(request=request)}
    options = {"silent": True, "store_history": False, "user_expressions": expressions}
    message_id = client.execute("", **options)
    while True:
        try:
            remaining = _deadline - time.monotonic()
            if remaining <= 0:  # also when other messages keep coming
                raise Empty
            reply = client.get_shell_msg(timeout=remaining)
        except Empty:
            raise _no_answer() from None
        if reply["parent_header"].get("msg_id") == message_id:
            return _text(reply["content"])


def _no_answer() -> NoAnswerError:
    return NoAnswerError(
        f"{check.NO_ANSWER} {_limit:g} seconds; is there an endless loop, or did the kernel stop?"
    )


def _text(content: dict) -> str:
    """The text in an execute reply; anything unexpected is an empty, thus unreadable, answer."""
    try:
        quoted = content["user_expressions"]["answer"]["data"]["text/plain"]
        # One string and nothing else: other literals of this length would fill the memory.
        text = ast.literal_eval(quoted) if _STRING.fullmatch(quoted) else ""
    except (KeyError, TypeError, ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return text if isinstance(text, str) else ""
