"""`autograder grade`: a class graded by Dask workers, on this machine or on any cluster.

The coordinator is nbgrader's Autograde of this course with another way to have the work done: it
alone reads submissions and writes the gradebook, the files and the journal; workers get bytes and
give back bytes.
"""

from __future__ import annotations

import argparse
import fnmatch
import logging
import secrets
import sys
import time
import warnings
from collections import Counter, deque
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import nbformat
from distributed import Future
from distributed.scheduler import KilledWorker
from nbgrader.apps.autogradeapp import AutogradeApp
from nbgrader.converters.base import NbGraderException
from tqdm import tqdm

from autograder.gradebook import journal
from autograder.grading import autograde, cluster, messages
from autograder.outputs import report
from autograder.grading.worker import merge
from autograder.gradebook.journal import RefusedError, explain
from autograder.grading.messages import ALL, CPU, GPU, Assignment, Graded, NotGradedError, Submission

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
    parser.add_argument("--student", nargs="+", default=[], help="only these (* and ? may be used)")
    parser.add_argument("--notebook", default="*", help="only this notebook")
    parser.add_argument(
        "--rerun",
        choices=["failed", "changed", "all"],
        default="changed",
        help="what is graded again: what failed, what is new, unfinished or changed (default), all",
    )
    parser.add_argument("--tier", choices=["cpu", "gpu"], default="cpu", help="how it is tested")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, no more")


def run(options: argparse.Namespace, further: list[str]) -> int:
    """Grade as the options say; the exit code."""
    app = AutogradeApp()
    app.initialize(["--log-level=ERROR", f"--notebook={options.notebook}", *further])
    app.coursedir.assignment_id = options.assignment
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is said here
    warnings.filterwarnings("ignore", message="Sending large graph")  # a large submission
    coordinator = Coordinator(coursedir=app.coursedir, parent=app)
    coordinator.options = options
    coordinator.force = options.rerun == "all"
    try:
        coordinator.start()
    except NbGraderException:
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


@dataclass
class Paper:
    """A submission on its way, and what became of it so far."""

    submission: Submission
    digest: str
    waiting_for: set[str]
    graded: dict[str, Graded] = field(default_factory=dict)
    failures: list[NotGradedError] = field(default_factory=list)


