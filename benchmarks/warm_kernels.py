"""What a kernel costs until its framework can be used: started anew, and forked.

python benchmarks/warm_kernels.py    # writes benchmarks/results/warm_kernels.json

- `fresh`: a sandboxed kernel is started for a notebook, which then imports its framework;
- `forked`: it is the fork of a process that has imported the framework (see kernels/forks.py).

For each, the median of some rounds: seconds until the framework is imported, seconds of its first
use, processor seconds of the kernel and of what forked it, and the memory that the kernel alone
takes, shared pages counted in part (PSS). Both frameworks, on one core.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from nbformat import NotebookNode

from autograder.kernels import forks, sandbox, visible
from autograder.kernels.client import StudentKernel
from autograder.outputs import export

RESULTS = Path(__file__).parent / "results" / "warm_kernels.json"
ROUNDS = 5
IMPORTS = {"pytorch": "torch", "keras": "keras"}
# What a notebook does first with its framework.
USE = {
    "pytorch": """
import torch
model = torch.nn.LSTM(8, 8)
torch.optim.Adam(model.parameters())
model(torch.randn(5, 4, 8))[0].sum().backward()""",
    "keras": """
import keras, numpy
model = keras.Sequential([keras.layers.LSTM(8), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(numpy.zeros((4, 5, 8)), numpy.zeros((4, 1)), verbose=0)""",
}
TOLD = """(__import__('time').process_time(), [int(line.split()[1]) for line
in open('/proc/self/smaps_rollup') if line.startswith('Pss:')])"""


def execute(client: StudentKernel, code: str) -> None:
    """Run code that must not fail."""
    cell = NotebookNode(cell_type="code", source=code, metadata={}, outputs=[])
    problem = client.run(cell, 0, seconds=120)
    if problem:
        raise RuntimeError(problem)


def processor_seconds() -> float:
    """What all processes that fork kernels have used."""
    ticks = 0
    for source in forks._sources.values():
        fields = Path(f"/proc/{source.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure_one(framework: str, fork: bool) -> dict[str, float]:
    """One kernel, from its start to the first use of the framework."""
    name = IMPORTS[framework]
    with tempfile.TemporaryDirectory() as folder:
        before, start = processor_seconds(), time.monotonic()
        packages = {"autograder": visible.OWN}
        manager = sandbox.kernel_manager(
            "python3", folder, packages=packages, preload=[name], fork=fork
        )
        client = StudentKernel(manager, 2**20)
        client.wait_until_ready()
        if fork and client.kind != "forked":
            raise RuntimeError(client.kind)
        execute(client, f"import {name}")
        ready = time.monotonic() - start
        execute(client, USE[framework])
        used = time.monotonic() - start - ready
        told = client.evaluate(TOLD)["user_expressions"]["answer"]["data"]["text/plain"]
        spent, (kilobytes,) = ast.literal_eval(told)
        spent += processor_seconds() - before
        client.close()
    return {"ready": ready, "first_use": used, "cpu": spent, "mib": kilobytes / 1024}


def measure(framework: str) -> dict:
    """Medians of some rounds of each way; what a zygote costs at its start is not counted."""
    measure_one(framework, fork=True)
    ways = {
        way: [measure_one(framework, fork) for _ in range(ROUNDS)]
        for way, fork in (("fresh", False), ("forked", True))
    }
    return {
        way: {key: round(median(r[key] for r in rounds), 2) for key in rounds[0]}
        for way, rounds in ways.items()
    }


def main() -> int:
    """Measure both frameworks and write the results."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found = {"command": "python benchmarks/warm_kernels.py", "rounds": ROUNDS}
    found |= {framework: measure(framework) for framework in IMPORTS}
    export.write_atomically(RESULTS, json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
