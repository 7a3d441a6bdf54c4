"""Runs a submitted notebook: the student's cells in the sandbox, the test cells in the judge.

First all cells in their order, of the test cells what students see; then the hidden parts, each in
the state that the notebook had at its place, while nothing that the student's code prints is kept.

One policy for what goes wrong: a cell that runs too long is interrupted; a kernel that does not
come back, or that ends, is replaced by a fresh one in which the cells before are run again, without
the cell that did it. That question scores 0 with the reason, the others go on. After `MAX_KERNELS`
kernels no further cell is run, and what was not tested by then scores 0 with the reason.
"""

from __future__ import annotations

import ast
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_locked, is_solution
from traitlets import Bool, Dict, Integer, List, Unicode, default

from autograder import courses, syntax
from autograder.api import check
from autograder.gradebook import scores
from autograder.grading.messages import NotGradedError
from autograder.kernels import sandbox, visible
from autograder.kernels.client import JudgeKernel, KernelLostError, StudentKernel, error_output
from autograder.kernels.judge import ENDED_PYTHON
from autograder.kernels.sandbox import Limits

MAX_KERNELS = 3
PAUSE_SECONDS = 0.3  # after each cell that is run again: what ends the kernel late shows here
STAGES = ("kernels ready", "imports", "student cells", "tests", "shutdown")  # timed, in the log
JUDGE_IMPORTS = {"autograder", "numpy", "math"}
# Packages that were found to work in a process that forked after their import (see kernels.forks).
FORKED = {
    *("numpy", "scipy", "pandas", "sklearn", "matplotlib", "tqdm"),
    *("torch", "keras", "tensorflow"),
}


class Execute(NbGraderPreprocessor):
    """Executes a notebook for grading; takes the place of nbgrader's preprocessor of this name."""

    sandbox = Bool(
        True, help="Run student code under bubblewrap. False stamps every grade 'unsandboxed'."
    ).tag(config=True)
    limits = Dict(
        help="Fields of autograder.kernels.sandbox.Limits that differ from their defaults, per "
        "assignment: {'*': {'cell_seconds': 60}, 'ps2': {'memory_bytes': 8 * 2**30}}"
    ).tag(config=True)
    timeout = Integer(
        None,
        allow_none=True,
        help="nbgrader's name for `cell_seconds` where `limits` does not set them.",
    ).tag(config=True)
    secret_file = Unicode(
        "", help="File with the seed of the hidden test sets; only the judge reads it."
    ).tag(config=True)
    plain_tests = Dict(
        {"*": "auto"},
        help="Where test cells without `autograder` run, per assignment: 'in-kernel' as in stock "
        "nbgrader (the points are marked so), or 'judge': by data alone, safe against forgery. "
        "'auto': in the judge if a trial of the assignment's own solution gets full marks there.",
    ).tag(config=True)
    plain_trial = Dict(
        help="What the trial found out, per notebook (see autograder.grading.trial, which sets it)."
    ).tag(config=True)
    course_packages = List(
        Unicode(),
        help="Packages of the course that locked cells import, e.g. ['my_course']. The judge "
        "imports them, too; a student's kernel sees of them what its own locked cells import. "
        "Default: what installed courses name (see autograder.courses).",
    ).tag(config=True)

    @default("course_packages")
    def _course_packages_default(self) -> list[str]:
        return courses.packages()

    fork_kernels = Bool(
        True,
        help="Let kernels be forks of a process that has imported what locked cells import, where "
        "that works. False starts Python anew for each.",
    ).tag(config=True)
    gpu = Bool(False, help="Pass the GPU's device nodes into the sandbox.").tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """The notebook with its outputs, and a record of every test in its cell's metadata."""
        if self._unreadable(nb):
            return nb, resources
        assignment = resources["nbgrader"]["assignment"]
        plain = self.plain_tests.get(assignment, self.plain_tests.get("*", "auto"))
        run = NotebookRun(self, nb, resources, self.limits_of(assignment), plain)
        try:
            run.execute()
        finally:
            run.close()
        told = resources.setdefault("autograder", {})
        told["seconds"], told["kernels"] = run.seconds, run.kinds
        return nb, resources

    def limits_of(self, assignment: str) -> Limits:
        """The limits of an assignment's kernels."""
        usual = {"cell_seconds": self.timeout} if (self.timeout or 0) > 0 else {}
        return Limits(**usual | self.limits.get("*", {}) | self.limits.get(assignment, {}))

    def _unreadable(self, nb: NotebookNode) -> bool:
        note = nb.metadata.get("autograder", {}).get("not_graded")
        for cell in nb.cells:
            if note and syntax.is_test(cell):
                scores.record(cell, scores.NOT_GRADED, note)
        return bool(note)


