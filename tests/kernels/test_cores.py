"""Locks on cores and user ids: one holder at a time, and none after its end, however it ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autograder.kernels import cores, sandbox

HOLD = """
import sys, time
from pathlib import Path
from autograder.kernels import cores, sandbox
cores._folder = lambda: Path(sys.argv[1]) / "cores"
sandbox.LOCKS = Path(sys.argv[1]) / "uids"
lease, (uid, lock) = cores.Lease(1), sandbox._lease_uid()
print(*lease.cores, uid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "available", lambda: [0, 1])
    monkeypatch.setattr(cores, "_folder", lambda: tmp_path / "cores")
    monkeypatch.setattr(sandbox, "LOCKS", tmp_path / "uids")
    return tmp_path


def test_a_killed_process_holds_nothing(folder):
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        core, uid = map(int, holder.stdout.readline().split())
        assert cores.Lease(9).cores == [c for c in (0, 1) if c != core]
        assert sandbox._lease_uid()[0] != uid
        holder.kill()
    assert cores.Lease(9).cores == [0, 1]
    assert sandbox._lease_uid()[0] == uid


def test_a_lease_ends_in_any_thread(folder):
    first, second = cores.Lease(1), cores.Lease(2)
    assert (first.cores, second.cores) == ([0], [1])
    thread = threading.Thread(target=first.close)
    thread.start()
    thread.join()
    assert cores.Lease(2).cores == [0]


def test_no_two_kernels_have_one_uid(folder):
    held = [sandbox._lease_uid() for _ in range(3)]
    assert len({uid for uid, _ in held}) == 3
    held[1][1].release()
    assert sandbox._lease_uid()[0] == held[1][0]


def test_without_locks_there_is_no_core_of_ones_own(folder, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    assert cores.Lease(1).cores == []
    with pytest.raises(OSError, match="not implemented"):
        sandbox._lease_uid()
    assert not list(Path(folder, "uids").glob("*.lock"))
