"""The judge's end of the line to a student's kernel; this module runs in the judge's own kernel.

Every test is run by `run`, which records here, on the judge's side, that it came to its end and
with which number; the grader asks for that record, and points come from nothing else. A request
goes to the student's kernel as a user expression and comes back as text. The text is untrusted: it
is bounded in size and time here, and `wire` accepts plain data only.
"""

from __future__ import annotations

import ast
import contextlib
import json
import numbers
import re
import time
from collections.abc import Collection
from queue import Empty
from typing import Any

import psutil
import zmq
from IPython import get_ipython
from jupyter_client import BlockingKernelClient

from autograder.api import check, student, wire
from autograder.api.student import StudentError
from autograder.kernels import plain

# The student may have rebound any name; what comes back is checked on this side in any case.
_EXPRESSION = "__import__('autograder.api.agent', fromlist=['agent']).agent().handle({request!r})"

_STRING = re.compile(r"""'[^'\\\n]*(?:\\.[^'\\\n]*)*'|"[^"\\\n]*(?:\\.[^"\\\n]*)*\"""")
_LOOK_SECONDS = 0.5  # how often it is looked whether a kernel that gives no answer still lives
ENDED_PYTHON = "ended Python (exit, quit or the like)"
NO_MESSAGE = (KeyError, TypeError, ValueError)  # what jupyter_client raises for one cut in two
_OWN_NAMES = ("_judge", "In", "Out", "get_ipython", "exit", "quit", "open")

_deadline = _limit = 0.0  # see `_start_clock`
_unanswered = ""  # why a request of this test got no answer


class NoAnswerError(StudentError):
    """The student's kernel did not answer in time, or is dead; it must be replaced."""


def connect(connection_file: str, process: int) -> None:
    """Answer `student.get`, `student.call`, … by the kernel behind `connection_file`.

    `process`: the id of the kernel's process, or of the sandbox that ends with it.
    """
    context: zmq.Context = zmq.Context.instance()
    context.setsockopt(zmq.MAXMSGSIZE, 2 * wire.MAX_BYTES)
    client = BlockingKernelClient(connection_file=connection_file, context=context)
    client.load_connection_file()
    client.start_channels(stdin=False, hb=False, iopub=False)
    student.connect(lambda request: _ask(client, process, request))


# ------------------------------------------------------------------ running and recording

_records: dict[str, dict[str, Any]] = {}
_kept: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}


def run(
    token: str,
    source: str,
    seconds: float,
    is_plain: bool = False,
    place: int | None = None,
    uses: list[str] | str | None = None,
    titles: Collection[str] = (),
) -> None:
    """Run the source of a test and keep, under `token`, a record of how it ended.

    All its requests together may take `seconds`. `place`: this is the hidden part of the cell at
    that place, run in the state that `keep` found there; of its parts only `titles` may be shown.
    `uses`: see `plain.permit`.
    """
    hidden = None if place is None else check.Hidden(set(titles))
    _records[token] = record = {"ended": False, "error": "", "value": None, "earned": False}
    _start_clock(seconds)
    plain.permit(uses)
    try:
        if place is not None:
            check.hide(hidden)
            _recall(place)
        code = f"_judge.plain.run_plain({source!r}, globals())" if is_plain else source
        result = get_ipython().run_cell(code, store_history=False)
        error = result.error_before_exec or result.error_in_exec
        value = result.result
        record |= {"ended": True, "error": _sentence(error), "value": _value(value)}
        record["earned"] = isinstance(value, check.Earned)
    except BaseException as error:
        record["error"] = _sentence(error)
    finally:
        check.hide(None)
        record |= {"no_answer": _unanswered, "parts": hidden.lines if hidden else []}
        record["used"] = sorted(plain.used) if is_plain else []


def record(token: str) -> str:
    """The record of a test as JSON: whether it ended, its error, the number that it ended with.

    `value` is None where the test ends with no value, a text where it is no number; `earned`: it is
    the total of `check.Points`. `no_answer` says why a request was not answered, `parts` which
    hidden parts failed.
    """
    return json.dumps(_records.pop(token))


