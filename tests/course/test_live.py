"""The arithmetic of the page "See an LSTM read", in Node: it equals NumPy's reference."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from helpers import REPOSITORY
from live import FOLDER, GATES, WEIGHTS, arrays, network_words, read

from data import imdb, longmemory, moby_dick

LETTERS = {"lstm": 4, "gru": 3, "rnn": 1}
SCRIPT = """
const network = await import(process.argv[1]);
let text = "";
for await (const piece of process.stdin) text += piece;
const isVector = value => Array.isArray(value) && value.every(entry => typeof entry === "number");
const revive = (key, value) => key === "bytes" ? Uint8Array.from(value).buffer
  : isVector(value) ? Float64Array.from(value) : value;
const answers = JSON.parse(text, revive).map(
  ([name, ...given]) => network[name](...given.map(value => value?.bytes ?? value)));
console.log(JSON.stringify(answers, (_, value) => ArrayBuffer.isView(value) ? [...value] : value));
"""


def node() -> Path:
    """The system's Node, or Playwright's own."""
    if found := shutil.which("node"):
        return Path(found)
    package = find_spec("playwright")
    if package is None:
        pytest.skip("no Node")
    return Path(package.origin).parent / "driver" / "node"


def ask(*questions: list) -> list:
    """What functions of cells.mjs answer: each question is a name and arguments."""
    command = [node(), "--input-type=module", "-e", SCRIPT, FOLDER / "cells.mjs"]
    given = json.dumps(questions)
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def small(name: str) -> dict[str, np.ndarray]:
    """A network with random weights whose sizes all differ."""
    words, dim, units, hidden = 11, 3, 5, 7
    gates, rng = LETTERS[name], np.random.default_rng(4)
    shapes = {"table": (words, dim), "w_x": (dim, gates * units), "w_h": (units, gates * units)}
    shapes |= {key: (gates * units,) for key in (("b_x", "b_h") if name == "gru" else ("b",))}
    shapes |= {"hidden_kernel": (units, hidden), "hidden_bias": (hidden,)}
    shapes |= {"output_kernel": (hidden, 1), "output_bias": (1,)}
    return {key: rng.normal(size=shape) for key, shape in shapes.items()}


def flat(weights: dict[str, np.ndarray]) -> dict[str, list]:
    return {key: array.ravel().tolist() for key, array in weights.items()}


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_networks_equal_the_reference(name):
    ids, weights = [3, 0, 10, 7, 7, 1], small(name)
    cases = [{}, *({gate: value} for gate in GATES[name] for value in (0, 1))]
    answers = ask(*(["read", name, ids, flat(weights), held] for held in cases))
    for held, steps in zip(cases, answers, strict=True):
        expected = read(name, ids, weights, held)
        for key in ("h", "probability"):
            found = np.array([step[key] for step in steps])
            np.testing.assert_allclose(found, expected[key], rtol=0, atol=1e-9, err_msg=str(held))
    assert np.ptp([steps[-1]["probability"] for steps in answers]) > 1e-3 or name == "rnn"


def test_a_gate_half_open_is_half_open():
    (steps,) = ask(["read", "lstm", [3, 5], flat(small("lstm")), {"f": 0.5}])
    first, second = ({key: np.array(step[key]) for key in "ifgoch"} for step in steps)
    assert (second["f"] == 0.5).all()
    np.testing.assert_allclose(second["c"], 0.5 * first["c"] + second["i"] * second["g"])


def test_16_bits_are_read_as_numpy_reads_them():
    numbers = np.array([0, -0.0, 1, -2.5, 65504, 6e-8, 2**-14, -1e-5, 0.1], "<f2")
    assert ask(["halves", {"bytes": list(numbers.tobytes())}]) == [numbers.astype(float).tolist()]


def test_temperature_and_draws():
    rng = np.random.default_rng(1)
    kernel, bias, h = rng.normal(size=(5, 9)), rng.normal(size=9), rng.normal(size=5)
    weights = flat({"output_kernel": kernel, "output_bias": bias})
    asked = [["nextWord", {"h": h.tolist()}, weights, tau] for tau in (0.1, 1, 10)]
    for tau, found in zip((0.1, 1, 10), ask(*asked), strict=True):
        scores = (h @ kernel + bias) / tau
        powers = np.exp(scores - scores.max())
        powers[0] = 0  # <unk>
        np.testing.assert_allclose(found, powers / powers.sum(), atol=1e-12)
    places = ask(*(["draw", [0, 0.25, 0.5, 0.25], f] for f in (0, 0.2, 0.25, 0.74, 0.76, 1)))
    assert places == [1, 1, 2, 2, 3, 3]


TEXTS = [
    "Not bad!<br /><br />I didn't fall asleep :-) My wife did :( Cast:Depp",
    "Très chic, Étienne: ½ as good — “fine” it's he's'd ''x'' a_b 10/10 ;-p =) :Dx :d!",
    "<i>unclosed < tag> İstanbul ΣΑΣ straße ﬁne naïve 中文字 日本 ١٢٣ x² Ⅷ",
    "",
]


def test_words_are_cut_as_in_training(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    import recipes

    texts = TEXTS + longmemory.load()[0].texts[:200]
    if imdb.available():
        texts += imdb.load_texts("test")[0][::500]
    lecture = recipes.Lecture("04", "")
    lecture.names.re, lecture.names.sys = re, sys
    lecture.run("tokenizer")
    found = ask(*(["reviewWords", text] for text in texts))
    assert found == [lecture.names.tokenize(text) for text in texts]
    assert ":-)" in found[0]
    novel = ask(*(["novelWords", text] for text in texts))
    assert novel == [moby_dick._WORD.findall(text.lower()) for text in texts]


def test_the_weights_fit_their_words_and_a_page():
    for name in WEIGHTS:
        words, ids = network_words(name)
        assert len(words) == len(ids) == len(arrays(name)["table"])
        assert words[0 if name == "writer" else 1] == "<unk>"
        for array in arrays(name).values():
            assert np.isfinite(array).all()
    files = {entry[key] for entry in WEIGHTS.values() for key in ("file", "words")}
    assert sum((FOLDER / file).stat().st_size for file in files) < 10e6
    assert set(WEIGHTS) == {"lstm", "gru", "rnn", "writer"}


def test_what_the_page_says_about_its_networks_holds():
    page = (FOLDER / "live.mjs").read_text(encoding="utf-8")
    examples = re.findall(r'^  "(.+)",$', page.partition("const EXAMPLES")[2], re.MULTILINE)
    assert len(examples) == 4
    _, ids = network_words("lstm")

    def after(name: str, text: str, **held: float) -> dict:
        words = re.findall(r"[a-z]+", text.lower())
        return read(name, [ids[word] for word in words], arrays(name), held)

    last = {
        name: [after(name, text)["probability"][-1] for text in examples]
        for name in ("lstm", "gru", "rnn")
    }
    assert last["lstm"][1] <= after("lstm", "It was bad")["probability"][-1]
    for name in ("lstm", "gru"):
        assert last[name][2] > 0.5 > last[name][3]
    assert min(last["rnn"][2:]) > 0.5
    assert after("lstm", examples[2], f=1)["probability"][-1] < 0.5
    for name, gate, value in (("lstm", "o", 0), ("lstm", "i", 0), ("gru", "z", 1)):
        for text in examples:
            assert np.ptp(after(name, text, **{gate: value})["probability"]) < 1e-9
    states = {name: np.abs(after(name, examples[2])["h"]) for name in last}
    assert np.mean(states["rnn"] > 0.9) > 0.5
    assert max(np.mean(states[name] > 0.9) for name in ("lstm", "gru")) < 0.1
