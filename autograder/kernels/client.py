"""Kernels as a grader sees them: started, asked, bounded in what they may send, ended."""

from __future__ import annotations

import ast
import asyncio
import json
import math
import os
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any, cast

import nbformat
import zmq
import zmq.asyncio
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output, output_from_msg
from traitlets import default

from autograder.api import wire
from autograder.kernels import forks
from autograder.kernels.judge import ENDED_PYTHON, NO_MESSAGE, ends_python
from autograder.kernels.sandbox import KERNEL_MODULES, Provisioner

MAX_MESSAGES = 10_000  # from a kernel while one cell runs; the rest is left out
MAX_QUEUE = 256  # messages that wait to be read
MAX_MESSAGE_BYTES = 4 * 2**20
RETRY_MS = 5  # between attempts to reach a kernel that is not there yet
ANSWER_SECONDS = 20  # for a question that takes no time
GRACE_SECONDS = 5  # to come back after an interrupt
JUDGE_MODULES = [*KERNEL_MODULES, "numpy", "autograder.kernels.judge"]
_RESTORE = "__import__('autograder.api.agent', fromlist=['agent']).restore_ipython()"


_FIND = "__import__('importlib.util').util.find_spec('autograder') is None"


class KernelLostError(Exception):
    """The kernel is dead or does not come back; the message says why."""