def keep(place: int, seconds: float) -> str:
    """Keep what names mean now, here and in the student's kernel, for the hidden part at `place`.

    Returns why the student's kernel gave no answer, or nothing.
    """
    _start_clock(seconds)
    names = get_ipython().user_ns.items()
    mine = {name: value for name, value in names if name not in _OWN_NAMES and name[0] != "_"}
    _kept[place] = mine, dict(plain.names)
    with contextlib.suppress(StudentError):  # then the hidden part finds nothing, and fails
        student._ask("keep", place=place)
    return _unanswered


def _recall(place: int) -> None:
    """Give names the meaning again that they had at `place`."""
    names, plain_names = _kept[place]
    shell = get_ipython()
    for name in [n for n in shell.user_ns if n not in _OWN_NAMES and n[0] != "_"]:
        del shell.user_ns[name]
    shell.user_ns.update(names)
    plain.names.clear()
    plain.names.update(plain_names)
    student._ask("recall", place=place)


def _sentence(error: BaseException | None) -> str:
    """An error in one sentence for a student; empty if there is none."""
    if error is None:
        return ""
    if isinstance(error, KeyboardInterrupt):
        return "the test ran too long and was interrupted"
    text = wire.clean(str(error), 2000)
    if isinstance(error, check.CheckError | StudentError):
        return text or "not as expected"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _value(value: Any) -> float | str | None:
    """What a test ended with, as a number if it is one."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    return None if value is None else wire.clean(repr(value), 50)


# ------------------------------------------------------------------ asking the student's kernel


def _start_clock(seconds: float) -> None:
    """All requests from now on together may take this long."""
    global _deadline, _limit, _unanswered
    _deadline, _limit, _unanswered = time.monotonic() + seconds, seconds, ""


def _ask(client: BlockingKernelClient, process: int, request: str) -> str:
    if time.monotonic() >= _deadline:  # do not queue one more request behind an endless loop
        raise _no_answer(process)
    expressions = {"answer": _EXPRESSION.format(request=request)}
    options = {"silent": True, "store_history": False, "user_expressions": expressions}
    message_id = client.execute("", **options)
    while True:
        remaining = _deadline - time.monotonic()  # also when other messages keep coming
        try:
            if remaining <= 0:
                raise _no_answer(process)
            reply = client.get_shell_msg(timeout=min(remaining, _LOOK_SECONDS))
        except Empty:
            if not _lives(process):
                raise _no_answer(process) from None
            continue
        except NO_MESSAGE:
            continue
        if reply["parent_header"].get("msg_id") == message_id:
            if ends_python(reply["content"]):
                raise _no_answer(process, f": your code {ENDED_PYTHON}")
            return _text(reply["content"])


def _lives(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _no_answer(process: int, reason: str = "") -> NoAnswerError:
    """The error for a request without an answer; it also marks the record."""
    global _deadline, _unanswered
    if not reason and not _lives(process):
        reason = ": its Python stopped"
    reason = reason or f" within {_limit:g} seconds; is there an endless loop?"
    _unanswered = f"{check.NO_ANSWER}{reason}"
    _deadline = 0.0  # the rest of this test need not wait
    return NoAnswerError(_unanswered)


def ends_python(content: dict) -> bool:
    """Whether a reply says that the kernel is about to end: `exit()` and `quit()` do that."""
    payload = content.get("payload")
    found = payload if isinstance(payload, list) else []
    found = [entry for entry in found if isinstance(entry, dict)]
    return any(e.get("source") == "ask_exit" and not e.get("keepkernel") for e in found)


def _text(content: dict) -> str:
    """The text in an execute reply; anything unexpected is an empty, thus unreadable, answer."""
    try:
        quoted = content["user_expressions"]["answer"]["data"]["text/plain"]
        # One string and nothing else: other literals of this length would fill the memory.
        text = ast.literal_eval(quoted) if _STRING.fullmatch(quoted) else ""
    except (KeyError, TypeError, ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return text if isinstance(text, str) else ""
