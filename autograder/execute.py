"""Runs a submitted notebook: the student's cells in the sandbox, the test cells in the judge.

One policy for what goes wrong: a cell that runs too long is interrupted; a kernel that does not
come back, or that dies, is replaced by a fresh one in which the cells before are run again, without
the cell that did it. That question scores 0 with the reason, the others go on. After
`MAX_KERNELS` kernels the rest of the notebook is left ungraded, with the reason.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import zmq
import zmq.asyncio
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete, DeadKernelError
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_output, output_from_msg
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_locked, is_solution
from traitlets import Bool, Dict, Unicode

from autograder import check, sandbox, scoring, syntax, wire

MAX_KERNELS = 3
GRACE_SECONDS = 5  # to come back after an interrupt
STAGES = ("kernels ready", "imports", "student cells", "tests", "shutdown")  # timed, in the log
REPOSITORY = Path(__file__).parent.parent
# What a student's kernel sees of this repository: no solutions, no class, no other submissions.
VISIBLE = [
    REPOSITORY / "data",
    *(REPOSITORY / "autograder" / name for name in ("__init__.py", "agent.py", "check.py")),
    *(REPOSITORY / "autograder" / name for name in ("reference.py", "student.py", "wire.py")),
    REPOSITORY / "autograder" / "thresholds",
]
JUDGE_IMPORTS = {"autograder", "data", "numpy", "math"}


class KernelLostError(Exception):
    """The kernel is dead or does not come back; the message says why."""


class Execute(NbGraderPreprocessor):
    """Executes a notebook for grading; takes the place of nbgrader's preprocessor of this name."""

    sandbox = Bool(
        True, help="Run student code under bubblewrap. False stamps every grade 'unsandboxed'."
    ).tag(config=True)
    limits = Dict(
        help="Fields of autograder.sandbox.Limits that differ from their defaults, per assignment: "
        "{'*': {'cell_seconds': 60}, 'cnn_lstm': {'memory_bytes': 8 * 2**30}}"
    ).tag(config=True)
    secret_file = Unicode(
        "", help="File with the seed of the hidden test sets; only the judge reads it."
    ).tag(config=True)
    plain_tests = Dict(
        {"*": "in-kernel"},
        help="Where test cells without `autograder` run, per assignment: 'in-kernel' as in stock "
        "nbgrader (the points are marked so), or 'judge': by data alone, safe against forgery.",
    ).tag(config=True)
    gpu = Bool(False, help="Pass the GPU's device nodes into the sandbox.").tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        if self._unreadable(nb):
            return nb, resources
        assignment = resources["nbgrader"]["assignment"]
        fields = {**self.limits.get("*", {}), **self.limits.get(assignment, {})}
        plain = self.plain_tests.get(assignment, self.plain_tests.get("*", "in-kernel"))
        run = NotebookRun(self, nb, resources, sandbox.Limits(**fields), plain)
        try:
            run.execute()
        finally:
            run.close()
        resources.setdefault("autograder", {})["seconds"] = run.seconds
        return nb, resources

    def _unreadable(self, nb: NotebookNode) -> bool:
        note = nb.metadata.get("autograder", {}).get("not_graded")
        for cell in nb.cells:
            if note and is_grade(cell) and not is_solution(cell):
                scoring.record(cell, scoring.NOT_GRADED, note)
        return bool(note)


