"""Trains the networks of the page "See an LSTM read" and writes their weights for the browser.

python benchmarks/live_weights.py [lstm gru rnn writer]    # docs/static/live/, results/live.json

The cells of lectures 4 and 5 train them. The LSTM is lecture 4's full run as it is; the GRU and the
RNN take its place in the same network with the same recipe. The writer is lecture 5's network with
128 units instead of 500, so that a page can load it. All weights are rounded to 16 bits, and what
the results say was measured with the rounded ones.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from subprocess import run

import numpy as np
import recipes

from autograder import reference
from autograder.files import write_atomically
from data import registry

REPOSITORY = Path(__file__).parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results" / "live.json"
WEIGHTS = REPOSITORY / "docs" / "static" / "live"
SEED = 0
LAYERS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
TO_REFERENCE = {
    "lstm": reference.lstm_from_torch,
    "gru": reference.gru_from_torch,
    "rnn": reference.rnn_from_torch,
}
WRITER = {"num_hiddens": 128, "dropout": 0.3}
WRITER_EPOCHS = 3


def rounded(array: np.ndarray) -> np.ndarray:
    """With 16 bits per number, as the browser gets it."""
    return np.asarray(array).astype(np.float16)


def save(name: str, words: list[str], arrays: dict[str, np.ndarray]) -> None:
    """The arrays end to end, their names and shapes in the manifest, and one word a line."""
    small = {key: rounded(array).astype("<f2") for key, array in arrays.items()}
    assert all(np.isfinite(array).all() for array in small.values())
    (WEIGHTS / f"{name}.bin").write_bytes(b"".join(array.tobytes() for array in small.values()))
    vocabulary = "novel_words.txt" if name == "writer" else "review_words.txt"
    (WEIGHTS / vocabulary).write_text("\n".join(words) + "\n", encoding="utf-8")
    path = WEIGHTS / "weights.json"
    manifest = json.loads(path.read_text()) if path.exists() else {}
    shapes = {key: list(array.shape) for key, array in small.items()}
    manifest[name] = {"file": f"{name}.bin", "words": vocabulary, "arrays": shapes}
    write_atomically(path, json.dumps(dict(sorted(manifest.items())), indent=1) + "\n")


def train_reader(name: str) -> dict:
    """Lecture 4's full run, with the LSTM or with another layer in its place."""
    lecture = recipes.Lecture("04", "setup setup-course settings forget-bias table shuffle split")
    lecture.run("tokenizer tokens vocabulary vocabulary-size vocabulary-choice dataset")
    lecture.run("dataset-make collate bucket last-state model train-functions train-epoch train")
    names = lecture.run("ladder-settings ladder-run")
    if names.reviews.name() != "IMDB":
        raise SystemExit("Expected the IMDB reviews, found none: type `python -m data fetch imdb`.")
    names.BATCH_SIZE, names.settings = 32, dict(names.SOURCE)
    for change in names.STEPS_TO_OURS.values():
        names.settings |= change
    if name != "lstm":
        names.PackedLSTM = with_layer(names, LAYERS[name])
        names.settings.pop("forget_bias")
    start = time.perf_counter()
    model, _, valid_accuracy = names.run(names.settings, names.fit, epochs=4)
    seconds = time.perf_counter() - start
    weights = {key: rounded(value.numpy()) for key, value in model.state_dict().items()}
    model.load_state_dict({key: names.torch.tensor(value) for key, value in weights.items()})
    accuracy, loss = names.score(names.predict(model, names.test_set), names.test_set)
    save(name, list(names.vocabulary), reader_arrays(name, model))
    return {
        "accuracy": accuracy,
        "loss": loss,
        "valid_accuracy": valid_accuracy,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "seconds": round(seconds, 1),
    }


def with_layer(names: recipes.SimpleNamespace, layer: str) -> type:
    """Lecture 4's network with another recurrent layer of the same sizes."""

    class Network(names.PackedLSTM):
        def __init__(self, *sizes: int, **options: float) -> None:
            super().__init__(*sizes, **options)
            self.lstm = getattr(names.nn, layer)(20, 64, batch_first=True)

    return Network


def reader_arrays(name: str, model: object) -> dict[str, np.ndarray]:
    """The weights in the reference's layout: (features in, features out)."""
    layer = [weight.detach().numpy() for weight in model.lstm.parameters()]
    hidden, output = (
        reference.dense_from_torch(part.weight.detach().numpy(), part.bias.detach().numpy())
        for part in (model.hidden, model.output)
    )
    arrays = {"table": model.embedding.weight.detach().numpy()}
    arrays |= TO_REFERENCE[name](*layer)._asdict()
    arrays |= {f"hidden_{key}": array for key, array in hidden._asdict().items()}
    return arrays | {f"output_{key}": array for key, array in output._asdict().items()}


def train_writer() -> dict:
    """Lecture 5's language model with fewer units."""
    lecture = recipes.Lecture("05", "imports seed settings chapters perplexity vocabulary counting")
    names = lecture.run("interpolate baselines windows")
    for cell in ("language-model", "unigram-bias", "recipe-writer", "train-function", "read"):
        lecture.define(cell)
    if names.book != "Moby Dick":
        raise SystemExit("Expected Moby Dick, found none: type `python -m data fetch moby_dick`.")

    class FreshState(names.FreshState):
        """As in the lecture, without a sample after each epoch."""

        def on_epoch_end(self, *_: object) -> None:
            pass

    names.keras.utils.set_random_seed(SEED)
    writer = names.language_model(names.NUM_STREAMS, **WRITER)
    bias = np.log(0.999 * names.unigram + 0.001 / names.VOCABULARY)
    writer.get_layer("scores").bias.assign(bias)
    data = (tuple(names.windows(names.stream[part])) for part in ("train", "valid"))
    start = time.perf_counter()
    curves = names.train_writer(writer, *data, WRITER_EPOCHS, names.NUM_STREAMS, [FreshState()])
    seconds = time.perf_counter() - start
    weights = [rounded(weight) for weight in writer.get_weights()]
    table, *layer, kernel, bias = weights
    arrays = {"table": table} | reference.lstm_from_keras(*layer)._asdict()
    save("writer", names.words, arrays | {"output_kernel": kernel, "output_bias": bias})
    reader = names.language_model(num_rows=1, **WRITER)
    reader.set_weights([weight.astype(np.float32) for weight in weights])
    bigram = names.weights["bigram"] @ names.test_parts
    return {
        "perplexity": names.perplexity(names.read(reader, names.stream["test"])),
        "interpolated_bigram": names.perplexity(bigram),
        "valid_perplexity": [float(value) for value in curves["val_loss"]],
        "parameters": writer.count_params(),
        "seconds": round(seconds, 1),
    }


def main(arguments: list[str]) -> int:
    """Train the networks one after the other, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    choices = [*LAYERS, "writer"]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(choices)}")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(choices)):
        parser.error(f"expected names among {choices}, found {unknown}")
    if registry.quick():
        parser.error("expected whole corpora, found COURSE_QUICK set: unset it")
    for name in options.names or choices:
        if not options.here:
            command = [sys.executable, __file__, "--here", name]
            run(command, check=True, env=os.environ | recipes.QUIET)
            continue
        found = train_writer() if name == "writer" else train_reader(name)
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        results |= {"command": "python benchmarks/live_weights.py", "seed": SEED, name: found}
        write_atomically(RESULTS, json.dumps(results, indent=1) + "\n")
        print(name, json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