class NotebookRun:
    """One notebook, the student's kernel (or kernels, one after the other), and the judge's."""

    def __init__(
        self,
        settings: Execute,
        nb: NotebookNode,
        resources: ResourcesDict,
        limits: Limits,
        plain_tests: str,
    ) -> None:
        self.settings, self.nb, self.limits, self.log = settings, nb, limits, settings.log
        self.folder = Path(resources["metadata"]["path"])
        self.cores = resources.get("autograder", {}).get("cores", [])
        self.imports, self.plain = imports_for_judge(nb, settings.course_packages)
        self.in_judge = not self.plain or plain_tests == "judge"
        self.trial = settings.plain_trial.get(resources["nbgrader"]["notebook"], {})
        self.used: dict[int, set[str]] = {}  # what plain tests did with a student's objects
        self.kernels = 0
        self.kinds: list[str] = []  # of the student's kernels: "forked", or why they are not
        self.results: dict[int, list[scores.Result]] = {}  # of test cells, part by part
        self.pending: dict[int, str] = {}  # test cells whose hidden part is still to run
        self.lost: dict[int, str] = {}  # cells that ended a kernel, and how
        self.hidden: dict[int, dict] = {}  # test cells whose hidden part ran: see `_run_hidden`
        self.given_up = ""  # why no further cell is run
        self.replaying = 0
        self._student: StudentKernel | None = None
        self._judge: JudgeKernel | None = None
        self.seconds = dict.fromkeys(STAGES, 0.0)
        nb.metadata.pop("widgets", None)

    @property
    def student(self) -> StudentKernel:
        """The student's kernel, the last one that was started."""
        if self._student is None:
            raise RuntimeError("no kernel has been started for the student's code")
        return self._student

    @property
    def judge(self) -> JudgeKernel:
        """The judge's kernel, while it has not been lost."""
        if self._judge is None:
            raise RuntimeError("no kernel has been started for the judge")
        return self._judge

    def execute(self) -> None:
        """Run every code cell in order, then the hidden parts; record every test cell's score."""
        self.deadline = time.monotonic() + self.limits.notebook_seconds
        with self._clock("kernels ready"):
            self._start_student()
            if self.in_judge:
                self._start_judge()
            self.student.wait_until_ready()
            if self.student.lacks_engine():
                raise NotGradedError(
                    "the kernel of the notebook has no package autograder: install it in the "
                    f"environment of the kernel {self.nb.metadata.kernelspec.name!r}"
                )
        end = len(self.nb.cells)
        for index, _, stage in syntax.stages(self.nb.cells):
            with self._clock(stage):
                step = self._run_test if stage == "tests" else self._run_cell
                self._attempt(index, step, index)
            if self.given_up:
                end = index
                break
        with self._clock("tests"):
            self._run_all_hidden(end)
        for index, cell in enumerate(self.nb.cells):
            if syntax.is_test(cell):
                self._score(index, cell)

    def close(self) -> None:
        """End the kernels, and log how long each stage took."""
        with self._clock("shutdown"):
            for client in (self._student, self._judge):
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

    # ---------------------------------------------------------------- cells and tests

    def _attempt(self, index: int, step: Callable[[int], None], end: int) -> None:
        """Take a step for the cell at `index`, again if another cell turns out to end kernels.

        The cells before `end` have been run by then.
        """
        while not self.given_up and index not in self.lost:
            if time.monotonic() >= self.deadline:
                self.given_up = (
                    f"the notebook ran longer than {self.limits.notebook_seconds} seconds"
                )
                return
            try:
                return step(index)
            except KernelLostError as error:
                self._recover(index, str(error), end)

    def _run_cell(self, index: int) -> None:
        self._run_student(index, self.nb.cells[index])

    def _run_student(self, index: int, cell: NotebookNode) -> None:
        self.student.run(cell, index, self._patience())
        self.student.settle()

    def _patience(self) -> int:
        remaining = self.deadline - time.monotonic()
        return int(max(0, min(self.limits.cell_seconds, remaining))) + 1

    def _run_test(self, index: int) -> None:
        """Run what is run of a test cell at its place."""
        cell = self.nb.cells[index]
        cell.outputs, self.results[index] = [], []
        visible, hidden = syntax.split_hidden(cell.source)
        if not self.in_judge:
            return self._run_in_kernel(index, cell, visible, hidden)
        if visible.strip() or not hidden:
            self.results[index].append(self._run_in_judge(index, cell, visible))
        if hidden and not any(result.error for result in self.results[index]):
            if visible.strip():
                cell.outputs = [o for o in cell.outputs if o.output_type != "execute_result"]
            self.pending[index] = hidden
            self._keep(index)
        return None

    def _run_in_judge(
        self, index: int, cell: NotebookNode, source: str, place: int | None = None
    ) -> scores.Result:
        """Run a test's source in the judge; what the judge then has on record."""
        uses = self.trial.get("uses")
        if isinstance(uses, dict):
            uses = uses.get(cell.metadata.nbgrader["grade_id"], [])
        titles = set() if place is None else syntax.part_titles(cell.source)
        part = NotebookNode(source=source, outputs=[])
        options = {"is_plain": self.plain, "place": place, "uses": uses, "titles": titles}
        try:
            with self._judge_at_work() as judge:
                record = judge.run_test(part, index, self._patience(), **options)
        finally:
            cell.outputs = cell.outputs + part.outputs
        result = scores.result_of(record)
        self.used.setdefault(index, set()).update(record["used"])
        if result.error and not any(o.output_type == "error" for o in cell.outputs):
            cell.outputs.append(error_output(result.error, "TestFailed"))
        if record["no_answer"]:
            self._expect_answer(record["no_answer"])
        return result

    def _keep(self, index: int) -> None:
        with self._judge_at_work() as judge:
            unanswered = judge.keep(index, self._patience())
        if unanswered:
            self._expect_answer(unanswered)

    def _expect_answer(self, unanswered: str) -> None:
        time.sleep(PAUSE_SECONDS)  # a kernel on its way out may still answer
        if ENDED_PYTHON in unanswered:
            raise KernelLostError(unanswered)
        self.student.expect_answer()

    @contextmanager
    def _judge_at_work(self) -> Iterator[JudgeKernel]:
        """Where the judge itself is lost, a new one takes its place, as for a student's kernel."""
        judge = self.judge
        try:
            judge.connect(self.student)
            yield judge
        except KernelLostError as error:
            judge.close()
            self._judge = None
            raise KernelLostError(f"the test could not be ended: {error}") from None

    def _run_all_hidden(self, end: int) -> None:
        """The hidden parts, after all cells before `end`; they have half a notebook's time."""
        self.deadline = time.monotonic() + self.limits.notebook_seconds / 2
        why_ended, self.given_up, self.kernels = self.given_up, "", 1
        if self.pending and self.student.closed:
            self._restart(end)
        for index in list(self.pending):
            self._attempt(index, self._run_hidden, end)
        self.given_up = why_ended or self.given_up

    def _run_hidden(self, index: int) -> None:
        """Run the hidden part of a test; `told` is what a student reads of it."""
        cell = self.nb.cells[index]
        first = self.hidden.get(index, {}).get("from_output", len(cell.outputs))
        cell.outputs = cell.outputs[:first]
        self.hidden[index] = {"from_output": first, "told": [check.HIDDEN_FAILED]}
        result = self._run_in_judge(index, cell, self.pending[index], index)
        del self.pending[index]
        self.results[index].append(result)
        self.hidden[index]["told"] = [check.HIDDEN_FAILED] if result.error else result.parts

    def _run_in_kernel(self, index: int, cell: NotebookNode, visible: str, hidden: str) -> None:
        """Run a plain test where stock nbgrader runs it, its hidden part by itself for feedback."""
        in_turn = visible.strip() and f"{visible}\n{hidden}" == cell.source
        sources = [visible, hidden] if in_turn else [cell.source]
        if hidden and not in_turn:
            self.hidden[index] = {"from_output": 0, "told": [check.HIDDEN_FAILED]}
        for source in sources:
            self.student.restore_ipython()
            part = NotebookNode(source=source, outputs=[])
            try:
                problem = self.student.run(part, index, self._patience())
                self.student.settle()
            finally:
                cell.outputs = cell.outputs + part.outputs
            result = scores.result_of_outputs(part.outputs, problem)
            self.results[index].append(result)
            if result.error:
                return
            if source is not sources[-1]:
                cell.outputs = [o for o in cell.outputs if o.output_type != "execute_result"]
                place = len(cell.outputs)
                self.hidden[index] = {"from_output": place, "told": [check.HIDDEN_FAILED]}
        if index in self.hidden:
            self.hidden[index]["told"] = []

    def _score(self, index: int, cell: NotebookNode) -> None:
        where = "judge" if self.in_judge else "in-kernel"
        results = self.results.get(index, [])
        if index in self.lost:
            points, note = 0.0, self.lost[index]
        elif index in self.pending or not results:
            points, note = 0.0, self.given_up or "there is no record that this test ran to its end"
        else:
            points, note = scores.points_of(results, float(cell.metadata.nbgrader["points"]))
        scores.record(cell, points, note, where)
        if self.used.get(index):
            cell.metadata["autograder"]["used"] = sorted(self.used[index])
        if index in self.hidden:
            cell.metadata["autograder"]["hidden"] = self.hidden[index]
        if not self.settings.sandbox:
            cell.metadata["autograder"]["unsandboxed"] = True

    # ---------------------------------------------------------------- kernels

    def _start_student(self) -> None:
        self.kernels += 1
        manager = sandbox.kernel_manager(
            self.nb.metadata.kernelspec.name,
            self.folder,
            self.limits,
            files=self._files(),
            packages=visible.packages(
                self.nb,
                {*courses.code(), *self.settings.course_packages},  # the former may hold answers
                tests=not self.in_judge,
            ),
            environment={"COURSE_TIER": os.environ.get("COURSE_TIER", "cpu")},
            gpu=self.settings.gpu,
            cores=self.cores,
            sandbox=self.settings.sandbox,
            preload=modules_to_preload(self.nb),
            fork=self.settings.fork_kernels,
        )
        self._student = StudentKernel(manager, self.limits.output_bytes)
        self.kinds.append(self._student.kind)

    def _files(self) -> list[str]:
        """The student's and the release's data files; nothing else that lies beside them."""
        files = (path for path in self.folder.rglob("*") if path.suffix != ".ipynb")
        return [str(path.relative_to(self.folder)) for path in files if path.is_file()]

    def _start_judge(self) -> None:
        prelude = self.trial.get("prelude", "") if self.plain else ""
        size, environment = self.limits.output_bytes, self._judge_environment()
        self._judge = JudgeKernel(size, environment, self.imports, prelude)

    def _judge_environment(self) -> dict[str, str]:
        secret = self.settings.secret_file
        one_thread = {"OPENBLAS_NUM_THREADS": "1"}  # small matrices; the student's kernel is busy
        return one_thread | ({"COURSE_SECRET_FILE": os.path.abspath(secret)} if secret else {})

    def _recover(self, index: int, reason: str, end: int) -> None:
        """A fresh kernel in the state before cell `end`, or an end of the run with a reason.

        The cell at `index` is to blame, unless a cell before it ends the fresh kernel as well:
        then that one is, which had come back before its kernel ended.
        """
        guilty = index
        while True:
            self._blame(guilty, reason)
            self.student.close()
            if self.kernels >= MAX_KERNELS:
                self.given_up = f"the kernel was lost {self.kernels} times, at last: {reason}"
                return
            try:
                return self._renew(end)
            except KernelLostError as error:
                if guilty == index != self.replaying:
                    self._acquit(index)
                guilty, reason = self.replaying, str(error)

    def _restart(self, end: int) -> None:
        """A kernel after the last one was given up."""
        self.kernels = 0
        try:
            self._renew(end)
        except KernelLostError as error:
            self._recover(self.replaying, str(error), end)

    def _blame(self, index: int, reason: str) -> None:
        self.lost[index] = reason
        if index < len(self.nb.cells):
            cell = self.nb.cells[index]
            cell.outputs = [*cell.get("outputs", []), error_output(reason, "KernelLost")]

    def _acquit(self, index: int) -> None:
        del self.lost[index]
        if index < len(self.nb.cells):
            del self.nb.cells[index].outputs[-1]

    def _renew(self, end: int) -> None:
        """Start a fresh kernel and run all cells before `end` in it that have not ended one.

        Of the tests, what a hidden part that is still to run builds upon; all, if the judge is new.
        """
        self._start_student()
        all_tests = self.in_judge and self._judge is None
        if all_tests:
            self._start_judge()
        self.replaying = end
        self.student.wait_until_ready()
        for index, cell in enumerate(self.nb.cells[:end]):
            if cell.cell_type != "code" or index in self.lost:
                continue
            self.replaying = index
            copy = NotebookNode({**cell, "outputs": []})
            if not syntax.is_test(cell):
                self._run_student(index, copy)
                if not is_grade(cell) and not is_solution(cell):
                    time.sleep(PAUSE_SECONDS)
                    self.student.settle()
            elif self.in_judge and (all_tests or index in self.pending):
                visible, _ = syntax.split_hidden(cell.source)
                if visible.strip():
                    self._run_in_judge(index, copy, visible)
                if index in self.pending:
                    self._keep(index)
        self.replaying = end


