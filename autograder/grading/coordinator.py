"""`autograder grade`: a class graded by Dask workers, on this machine or on any cluster.

The coordinator is nbgrader's Autograde of this course with another back end: it alone reads
submissions and writes the gradebook, the files and the journal; workers get bytes and give back
bytes.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import sys
import time
import warnings
from collections import Counter, deque
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from distributed import Future
from distributed.scheduler import KilledWorker
from nbgrader.apps.autogradeapp import AutogradeApp
from nbgrader.converters.base import NbGraderException
from tqdm import tqdm

from autograder.gradebook.journal import RefusedError, explain
from autograder.grading import cluster, messages
from autograder.grading.autograde import Autograde, say_interrupted
from autograder.grading.ledger import Failure, Ledger, Outcome, Result, Selection
from autograder.grading.messages import (
    ALL,
    CPU,
    GPU,
    Assignment,
    Graded,
    NotGradedError,
    Submission,
)
from autograder.grading.worker import merge
from autograder.outputs import report

RETRIES = 2  # so often is a submission given to another worker
MOST_WAITING = 200  # submissions that are graded but for their questions marked `gpu`
GPU_SECONDS = 20  # how long a worker with a GPU may take to come up
AWAY_SECONDS = 120  # so long may a scheduler be away
BAR = "{desc}: {n_fmt}/{total_fmt} |{bar}| {elapsed}, left {remaining}{postfix}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of `autograder grade`; further options go to nbgrader."""
    parser.add_argument("assignment")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=int, metavar="N", help="workers here (default: the cores)")
    where.add_argument("--scheduler", metavar="ADDRESS", help="a Dask cluster, tcp://host:8786")
    parser.add_argument(
        "--student", nargs="+", default=[], help="only these (* and ? are wildcards)"
    )
    parser.add_argument("--notebook", default="*", help="only this notebook")
    parser.add_argument(
        "--rerun",
        choices=["failed", "changed", "all"],
        default="changed",
        help="what is graded again: what failed, what is new, unfinished or changed (default), all",
    )
    parser.add_argument("--tier", choices=["cpu", "gpu"], default="cpu", help="how it is tested")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")


def main(options: argparse.Namespace, further: list[str]) -> int:
    """Grade as the options say; the exit code."""
    app = AutogradeApp()
    app.initialize(["--log-level=ERROR", f"--notebook={options.notebook}", *further])
    app.coursedir.assignment_id = options.assignment
    for name in ("distributed", "asyncio"):  # what matters is said here
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", message="Sending large graph")  # a large submission
    selection = Selection(
        tuple(options.student) or ("*",),
        options.rerun,
        options.tier,
        one_tier=True,
        dry_run=options.dry_run,
    )
    converter = Autograde(coursedir=app.coursedir, parent=app, selection=selection)
    converter.backend = backend = Cluster(options.scheduler, options.jobs or converter.jobs)
    try:
        converter.start()
        code = 0
    except NbGraderException:
        code = 1
    except KeyboardInterrupt as stop:
        say_interrupted(stop)
        if ledger := converter.ledger:
            print(f"{len(ledger.saved)} of {len(ledger.chosen)} were graded and saved.")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)  # all is saved and closed; the end of the interpreter would take seconds
    if converter.ledger and options.dry_run:
        _print_plan(converter.ledger, len(converter.assignments), backend)
    elif converter.ledger and converter.summary:
        _print_report(converter, converter.ledger, backend)
    return code


def _print_plan(ledger: Ledger, submissions: int, backend: Cluster) -> None:
    for student in ledger.chosen:
        why = "the assignment has changed" if student in ledger.outdated else ledger.state(student)
        print(f"{student}: {why}")
    for student, reason in ledger.failures.items():
        print(f"{student}: cannot be graded: {reason}")
    where = backend.scheduler or f"{backend.jobs} workers on this machine"
    print(f"{len(ledger.chosen)} of {submissions} submissions would be graded by {where}.")


def _print_report(converter: Autograde, ledger: Ledger, backend: Cluster) -> None:
    records = backend.records
    if records or ledger.failures or ledger.with_nothing:
        run = {
            "ended": report.now(),
            "seconds": round(time.monotonic() - backend.began, 1),
            "tier": ledger.selection.tier,
            "graded": len(records),
            "failed": len(ledger.failures),
            "failures": ledger.failures,
            "workers": Counter(entry["worker"] for entry in records),
            "records": records,
        }
        found = report.collect(run, converter.coursedir)
        page = report.write(ledger.path.parents[1] / "reports", found)
        print(f"{report.to_text(found)}\n\nreport  {page} (and .json)")
    else:
        print("Nothing to grade: nothing has changed since the last run.")
    if not ledger.failures:  # else it has been logged
        print(converter.summary)


