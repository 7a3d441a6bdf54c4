"""What a GPU changes: a class graded on it, the lectures' PyTorch networks, and single layers.

make gpu                                        # within 8 minutes; benchmarks/results/gpu.json
python benchmarks/gpu.py --device cpu --quick   # the same on small data, to try it

Needs PyTorch, and takes what else is there: parts whose packages or data are missing are named in
the results and skipped. Nothing is fetched. The networks are cells of lectures 3 and 4; packages
that these cells only import for their figures and baselines may be missing.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import recipes

from autograder.files import write_atomically

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results" / "gpu.json"
MINUTES = 8  # for everything; what would begin later is left out, and said to be
SEEDS = 0, 1, 2
FOR_FIGURES = {"matplotlib", "pandas", "sklearn", "tqdm"}  # the networks run without them
STUDENTS = "reference", "blank", "alternative", "averages_batch_means", "forgets_activation"

# name: (lecture, its cells, in order; code before the last of them; what is the test accuracy then)
THIRD = (
    "imports settings corpus load cut splits batches fit accuracy fit-loop search-file memory "
    "compete embedding"
)
FOURTH = (
    "setup setup-course settings forget-bias table shuffle split tokenizer tokens vocabulary "
    "vocabulary-size vocabulary-choice dataset dataset-make collate bucket last-state model "
    "model-count train-functions train-epoch train ladder-settings ladder-run final"
)
OURS = "settings = dict(SOURCE)\nfor change in STEPS_TO_OURS.values(): settings |= change"
NETWORKS = {
    name: ("03", f"{THIRD} {cells}", "", f"results[{name!r}]['accuracy']")
    for name, cells in {
        "feed-forward, embeddings": "mlp-model mlp-train",
        "RNN": "max-over-time rnn-model rnn-train",
        "LSTM": "max-over-time rnn-model begin-long gated lstm-train",
    }.items()
}
NETWORKS["packed LSTM"] = ("04", FOURTH, OURS, "score(predict(model, test_set), test_set)[0]")
BATCH, STEPS, SIZE = 64, 200, 100  # of the layers that are timed


# ---------------------------------------------------------------- cells of a lecture


class StandIn(types.ModuleType):
    """A module that is not installed; whatever is taken from it does nothing."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return Bar if name == "tqdm" else mock.MagicMock(name=name)


class Bar:
    """A progress bar that shows nothing."""

    def __init__(self, items: object = (), **_: object) -> None:
        self.items = items

    def __iter__(self) -> Iterator:
        return iter(self.items)

    def __getattr__(self, name: str) -> Callable:
        return lambda *_, **__: None


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what nobody else has found, if the networks do without it."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        if name.partition(".")[0] in FOR_FIGURES:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: object) -> StandIn:
        return StandIn(spec.name)

    def exec_module(self, module: object) -> None:
        """There is nothing to run."""


def run_cells(lecture: str, cells: str, before_last: str, seed: int) -> dict:
    """Run cells of a lecture with a seed, in this process; the variables afterwards.

    `before_last` is code that stands in for cells that are left out.
    """
    *first, last = cells.split()
    running = recipes.Lecture(lecture, " ".join(first), seed)
    running.execute(before_last, "of this script")
    return vars(running.run(last))


# ---------------------------------------------------------------- the three parts


def grade(options: argparse.Namespace, enough: Callable[[float], bool]) -> dict:
    """Students of `cnn_lstm` in PyTorch, graded on the GPU's tier; points and those expected."""
    os.environ["COURSE_TIER"] = "cpu" if options.quick else "gpu"
    import nbformat

    from autograder.grading import single
    from autograder.quality import members

    source = REPOSITORY / "solutions" / "cnn_lstm" / "pytorch.ipynb"
    official = nbformat.read(source, as_version=4)
    released = nbformat.read(REPOSITORY / "exercises/cnn_lstm/pytorch.ipynb", as_version=4)
    chosen = {member.name: member for member in members.members("cnn_lstm")}
    students = [chosen[name] for name in STUDENTS[: 2 if options.quick else None]]
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{member.name}.ipynb") for member in students]
        for member, file in zip(students, files, strict=True):
            nbformat.write(member.submission("pytorch", official, released), file)
        graded = single.grade(source, files, gpu=options.device == "cuda")
    seconds = time.monotonic() - start
    results = {}
    for member, result in zip(students, graded, strict=True):
        wanted = member.expected("pytorch", official)
        results[member.name] = {
            "points": result.score,
            "expected": sum(points or 0 for points in wanted.values()),
            "error": result.error,
        }
    return {"tier": os.environ["COURSE_TIER"], "seconds": round(seconds), "students": results}


