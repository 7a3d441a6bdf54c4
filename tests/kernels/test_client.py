"""A kernel as graders see it: ready when it answers, gone when it has been ended."""

from __future__ import annotations

import asyncio
import time
from queue import Empty

import pytest
from jupyter_core.utils import run_sync

from autograder.kernels.client import JudgeKernel, _hears

OURS = {"msg_type": "status", "parent_header": {"msg_id": "ours"}, "content": {}}
NOT_ABOUT_US = [
    {**OURS, "parent_header": {"msg_id": "of somebody else"}},
    {**OURS, "msg_type": "stream"},
    {**OURS, "parent_header": {}},
    {**OURS, "parent_header": []},
    {**OURS, "parent_header": None},
    {**OURS, "parent_header": {"msg_id": ["ours"]}},
    {**OURS, "msg_type": {"a": 1}},
    {},
]


def hears(messages, seconds=0.2):
    """What `_hears` says of these messages, after which none comes."""
    line = iter(messages)

    async def receive(timeout):
        try:
            return next(line)
        except StopIteration:
            await asyncio.sleep(timeout)
            raise Empty from None

    return run_sync(_hears)(receive, {"ours", "another"}, "status", seconds)


def test_a_message_about_our_request_is_heard_among_others():
    assert hears([*NOT_ABOUT_US, OURS])
    assert hears([OURS, *NOT_ABOUT_US])


@pytest.mark.parametrize("message", NOT_ABOUT_US, ids=str)
def test_other_messages_are_no_answer(message):
    assert not hears([message])


def test_somebody_who_never_stops_talking_is_not_listened_to_for_ever():
    def endless():
        while True:
            time.sleep(0.001)
            yield NOT_ABOUT_US[0]

    start = time.monotonic()
    assert not hears(endless(), seconds=0.1)
    assert time.monotonic() - start < 5


def test_a_kernel_that_was_ended_has_ended():
    judge = JudgeKernel(2**20, {})
    judge.wait_until_ready()
    process = judge.km.provisioner.process
    judge.close()
    assert process.poll() is not None


def test_a_kernel_that_ends_before_it_is_ready_is_said_to_have_ended():
    judge = JudgeKernel(2**20, {})
    judge.km.provisioner.process.kill()
    with pytest.raises(RuntimeError, match="ended before it was ready"):
        judge.wait_until_ready()
    judge.close()