class Client:
    """A kernel that is started, and what is asked of it."""

    def __init__(self, km: AsyncKernelManager, output_bytes: int) -> None:
        self.km = km
        self.closed = False
        self.reply: dict = {}  # to the last cell
        km.client_factory = _bounded_connection(output_bytes)
        # nbclient writes every executed cell into its notebook; ours is not its to change.
        scratch = NotebookNode(cells={}, metadata={})
        self.client = BoundedClient(
            scratch,
            km,
            output_bytes=output_bytes,
            allow_errors=True,
            interrupt_on_timeout=True,
            error_on_timeout={"ename": "CellTimeoutError", "timed_out": True},
            raise_on_iopub_timeout=False,
            coalesce_streams=True,
            store_widget_state=False,
            on_cell_executed=self._take_reply,
        )
        self._folder = tempfile.TemporaryDirectory(prefix="kernel-")
        self.client.start_new_kernel(cwd=self._folder.name, **self._how_to_start())

    def _how_to_start(self) -> dict[str, Any]:
        """Further options for the kernel's manager."""
        return {}

    def wait_until_ready(self) -> None:
        """Returns when the kernel answers. Raises RuntimeError if it does not come up."""
        if self.client.kc is None:
            self.client.start_new_kernel_client()

    def _take_reply(self, execute_reply: dict, **_: Any) -> None:
        self.reply = execute_reply["content"]

    def run(self, cell: NotebookNode, index: int, seconds: int) -> str:
        """Execute a cell of the notebook; why it did not come to a good end, or nothing.

        Raises KernelLostError if the kernel does not survive.
        """
        if not cell.source.strip():
            return ""
        self.client.timeout = seconds
        self.client.begin()
        self.reply = {}
        # Nothing but its source: nbclient listens to tags, for one.
        bare = NotebookNode(cell_type="code", source=cell.source, metadata={}, outputs=[])
        self.client.nb.cells[index] = bare  # where a display that is updated looks for it
        try:
            self.client.execute_cell(bare, index, store_history=True)
        except DeadKernelError:
            if not self._cut_off:
                raise KernelLostError(self._why_dead()) from None
            self.reply = {"evalue": "its error was too long to be read"}
        except Exception as error:  # student code can put anything on the line
            text = wire.clean(str(error), 200)
            raise KernelLostError(f"the kernel sent what is no message: {text}") from None
        finally:
            cell.outputs, cell.execution_count = bare.outputs, bare.get("execution_count")
        return self._outcome(cell, seconds)

    def _outcome(self, cell: NotebookNode, seconds: int) -> str:
        """What the reply says, which a student's outputs may not."""
        if self.reply.get("timed_out"):
            reason = f"the cell ran longer than {seconds} seconds"
            cell.outputs.append(error_output(reason, "CellTimeoutError"))
            self.expect_answer()
            return reason
        if ends_python(self.reply):
            raise KernelLostError(f"the cell {ENDED_PYTHON}")
        problem = ""
        if self.reply.get("status") != "ok":
            name = wire.clean(str(self.reply.get("ename", "")), 100)
            text = wire.clean(str(self.reply.get("evalue", "")), 2000)
            problem = f"{name or 'the cell failed'}: {text}" if text else name or "the cell failed"
            if not any(output.output_type == "error" for output in cell.outputs):
                cell.outputs.append(error_output(text or name, name or "Error"))
        if not self.client.complete:  # so much at once that the connection was closed
            self.client.leave_out(cell)
            problem = problem or "its output could not be read to the end"
        if self._cut_off or not self.client.complete:
            self._connect_anew()
        return problem or self.client.problem

    @property
    def _cut_off(self) -> bool:
        return getattr(self.client.kc, "cut_off", False)

    def _connect_anew(self) -> None:
        """Go on with a kernel that has sent so much at once that ZeroMQ gave up connections to it.

        If it is not heard then, the next question will tell.
        """
        cast("Any", self._connection).renew()  # see `_bounded_connection`
        with suppress(Exception):
            run_sync(self._connection.wait_for_ready)(timeout=GRACE_SECONDS)

    def quietly(self, code: str) -> None:
        """Execute code that is no part of the notebook. Raises KernelLostError if it fails."""
        cell = NotebookNode(cell_type="code", source=code, metadata={}, outputs=[])
        problem = self.run(cell, 0, seconds=60)
        if problem:
            raise KernelLostError(f"the kernel could not be prepared: {problem}")

    def evaluate(self, expression: str) -> dict:
        """The reply to an expression that no input transformer sees; {} if none comes in time."""
        options = {"silent": True, "user_expressions": {"answer": expression}}
        try:
            reply = run_sync(self._execute)("", **options)
        except Exception:  # no answer, or what is no message
            return {}
        return reply["content"]

    async def _execute(self, code: str, **options: Any) -> dict:
        return await self._connection.execute(code, reply=True, timeout=ANSWER_SECONDS, **options)

    @property
    def _connection(self) -> AsyncKernelClient:
        if not isinstance(self.client.kc, AsyncKernelClient):
            raise RuntimeError("the kernel is not ready yet, or has been ended")
        return self.client.kc

    def settle(self) -> None:
        """Raises KernelLostError unless the kernel is there after its cell, ready for the next."""
        for seconds in (1, GRACE_SECONDS):
            if not run_sync(self.km.is_alive)():
                raise KernelLostError(self._why_dead())
            try:
                run_sync(self._kernel_info)(seconds)
                return
            except Exception:  # no answer yet, or what is no message
                continue
        raise KernelLostError("the kernel did not answer after this cell")

    async def _kernel_info(self, seconds: float) -> None:
        await self._connection.kernel_info(reply=True, timeout=seconds)

    def expect_answer(self) -> None:
        """Interrupt; raises KernelLostError if the kernel is not ready again soon after."""
        try:
            run_sync(self._interrupt)()
            run_sync(self._connection.wait_for_ready)(timeout=GRACE_SECONDS)
        except Exception:  # no answer, or what is no message
            alive = run_sync(self.km.is_alive)()
            raise KernelLostError(
                "the cell ran too long and could not be interrupted" if alive else self._why_dead()
            ) from None

    async def _interrupt(self) -> None:
        spec = self.km.kernel_spec
        if spec is None or spec.interrupt_mode != "message":
            return await self.km.interrupt_kernel()
        return await cast("Any", self._connection).interrupt()  # see `_bounded_connection`

    def close(self) -> None:
        """End the kernel and remove its folder; a second time does nothing."""
        if self.closed:
            return
        self.closed = True
        self.client.shutdown_kernel = "immediate"
        if self.client.km is not None:  # nbclient ends what did not get ready by itself
            self.client._cleanup_kernel()
        self._folder.cleanup()

    def _why_dead(self) -> str:
        reason = getattr(self.km.provisioner, "exit_reason", None)
        return f"the kernel stopped while this cell ran: {reason or 'no reason known'}"