@dataclass
class Task:
    """A submission on its way, and what became of it so far."""

    submission: Submission
    digest: str
    waiting_for: set[str]
    graded: dict[str, Graded] = field(default_factory=dict)
    failures: list[NotGradedError] = field(default_factory=list)

    @property
    def student(self) -> str:
        """Whose it is."""
        return self.submission.student


class Cluster:
    """A back end (see `backends.Backend`): the workers of a Dask cluster.

    `scheduler`: its address; None for a cluster of `jobs` workers that is started on this machine.
    `records`: what the report says of each graded submission.
    """

    def __init__(self, scheduler: str | None, jobs: int) -> None:
        self.scheduler, self.jobs = scheduler, jobs
        self.began = time.monotonic()
        self.records: list[dict[str, Any]] = []

    def outcomes(
        self, assignment: Assignment, chosen: dict[str, str], ledger: Ledger
    ) -> Generator[list[Outcome], None, None]:
        """See `backends.Backend`."""
        self.assignment, self.ledger = assignment, ledger
        self.began = time.monotonic()
        self._waiting = deque(chosen.items())
        self._for_gpu: deque[Task] = deque()
        self._tasks: dict[str, Task] = {}
        self._flying: dict[Future, tuple[Task, str]] = {}
        self._outcomes: list[Outcome] = []
        self._lost = False  # what was on its way, because the scheduler went away
        self._name = f"autograder-{assignment.name}-{secrets.token_hex(4)}"
        with ExitStack() as stack:
            self._address = self.scheduler or stack.enter_context(self._local())
            self._run = self._reach()
            stack.callback(lambda: self._run.close())  # it may be another one by then
            self._wait_for_gpu()
            self._bar = stack.enter_context(
                tqdm(total=len(chosen), desc=assignment.name, bar_format=BAR, disable=None)
            )
            while self._waiting or self._tasks:
                self._step()
                outcomes, self._outcomes = self._outcomes, []
                yield outcomes
                self._note(outcomes)

    def _step(self) -> None:
        """Hand out what workers can take, and take what has come back."""
        if self._lost or not self._run.look():
            self._reconnect()
        self._hand_out()
        for future in self._run.done(seconds=0.5):
            self._take(future)

    def _note(self, outcomes: list[Outcome]) -> None:
        """What has been saved, or given up, is no longer on its way."""
        for outcome in outcomes:
            failed = outcome.student in self.ledger.failures
            if not failed and isinstance(outcome, Result):
                if not outcome.complete:
                    continue
                task, graded = self._tasks[outcome.student], outcome.graded
                again = [str(failure) for failure in task.failures]
                self.records.append(report.record(outcome.student, graded, again))
                for level, text in graded.log:
                    self.ledger.log.log(level, "%s: %s", outcome.student, text)
            self._tasks.pop(outcome.student, None)
            self._bar.update()
        running = min(self._run.slots, len(self._flying))
        self._bar.set_postfix_str(f"running {running}, failed {len(self.ledger.failures)}")

    # ---------------------------------------------------------------- reaching a cluster

    def _local(self) -> AbstractContextManager[str]:
        self._require_gpus(cluster.gpus_here())
        jobs = min(self.jobs, len(self._waiting) * max(1, len(self.ledger.known)))
        print(f"Starting {jobs} worker{'s' * (jobs > 1)} on this machine …", flush=True)
        return cluster.local(jobs, cluster.gpus_here() if self.assignment.gpu_cells else 0)

    def _reach(self) -> cluster.Run:
        client = cluster.connect(self._address)
        try:
            cluster.check(client, self._address)
            return cluster.Run(client, self._name, self.assignment)
        except BaseException:
            client.close(timeout=2)
            raise

    def _wait_for_gpu(self) -> None:
        """Workers that were started just now may not have come up yet."""
        deadline = time.monotonic() + GPU_SECONDS
        while self.assignment.gpu_cells and not self._run.gpus and time.monotonic() < deadline:
            time.sleep(0.5)
            self._run.look()
        self._require_gpus(self._run.gpus)

    def _require_gpus(self, gpus: int) -> None:
        if self.assignment.gpu_cells and not gpus:
            raise RefusedError(
                "Questions of this assignment are marked 'gpu' and no worker offers one: start "
                "workers with `--resources GPU=1` on machines that have one, or use --tier cpu."
            )

    def _reconnect(self) -> None:
        """Wait for the scheduler, then hand out anew what it had; RefusedError if it stays away."""
        self._bar.write(f"The scheduler at {self._address} went away; waiting for it …")
        self._run.close()
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                self._run = self._reach()
                break
            except (RefusedError, OSError):  # the latter where it dies while we are at it
                if time.monotonic() > deadline:
                    raise RefusedError(
                        f"The scheduler at {self._address} did not come back. What was graded is "
                        "saved: start it and run the same command again."
                    ) from None
                time.sleep(1)
        flying, self._flying, self._lost = self._flying, {}, False
        for task, part in flying.values():
            self._submit(task, part)

    # ---------------------------------------------------------------- out and back

    def _hand_out(self) -> None:
        """Keep every worker busy, and no more bytes on the way than that takes."""
        on_gpu = sum(part == GPU for _, part in self._flying.values())
        while self._for_gpu and on_gpu < 2 * self._run.gpus:
            self._submit(self._for_gpu.popleft(), GPU)
            on_gpu += 1
        free = 2 * self._run.slots + 2 - (len(self._flying) - on_gpu)
        free = min(free, MOST_WAITING - len(self._for_gpu))
        next_ones = [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]
        read, failures = self.ledger.take_up(next_ones, self.assignment)
        self._outcomes += failures
        parts = {CPU, GPU} if self.assignment.gpu_cells else {ALL}
        for submission, digest in read:
            self._tasks[submission.student] = task = Task(submission, digest, set(parts))
            self._submit(task, min(parts))  # of two the one without a GPU
            if GPU in parts:
                self._for_gpu.append(task)

    def _submit(self, task: Task, part: str) -> None:
        avoid = {failure.where for failure in task.failures}
        submission = replace(task.submission, part=part)
        future = self._run.submit(submission, len(task.failures), avoid)
        self._flying[future] = task, part

    def _take(self, future: Future) -> None:
        """Keep a result, or give the submission to another worker."""
        if future not in self._flying:  # of a scheduler that went away
            return
        task, part = self._flying.pop(future)
        try:
            answer = future.result(timeout=60)
            task.graded[part] = messages.from_line(answer, task.submission.notebooks)
        except NotGradedError as error:
            return self._again(task, part, error)
        except KilledWorker as error:
            lost = f"{error.allowed_failures + 1} workers died while they graded it"
            return self._give_up(task, NotGradedError(lost))
        except Exception as error:
            if future.status == "cancelled":  # the scheduler went away: see _reconnect
                self._flying[future], self._lost = (task, part), True
                return None
            return self._again(task, part, NotGradedError(explain(error)))
        task.waiting_for.discard(part)
        self._finish(task)

    def _again(self, task: Task, part: str, error: NotGradedError) -> None:
        task.failures.append(error)
        if len(task.failures) > RETRIES:
            tried = f"{error.reason} (tried {len(task.failures)} times)"
            return self._give_up(task, NotGradedError(tried, error.trace, error.where))
        self.ledger.trace(error)
        return self._submit(task, part)

    def _give_up(self, task: Task, error: Exception) -> None:
        if self._tasks.pop(task.student, None):
            self._outcomes.append(Failure(task.student, task.digest, error))

    def _finish(self, task: Task) -> None:
        """What has come back can be saved; what waits for a GPU is saved when it comes."""
        graded = _together(task, self.assignment)
        if task.student in self._tasks and graded is not None:  # not given up for its other part
            complete = not task.waiting_for
            self._outcomes.append(Result(task.submission, task.digest, graded, complete))


def _together(task: Task, assignment: Assignment) -> Graded | None:
    """The parts that are there as one; None while only the part with the GPU is."""
    if ALL in task.graded:
        return task.graded[ALL]
    if task.graded.keys() == {CPU, GPU}:
        return merge(task.graded[CPU], task.graded[GPU], assignment.gpu_cells)
    return task.graded.get(CPU)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="autograder grade", description=__doc__)
    add_options(parser)
    sys.exit(main(*parser.parse_known_args()))