def modules_to_preload(nb: NotebookNode) -> list[str]:
    """What the notebook's locked cells import at their top level of `FORKED`, in their order."""
    found = []
    for node in _imports(nb, tests=False):
        for name in [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]:
            if name and name.partition(".")[0] in FORKED and name not in found:
                found.append(name)
    return found


def _imports(nb: NotebookNode, tests: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import lines at the top level of locked cells."""
    for cell in nb.cells:
        if cell.cell_type == "code" and is_locked(cell) and (tests or not is_grade(cell)):
            for node in syntax.parse_cell(cell.source).body:
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield node


def imports_for_judge(nb: NotebookNode, packages: Collection[str] = ()) -> tuple[str, bool]:
    """The import lines that test cells rely on, from locked cells; and whether tests are plain.

    Tests are plain if no locked cell imports `autograder`. Only imports of the course's own
    packages and NumPy are taken, so the judge does not load a deep-learning framework.
    """
    lines = []
    for node in _imports(nb, tests=True):
        if isinstance(node, ast.ImportFrom):
            imported = {(node.module or "").partition(".")[0]}
        else:
            imported = {alias.name.partition(".")[0] for alias in node.names}
        if imported <= {*JUDGE_IMPORTS, *packages}:
            lines.append(ast.unparse(node))
    return "\n".join(lines), not any("autograder" in line for line in lines)
