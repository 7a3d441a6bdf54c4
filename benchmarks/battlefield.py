"""An equal search for every network of lecture 3, and two experiments that it has no time for.

    python benchmarks/battlefield.py [PART ...]    # without a name: all of them

Networks, loop and reviews are the lecture's own cells. What they reach on the validation reviews is
in rnn_course/03_battlefield.json; a trial that is on file is not run again.

- search: each network tries the same peak rates on 4,000 reviews.
- readouts: what the classifier sees of an LSTM's states, over the number of reviews.
- across: an LSTM that runs across the batch, as in the lecture's source, and one without memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import recipes

import rnn_course
from autograder.files import write_atomically

RESULTS = Path(rnn_course.__file__).with_name("03_battlefield.json")  # the lecture reads it
SEEDS = (0, 1, 2)
RATES = (1e-3, 2e-3, 4e-3)
SEARCH = {"reviews": 4000, "epochs": 3, "batch_size": 32}
NUMBERS = (1000, 3000, 9000)  # reviews of 100 words
ACROSS = (2000, 6)  # reviews of 100 words, epochs
SHORT = {"learning_rate": 2e-3, "batch_size": 32}
CELLS = (
    "corpus load cut splits batches fit accuracy fit-loop "
    "embedding mlp-model max-over-time cnn-model rnn-model begin-long gated"
)


def lecture(seed: int, cells: str) -> SimpleNamespace:
    """The variables of lecture 3 after these cells, with a seed of its own."""
    found = recipes.Lecture("03", "imports settings")
    found.names.SEED = seed
    found.run(f"{CELLS} {cells}")
    found.names.torch.manual_seed(seed)
    return found.names


class File:
    """The results file; a trial is run once and kept at once."""

    def __init__(self) -> None:
        self.content = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        self.content["command"] = "python benchmarks/battlefield.py"

    def keep(self, names: list[str], measure: Callable[[], dict]) -> dict:
        """The result of a trial, from the file or by measuring it; `names` lead to its place."""
        place = self.content
        for name in names[:-1]:
            place = place.setdefault(name, {})
        if names[-1] not in place:
            place[names[-1]] = measure()
            print(*names, place[names[-1]], flush=True)
            text = json.dumps(self.content, indent=1, ensure_ascii=False)
            write_atomically(RESULTS, text + "\n")
        return place[names[-1]]


def fitted(names: SimpleNamespace, model: object, number: int, **settings: object) -> dict:
    """Train on the first reviews; what the results keep of it."""
    train = names.some(names.film.train, number)
    history = names.fit(model.to(names.device), train, names.film.valid, **settings)
    by_epoch = [round(accuracy, 4) for accuracy in history["valid"]]
    return {"valid": max(by_epoch), "by_epoch": by_epoch, "seconds": round(history["seconds"], 1)}


# ------------------------------------------------------------------------ search


def search(file: File) -> None:
    """Every network, every rate, seed 0."""
    file.content["settings"] = SEARCH | {"rates": list(RATES)}
    networks = list(lecture(0, "cnnlstm-model networks").NETWORKS)
    for name in networks:
        for rate in RATES:
            file.keep(["search", name, f"{rate:g}", "0"], lambda n=name, r=rate: trial(n, r))


def trial(name: str, rate: float) -> dict:
    """One network with one rate on the reviews of the search."""
    names = lecture(0, "cnnlstm-model networks")
    settings = {key: SEARCH[key] for key in ("epochs", "batch_size")}
    model = names.NETWORKS[name]()
    return fitted(names, model, SEARCH["reviews"], learning_rate=rate, **settings)


# ------------------------------------------------------------ readouts and across


def readouts(file: File) -> None:
    """What the classifier sees of the states, with more and more reviews of 100 words."""
    for seed in SEEDS:
        for number in NUMBERS:
            for readout in ("last", "max", "mean", "all"):
                place = ["readouts", readout, str(number), str(seed)]
                file.keep(place, lambda r=readout, n=number, s=seed: short(s, n, 3, r))


def across(file: File) -> None:
    """Twice through an LSTM with a memory across the batch, along the words, or none."""
    for seed in SEEDS:
        for along in ("batch", "nothing", "words"):
            place = ["across", along, str(seed)]
            file.keep(place, lambda a=along, s=seed: short(s, *ACROSS, "all", a, 2))


def short(
    seed: int, number: int, epochs: int, readout: str, along: str = "words", times: int = 1
) -> dict:
    """An LSTM of the lecture's section on slips, on the last 100 words of reviews."""
    names = lecture(seed, "remember slips-model")
    train, valid = (names.Split(names.cut(x, 100), y) for x, y in names.film[:2])
    names.film = names.film._replace(train=train, valid=valid)
    return fitted(names, names.Slips(along, times, readout), number, epochs=epochs, **SHORT)


PARTS = {"search": search, "readouts": readouts, "across": across}


def main(arguments: list[str]) -> int:
    """Run these parts, or all."""
    for part in arguments or PARTS:
        PARTS[part](File())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
