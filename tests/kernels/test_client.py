"""A kernel as graders see it: ready when it answers, gone when it has been ended."""

from __future__ import annotations

import asyncio
import time
from queue import Empty

import pytest
import zmq
from jupyter_core.utils import run_sync
from nbformat import NotebookNode

from autograder.kernels import sandbox
from autograder.kernels.client import JudgeKernel, KernelLostError, StudentKernel, _hears

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
            message = next(line)
        except StopIteration:
            await asyncio.sleep(timeout)
            raise Empty from None
        if isinstance(message, Exception):
            raise message
        return message

    return run_sync(_hears)(receive, {"ours", "another"}, "status", seconds)


def test_a_message_about_our_request_is_heard_among_others():
    assert hears([*NOT_ABOUT_US, OURS])
    assert hears([OURS, *NOT_ABOUT_US])


@pytest.mark.parametrize("message", NOT_ABOUT_US, ids=str)
def test_other_messages_are_no_answer(message):
    assert not hears([message])


@pytest.mark.parametrize("error", [ValueError("Invalid Signature"), TypeError(), KeyError(0)])
def test_what_is_no_message_is_passed_over(error):
    def broken():
        yield error
        yield OURS

    assert hears(broken())


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


HUGE = "'x' * 10**7"
TOO_MUCH = {
    f"print({HUGE})": "its output could not be read to the end",
    HUGE: "its output could not be read to the end",
    f"from IPython.display import HTML, display\ndisplay(HTML({HUGE}))": "could not be read to",
    f"raise ValueError({HUGE})": "its error was too long to be read",
    f"{{}}[{HUGE}]": "its error was too long to be read",
    f"print({HUGE})\nraise ValueError({HUGE})": "its error was too long to be read",
}


@pytest.fixture
def kernel(tmp_path):
    in_sandbox = sandbox.unavailable_reason() is None
    manager = sandbox.kernel_manager("python3", tmp_path, sandbox=in_sandbox)
    kernel = StudentKernel(manager, 2**17)
    kernel.wait_until_ready()
    kernel.client.iopub_timeout = 1  # seconds until what was published too late is given up
    yield kernel
    kernel.close()


def run(kernel, source, place, seconds=60):
    """What `run` says of a cell, and the texts of its outputs."""
    cell = NotebookNode(cell_type="code", source=source, metadata={}, outputs=[])
    problem = kernel.run(cell, place, seconds)
    kernel.settle()
    return problem, [output.get("text") or output.get("evalue") for output in cell.outputs]


def test_a_cell_that_sends_too_much_at_once_costs_its_own_output_alone(kernel):
    assert run(kernel, "kept = 5", 0) == ("", [])
    for place, (code, problem) in enumerate(TOO_MUCH.items(), start=1):
        said, outputs = run(kernel, code, 2 * place)
        assert problem in said
        assert "left out" in "".join(outputs)
        assert run(kernel, f"print({place} * kept)", 2 * place + 1) == ("", [f"{5 * place}\n"])


# jupyter_client's, when it asks for an interrupt
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_a_cell_that_is_busy_for_seconds_is_not_cut_off(kernel):
    assert run(kernel, "import time\ntime.sleep(2.5)\nprint(1)", 0) == ("", ["1\n"])
    assert run(kernel, "time.sleep(60)", 1, seconds=2)[0] == "the cell ran longer than 2 seconds"
    assert run(kernel, "print(2)", 2) == ("", ["2\n"])


def test_a_kernel_is_asked_after_it_has_been_interrupted(kernel, monkeypatch):
    kernel.km.kernel_spec.interrupt_mode = "message"  # as in the sandbox
    done, connection = [], kernel.client.kc
    hear, ask = connection.get_control_msg, connection.kernel_info

    async def heard(**options):
        message = await hear(**options)
        done.append(message["msg_type"])
        return message

    monkeypatch.setattr(connection, "get_control_msg", heard)
    monkeypatch.setattr(connection, "kernel_info", lambda: done.append("asked") or ask())
    for _ in range(100):  # an answer that an interrupt cuts in two comes once in fifty or so
        kernel.expect_answer()
        assert done[0] == "interrupt_reply"
        assert set(done[1:]) == {"asked"}
        done.clear()


def test_a_kernel_that_does_not_say_that_it_was_interrupted_is_asked_all_the_same(
    kernel, monkeypatch
):
    kernel.km.kernel_spec.interrupt_mode = "message"
    monkeypatch.setattr(kernel.client.kc.control_channel, "send", lambda message: None)
    kernel.expect_answer()


def test_nobody_waits_for_the_interrupt_of_a_kernel_that_has_ended(kernel, monkeypatch):
    kernel.km.kernel_spec.interrupt_mode = "message"
    end = "import os, threading\nthreading.Timer(0.2, os._exit, [3]).start()"
    assert run(kernel, end, 0) == ("", [])
    while run_sync(kernel.km.is_alive)():
        time.sleep(0.05)
    sent = []
    monkeypatch.setattr(kernel.client.kc.control_channel, "send", sent.append)
    with pytest.raises(KernelLostError, match="the kernel stopped"):
        kernel.expect_answer()
    assert not sent


def test_a_kernel_that_ends_with_a_huge_message_is_lost(kernel):
    with pytest.raises(KernelLostError, match="the kernel stopped while this cell ran"):
        run(kernel, f"import os\nprint({HUGE}, flush=True)\nos._exit(3)", 0)


def test_nothing_is_asked_for_ever_where_the_connection_was_given_up(kernel, monkeypatch):
    monkeypatch.setattr(kernel, "_connect_anew", lambda: None)
    cell = NotebookNode(cell_type="code", source=f"raise ValueError({HUGE})", outputs=[])
    kernel.run(cell, 0, 60)
    start = time.monotonic()
    with pytest.raises(zmq.Again):
        kernel._connection.kernel_info()
    assert time.monotonic() - start < 10