class Coordinator(autograde.Autograde):
    """Hands submissions to a cluster and books what comes back."""

    options: argparse.Namespace

    # ---------------------------------------------------------------- before

    def _choose(self) -> dict[str, str]:
        chosen = super()._choose()
        wanted = self.options.student or ["*"]
        chosen = {
            student: digest
            for student, digest in chosen.items()
            if any(fnmatch.fnmatchcase(student, pattern) for pattern in wanted)
            and (self.options.rerun != "failed" or self._state(student) == journal.FAILED)
        }
        self._refuse_mixed_tiers(chosen)
        return chosen

    def _state(self, student: str) -> str:
        return self._entries.get(student, {}).get("state", "new")

    def _refuse_mixed_tiers(self, chosen: dict[str, str]) -> None:
        for student, entry in self._entries.items():
            other = entry.get("tier", self.options.tier)
            stays = student not in chosen and self._destination(student).exists()
            if other != self.options.tier and stays:
                raise RefusedError(
                    f"A class is graded on one tier, and {student} was graded on {other!r}: add "
                    f"--tier {other}, or --rerun all to grade everybody on {self.options.tier!r}."
                )

    def pack(self, tier: str = "") -> Assignment:
        """As for nbgrader autograde, with the tier and the cells that need a GPU."""
        assignment = super().pack(self.options.tier)
        marked = self._marked_cells() if self.options.tier == GPU else {}
        return replace(assignment, gpu_cells=marked)

    def _marked_cells(self) -> dict[str, list[str]]:
        """Notebook -> names of the cells that carry the tag `gpu` in the source notebook."""
        course = self.coursedir
        folder = course.format_path(course.source_directory, ".", course.assignment_id)
        marked = {}
        for path in sorted(Path(folder).glob("*.ipynb")):
            cells = nbformat.read(path, as_version=4).cells
            tagged = [cell for cell in cells if "gpu" in cell.metadata.get("tags", [])]
            names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in tagged]
            marked[path.stem] = [name for name in names if name]
        return {notebook: names for notebook, names in marked.items() if names}

    def convert_notebooks(self) -> None:
        """Grade what is to be graded, or only say what that is."""
        if not self.options.dry_run:
            return super().convert_notebooks()
        self._entries, self._failures = journal.read(self._journal), {}
        self._fail = lambda student, _, error: self._failures.update({student: explain(error)})
        chosen = self._choose()
        for student in chosen:
            print(f"{student}: {self._state(student)}")
        for student, reason in self._failures.items():
            print(f"{student}: cannot be graded: {reason}")
        where = self.options.scheduler or f"{self._workers()} workers on this machine"
        print(f"{len(chosen)} of {len(self.assignments)} submissions would be graded by {where}.")

    def _workers(self) -> int:
        return self.options.jobs or self.jobs

    # ---------------------------------------------------------------- meanwhile

    def _grade_all(self, digests: dict[str, str]) -> None:
        """Hand out and book until everything has come back."""
        self._began, self._records = time.monotonic(), []
        if not digests:
            return
        self._waiting = deque(digests.items())
        self._for_gpu: deque[Paper] = deque()
        self._papers: dict[str, Paper] = {}
        self._flying: dict[Future, tuple[Paper, str]] = {}
        self._results: list[autograde.Result] = []
        self._lost = False  # what was on its way, because the scheduler went away
        assignment = self.pack()
        self._name = f"autograder-{assignment.name}-{secrets.token_hex(4)}"
        with ExitStack() as stack:
            self._address = self.options.scheduler or stack.enter_context(self._local(assignment))
            self._run = self._reach(assignment)
            stack.callback(lambda: self._run.close())  # it may be another one by then
            self._wait_for_gpu(assignment)
            self._bar = stack.enter_context(
                tqdm(total=len(digests), desc=assignment.name, bar_format=BAR, disable=None)
            )
            try:
                self._loop(assignment)
            except KeyboardInterrupt:
                self._bar.close()
                print(f"{len(self._records)} of {len(digests)} were graded and saved.")
                raise

    def _local(self, assignment: Assignment):
        self._require_gpus(assignment, cluster.gpus_here())
        jobs = min(self._workers(), len(self._waiting))
        print(f"Starting {jobs} worker{'s' * (jobs > 1)} on this machine …", flush=True)
        return cluster.local(jobs, cluster.gpus_here() if assignment.gpu_cells else 0)

    def _reach(self, assignment: Assignment) -> cluster.Run:
        client = cluster.connect(self._address)
        try:
            cluster.check(client, self._address)
            return cluster.Run(client, self._name, assignment)
        except BaseException:
            client.close(timeout=2)
            raise

    def _wait_for_gpu(self, assignment: Assignment) -> None:
        """Workers that were started just now may not have come up yet."""
        deadline = time.monotonic() + GPU_SECONDS
        while assignment.gpu_cells and not self._run.gpus and time.monotonic() < deadline:
            time.sleep(0.5)
            self._run.look()
        self._require_gpus(assignment, self._run.gpus)

    def _require_gpus(self, assignment: Assignment, gpus: int) -> None:
        if assignment.gpu_cells and not gpus:
            raise RefusedError(
                "Questions of this assignment are marked 'gpu' and no worker offers one: start "
                "workers with `--resources GPU=1` on machines that have one, or use --tier cpu."
            )

    def _loop(self, assignment: Assignment) -> None:
        while self._waiting or self._papers:
            if self._lost or not self._run.look():
                self._reconnect(assignment)
            self._hand_out()
            for future in self._run.done(seconds=0.5):
                self._take(future)
            self._book_all()
            self._show()

    def _show(self) -> None:
        running = min(self._run.slots, len(self._flying))
        self._bar.set_postfix_str(f"running {running}, failed {len(self._failures)}")

    def _reconnect(self, assignment: Assignment) -> None:
        """Wait for the scheduler, then hand out anew what it had; RefusedError if it stays away."""
        self._bar.write(f"The scheduler at {self._address} went away; waiting for it …")
        self._run.close()
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                self._run = self._reach(assignment)
                break
            except RefusedError:
                if time.monotonic() > deadline:
                    raise RefusedError(
                        f"The scheduler at {self._address} did not come back. What was graded is "
                        "saved: start it and run the same command again."
                    ) from None
                time.sleep(1)
        flying, self._flying, self._lost = self._flying, {}, False
        for paper, part in flying.values():
            self._submit(paper, part)

    def _hand_out(self) -> None:
        """Keep every worker busy, and no more bytes on the way than that takes."""
        on_gpu = sum(part == GPU for _, part in self._flying.values())
        while self._for_gpu and on_gpu < 2 * self._run.gpus:
            self._submit(self._for_gpu.popleft(), GPU)
            on_gpu += 1
        room = 2 * self._run.slots + 2 - (len(self._flying) - on_gpu)
        room = min(room, MOST_WAITING - len(self._for_gpu))
        submissions, digests = {}, {}
        while self._waiting and len(submissions) < room:
            student, digest = self._waiting.popleft()
            try:
                submissions[student] = self.read(student)
                digests[student] = digest
            except Exception as error:
                self._fail(student, digest, error)
                self._bar.update()
        if submissions:
            self.begin(submissions, digests)
        parts = {CPU, GPU} if self._run.assignment.gpu_cells else {ALL}
        for student, submission in submissions.items():
            self._papers[student] = paper = Paper(submission, digests[student], set(parts))
            self._submit(paper, min(parts))  # of two the one without a GPU
            if GPU in parts:
                self._for_gpu.append(paper)

    def _submit(self, paper: Paper, part: str) -> None:
        avoid = {failure.where for failure in paper.failures}
        submission = replace(paper.submission, part=part)
        future = self._run.submit(submission, len(paper.failures), avoid)
        self._flying[future] = paper, part

    def _take(self, future: Future) -> None:
        """Book a result, or give the submission to another worker."""
        if future not in self._flying:  # of a scheduler that went away
            return
        paper, part = self._flying.pop(future)
        try:
            answer = future.result(timeout=60)
            paper.graded[part] = messages.from_line(answer, paper.submission.notebooks)
        except NotGradedError as error:
            return self._again(paper, part, error)
        except KilledWorker as error:
            lost = f"{error.allowed_failures + 1} workers died while they graded it"
            return self._give_up(paper, NotGradedError(lost))
        except Exception as error:
            if future.status == "cancelled":  # the scheduler went away: see _reconnect
                self._flying[future], self._lost = (paper, part), True
                return None
            return self._again(paper, part, NotGradedError(explain(error)))
        paper.waiting_for.discard(part)
        self._finish_paper(paper)

    def _again(self, paper: Paper, part: str, error: NotGradedError) -> None:
        paper.failures.append(error)
        if len(paper.failures) > RETRIES:
            tried = f"{error.reason} (tried {len(paper.failures)} times)"
            return self._give_up(paper, NotGradedError(tried, error.trace, error.where))
        self._trace(error)
        return self._submit(paper, part)

    def _give_up(self, paper: Paper, error: Exception) -> None:
        student = paper.submission.student
        if self._papers.pop(student, None):
            self._fail(student, paper.digest, error)
            self._bar.update()

    def _finish_paper(self, paper: Paper) -> None:
        """Have what has come back booked; what waits for a GPU is booked when it comes."""
        student = paper.submission.student
        graded = _together(paper, self._run.assignment)
        if student in self._papers and graded is not None:  # not given up because of its other part
            result = autograde.Result(paper.submission, paper.digest, graded, not paper.waiting_for)
            self._results.append(result)

    def _book_all(self) -> None:
        """Book what has come back; if that fails, one after the other, to see whose fault it is."""
        results, self._results = self._results, []
        for some in [results, *([result] for result in results)]:
            try:
                if some:
                    self.book(some)
            except Exception as error:
                if explain(error).startswith("The disk is full"):
                    raise RefusedError(explain(error)) from None
                if some is not results:
                    self._give_up(self._papers[some[0].student], error)
                continue
            for result in some:
                self._note(result)
            if some is results:
                return

    def _note(self, result: autograde.Result) -> None:
        if result.complete:
            paper = self._papers.pop(result.student)
            again = [str(failure) for failure in paper.failures]
            self._records.append(report.record(result.student, result.graded, again))
            for level, text in result.graded.log:
                self.log.log(level, "%s: %s", result.student, text)
            self._bar.update()

    # ---------------------------------------------------------------- afterwards

    def _finish(self, digests: dict[str, str]) -> None:
        if self._records or self._failures:
            found = report.collect(self._how_it_went(), self.coursedir)
            page = report.write(self._autograded.parent / "reports", found)
            print(f"{report.to_text(found)}\n\nreport  {page} (and .json)")
        else:
            print("Nothing to grade: everything is graded and unchanged.")
        super()._finish(digests)

    def _say(self, text: str) -> None:
        print(text)

    def _how_it_went(self) -> dict:
        return {
            "ended": report.now(),
            "seconds": round(time.monotonic() - self._began, 1),
            "tier": self.options.tier,
            "graded": len(self._records),
            "failed": len(self._failures),
            "failures": self._failures,
            "workers": Counter(entry["worker"] for entry in self._records),
            "records": self._records,
        }


def _together(paper: Paper, assignment: Assignment) -> Graded | None:
    """The parts that are there as one; None while only the part with the GPU is."""
    if ALL in paper.graded:
        return paper.graded[ALL]
    if paper.graded.keys() == {CPU, GPU}:
        return merge(paper.graded[CPU], paper.graded[GPU], assignment.gpu_cells)
    return paper.graded.get(CPU)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="autograder grade", description=__doc__)
    add_options(parser)
    sys.exit(run(*parser.parse_known_args()))
