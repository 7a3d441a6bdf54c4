"""The NumPy reference against Gluon, which lives in an environment of its own.

That environment's Python builds the layers, writes their weights and outputs to one .npz file, and
the tests compare. The same script runs a CNN-LSTM with weights that come from here.
"""

import subprocess

import numpy as np
import pytest
from helpers import REPOSITORY
from numpy.testing import assert_allclose, assert_array_equal

from autograder import reference as ref
from rnn_course import networks

PYTHON = REPOSITORY / ".venv-gluon" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason=f"no Gluon environment at {PYTHON}")

N, T, D, H = 3, 7, 10, 4
TOLERANCE = {"float32": 1e-6, "float64": 1e-10}
SIZES = {
    "vocab_size": 29,
    "embedding_dim": 7,
    "num_filters": 5,
    "kernel_size": 3,
    "hidden_size": 11,
}

SCRIPT = """
import sys
import mxnet as mx
import numpy as np
from mxnet.gluon import nn, rnn

given = np.load(sys.argv[1])
rng = np.random.default_rng(3)
out = {}


class CNNLSTM(mx.gluon.Block):
    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.words = nn.Embedding(29, 7)
            self.filters = nn.Conv1D(5, 3, padding=1, in_channels=7)
            self.pool = nn.MaxPool1D(2)
            self.memory = rnn.LSTM(11, layout="NTC", input_size=5)
            self.classify = nn.Dense(1, in_units=11)

    def forward(self, tokens):
        x = self.words(tokens).transpose((0, 2, 1))
        x = self.pool(self.filters(x).relu()).transpose((0, 2, 1))
        return self.classify(self.memory(x)[:, -1])


for dtype in ("float32", "float64"):
    layers = {
        "rnn_tanh": rnn.RNN(4, activation="tanh", layout="NTC", input_size=10),
        "rnn_relu": rnn.RNN(4, activation="relu", layout="NTC", input_size=10),
        "lstm": rnn.LSTM(4, layout="NTC", input_size=10),
        "gru": rnn.GRU(4, layout="NTC", input_size=10),
        "conv1d": nn.Conv1D(6, 3, in_channels=10),
        "dense": nn.Dense(5, flatten=False, in_units=10),
    }
    x = mx.nd.array(given["x"], dtype=dtype)
    for name, layer in layers.items():
        layer.cast(dtype)
        layer.initialize()
        for i, parameter in enumerate(layer.collect_params().values()):
            parameter.set_data(mx.nd.array(rng.uniform(-0.5, 0.5, parameter.shape), dtype=dtype))
            out[f"{dtype}/{name}/weight{i}"] = parameter.data().asnumpy()
        if name == "conv1d":
            outputs, states = layer(x.transpose((0, 2, 1))).transpose((0, 2, 1)), []
        elif name == "dense":
            outputs, states = layer(x), []
        else:
            start = [mx.nd.array(s, dtype=dtype)[None] for s in given["start"]]
            outputs, states = layer(x, start if name == "lstm" else start[:1])
        for i, array in enumerate([outputs, *states]):
            out[f"{dtype}/{name}/output{i}"] = array.asnumpy()

    model = CNNLSTM()
    model.cast(dtype)
    model.initialize()
    for i, parameter in enumerate(model.collect_params().values()):
        parameter.set_data(mx.nd.array(given[f"model{i}"], dtype=dtype))
        out[f"{dtype}/model/{parameter.name}"] = parameter.data().asnumpy()
    out[f"{dtype}/logits"] = model(mx.nd.array(given["tokens"])).asnumpy()

np.savez(sys.argv[2], **out)
"""

FORWARD = {
    "rnn_tanh": (ref.rnn_from_gluon, ref.simple_rnn, {}),
    "rnn_relu": (ref.rnn_from_gluon, ref.simple_rnn, {"activation": "relu"}),
    "lstm": (ref.lstm_from_gluon, ref.lstm, {}),
    "gru": (ref.gru_from_gluon, ref.gru, {}),
    "conv1d": (ref.conv1d_from_gluon, ref.conv1d, {}),
    "dense": (ref.dense_from_gluon, ref.dense, {}),
}