class NotebookRun:
    """One notebook, the student's kernel (or kernels, one after the other), and the judge's."""

    def __init__(
        self,
        settings: Execute,
        nb: NotebookNode,
        resources: ResourcesDict,
        limits: sandbox.Limits,
        plain_tests: str,
    ) -> None:
        self.settings, self.nb, self.limits, self.log = settings, nb, limits, settings.log
        self.folder = Path(resources["metadata"]["path"])
        self.cores = resources.get("autograder", {}).get("cores", [])
        self.deadline = time.monotonic() + limits.notebook_seconds
        self.imports, self.plain = imports_for_judge(nb)
        self.in_judge = not self.plain or plain_tests == "judge"
        self.kernels = 0
        self.lost: dict[int, str] = {}  # cells that ended a kernel, and how
        self.hidden: dict[int, dict] = {}  # test cells whose hidden part ran: see `_run_test`
        self.given_up = ""
        self.student: Client | None = None
        self.judge: Client | None = None
        self.seconds = dict.fromkeys(STAGES, 0.0)
        nb.metadata.pop("widgets", None)

    def execute(self) -> None:
        """Run every code cell in order; each test cell ends with a record of its score."""
        with self._clock("kernels ready"):
            self._start_student()
            if self.in_judge:
                self._start_judge()
            self.student.wait_until_ready()
        cells = "imports"  # the first cell of a notebook
        for index, cell in enumerate(self.nb.cells):
            if cell.cell_type != "code":
                continue
            is_test = is_grade(cell) and not is_solution(cell)
            if not self.given_up:
                try:
                    with self._clock("tests" if is_test else cells):
                        self._run(index, cell, is_test)
                    cells = "student cells"
                except KernelLostError as error:
                    self._replace_student(index, str(error))
            if is_test:
                self._score(index, cell)

    def close(self) -> None:
        with self._clock("shutdown"):
            for client in (self.student, self.judge):
                if client is not None:
                    client.close()
        stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in self.seconds.items())
        self.log.info("%s: %s", self.folder, stages)

    @contextmanager
    def _clock(self, stage: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] += time.monotonic() - start

    def _run(self, index: int, cell: NotebookNode, is_test: bool) -> None:
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            self.given_up = f"the notebook ran longer than {self.limits.notebook_seconds} seconds"
            return
        seconds = int(min(self.limits.cell_seconds, remaining)) + 1
        if is_test and self.in_judge:
            self._run_in_judge(index, cell, seconds)
            return
        if is_test:
            self.student.quietly("__import__('autograder.agent').agent.restore_ipython()")
            self._run_test(self.student, index, cell, seconds)
        else:
            self.student.run(cell, index, seconds)

    def _run_in_judge(self, index: int, cell: NotebookNode, seconds: int) -> None:
        if not self.introduced:
            self._introduce()
        self.judge.quietly(f"_judge.start_clock({seconds})")
        self._run_test(self.judge, index, cell, seconds + 2 * GRACE_SECONDS)
        if any(check.NO_ANSWER in _text(output) for output in cell.outputs):  # also a part's
            self.student.expect_answer()

    def _run_test(self, client: Client, index: int, cell: NotebookNode, seconds: int) -> None:
        """Run a test cell, its hidden part by itself so that feedback can tell the two apart."""
        visible, hidden = syntax.split_hidden(cell.source)
        cell.outputs = []
        if visible.strip() or not hidden:
            self._run_part(client, index, cell, visible, "globals()", seconds)
        if not hidden or is_failed(cell):
            return
        cell.outputs = [output for output in cell.outputs if output.output_type != "execute_result"]
        self.hidden[index] = {"from_output": len(cell.outputs), "told": []}
        if client is self.judge:
            client.quietly(f"_judge.begin_hidden({cell.source!r})")
        known = "{**globals(), **_judge.names_of_plain}" if visible.strip() else "globals()"
        self._run_part(client, index, cell, hidden, known, seconds)
        if client is self.judge:
            told = json.loads(client.quietly(f"_judge.end_hidden({is_failed(cell)})"))
        else:
            errors = [output.evalue for output in cell.outputs if output.output_type == "error"]
            texts = syntax.texts(cell.source)
            told = [f"✗ {syntax.public_text(texts, e) or check.NOT_AS_EXPECTED}" for e in errors]
        self.hidden[index]["told"] = told

    def _run_part(
        self,
        client: Client,
        index: int,
        cell: NotebookNode,
        source: str,
        known: str,
        seconds: int,
    ) -> None:
        if self.plain and client is self.judge:
            source = f"_judge.run_plain({source!r}, {known})"
        part = NotebookNode({**cell, "source": source, "outputs": []})
        try:
            client.run(part, index, seconds)
        finally:
            cell.outputs = cell.outputs + part.outputs

    def _score(self, index: int, cell: NotebookNode) -> None:
        where = "judge" if self.in_judge else "in-kernel"
        if index in self.lost:
            scoring.record(cell, 0.0, self.lost[index], where)
        elif self.given_up:
            scoring.record(cell, scoring.NOT_GRADED, self.given_up, where)
        else:
            scoring.record_outputs(cell, where)
        if index in self.hidden:
            cell.metadata["autograder"]["hidden"] = self.hidden[index]
        if not self.settings.sandbox:
            cell.metadata["autograder"]["unsandboxed"] = True

    def _start_student(self) -> None:
        self.kernels += 1
        manager = sandbox.kernel_manager(
            self.nb.metadata.kernelspec.name,
            self.folder,
            self.limits,
            files=self._files(),
            readonly=VISIBLE,
            environment={"COURSE_TIER": os.environ.get("COURSE_TIER", "cpu")},
            gpu=self.settings.gpu,
            cores=self.cores,
            sandbox=self.settings.sandbox,
        )
        self.student = Client(manager, self.limits.output_bytes)
        self.introduced = False

    def _files(self) -> list[str]:
        """The student's and the release's data files; nothing else that lies beside them."""
        files = (path for path in self.folder.rglob("*") if path.suffix != ".ipynb")
        return [str(path.relative_to(self.folder)) for path in files if path.is_file()]

    def _start_judge(self) -> None:
        manager = AsyncKernelManager(kernel_name="python3", transport="ipc")
        self.judge = Client(manager, self.limits.output_bytes, self._judge_environment())

    def _introduce(self) -> None:
        """Connect the judge, which has started in the meantime, to the student's kernel."""
        self.judge.wait_until_ready()
        self.judge.quietly(f"from autograder import judge as _judge\n{self.imports}")
        self.judge.quietly(f"_judge.connect({self.student.km.connection_file!r})")
        self.introduced = True

    def _judge_environment(self) -> dict[str, str]:
        secret = self.settings.secret_file
        one_thread = {"OPENBLAS_NUM_THREADS": "1"}  # small matrices; the student's kernel is busy
        return one_thread | ({"COURSE_SECRET_FILE": os.path.abspath(secret)} if secret else {})

    def _replace_student(self, index: int, reason: str) -> None:
        """A fresh kernel in the state before cell `index`, or an end of the run with a reason."""
        self.lost[index] = reason
        self.nb.cells[index].setdefault("outputs", []).append(error_output(reason))
        if index in self.hidden:
            self.hidden[index]["told"].append(f"✗ {reason}")
        self.student.close()
        if self.kernels >= MAX_KERNELS:
            self.given_up = f"the kernel was lost {self.kernels} times, at last: {reason}"
            return
        self._start_student()
        self.student.wait_until_ready()
        for earlier, cell in enumerate(self.nb.cells[:index]):
            is_student_cell = cell.cell_type == "code" and not is_grade(cell)
            if is_student_cell and earlier not in self.lost:
                copy = NotebookNode({**cell, "outputs": []})
                try:
                    self._run(earlier, copy, is_test=False)
                except KernelLostError as error:
                    return self._replace_student(index, str(error))


