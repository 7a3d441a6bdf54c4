"""The judge's end of the line to a student's kernel; this module runs in the judge's own kernel.

A request goes to the student's kernel as a user expression and comes back as text. The text is
untrusted: it is bounded in size and time here, and `wire` accepts plain data only.
"""

from __future__ import annotations

import ast
import time
from queue import Empty

import zmq
from jupyter_client import BlockingKernelClient

from autograder import student, wire
from autograder.student import StudentError

# The student may have rebound any name; what comes back is checked on this side in any case.
_EXPRESSION = "__import__('autograder.agent', fromlist=['agent']).agent().handle({request!r})"

_deadline = 0.0


class NoAnswerError(StudentError):
    """The student's kernel did not answer in time, or is dead; it must be replaced."""


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


def _ask(client: BlockingKernelClient, request: str) -> str:
    expressions = {"answer": _EXPRESSION.format(request=request)}
    options = {"silent": True, "store_history": False, "user_expressions": expressions}
    message_id = client.execute("", **options)
    while True:
        try:
            remaining = _deadline - time.monotonic()
            reply = client.get_shell_msg(timeout=max(0.0, remaining))
        except Empty:
            raise NoAnswerError(
                f"the notebook gave no answer within {_limit:g} seconds; is there an endless "
                "loop, or did the kernel stop?"
            ) from None
        if reply["parent_header"].get("msg_id") == message_id:
            return _text(reply["content"])


def _text(content: dict) -> str:
    """The text in an execute reply; anything unexpected is an empty, thus unreadable, answer."""
    try:
        quoted = content["user_expressions"]["answer"]["data"]["text/plain"]
        text = ast.literal_eval(quoted) if len(quoted) <= wire.MAX_BYTES else ""
    except (KeyError, TypeError, ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return text if isinstance(text, str) else ""
