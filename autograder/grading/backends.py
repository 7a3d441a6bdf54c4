"""Where submissions are graded: a back end gets what is to be graded, yields what came of it."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

from autograder.grading import supervise
from autograder.grading.ledger import Failure, Ledger, Outcome, Result
from autograder.grading.messages import Assignment, Submission
from autograder.kernels import cores


class Backend(Protocol):
    """One of `Local` and `coordinator.Cluster`; a course can bring its own."""

    def outcomes(
        self, assignment: Assignment, chosen: dict[str, str], ledger: Ledger
    ) -> Generator[list[Outcome], None, None]:
        """Grade the submissions `chosen` (student -> digest) and yield what became of them.

        `ledger.take_up` reads submissions; what is yielded is saved before the next one is asked
        for, and whoever could not be saved is then in `ledger.failures`.
        """


class Local:
    """Grades on this machine, in `jobs` processes of its own."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def outcomes(
        self, assignment: Assignment, chosen: dict[str, str], ledger: Ledger
    ) -> Generator[list[Outcome], None, None]:
        """See `Backend`."""
        notebooks = len(chosen) * max(1, len(ledger.known))  # at most
        shares = cores.shares(cores.available(), self.jobs)[:notebooks]
        memory = assignment.memory or supervise.share_of_memory(self.jobs)
        package, waiting = pickle.dumps(assignment), iter(chosen.items())
        flying: dict[Future, tuple[Submission, str]] = {}
        with (
            ThreadPoolExecutor(self.jobs) as pool,
            supervise.Workers(package, shares, memory, assignment.process_bytes) as workers,
        ):
            try:
                while True:
                    free = self.jobs + 1 - len(flying)  # one waits, so that no worker does
                    read, failures = ledger.take_up(itertools.islice(waiting, free), assignment)
                    for submission, digest in read:
                        future = pool.submit(workers.grade, submission)
                        flying[future] = submission, digest
                    if failures:
                        yield failures
                    elif not flying:
                        return
                    else:
                        done, _ = wait(flying, return_when=FIRST_COMPLETED)
                        yield [_outcome(future, *flying.pop(future)) for future in done]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _outcome(future: Future, submission: Submission, digest: str) -> Outcome:
    error = future.exception()
    if isinstance(error, Exception):
        return Failure(submission.student, digest, error)
    return Result(submission, digest, future.result())