class Client:
    """A kernel that has been started, and what is asked of it."""

    def __init__(
        self,
        km: AsyncKernelManager,
        output_bytes: int,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.km = km
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.MAXMSGSIZE, 2 * wire.MAX_BYTES)
        km.client = functools.partial(km.client, context=context)
        # nbclient writes every executed cell into its notebook; ours is not its to change.
        scratch = NotebookNode(cells={}, metadata={})
        self.client = BoundedClient(
            scratch,
            km,
            output_bytes=output_bytes,
            allow_errors=True,
            interrupt_on_timeout=True,
            error_on_timeout=TIMEOUT_REPLY,
            raise_on_iopub_timeout=False,
            coalesce_streams=True,
        )
        self._folder = tempfile.TemporaryDirectory(prefix="judge-")
        started = {}
        if environment is not None:  # the judge: no TCP port, and a folder of its own
            km.ip = str(Path(self._folder.name) / "ipc")
            started = {"env": {**os.environ, **environment}}
        self.client.start_new_kernel(cwd=self._folder.name, **started)

    def wait_until_ready(self) -> None:
        """Returns when the kernel answers. Raises RuntimeError if it does not come up."""
        if self.client.kc is None:
            self.client.start_new_kernel_client()

    def run(self, cell: NotebookNode, index: int, seconds: int) -> None:
        """Execute a cell of the notebook. Raises KernelLostError if the kernel does not survive."""
        self.client.timeout = seconds
        self.client.complete = not cell.source.strip()  # nothing to run, and so nothing to hear
        try:
            self.client.execute_cell(cell, index, store_history=True)
        except DeadKernelError:
            raise KernelLostError(self._why_dead()) from None
        except Exception as error:  # student code can put anything on the line
            raise KernelLostError(f"the kernel sent what is no message: {error}") from None
        if any(output.get("ename") == "CellTimeoutError" for output in cell.outputs):
            cell.outputs[-1]["evalue"] = f"the cell ran longer than {seconds} seconds"
            self.expect_answer()
        elif not self.client.complete:  # so much at once that the connection was closed
            self.client.leave_out(cell)

    def quietly(self, code: str) -> str:
        """Execute code that is no part of the notebook; what it printed comes back.

        Raises KernelLostError if it fails.
        """
        cell = NotebookNode(cell_type="code", source=code, metadata={}, outputs=[])
        self.run(cell, 0, seconds=60)
        for output in cell.outputs:
            if output.output_type == "error":
                raise KernelLostError(f"the kernel could not be prepared: {output.evalue}")
        return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")

    def expect_answer(self) -> None:
        """Interrupt; raises KernelLostError if the kernel is not ready again soon after."""
        kc = self.client.kc
        try:
            run_sync(self.km.interrupt_kernel)()
            run_sync(kc.wait_for_ready)(timeout=GRACE_SECONDS)
        except Exception:  # no answer, or what is no message
            alive = run_sync(self.km.is_alive)()
            raise KernelLostError(
                "the cell ran too long and could not be interrupted" if alive else self._why_dead()
            ) from None

    def close(self) -> None:
        if self.client.km is None:  # already closed
            return
        self.client.shutdown_kernel = "immediate"
        self.client._cleanup_kernel()
        self._folder.cleanup()

    def _why_dead(self) -> str:
        reason = getattr(self.km.provisioner, "exit_reason", None)
        return f"the kernel stopped while this cell ran: {reason or 'no reason known'}"