class StudentKernel(Client):
    """The kernel in which a student's code runs, in the sandbox as a rule."""

    @property
    def process(self) -> int:
        """The id of its process, or of the sandbox that ends with it."""
        provisioner = self.km.provisioner
        if not isinstance(provisioner, LocalProvisioner) or provisioner.pid is None:
            raise KernelLostError("the kernel has no process on this machine")
        return provisioner.pid

    @property
    def kind(self) -> str:
        """'forked', or 'fresh' with the reason."""
        why = getattr(self.km.provisioner, "fresh", "it has another provisioner")
        return f"fresh: {why}" if why else "forked"

    def lacks_engine(self) -> bool:
        """Whether it cannot import this package; to be asked before a student's code runs."""
        reply = self.evaluate(_FIND)
        answer = reply.get("user_expressions", {}).get("answer", {})
        return answer.get("data", {}).get("text/plain") == "True"

    def restore_ipython(self) -> None:
        """Undo what the student's code has changed about how cells run, before a test in here."""
        self.evaluate(_RESTORE)


class JudgeProvisioner(Provisioner):
    """Starts the judge's kernel as a fork of a process that has imported what judges need."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Have it forked; where that does not work, start it."""
        environment = {**kwargs["env"], "JPY_PARENT_PID": "1"}  # it ends with what forked it
        threads = {name: value for name, value in environment.items() if "THREADS" in name}
        key = repr(("judge", *sorted(threads.items())))
        with open(os.devnull, "wb") as null:
            try:
                source = forks.get(key, forks.Recipe(JUDGE_MODULES, environment))
                request = {
                    "argv": cmd,
                    "sys_argv": [*forks.launcher(), *cmd[3:]],
                    "cwd": kwargs.get("cwd") or os.getcwd(),
                    "environment": environment,
                    "code": forks.CODE,
                    "prints": False,
                    "inside": None,
                }
                process = forks.Forked(source.fork(request, [null.fileno()]))
            except (forks.ForkError, OSError):
                return await super().launch_kernel(cmd, **kwargs)
        self.process = cast("Any", process)
        self.pid = self.pgid = process.pid
        return self.connection_info


class JudgeKernel(Client):
    """The kernel in which tests run (see `judge`); it asks the student's for data alone.

    `imports`: code that makes the names which tests rely on; `prelude`: the same for plain tests
    (see `trial.prelude`).
    """

    def __init__(
        self, output_bytes: int, environment: dict[str, str], imports: str = "", prelude: str = ""
    ) -> None:
        self.environment, self.imports, self.prelude = environment, imports, prelude
        self.student: StudentKernel | None = None
        manager = AsyncKernelManager(kernel_name="python3", transport="ipc")
        spec = manager.kernel_spec
        if spec is not None and forks.works_for(spec.argv):
            manager.provisioner = JudgeProvisioner(
                kernel_id=manager.kernel_id, kernel_spec=spec, parent=manager
            )
        super().__init__(manager, output_bytes)

    def _how_to_start(self) -> dict[str, Any]:
        """Without a TCP port, and with a folder of its own for what IPython keeps at home."""
        folder = self._folder.name
        self.km.ip = str(Path(folder) / "ipc")
        self.km.connection_file = str(Path(folder) / "kernel.json")
        return {"env": {**os.environ, "IPYTHONDIR": folder, **self.environment}}

    def connect(self, student: StudentKernel) -> None:
        """From now on tests are about this student's kernel. Waits until the judge is ready."""
        if self.student is student:
            return
        self.wait_until_ready()
        self.quietly(f"from autograder.kernels import judge as _judge\n{self.imports}")
        self.quietly(f"_judge.connect({student.km.connection_file!r}, {student.process})")
        if self.prelude:
            self.quietly(f"_judge.plain.prepare({self.prelude!r}, globals())")
        self.student = student

    def run_test(self, part: NotebookNode, index: int, seconds: int, **options: Any) -> dict:
        """Run the source of a test, for so long; what the judge then has on record of it.

        `part` gets the outputs. `options`: see `judge.run`.
        """
        token = secrets.token_hex(8)
        arguments = [f"{name}={value!r}" for name, value in options.items()]
        call = ", ".join([repr(token), repr(part.source), repr(seconds), *arguments])
        cell = NotebookNode(source=f"_judge.run({call})", outputs=[])
        try:
            self.run(cell, index, seconds + 2 * GRACE_SECONDS)
            return json.loads(self._ask(f"_judge.record({token!r})"))
        finally:
            part.outputs = cell.outputs

    def keep(self, place: int, seconds: int) -> str:
        """Have both kernels keep what names mean now; why the student's gave no answer, or ''."""
        return self._ask(f"_judge.keep({place}, {seconds})")

    def _ask(self, expression: str) -> str:
        """The text that `expression` gives in the judge. Raises KernelLostError if none comes."""
        content = self.evaluate(expression)
        try:
            return ast.literal_eval(content["user_expressions"]["answer"]["data"]["text/plain"])
        except (KeyError, TypeError, ValueError, SyntaxError):
            raise KernelLostError("the judge gave no record") from None