def learn(options: argparse.Namespace, enough: Callable[[float], bool]) -> dict:
    """Test accuracy and training seconds of each network, seed by seed while there is time."""
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the lectures choose the device themselves
    if options.quick:
        os.environ["COURSE_QUICK"] = "1"
    found: dict = {name: {} for name in NETWORKS}
    longest = 0.0
    for seed in SEEDS[: 1 if options.quick else None]:
        for name, (lecture, cells, before_last, accuracy) in NETWORKS.items():
            if not enough(longest):
                found[name][str(seed)] = "left out: the time was up"
                continue
            start = time.monotonic()
            names = run_cells(lecture, cells, before_last, seed)
            found[name][str(seed)] = {
                "accuracy": round(float(eval(accuracy, names)), 4),
                "seconds": round(time.monotonic() - start, 1),  # from reading the reviews on
            }
            longest = max(longest, time.monotonic() - start)
    return found


def time_layers(options: argparse.Namespace, enough: Callable[[float], bool]) -> dict:
    """Milliseconds of a training step of single layers: (64, 200, 100) -> 100 features."""
    import torch
    from torch import nn

    repeats = 3 if options.quick else 20
    layers = {
        "RNN": lambda: nn.RNN(SIZE, SIZE, batch_first=True),
        "LSTM": lambda: nn.LSTM(SIZE, SIZE, batch_first=True),
        "GRU": lambda: nn.GRU(SIZE, SIZE, batch_first=True),
        "bidirectional LSTM": lambda: nn.LSTM(SIZE, SIZE, batch_first=True, bidirectional=True),
        "linear": lambda: nn.Linear(SIZE, SIZE),
    }

    def step(layer: nn.Module, x: torch.Tensor) -> None:
        outputs = layer(x)
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        outputs.square().mean().backward()
        if x.is_cuda:
            torch.cuda.synchronize()

    def milliseconds(layer: nn.Module, x: torch.Tensor) -> float:
        for _ in range(2):
            step(layer, x)  # the first calls choose kernels
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            step(layer, x)
            seconds.append(time.perf_counter() - start)
        return round(1000 * statistics.median(seconds), 2)

    found: dict = {}
    for name, make in layers.items():
        found[name] = {}
        for device in dict.fromkeys(["cpu", options.device]):
            x = torch.randn(BATCH, STEPS, SIZE, device=device)
            found[name][device] = milliseconds(make().to(device), x)
    return found


PARTS = {"layers": time_layers, "class": grade, "networks": learn}


# ---------------------------------------------------------------- running


def describe(device: str) -> dict:
    """What the results were measured on and with."""
    import torch

    gpu = torch.cuda.get_device_name() if device == "cuda" else None
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"device": device, "gpu": gpu, "cores": cores, **versions}


def main(arguments: list[str]) -> int:
    """Run the parts one after the other; 0 if each one ran or was skipped for a named reason."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--quick", action="store_true", help="small data, one seed")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    options = parser.parse_args(arguments)
    begin = time.monotonic()

    def enough(seconds: float) -> bool:
        """Whether something that takes so long can still begin."""
        return time.monotonic() - begin + seconds < 60 * MINUTES

    os.environ["TQDM_DISABLE"] = "1"
    sys.meta_path.append(StandIns())
    missing = sorted(name for name in FOR_FIGURES | {"torch"} if not _installed(name))
    if "torch" in missing:
        parser.error(f"expected PyTorch in {sys.executable}, found none")
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("expected a GPU that PyTorch can use, found none; try --device cpu --quick")
    results = {"command": "make gpu", **describe(options.device), "stand_ins_for": missing}
    results["not_measured"] = {
        "Keras": "the networks and the class are PyTorch's",
        "Gluon": "MXNet 1.9.1 has no build for current GPUs",
    }
    failed = False
    for name, part in PARTS.items():
        try:
            results[name] = part(options, enough)
        except ModuleNotFoundError as error:
            results[name] = f"skipped: {error.name} is not installed"
        except Exception as error:
            failed = True
            results[name] = f"failed: {type(error).__name__}: {error}"
        results["seconds"] = round(time.monotonic() - begin)
        write_atomically(options.results, json.dumps(results, indent=1) + "\n")
        print(name, json.dumps(results[name]), flush=True)
    wrong = _wrong_points(results["class"])
    for student in wrong:
        print(f"not the expected points: {student}", file=sys.stderr)
    return int(failed or bool(wrong))


def _installed(name: str) -> bool:
    spec = importlib.util.find_spec(name)
    return spec is not None and not isinstance(spec.loader, StandIns)


def _wrong_points(graded: dict | str) -> list[str]:
    students = graded["students"] if isinstance(graded, dict) else {}
    return [name for name, found in students.items() if found["points"] != found["expected"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
