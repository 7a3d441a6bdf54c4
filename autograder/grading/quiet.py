"""What a local worker loads first (`dask_setup`): a Ctrl-C in the terminal is for the coordinator.

The terminal sends it to all processes. Workers are started with the signal blocked (see
`cluster.local`); here it gets a handler that does nothing, which what they start does not inherit.
"""

from __future__ import annotations

import signal


def dask_setup(worker: object) -> None:
    """Take no notice of Ctrl-C; Dask calls this in the worker's process."""
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
