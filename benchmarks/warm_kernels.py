"""Two ways to have a kernel ready before it is needed, and what each would save.

python benchmarks/warm_kernels.py    # writes benchmarks/results/warm_kernels.json

- `cold`: a sandboxed kernel is started for a notebook, which then imports its framework (as now);
- `pool`: a sandboxed kernel that nobody has used has been started and has imported the framework;
- `fork`: a process that has only imported the framework forks one for the notebook. Measured
  without a sandbox, so this is the least that it can cost.

For each: seconds until the framework can be used, and processor seconds spent in all. While one
submission per core is graded, cores are never idle; then only processor seconds count, because what
is done beforehand for one notebook is taken from another.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from jupyter_client.kernelspec import KernelSpecManager
from nbformat import NotebookNode

from autograder.kernels import sandbox, visible
from autograder.kernels.client import Client
from autograder.outputs import export

RESULTS = Path(__file__).parent / "results" / "warm_kernels.json"
ROUNDS = 5
IMPORTS = {"pytorch": "import torch", "keras": "import keras"}
# What a notebook does first with its framework; after an import alone it must work in a fork.
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
FORK_SECONDS = 120  # a fork that has done nothing by then hangs


def kernel(folder: Path) -> Client:
    """A sandboxed kernel as grading starts it."""
    manager = sandbox.kernel_manager("python3", folder, packages={"autograder": visible.OWN})
    client = Client(manager, 2**20)
    client.wait_until_ready()
    return client


def execute(client: Client, code: str) -> None:
    """Run code that must not fail."""
    cell = NotebookNode(cell_type="code", source=code, metadata={}, outputs=[])
    client.run(cell, 0, seconds=120)
    errors = [output for output in cell.outputs if output.output_type == "error"]
    if errors:
        raise RuntimeError(errors[0].evalue)


def in_kernel(framework: str, warm: bool) -> dict[str, float]:
    """Seconds to a usable framework, in a kernel started now or (`warm`) beforehand."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        client = kernel(Path(folder))
        if warm:
            execute(client, IMPORTS[framework])
            start = time.monotonic()
        execute(client, IMPORTS[framework])
        ready = time.monotonic() - start
        execute(client, USE[framework])
        used = time.monotonic() - start - ready
        spent = float(client.quietly("import time; print(time.process_time())"))
        client.close()
    return {"ready": ready, "first_use": used, "cpu": spent}


def fork_server(pipe: Connection, framework: str) -> None:
    """Import the framework and nothing else, then fork for every request."""
    exec(IMPORTS[framework])
    pipe.send(0)
    while pipe.recv():
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            begun = time.monotonic()
            exec(USE[framework], {})
            pipe.send((begun - start, time.monotonic() - begun, time.process_time()))
            os._exit(0)
        os.waitpid(child, 0)


def forked(framework: str) -> list[dict[str, float]]:
    """The same by forks; an empty list if they hang."""
    ours, theirs = multiprocessing.Pipe()
    code = f"import warm_kernels as w; w.serve({theirs.fileno()}, {framework!r})"
    settings = KernelSpecManager().get_kernel_spec("python3").env
    environment = {**os.environ, **settings, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment) as server:
        found = []
        ours.recv()
        for _ in range(ROUNDS):
            ours.send(True)
            if not ours.poll(FORK_SECONDS):
                server.kill()
                return []
            ready, used, spent = ours.recv()
            found.append({"ready": ready, "first_use": used, "cpu": spent})
        ours.send(False)
    return found


def serve(descriptor: int, framework: str) -> None:
    """What the fork server's process runs."""
    fork_server(Connection(descriptor), framework)


def measure(framework: str) -> dict:
    """Medians of some rounds of each way."""
    ways = {
        "cold": [in_kernel(framework, warm=False) for _ in range(ROUNDS)],
        "pool": [in_kernel(framework, warm=True) for _ in range(ROUNDS)],
        "fork": forked(framework),
    }
    return {
        way: {key: round(median(r[key] for r in rounds), 2) for key in rounds[0]}
        if rounds
        else None
        for way, rounds in ways.items()
    }


def main() -> int:
    """Measure both frameworks and write the results."""
    found = {"command": "python benchmarks/warm_kernels.py", "rounds": ROUNDS}
    found |= {framework: measure(framework) for framework in IMPORTS}
    export.write_atomically(RESULTS, json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