TIMEOUT_REPLY = {
    "ename": "CellTimeoutError",
    "evalue": "the cell ran too long",
    "traceback": ["CellTimeoutError: the cell ran too long and was interrupted"],
}


class BoundedClient(NotebookClient):
    """An nbclient that keeps `output_bytes` of a cell's output and says what it left out."""

    def __init__(self, nb: NotebookNode, km: Any, output_bytes: int, **options: Any) -> None:
        super().__init__(nb, km, **options)
        self.output_bytes = output_bytes
        self.current: NotebookNode | None = None
        self.written, self.complete = 0, True  # whether a cell was heard to its end

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> Any:
        """Take what is well formed and not too much; student code can send anything."""
        if cell is not self.current:
            self.current, self.written = cell, 0
        kind = msg["msg_type"]
        if kind in ("stream", "display_data", "execute_result", "update_display_data", "error"):
            before = self.written
            self.written += len(str(msg["content"]))
            if self.written > self.output_bytes and kind != "error":
                if before <= self.output_bytes:
                    self.leave_out(cell)
                return None
        try:
            if kind in ("display_data", "execute_result", "error"):
                nbformat.validate(output_from_msg(msg), ref=kind, version=4)
            return super().process_message(msg, cell, cell_index)
        except CellExecutionComplete:
            self.complete = True
            raise
        except Exception:  # whatever an odd message leads to
            text = f"\n[a malformed message of type {kind!r} was left out]\n"
            cell.outputs.append(new_output("stream", name="stderr", text=text))

    def leave_out(self, cell: NotebookNode) -> None:
        """Say that output is missing."""
        text = f"\n[output beyond {self.output_bytes:,} bytes was left out]\n"
        cell.outputs.append(new_output("stream", name="stderr", text=text))


def imports_for_judge(nb: NotebookNode) -> tuple[str, bool]:
    """The import lines that test cells rely on, from locked cells; and whether tests are plain.

    Tests are plain if no locked cell imports `autograder`. Only imports of the course's own
    packages and NumPy are taken, so the judge does not load a deep-learning framework.
    """
    lines = []
    for cell in nb.cells:
        if cell.cell_type != "code" or not is_locked(cell):
            continue
        for node in syntax.parse_cell(cell.source).body:
            if isinstance(node, ast.ImportFrom):
                packages = {(node.module or "").partition(".")[0]}
            elif isinstance(node, ast.Import):
                packages = {alias.name.partition(".")[0] for alias in node.names}
            else:
                continue
            if packages <= JUDGE_IMPORTS:
                lines.append(ast.unparse(node))
    return "\n".join(lines), not any("autograder" in line for line in lines)


def is_failed(cell: NotebookNode) -> bool:
    """Whether an error ended an executed cell."""
    return any(output.output_type == "error" for output in cell.outputs)


def _text(output: NotebookNode) -> str:
    """What a test cell printed, or the error that ended it."""
    return f"{output.get('text', '')}{output.get('evalue', '')}"


def error_output(reason: str) -> NotebookNode:
    return new_output("error", ename="KernelLost", evalue=reason, traceback=[reason])