@pytest.fixture(scope="module")
def given():
    """Inputs and the weights of a whole model, drawn here and written in Gluon's layout."""
    rng = np.random.default_rng(20)
    shapes = ref.layer_shapes("cnn_lstm", "gluon", SIZES)
    arrays = [
        (f"{layer}.{name}", rng.uniform(-0.5, 0.5, shape).astype("float32"))
        for layer, layer_shapes in shapes.items()
        for name, shape in layer_shapes.items()
    ]
    return {
        "x": rng.uniform(-1, 1, (N, T, D)).astype("float32"),
        "start": rng.uniform(-1, 1, (2, N, H)).astype("float32"),
        "tokens": rng.integers(0, SIZES["vocab_size"], (N, T)),
        "weights": ref.weights_from_arrays("cnn_lstm", "gluon", arrays, SIZES),
    }


@pytest.fixture(scope="module")
def gluon(given, tmp_path_factory):
    """What Gluon made of them: 'dtype/layer/weight0', 'dtype/layer/output0', ... -> array."""
    folder = tmp_path_factory.mktemp("gluon")
    model = ref.arrays_from_weights("cnn_lstm", "gluon", given["weights"])
    inputs = {name: given[name] for name in ("x", "start", "tokens")}
    inputs |= {f"model{i}": array for i, (_, array) in enumerate(model)}
    np.savez(folder / "in.npz", **inputs)
    command = [PYTHON, "-c", SCRIPT, folder / "in.npz", folder / "out.npz"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with np.load(folder / "out.npz", allow_pickle=False) as out:
        return dict(out)


def listed(gluon, prefix):
    return [array for name, array in gluon.items() if name.startswith(prefix)]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("layer", FORWARD)
def test_layer_equals_gluon(given, gluon, dtype, layer):
    read, forward, options = FORWARD[layer]
    start = {"lstm": tuple(given["start"]), "conv1d": None, "dense": None}
    initial_state = start.get(layer, given["start"][0])
    if initial_state is not None:
        options = {**options, "initial_state": initial_state}
    weights = read(*listed(gluon, f"{dtype}/{layer}/weight"))
    expected = listed(gluon, f"{dtype}/{layer}/output")
    found = forward(given["x"], *weights, **options)
    tolerance = TOLERANCE[dtype]
    if (dtype, layer) == ("float64", "rnn_relu"):
        # MXNet's CPU relu recurrence rounds each float64 output to float32 on its way out.
        assert_array_equal(expected[0], expected[0].astype("float32"))
        tolerance = TOLERANCE["float32"]
    if initial_state is None:
        found = [found]
    elif layer == "lstm":
        found = [found[0], *found[1]]
    for a, b in zip(found, expected, strict=True):
        assert b.dtype == dtype
        # Gluon's states keep an axis for the layers of a stack, of length 1 here.
        assert_allclose(a, b.reshape(a.shape), rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_cnn_lstm_equals_gluon(given, gluon, dtype):
    prefix = f"{dtype}/model/"
    arrays = [(name, array) for name, array in gluon.items() if name.startswith(prefix)]
    weights = ref.weights_from_arrays("cnn_lstm", "gluon", arrays, SIZES)
    logits = networks.cnn_lstm(weights, given["tokens"])
    assert_allclose(logits, gluon[f"{dtype}/logits"], rtol=0, atol=TOLERANCE[dtype])
    for layer, ours in given["weights"].items():
        for a, b in zip(ours, weights[layer], strict=True):
            assert_allclose(a, b, rtol=0, atol=1e-7)  # carried there in float32


def test_parameter_count_equals_gluon(gluon):
    count = sum(array.size for array in listed(gluon, "float32/model/"))
    assert ref.parameter_count("cnn_lstm", "gluon", SIZES)[1] == count