def _bounded_connection(output_bytes: int) -> type[AsyncKernelClient]:
    """A class of connections that take no large messages and let few of them wait."""

    class Connection(AsyncKernelClient):
        cut_off = False  # whether no answer can come any more, because one was too large
        _events: zmq.Socket | None = None

        def connect_shell(self, identity: bytes | None = None) -> zmq.Socket:
            """Where requests are sent and answered, and the end of that connection is noticed."""
            self._end_events()
            shell = super().connect_shell(identity)
            self._events = shell.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            return shell

        def _end_events(self) -> None:
            if self._events is not None:
                self._events.close(linger=0)
                self._events = None

        def stop_channels(self) -> None:
            """Close all connections."""
            super().stop_channels()
            self._end_events()

        async def is_alive(self) -> bool:
            """Whether the kernel runs and can answer."""
            if not await super().is_alive():
                return False
            if self._events and zmq.Socket.shadow(self._events.underlying).poll(0):
                await asyncio.sleep(0.1)  # a kernel that ends closes its connections first
                self.cut_off = await super().is_alive()
                return False
            return not self.cut_off

        def renew(self) -> None:
            """Connect again where the kernel answers and where it publishes."""
            for channel in (self.shell_channel, self.iopub_channel):
                channel.close()
            self._shell_channel = self._iopub_channel = None  # made when they are asked for
            self.cut_off = False

        async def wait_for_ready(self, timeout: float | None = None) -> None:
            """Returns when both a reply and what is published get here. Raises RuntimeError.

            jupyter_client's own waits for silence on iopub instead, a fifth of a second each time.
            """
            asked: set[str] = set()
            end = time.monotonic() + (math.inf if timeout is None else timeout)
            while True:
                asked.add(self.kernel_info())
                # What it published before we had subscribed is lost: then it is asked again.
                replied = await _hears(self.get_shell_msg, asked, "kernel_info_reply", 1)
                if replied and await _hears(self.get_iopub_msg, asked, "status", 0.2):
                    return
                if not await self.is_alive():
                    raise RuntimeError("the kernel ended before it was ready")
                if time.monotonic() > end:
                    raise RuntimeError(f"the kernel was not ready within {timeout:g} seconds")

        async def interrupt(self) -> None:
            """Returns when the kernel says that it has been interrupted, or after a second.

            Whoever asks earlier may have the answer cut in two, and its end taken for the next's.
            """
            if await self.is_alive():
                request = self.session.msg("interrupt_request", {})
                self.control_channel.send(request)
                await _hears(self.get_control_msg, {request["msg_id"]}, "interrupt_reply", 1)

        @default("context")
        def _bounded_context(self) -> zmq.asyncio.Context:
            self._created_context = True  # so that it ends with the connection
            context = zmq.asyncio.Context()
            context.setsockopt(zmq.MAXMSGSIZE, max(MAX_MESSAGE_BYTES, 2 * output_bytes))
            context.setsockopt(zmq.RCVHWM, MAX_QUEUE)
            context.setsockopt(zmq.RECONNECT_IVL, RETRY_MS)
            context.setsockopt(zmq.SNDTIMEO, 1000 * GRACE_SECONDS)  # where nobody is connected
            return context

    return Connection


