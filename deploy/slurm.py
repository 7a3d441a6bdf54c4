"""Grade on a Slurm cluster; run it on the login node, with `pip install dask-jobqueue` first.

python deploy/slurm.py --partition cpu --jobs 16 -- ps1 --rerun changed
python deploy/slurm.py --partition gpu --gpus 1 --jobs 4 -- ps1 --tier gpu

What stands behind `--` goes to `autograder grade`. Slurm starts a job per four submissions that
are graded at a time (`--processes`), as many jobs as there is work for, and no more than `--jobs`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parent.parent
os.environ["DASK_CONFIG"] = str(COURSE / "deploy" / "dask.yaml")

from dask_jobqueue import SLURMCluster  # noqa: E402  (reads the configuration)


def main(arguments: list[str]) -> int:
    """Start the cluster, grade, end it; the exit code of `autograder grade`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partition", required=True)
    parser.add_argument("--account")
    parser.add_argument("--jobs", type=int, default=4, help="Slurm jobs at most")
    parser.add_argument("--processes", type=int, default=4, help="graded at a time in one job")
    parser.add_argument("--memory", default="32GiB", help="of one job")
    parser.add_argument("--walltime", default="04:00:00")
    parser.add_argument("--gpus", type=int, default=0, help="GPUs of one job")
    parser.add_argument("grade", nargs="+", help="what goes to `autograder grade`")
    options = parser.parse_args(arguments)
    resources = ["--resources", f"GPU={options.gpus}"] if options.gpus else []
    with SLURMCluster(
        queue=options.partition,
        account=options.account,
        cores=options.processes,
        # GPUs are lent out by one worker per job; without them each submission has its own
        processes=1 if options.gpus else options.processes,
        memory=options.memory,
        walltime=options.walltime,
        python=sys.executable,
        job_extra_directives=[f"--gres=gpu:{options.gpus}"] if options.gpus else [],
        job_script_prologue=[f"cd {COURSE}"],
        worker_extra_args=["--no-dashboard", *resources],
    ) as cluster:
        cluster.adapt(minimum_jobs=1, maximum_jobs=options.jobs)
        where = ["--scheduler", cluster.scheduler_address]
        command = [sys.executable, "-m", "autograder", "grade", *options.grade, *where]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
