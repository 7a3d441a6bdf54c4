"""The networks of the page "See an LSTM read" as NumPy's reference computes them."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
from helpers import REPOSITORY

from autograder import reference

FOLDER = REPOSITORY / "docs" / "static" / "live"
WEIGHTS = json.loads((FOLDER / "weights.json").read_text(encoding="utf-8"))
GATES = {"lstm": "ifo", "gru": "rz", "rnn": ""}
BLOCKS = {"lstm": "ifgo", "gru": "rzn", "rnn": "h"}


@cache
def arrays(name: str) -> dict[str, np.ndarray]:
    """A network's weights, read from its file as the page reads them."""
    flat = np.fromfile(FOLDER / WEIGHTS[name]["file"], "<f2").astype(np.float64)
    shapes = WEIGHTS[name]["arrays"]
    sizes = np.cumsum([np.prod(shape) for shape in shapes.values()])
    assert sizes[-1] == len(flat)
    parts = zip(shapes.items(), np.split(flat, sizes[:-1]), strict=True)
    return {key: part.reshape(shape) for (key, shape), part in parts}


@cache
def network_words(name: str) -> tuple[list[str], dict[str, int]]:
    """The words of a network by id, and their ids."""
    words = (FOLDER / WEIGHTS[name]["words"]).read_text(encoding="utf-8").split("\n")[:-1]
    return words, {word: number for number, word in enumerate(words)}


def hold(name: str, weights: dict, held: dict[str, float]) -> dict:
    """Weights with which a gate is always shut (0) or open (1): its sum is far from zero."""
    weights = {key: array.copy() for key, array in weights.items()}
    units = len(weights["w_h"])
    for gate, value in held.items():
        start = BLOCKS[name].index(gate) * units
        block = slice(start, start + units)
        for key in {"w_x", "w_h", "b", "b_x", "b_h"} & set(weights):
            weights[key][..., block] = 0
        weights["b" if "b" in weights else "b_x"][block] = 1e3 if value else -1e3
    return weights


def read(name: str, ids: list[int], weights: dict, held: dict | None = None) -> dict:
    """States (T, H) and probabilities (T,) after each word, from the course's reference."""
    w = hold(name, weights, held or {})
    layer = {"lstm": reference.lstm, "gru": reference.gru, "rnn": reference.simple_rnn}[name]
    names = ("w_x", "w_h", "b_x", "b_h") if name == "gru" else ("w_x", "w_h", "b")
    states = layer(reference.embedding([ids], w["table"]), *(w[key] for key in names))[0][0]
    if "hidden_kernel" not in w:
        return {
            "h": states,
            "scores": reference.dense(states, w["output_kernel"], w["output_bias"]),
        }
    hidden = reference.relu(reference.dense(states, w["hidden_kernel"], w["hidden_bias"]))
    logits = reference.dense(hidden, w["output_kernel"], w["output_bias"])[:, 0]
    return {"h": states, "probability": reference.sigmoid(logits)}