async def _hears(
    receive: Callable[..., Awaitable[dict]], asked: Collection[str], kind: str, seconds: float
) -> bool:
    """Whether a message of this kind about one of our requests comes in time; others go lost."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            message = await receive(timeout=left)
        except Empty:
            return False
        except NO_MESSAGE:
            continue
        match message:
            case {"msg_type": str(found), "parent_header": {"msg_id": str(request)}}:
                if found == kind and request in asked:
                    return True
    return False


OUTPUTS = ("stream", "display_data", "execute_result", "update_display_data", "error")


class BoundedClient(NotebookClient):
    """An nbclient that takes of what a kernel sends what is well formed and not too much."""

    def __init__(self, nb: NotebookNode, km: Any, output_bytes: int, **options: Any) -> None:
        super().__init__(nb, km, **options)
        self.output_bytes = output_bytes
        self.begin()

    def begin(self) -> None:
        """Count anew, for the next cell."""
        self.bytes = self.messages = 0
        self.complete = False  # whether the cell was heard to its end
        self.problem = ""  # a message that was left out, and that might have been the result

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> Any:
        """Take a message or say that it was left out; student code can send anything."""
        kind = msg["msg_type"]
        self.messages += 1
        try:
            if kind == "status":
                return super().process_message(msg, cell, cell_index)
            if self.messages > MAX_MESSAGES:
                if self.messages == MAX_MESSAGES + 1:
                    self._say(cell, f"messages beyond {MAX_MESSAGES:,} were left out")
                self.problem = self.problem or "it sent too many messages"
                return None
            if kind in OUTPUTS and self._is_too_much(msg, cell):
                return None
            if kind in OUTPUTS[1:]:
                name = kind.removeprefix("update_")
                header = {**msg["header"], "msg_type": name}
                nbformat.validate(output_from_msg({**msg, "header": header}), ref=name, version=4)
            if kind in (*OUTPUTS, "clear_output", "execute_input"):
                return super().process_message(msg, cell, cell_index)
        except CellExecutionComplete:
            self.complete = True
            raise
        except Exception:  # whatever an odd message leads to
            self._say(
                cell, f"a malformed message of type {wire.clean(str(kind), 50)!r} was left out"
            )
            self.problem = self.problem or "it sent a malformed message"
        return None

    def _is_too_much(self, msg: dict, cell: NotebookNode) -> bool:
        """Whether a message is beyond what is kept of a cell; of a result its text always is."""
        before, size = self.bytes, len(str(msg["content"]))
        self.bytes += size
        if self.bytes <= self.output_bytes:
            return False
        if before <= self.output_bytes:
            self.leave_out(cell)
        if msg["msg_type"] == "execute_result":
            data = msg["content"]["data"]
            msg["content"]["data"] = {"text/plain": wire.clean(str(data.get("text/plain")), 200)}
            return False
        if msg["msg_type"] == "error":
            content = msg["content"]
            shown = {key: wire.clean(str(content.get(key)), 200) for key in ("ename", "evalue")}
            msg["content"] = {**shown, "traceback": [f"{shown['ename']}: {shown['evalue']}"]}
            return False
        return True

    def leave_out(self, cell: NotebookNode) -> None:
        """Say that output is missing."""
        self._say(cell, f"output beyond {self.output_bytes:,} bytes was left out")

    def _say(self, cell: NotebookNode, text: str) -> None:
        cell.outputs.append(new_output("stream", name="stderr", text=f"\n[{text}]\n"))


def error_output(reason: str, name: str) -> NotebookNode:
    """What a cell shows where it was ended: an error called `name`, and the reason."""
    return new_output("error", ename=name, evalue=reason, traceback=[reason])
