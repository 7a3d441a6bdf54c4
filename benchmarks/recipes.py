"""Seconds until a network reads reviews as well as its source printed: its recipe, and ours.

python benchmarks/recipes.py [NAME ...]    # writes benchmarks/results/recipes.json
python benchmarks/recipes.py --seeds 1 2 -- NAME ...    # from other starts: who wins by how much

Ours are the cells of the lectures themselves. The sources' recipes are written anew here from what
they state: every review padded to full length, a constant rate, no clipping, and for lecture 3 a
recurrence that runs across the reviews of a batch. (Its page sets Adam with 1e-5, 1e-4 and 1e-3 in
turn, batches of 256 and one linear layer behind; here Adam at 0.001, batches of 64, two layers.)
Both train on the same reviews, one after the other on one machine, and are scored on the same
validation reviews four times an epoch; the clock stands still meanwhile. A recipe is given up after
`PATIENCE`. They race to the accuracy that the source printed; where it printed none, or ours does
not get there, to the best that the source's recipe reached here. For each of our networks a profile
says what a batch consists of. Needs a machine, or a core, that nobody else uses.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from subprocess import PIPE, run
from types import SimpleNamespace

import numpy as np

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY))
from autograder.files import write_atomically  # noqa: E402

RESULTS = REPOSITORY / "benchmarks" / "results" / "recipes.json"
PATIENCE = 600  # seconds of training
PARTS = 4  # of an epoch: a score after each
PROFILED = 30  # batches
QUIET = {"MPLBACKEND": "agg", "TQDM_DISABLE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
AS_IN_LECTURES = {"TF_ENABLE_ONEDNN_OPTS": "0"}  # of the kernel that they run in
GOAL = 5


class Lecture:
    """Cells of a lecture, run in this process; its variables are attributes of `names`.

    `SEED = 0` becomes `SEED = {seed}`.
    """

    def __init__(self, number: str, cells: str, seed: int = 0) -> None:
        (path,) = (REPOSITORY / "lectures").glob(f"{number}_*.ipynb")
        notebook = json.loads(path.read_text(encoding="utf-8"))
        sources = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}
        line, ours = re.compile(r"^SEED = 0$", re.MULTILINE), f"SEED = {seed}"
        self.sources = {name: line.sub(ours, source) for name, source in sources.items()}
        self.names = SimpleNamespace()
        self.run(cells)

    def run(self, cells: str) -> SimpleNamespace:
        """Run cells, given by their ids; what they print is dropped."""
        for name in cells.split():
            self.execute(self.sources[name], name)
        return self.names

    def execute(self, source: str | ast.Module, name: str) -> None:
        """Run code as if it were a cell of this name; what it prints is dropped."""
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, f"cell {name}", "exec"), vars(self.names))

    def define(self, cell: str) -> None:
        """Only the functions and classes of a cell."""
        tree = ast.parse(self.sources[cell])
        tree.body = [part for part in tree.body if isinstance(part, ast.FunctionDef | ast.ClassDef)]
        self.execute(tree, cell)


class PatienceError(Exception):
    """A recipe has had its time."""


class Clock:
    """Seconds of training, and the validation accuracy after every part of an epoch.

    It stands still between epochs and while `score` runs. PatienceError is raised after `PATIENCE`.
    """

    def __init__(self, steps: int, score: Callable[[], float]) -> None:
        self.steps, self.score = steps, score  # steps of an epoch
        self.done, self.seconds, self.waited, self.points = 0, 0.0, 0.0, []

    def start(self) -> None:
        """An epoch begins."""
        self.since = time.perf_counter()

    def first_batch(self) -> None:
        """The first batch of an epoch is there."""
        self.waited += time.perf_counter() - self.since

    def tick(self) -> None:
        """A batch has been trained on."""
        self.seconds += time.perf_counter() - self.since
        self.done += 1
        if self.done * PARTS // self.steps > (self.done - 1) * PARTS // self.steps:
            self.points.append([round(self.seconds, 1), round(float(self.score()), 4)])
        if self.seconds > PATIENCE:
            raise PatienceError
        self.since = time.perf_counter()

    def watch(self, batches: Iterable) -> Iterable:
        """The batches of an epoch, each of which ticks when the next is asked for."""
        self.start()
        for batch in batches:
            yield batch
            self.tick()

    def result(self) -> dict:
        """What the results file keeps of a run."""
        epochs = self.done / self.steps
        return {
            "seconds": round(self.seconds, 1),
            "waited": round(self.waited, 1),  # of these, for the first batch of an epoch; Keras
            "epochs": round(epochs, 2),
            "seconds_per_epoch": round(self.seconds / epochs, 1),
            "accuracy": self.points,  # [seconds, validation accuracy]
        }


def torch_clock(model: object, steps: int, score: Callable[[], float]) -> Clock:
    """A clock whose scoring leaves the model ready to be trained on."""

    def score_and_return() -> float:
        found = score()
        model.train()
        return found

    return Clock(steps, score_and_return)


def clocked(base: type, score: Callable[[object], float], clocks: list[Clock]) -> type:
    """A Keras callback that also runs a clock, which is appended to `clocks`."""

    class Clocked(base):
        def on_train_begin(self, logs: dict | None = None) -> None:
            super().on_train_begin(logs)
            clocks.append(Clock(self.params["steps"], lambda: score(self.model)))

        def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
            super().on_epoch_begin(epoch, logs)
            clocks[-1].start()

        def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
            super().on_train_batch_begin(batch, logs)
            if batch == 0:
                clocks[-1].first_batch()

        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            super().on_train_batch_end(batch, logs)
            clocks[-1].tick()

    return Clocked


def keras_accuracy(model: object, ids: np.ndarray, labels: np.ndarray) -> float:
    """Share of the padded reviews (N, T) on whose side of a half the model is."""
    parts = (ids[start : start + 256] for start in range(0, len(ids), 256))
    probabilities = np.concatenate([model.predict_on_batch(part)[:, 0] for part in parts])
    return float(((probabilities > 0.5) == labels).mean())


# ------------------------------------------------------------------- lecture 2


def simple_rnn(seed: int) -> tuple[dict, dict, dict]:
    """SimpleRNN(5) on the last 30 words; the lecture itself trains as its source does."""
    cells = "imports seed setup as-written load reads train fit adam dropout-build"
    lecture = Lecture("02", cells, seed)
    names, clocks = lecture.names, []
    train, valid = names.reads("train"), names.reads("valid")
    names.Progress = clocked(names.Progress, lambda net: keras_accuracy(net, *valid), clocks)
    names.keras.utils.set_random_seed(seed)
    rmsprop = names.keras.optimizers.RMSprop(1e-4)
    names.fit(names.build(), train, 10, lambda num_steps: rmsprop, valid, 32)
    names.keras.utils.set_random_seed(seed)
    names.fit(names.build_dropout(0.3, 0.5), train, 4, names.adam, valid)
    kept = clocks[0].result(), clocks[1].result()
    model = names.build_dropout(0.3, 0.5)
    model.compile(names.adam(1000), loss="binary_crossentropy")
    tokens, labels = train[0], train[1].astype("float32")
    size = len(tokens) // 100
    starts = range(0, len(tokens), size)
    batches = ((tokens[start : start + size], labels[start : start + size]) for start in starts)
    return *kept, profile_keras(model, batches)


# ------------------------------------------------------------------- lecture 3


def battlefield(cells: str, train: str, source: Callable) -> Callable:
    """A network of lecture 3, and what its source did instead."""

    def measure(seed: int) -> tuple[dict, dict, dict]:
        parts = "imports settings corpus load cut splits batches fit accuracy"
        lecture = Lecture("03", parts, seed)
        names = lecture.run(f"fit-loop search-file memory compete embedding max-over-time {cells}")
        names.torch.manual_seed(seed)
        theirs = padded_training(names, source(names), seed)
        plain_batches = names.batches

        def compete(name: str, model: object, data: object, **settings: object) -> dict:
            """As in the lecture, without the test reviews."""
            size = settings.get("batch_size", 32)
            clock = torch_clock(
                model, -(-len(data.train.y) // size), lambda: names.accuracy(model, data.valid)
            )

            def batches(split: object, *rest: object, **width: object) -> Iterable:
                found = plain_batches(split, *rest, **width)
                return clock.watch(found) if split is data.train else found

            names.batches = batches
            history = names.fit(model, data.train, data.valid, **settings)
            names.results[name] = {"accuracy": max(history["valid"])}
            names.trained, names.clock = model, clock
            return history

        names.compete = compete
        lecture.run(train)
        width = names.trained.width
        batches = plain_batches(names.film.train, 64, np.random.default_rng(0), width)
        profile = profile_torch(names.torch, names.trained, batches)
        return theirs, names.clock.result(), profile

    return measure


def padded_training(names: SimpleNamespace, model: object, seed: int) -> dict:
    """Source C's way: full length, batches of 64, Adam at 0.001, five epochs."""
    torch, rng = names.torch, np.random.default_rng(seed)
    optimizer = torch.optim.Adam(model.parameters())
    x = names.imdb.pad(names.film.train.x, names.MAXLEN)
    y = names.film.train.y.astype("float32")
    clock = torch_clock(model, -(-len(y) // 64), lambda: names.accuracy(model, names.film.valid))

    def epoch() -> None:
        order = rng.permutation(len(y))
        parts = (order[place : place + 64] for place in range(0, len(order), 64))
        for rows in clock.watch(parts):
            logits = model(torch.from_numpy(x[rows]).long()).squeeze(1)
            loss = names.binary_cross_entropy_with_logits(logits, torch.from_numpy(y[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    model.train()
    with contextlib.suppress(PatienceError):
        for _ in range(5):
            epoch()
    return clock.result()


def across_the_batch(layer: str) -> Callable:
    """Source C's recurrent networks: time first, the layer twice, a classifier of all outputs."""

    def make(names: SimpleNamespace) -> object:
        nn = names.torch.nn

        class AsItWas(nn.Module):
            width = names.MAXLEN

            def __init__(self) -> None:
                super().__init__()
                self.embedding = nn.Embedding(names.NUM_WORDS, 100)
                self.layer = getattr(nn, layer)(100, 100)
                self.classifier = nn.Sequential(nn.Linear(50_000, 250), nn.Linear(250, 1))

            def forward(self, ids: object) -> object:  # (N, 500)
                states = self.embedding(ids)  # (N, 500, 100), read as (T, N, 100)
                for _ in range(2):
                    states, _ = self.layer(states)
                return self.classifier(states.flatten(1))

        return AsItWas()

    return make


def plain_feed_forward(names: SimpleNamespace) -> object:
    """Source C's network on embeddings: PyTorch's start, no activation, no dropout."""
    return names.FeedForward(std=1.0, relu=False, one_start=False, dropout=0.0)


# ------------------------------------------------------------------- lecture 4


def packed_lstm(seed: int) -> tuple[dict, dict, dict]:
    """The packed LSTM; its source packs batches of any lengths and knows every word."""
    cells = "setup setup-course settings forget-bias table shuffle split tokenizer"
    lecture = Lecture("04", cells, seed)
    lecture.run("tokens vocabulary vocabulary-size vocabulary-choice dataset dataset-make collate")
    lecture.run("bucket last-state model model-count train-functions train-epoch train")
    names = lecture.run("ladder-settings ladder-run")
    names.BATCH_SIZE, ours, plain_epoch = 32, [], names.train_epoch

    def clock(model: object, words: dict, steps: int) -> Clock:
        check = names.make_dataset(names.valid, words)
        return torch_clock(model, steps, lambda: names.score(names.predict(model, check), check)[0])

    def train_epoch(model: object, loader: object, *settings: object) -> float:
        """As in the lecture, watched."""
        if not ours:
            ours.append(clock(model, names.vocabulary, len(loader)))
        return plain_epoch(model, Watched(loader, ours[0]), *settings)

    torch, words = names.torch, names.full_vocabulary
    torch.manual_seed(seed)
    published = names.PackedLSTM(len(words))
    published.packed = True
    optimizer = torch.optim.Adam(published.parameters())
    everything = names.make_dataset(names.fit, words)
    loader = names.DataLoader(everything, 32, shuffle=True, collate_fn=names.collate)
    theirs = clock(published, words, len(loader))
    published.train()
    with contextlib.suppress(PatienceError):
        for _ in range(10):
            plain_epoch(published, Watched(loader, theirs), optimizer)

    names.train_epoch = train_epoch
    names.settings = dict(names.SOURCE)
    for change in names.STEPS_TO_OURS.values():
        names.settings |= change
    lecture.run("final")
    sampler = names.BucketSampler(names.train_set.lengths, 32)
    loader = names.DataLoader(names.train_set, batch_sampler=sampler, collate_fn=names.collate)
    batches = (((ids, lengths), labels) for ids, lengths, labels in loader)
    return theirs.result(), ours[0].result(), profile_torch(torch, names.model, batches)


class Watched:
    """A DataLoader whose batches a clock counts."""

    def __init__(self, loader: object, clock: Clock) -> None:
        self.loader, self.dataset, self.clock = loader, loader.dataset, clock

    def __iter__(self) -> Iterable:
        return iter(self.clock.watch(self.loader))


# ------------------------------------------------------------------- lecture 5


def keras_reader(name: str, cells: str, train: str) -> Callable:
    """A network of lecture 5; its source padded to 500 and trained at a constant rate."""

    def measure(seed: int) -> tuple[dict, dict, dict]:
        parts = "imports seed settings load-reviews batches dataset recipe fit"
        lecture = Lecture("05", parts, seed)
        names, keras = lecture.names, lecture.names.keras
        names.runs = {}
        lecture.define("long-memory")
        lecture.run(cells)
        keras.utils.set_random_seed(seed)
        ours_model = getattr(names, name.lower().replace("-", "_"))
        plain = keras.Sequential(
            [
                type(layer).from_config(layer.get_config())
                for layer in ours_model.layers
                if not isinstance(layer, keras.layers.SpatialDropout1D)
            ]
        )
        plain.build((None, names.MAX_LENGTH))
        plain.compile("adam", "binary_crossentropy")
        x = names.imdb.pad(names.x_train, names.MAX_LENGTH)
        x_valid = names.imdb.pad(names.x_valid, names.MAX_LENGTH)
        clocks = []
        watch = clocked(
            keras.callbacks.Callback,
            lambda model: keras_accuracy(model, x_valid, names.y_valid),
            clocks,
        )
        with contextlib.suppress(PatienceError):
            plain.fit(x, names.y_train, 64, epochs=3, verbose=0, callbacks=[watch()])

        def score(model: object) -> float:
            return names.accuracies(names.predict(model, names.x_valid, names.y_valid)[0])

        names.Watch = clocked(names.Watch, score, clocks)
        lecture.run(train)
        batches = names.batches(names.x_train, names.y_train, np.random.default_rng(0))
        source, ours = (clock.result() for clock in clocks)
        return source, ours, profile_keras(ours_model, batches)

    return measure


# -------------------------------------------------------------------- profiles


def profile_torch(torch: object, model: object, batches: Iterable[tuple]) -> dict:
    """Milliseconds per batch: making it, forward, backward, update; and the costliest operators."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)
    loss_function = torch.nn.BCEWithLogitsLoss()
    parts = {"batch": 0.0, "forward": 0.0, "backward": 0.0, "update": 0.0}
    model.train()
    shapes = []
    with torch.profiler.profile() as profiler:
        clock = time.perf_counter()

        def note(part: str) -> None:
            nonlocal clock
            now = time.perf_counter()
            parts[part] += now - clock
            clock = now

        for _, (inputs, labels) in zip(range(PROFILED), batches, strict=False):
            note("batch")
            optimizer.zero_grad()
            logits = model(*inputs) if isinstance(inputs, tuple) else model(inputs)
            loss = loss_function(logits.view(-1), labels)
            note("forward")
            loss.backward()
            note("backward")
            optimizer.step()
            note("update")
            shapes.append(shape_of(inputs))
    costly = sorted(profiler.key_averages(), key=lambda e: -e.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in costly)
    operators = {e.key: round(e.self_cpu_time_total / total, 3) for e in costly[:4]}
    alone = products_alone(torch_products(torch, model), shapes)
    return {"ms_per_batch": milliseconds(parts, len(shapes)), "operators": operators} | alone


def profile_keras(model: object, batches: Iterable[tuple]) -> dict:
    """Milliseconds per batch: making it, forward, and backward with the update."""
    batches = [pair for pair, _ in zip(timed(batches), range(PROFILED), strict=False)]
    forward, whole = (
        second_round(step, [pair for _, pair in batches])
        for step in (lambda ids, _: model.predict_on_batch(ids), model.train_on_batch)
    )
    parts = {
        "batch": sum(seconds for seconds, _ in batches),
        "forward": forward,
        "backward and update": max(0.0, whole - forward),
    }
    alone = products_alone(keras_products(model), [shape_of(ids) for _, (ids, _) in batches])
    return {"ms_per_batch": milliseconds(parts, len(batches))} | alone


def shape_of(inputs: object) -> tuple[int, float]:
    """Reviews and steps of a batch: ids (N, T), or a pair of (words, lengths) that is packed."""
    if isinstance(inputs, tuple):
        return len(inputs[1]), float(inputs[1].sum()) / len(inputs[1])
    return inputs.shape[0], inputs.shape[1]


# (columns of the input, columns of the state or 0, columns of the result, words per step)
Product = tuple[int, int, int, int]


def torch_products(torch: object, model: object) -> list[Product]:
    """The products of PyTorch's recurrent layers."""
    gates = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1}
    layers = [m for m in model.modules() if isinstance(m, torch.nn.RNNBase)]
    return [(m.input_size, m.hidden_size, gates[m.mode] * m.hidden_size, 1) for m in layers]


def keras_products(model: object) -> list[Product]:
    """The products of Keras's convolutions and recurrent layers."""
    found, every = [], 1
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "Conv1D":
            width, channels, filters = layer.kernel.shape
            found.append((width * channels, 0, filters, every))
        elif kind == "MaxPooling1D":
            every *= layer.pool_size[0]
        elif kind in ("SimpleRNN", "LSTM"):
            kernel, recurrent, bias = layer.get_weights()
            found.append((len(kernel), len(recurrent), len(bias), every))
    return found


def products_alone(products: list[Product], shapes: list[tuple[int, float]]) -> dict[str, float]:
    """Milliseconds per batch that the products take by themselves, forward and backward.

    That is the least that arithmetic costs: the same sizes in the same order, one product per step
    where the state goes in, by PyTorch on one core, without gates, copies and bookkeeping.
    """
    if not products:
        return {}
    import torch

    torch.set_num_threads(1)
    seconds = sum(
        min(_seconds_of(torch, each, *shape) for _ in range(3))
        for each in products
        for shape in shapes
    )
    return {"products_alone_ms": round(1000 * seconds / len(shapes), 1)}


def _seconds_of(torch: object, sizes: Product, reviews: int, words: float) -> float:
    inputs, state, results, every = sizes
    steps = round(words / every)
    x, out = torch.rand(reviews * steps, inputs), torch.rand(reviews * steps, results)
    states, out_step = torch.rand(reviews * steps, state), torch.rand(reviews, results)
    weights, weights_state = torch.rand(inputs, results), torch.rand(state, results)
    start = time.perf_counter()
    torch.mm(x, weights, out=out)
    torch.mm(out, weights.t())
    torch.mm(x.t(), out)
    if state:
        for step in states.split(reviews):
            torch.mm(step, weights_state, out=out_step)
        for step in states.split(reviews):
            torch.mm(out_step, weights_state.t(), out=step)
        torch.mm(states.t(), out)
    return time.perf_counter() - start


def second_round(step: Callable, batches: list[tuple]) -> float:
    """Seconds for all batches, once every shape has been traced."""
    for _ in range(2):
        start = time.perf_counter()
        for ids, labels in batches:
            step(ids, labels)
    return time.perf_counter() - start


def timed(items: Iterable) -> Iterable[tuple[float, object]]:
    """Each item with the seconds that it took to come."""
    start = time.perf_counter()
    for item in items:
        yield time.perf_counter() - start, item
        start = time.perf_counter()


def milliseconds(parts: dict[str, float], count: int) -> dict[str, float]:
    """Seconds in all -> milliseconds per batch."""
    return {name: round(1000 * seconds / count, 1) for name, seconds in parts.items()}


# --------------------------------------------------------------------- running

# name: (lecture, accuracy that the source printed or None, what measures)
RECIPES = {
    "SimpleRNN(5), 30 words": ("02", 0.788, simple_rnn),
    "feed-forward, embeddings": (
        "03",
        0.655,
        battlefield("mlp-model", "mlp-train", plain_feed_forward),
    ),
    "RNN": ("03", 0.724, battlefield("rnn-model", "rnn-train", across_the_batch("RNN"))),
    "LSTM": (
        "03",
        0.851,
        battlefield("rnn-model begin-long gated", "lstm-train", across_the_batch("LSTM")),
    ),
    "packed LSTM": ("04", None, packed_lstm),
    "Elman, Keras": ("05", 0.745, keras_reader("Elman", "elman", "train-elman")),
    "LSTM, Keras": ("05", 0.870, keras_reader("LSTM", "lstm long-memory", "train-lstm")),
    "CNN-LSTM, Keras": ("05", None, keras_reader("CNN-LSTM", "cnn-lstm", "train-cnn-lstm")),
}


def time_to(target: float, run: dict) -> float | None:
    """Seconds of training until a validation accuracy was reached; None if it was not."""
    return next((seconds for seconds, found in run["accuracy"] if found >= target), None)


def race(printed: float | None, source: dict, ours: dict) -> dict:
    """Which accuracy the two recipes race to, and how many times faster ours is there.

    Where the source's recipe does not reach the printed accuracy, it counts with all its time.
    """
    target = printed
    if printed is None or time_to(printed, ours) is None:
        target = max((found for _, found in source["accuracy"]), default=None)
    if target is None:
        return {"target": None, "source": None, "ours": None, "times_faster": None}
    theirs, reached = time_to(target, source), time_to(target, ours)
    factor = round((theirs or source["seconds"]) / reached, 1) if reached else None
    return {"target": target, "source": theirs, "ours": reached, "times_faster": factor}


def measure(name: str, seed: int) -> dict:
    """Both recipes of a network, from the start that `seed` makes."""
    lecture, printed, both = RECIPES[name]
    source, ours, profile = both(seed)
    found = {"lecture": lecture, "printed": printed, "race": race(printed, source, ours)}
    return found | {"source": source, "ours": ours, "profile": profile}


def main(arguments: list[str]) -> int:
    """Measure the networks one after the other, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(RECIPES)}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(RECIPES))
    if unknown:
        parser.error(f"expected names among {list(RECIPES)}, found {unknown}")
    if options.here:
        print(json.dumps(measure(options.names[0], options.seeds[0])))
        return 0
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["command"] = "python benchmarks/recipes.py"
    first = [name for name in options.names or RECIPES if name not in results]
    if first and 0 not in options.seeds:
        parser.error(f"expected results of seed 0 to add others to; measure it first for {first}")
    for name, seed in product(options.names or RECIPES, options.seeds):
        command = [sys.executable, __file__, "--here", "--seeds", str(seed), "--", name]
        environment = os.environ | QUIET | AS_IN_LECTURES
        answer = run(command, stdout=PIPE, text=True, check=True, env=environment)
        found = json.loads(answer.stdout.splitlines()[-1])
        if seed:
            results[name].setdefault("other_seeds", {})[str(seed)] = found["race"]
        else:
            results[name] = found | {"cores": len(os.sched_getaffinity(0))}
        write_atomically(RESULTS, json.dumps(results, indent=1) + "\n")
        print(name, seed, json.dumps(found), flush=True)
    factors = [results[name]["race"]["times_faster"] for name in RECIPES if name in results]
    return int(any(factor is None or factor < GOAL for factor in factors))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
