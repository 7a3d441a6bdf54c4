"""The NumPy reference against PyTorch and Keras, layer by layer, and the untrusted-weights door."""

import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from autograder import reference as ref
from autograder.api import frameworks
from rnn_course import networks

torch = pytest.importorskip("torch")

N, T, D, H = 3, 7, 10, 4  # odd sizes expose a transposed or swapped axis
LENGTHS = np.array([4, 7, 1])  # unsorted on purpose
TOLERANCE = {"float32": 1e-6, "float64": 1e-10}
SIZES = {
    "vocab_size": 29,
    "embedding_dim": 7,
    "num_filters": 5,
    "kernel_size": 3,
    "hidden_size": 11,
}
LECTURE_SIZES = {
    "vocab_size": 5000,
    "embedding_dim": 32,
    "num_filters": 32,
    "kernel_size": 3,
    "hidden_size": 100,
}
both_precisions = pytest.mark.parametrize("dtype", ["float32", "float64"])
every_framework = pytest.mark.parametrize("framework", ["torch", "keras", "gluon"])


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture
def x(rng):
    return rng.uniform(-1, 1, (N, T, D)).astype("float32")  # exact in both precisions


def assert_same(found, expected, dtype):
    for a, b in zip(found, expected, strict=True):
        b = b.detach().numpy() if isinstance(b, torch.Tensor) else np.asarray(b)
        assert b.dtype == dtype
        assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype])


def torch_layer(layer, seed=3, dtype="float32"):
    """Random weights and biases from U(-0.5, 0.5)."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.rand(p.shape, generator=generator) - 0.5)
    return layer.to(getattr(torch, dtype))


def torch_arrays(layer):
    return [p.detach().numpy() for p in layer.parameters()]


def keras_layer(layer, input_shape, seed=3):
    """Random weights and biases from U(-0.5, 0.5)."""
    layer.build(input_shape)
    rng = np.random.default_rng(seed)
    weights = [rng.uniform(-0.5, 0.5, w.shape).astype("float32") for w in layer.get_weights()]
    layer.set_weights(weights)
    return layer


def random_arrays(framework, sizes=SIZES, seed=5, dtype="float32"):
    """A student's cnn_lstm as (name, array) pairs, under names of the student's own."""
    rng = np.random.default_rng(seed)
    shapes = [
        shape
        for layer in ref.layer_shapes("cnn_lstm", framework, sizes).values()
        for shape in layer.values()
    ]
    return [(f"my_{i}", rng.normal(size=shape).astype(dtype)) for i, shape in enumerate(shapes)]


# --- Activations and layers without memory --------------------------------------------------------


def test_activations():
    assert_allclose(ref.sigmoid([0.0, np.log(3.0)]), [0.5, 0.75], rtol=1e-15)
    assert_array_equal(ref.relu([-1.5, 0.0, 2.0]), [0.0, 0.0, 2.0])
    assert_allclose(ref.softmax(np.log([[1.0, 2.0, 5.0]])), [[0.125, 0.25, 0.625]], rtol=1e-15)


def test_activations_neither_overflow_nor_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_array_equal(ref.sigmoid([-1e4, 1e4]), [0.0, 1.0])
        assert_array_equal(ref.softmax([1e4, -1e4]), [1.0, 0.0])


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_activation_identities(values):
    values = np.array(values)
    assert_allclose(ref.sigmoid(values) + ref.sigmoid(-values), 1.0, rtol=0, atol=1e-15)
    assert_allclose(ref.softmax(values), ref.softmax(values - 3.0), rtol=1e-9, atol=1e-15)


def test_embedding_looks_rows_up_and_refuses_other_ids():
    table = np.arange(12.0).reshape(4, 3)
    assert_array_equal(ref.embedding([[3, 0]], table), [[[9, 10, 11], [0, 1, 2]]])
    for tokens in ([[4]], [[-1]]):
        with pytest.raises(ValueError, match=r"tokens must lie in 0\.\.3"):
            ref.embedding(tokens, table)
    with pytest.raises(ValueError, match="integer word ids, found dtype float64"):
        ref.embedding([[1.0]], table)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@both_precisions
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_conv1d_equals_torch(x, dtype, kernel_size, padding):
    layer = torch_layer(torch.nn.Conv1d(D, 6, kernel_size, padding=padding), dtype=dtype)
    expected = layer(torch.tensor(x.astype(dtype)).transpose(1, 2)).transpose(1, 2)
    found = ref.conv1d(x, *ref.conv1d_from_torch(*torch_arrays(layer)), padding=padding)
    assert_same([found], [expected], dtype)


@both_precisions
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_conv1d_equals_keras(keras, x, dtype, kernel_size, padding):
    layer = keras.layers.Conv1D(6, kernel_size, padding=padding, dtype=dtype)
    layer = keras_layer(layer, x.shape)
    found = ref.conv1d(x, *ref.conv1d_from_keras(*layer.get_weights()), padding=padding)
    assert_same([found], [layer(x.astype(dtype))], dtype)


@pytest.mark.parametrize("pool_size", [1, 2, 3])
def test_pooling_equals_torch_and_keras_exactly(keras, x, pool_size):
    found = ref.max_pool1d(x, pool_size)
    in_torch = torch.nn.MaxPool1d(pool_size)(torch.tensor(x).transpose(1, 2)).transpose(1, 2)
    assert_array_equal(found, in_torch)
    assert_array_equal(found, keras.layers.MaxPooling1D(pool_size)(x))
    assert_array_equal(ref.global_max_pool1d(x), keras.layers.GlobalMaxPooling1D()(x))


@both_precisions
def test_dense_equals_torch_and_keras(keras, x, dtype):
    linear = torch_layer(torch.nn.Linear(D, 5), dtype=dtype)
    found = ref.dense(x, *ref.dense_from_torch(*torch_arrays(linear)))
    assert_same([found], [linear(torch.tensor(x.astype(dtype)))], dtype)
    layer = keras_layer(keras.layers.Dense(5, dtype=dtype), x.shape)
    found = ref.dense(x, *ref.dense_from_keras(*layer.get_weights()))
    assert_same([found], [layer(x.astype(dtype))], dtype)


# --- Recurrent layers against PyTorch -------------------------------------------------------------

TORCH_LAYERS = {
    "simple_rnn": (torch.nn.RNN, ref.rnn_from_torch, ref.simple_rnn),
    "lstm": (torch.nn.LSTM, ref.lstm_from_torch, ref.lstm),
    "gru": (torch.nn.GRU, ref.gru_from_torch, ref.gru),
}
every_torch_layer = pytest.mark.parametrize("kind", TORCH_LAYERS)


def flat(states):
    return list(states) if isinstance(states, tuple) else [states]


@both_precisions
@every_torch_layer
@pytest.mark.parametrize("with_initial_state", [False, True])
def test_recurrent_layer_equals_torch(x, rng, dtype, kind, with_initial_state):
    torch_class, read, forward = TORCH_LAYERS[kind]
    layer = torch_layer(torch_class(D, H, batch_first=True), dtype=dtype)
    start = rng.normal(size=(2, N, H)).astype("float32") if with_initial_state else None
    torch_start = ours = None
    if with_initial_state:
        tensors = torch.tensor(start.astype(dtype))[:, None]  # (2, 1, N, H)
        torch_start = tuple(tensors) if kind == "lstm" else tensors[0]
        ours = tuple(start) if kind == "lstm" else start[0]
    expected, last = layer(torch.tensor(x.astype(dtype)), torch_start)
    outputs, states = forward(x, *read(*torch_arrays(layer)), initial_state=ours)
    assert_same([outputs, *flat(states)], [expected, *(s[0] for s in flat(last))], dtype)


@both_precisions
def test_relu_rnn_equals_torch(x, dtype):
    layer = torch.nn.RNN(D, H, nonlinearity="relu", batch_first=True)
    layer = torch_layer(layer, dtype=dtype)
    expected, last = layer(torch.tensor(x.astype(dtype)))
    weights = ref.rnn_from_torch(*torch_arrays(layer))
    outputs, h = ref.simple_rnn(x, *weights, activation="relu")
    assert_same([outputs, h], [expected, last[0]], dtype)


@both_precisions
@every_torch_layer
def test_lengths_equal_packed_sequences(x, dtype, kind):
    torch_class, read, forward = TORCH_LAYERS[kind]
    layer = torch_layer(torch_class(D, H, batch_first=True), dtype=dtype)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(x.astype(dtype)), LENGTHS, batch_first=True, enforce_sorted=False
    )
    packed_outputs, last = layer(packed)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(packed_outputs, batch_first=True)
    outputs, states = forward(x, *read(*torch_arrays(layer)), lengths=LENGTHS)
    assert_same([outputs, *flat(states)], [expected, *(s[0] for s in flat(last))], dtype)
    assert not outputs[0, 4:].any()


def test_rnn_by_hand_prints_the_lecture_digits():
    torch.manual_seed(1)
    layer = torch.nn.RNN(5, 2, batch_first=True)
    x = np.repeat([[[1.0], [2.0], [3.0]]], 5, axis=2)  # (1, 3, 5)
    outputs, h = ref.simple_rnn(x, *ref.rnn_from_torch(*torch_arrays(layer)))
    digits = [[-0.3519801, 0.52525216], [-0.68424344, 0.76074266], [-0.8649416, 0.90466356]]
    assert_allclose(outputs[0], digits, rtol=0, atol=1e-7)
    assert_array_equal(h, outputs[:, -1])


# --- Recurrent layers against Keras ---------------------------------------------------------------

KERAS_LAYERS = {
    "simple_rnn": ("SimpleRNN", {}, ref.rnn_from_keras, ref.simple_rnn, {}),
    "simple_rnn_relu": (
        "SimpleRNN",
        {"activation": "relu"},
        ref.rnn_from_keras,
        ref.simple_rnn,
        {"activation": "relu"},
    ),
    "lstm": ("LSTM", {}, ref.lstm_from_keras, ref.lstm, {}),
    "gru": ("GRU", {}, ref.gru_from_keras, ref.gru, {}),
    "gru_reset_before": (
        "GRU",
        {"reset_after": False},
        ref.gru_from_keras,
        ref.gru,
        {"reset_after": False},
    ),
}
MASKS = {
    "no mask": None,
    "padded after": np.arange(T) < LENGTHS[:, None],
    "padded before": np.arange(T) >= T - LENGTHS[:, None],
    "holes": np.random.default_rng(1).random((N, T)) < 0.5,
    "one review all padding": np.arange(T) < np.array([[0], [3], [7]]),
}


@both_precisions
@pytest.mark.parametrize("kind", KERAS_LAYERS)
@pytest.mark.parametrize("padding", MASKS)
@pytest.mark.parametrize("with_initial_state", [False, True])
def test_recurrent_layer_equals_keras(keras, x, rng, dtype, kind, padding, with_initial_state):
    name, settings_, read, forward, ours = KERAS_LAYERS[kind]
    layer = getattr(keras.layers, name)(
        H, return_sequences=True, return_state=True, dtype=dtype, **settings_
    )
    mask = MASKS[padding]
    layer = keras_layer(layer, x.shape)
    start = None
    if with_initial_state:
        start = list(rng.normal(size=(2 if name == "LSTM" else 1, N, H)).astype("float32"))
        ours = {**ours, "initial_state": start if name == "LSTM" else start[0]}
    in_keras = [keras.ops.convert_to_tensor(s.astype(dtype)) for s in start] if start else None
    expected = layer(
        keras.ops.convert_to_tensor(x.astype(dtype)),
        initial_state=in_keras,
        mask=None if mask is None else keras.ops.convert_to_tensor(mask),
    )
    outputs, states = forward(x, *read(*layer.get_weights()), mask=mask, **ours)
    assert_same([outputs, *flat(states)], expected, dtype)


@every_torch_layer
def test_mask_and_lengths_agree_on_the_real_steps(x, kind):
    torch_class, read, forward = TORCH_LAYERS[kind]
    weights = read(*torch_arrays(torch_layer(torch_class(D, H))))
    real = MASKS["padded after"]
    with_mask, mask_states = forward(x, *weights, mask=real)
    with_lengths, length_states = forward(x, *weights, lengths=LENGTHS)
    assert_array_equal(with_mask[real], with_lengths[real])
    assert_array_equal(mask_states, length_states)
    assert_array_equal(with_mask[0, 4:], np.repeat(with_mask[0, 3:4], 3, axis=0))


def test_padding_arguments_are_checked(x):
    weights = np.ones((D, H)), np.ones((H, H)), np.ones(H)
    mask = np.ones((N, T), bool)
    refused = {
        "not both": {"mask": mask, "lengths": LENGTHS},
        r"mask must have shape \(3, 7\), found \(7, 3\)": {"mask": mask.T},
        "found dtype int64": {"mask": mask.astype("int64")},
        r"whole numbers in 1\.\.7": {"lengths": [0, 1, 2]},
        "initial state must have shape": {"initial_state": np.zeros((1, H))},
    }
    for message, arguments in refused.items():
        with pytest.raises(ValueError, match=message):
            ref.simple_rnn(x, *weights, **arguments)


def test_wrong_shapes_give_one_sentence(x):
    with pytest.raises(ValueError, match=r"w_h must have shape \(4, 16\), found \(4, 12\)"):
        ref.lstm(x, np.ones((D, 16)), np.ones((H, 12)), np.ones(16))
    with pytest.raises(ValueError, match=r"x must have shape \(3, 7, 9\), found \(3, 7, 10\)"):
        ref.lstm(x, np.ones((9, 16)), np.ones((H, 16)), np.ones(16))
    with pytest.raises(ValueError, match=r"bias must have shape \(6,\), found \(1,\)"):
        ref.conv1d(x, np.ones((3, D, 6)), np.ones(1))  # would broadcast silently
    with pytest.raises(ValueError, match="at least 8 steps"):
        ref.conv1d(x, np.ones((8, D, 6)), np.ones(6))
    with pytest.raises(ValueError, match="found 7"):
        ref.max_pool1d(x, 8)


# --- Conversions ----------------------------------------------------------------------------------


def test_conversions_go_back_and_forth(rng):
    recurrent = {
        ref.RNNWeights: [(D, H), (H, H), (H,)],
        ref.LSTMWeights: [(D, 4 * H), (H, 4 * H), (4 * H,)],
        ref.GRUWeights: [(D, 3 * H), (H, 3 * H), (3 * H,), (3 * H,)],
        ref.Conv1DWeights: [(3, D, H), (H,)],
        ref.DenseWeights: [(D, H), (H,)],
    }
    names = ["rnn", "lstm", "gru", "conv1d", "dense"]
    for name, (weights_type, shapes) in zip(names, recurrent.items(), strict=True):
        weights = weights_type(*(rng.normal(size=shape) for shape in shapes))
        for framework in ("torch", "keras", "gluon"):
            arrays = getattr(ref, f"{name}_to_{framework}")(weights)
            again = getattr(ref, f"{name}_from_{framework}")(*arrays)
            assert type(again) is weights_type
            for a, b in zip(again, weights, strict=True):
                assert_array_equal(a, b)


def test_gru_reset_before_goes_back_and_forth(rng):
    arrays = rng.normal(size=(D, 3 * H)), rng.normal(size=(H, 3 * H)), rng.normal(size=3 * H)
    again = ref.gru_to_keras(ref.gru_from_keras(*arrays), reset_after=False)
    for a, b in zip(again, arrays, strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("kind", "name"), [("simple_rnn", "SimpleRNN"), ("lstm", "LSTM"), ("gru", "GRU")]
)
def test_torch_weights_run_in_keras(keras, x, kind, name):
    torch_class, read, _ = TORCH_LAYERS[kind]
    write = {"simple_rnn": ref.rnn_to_keras, "lstm": ref.lstm_to_keras, "gru": ref.gru_to_keras}
    source = torch_layer(torch_class(D, H, batch_first=True), dtype="float64")
    target = getattr(keras.layers, name)(H, return_sequences=True, dtype="float64")
    target.build(x.shape)
    target.set_weights(write[kind](read(*torch_arrays(source))))
    expected, _ = source(torch.tensor(x, dtype=torch.float64))
    assert_same([target(x.astype("float64"))], [expected], "float64")


def test_converted_weights_do_not_follow_later_training():
    layer = torch_layer(torch.nn.GRU(D, H), dtype="float64")
    weights = ref.gru_from_torch(*torch_arrays(layer))
    before = weights.b_h.copy()
    with torch.no_grad():
        layer.bias_hh_l0.add_(1.0)
    assert_array_equal(weights.b_h, before)


# --- The whole CNN-LSTM ---------------------------------------------------------------------------


class TorchCNNLSTM(torch.nn.Module):
    """A student's model: names of its own, layers registered out of order."""

    def __init__(self, sizes, cell=False):
        super().__init__()
        v, d, f, k, h = sizes.values()
        self.classify = torch.nn.Linear(h, 1)
        self.memory = torch.nn.LSTMCell(f, h) if cell else torch.nn.LSTM(f, h, batch_first=True)
        self.words = torch.nn.Embedding(v, d)
        self.filters = torch.nn.Conv1d(d, f, k, padding="same")

    def forward(self, tokens):
        x = self.words(tokens).transpose(1, 2)
        x = torch.nn.functional.max_pool1d(torch.relu(self.filters(x)), 2).transpose(1, 2)
        if isinstance(self.memory, torch.nn.LSTM):
            return self.classify(self.memory(x)[0][:, -1])
        state = None
        for t in range(x.shape[1]):
            state = self.memory(x[:, t], state)
        return self.classify(state[0])


def keras_cnn_lstm(keras, sizes, dtype="float32"):
    v, d, f, k, h = sizes.values()
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Embedding(v, d, dtype=dtype),
            layers.Conv1D(f, k, padding="same", activation="relu", dtype=dtype),
            layers.MaxPooling1D(2, dtype=dtype),
            layers.LSTM(h, dtype=dtype),
            layers.Dropout(0.5, dtype=dtype),  # keeps a seed, which is not a weight
            layers.Dense(1, dtype=dtype),
        ]
    )
    model.build((None, T))
    return model


@pytest.fixture
def tokens(rng):
    return rng.integers(0, SIZES["vocab_size"], (N, T))


@both_precisions
@pytest.mark.parametrize("cell", [False, True])
def test_cnn_lstm_equals_torch(tokens, dtype, cell):
    model = torch_layer(TorchCNNLSTM(SIZES, cell), dtype=dtype)
    arrays = [(name, p.detach().numpy()) for name, p in model.named_parameters()]
    weights = ref.weights_from_arrays("cnn_lstm", "torch", arrays, SIZES)
    assert_same([networks.cnn_lstm(weights, tokens)], [model(torch.tensor(tokens))], dtype)


@both_precisions
def test_cnn_lstm_equals_keras(keras, tokens, dtype):
    model = keras_cnn_lstm(keras, SIZES, dtype)
    rng = np.random.default_rng(3)
    model.set_weights([rng.uniform(-0.5, 0.5, w.shape) for w in model.get_weights()])
    arrays = [(w.path, w.value.numpy()) for w in model.trainable_weights]
    weights = ref.weights_from_arrays("cnn_lstm", "keras", arrays, SIZES)
    assert_same([networks.cnn_lstm(weights, tokens)], [model(tokens)], dtype)


def test_cnn_lstm_is_carried_from_torch_to_keras(keras, tokens):
    source = torch_layer(TorchCNNLSTM(SIZES), dtype="float64")
    arrays = [(name, p.detach().numpy()) for name, p in source.named_parameters()]
    weights = ref.weights_from_arrays("cnn_lstm", "torch", arrays, SIZES)
    target = keras_cnn_lstm(keras, SIZES, "float64")
    target.set_weights([a for _, a in ref.arrays_from_weights("cnn_lstm", "keras", weights)])
    assert_same([target(tokens)], [source(torch.tensor(tokens))], "float64")


@every_framework
def test_arrays_in_any_order_come_back(framework):
    arrays = random_arrays(framework, dtype="float64")
    weights = ref.weights_from_arrays("cnn_lstm", framework, arrays[::-1], SIZES)
    again = ref.weights_from_arrays(
        "cnn_lstm", framework, ref.arrays_from_weights("cnn_lstm", framework, weights), SIZES
    )
    assert list(again) == ["embedding", "conv", "lstm", "dense"]
    for layer in weights:
        for a, b in zip(weights[layer], again[layer], strict=True):
            assert_array_equal(a, b)


def test_cnn_lstm_is_fast_enough(rng):
    arrays = random_arrays("keras", LECTURE_SIZES)
    weights = ref.weights_from_arrays("cnn_lstm", "keras", arrays, LECTURE_SIZES)
    tokens = rng.integers(0, 5000, (64, 50))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        assert networks.cnn_lstm(weights, tokens).shape == (64, 1)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1.0


# --- Sizes and parameter counts -------------------------------------------------------------------


def test_parameter_counts_of_the_lecture():
    layers = {"embedding": 160_000, "conv": 3_104, "lstm": 53_200, "dense": 101}
    in_keras = ref.parameter_count("cnn_lstm", "keras", LECTURE_SIZES)
    assert in_keras == (layers, 216_405)
    in_torch = ref.parameter_count("cnn_lstm", "torch", LECTURE_SIZES)
    assert in_torch == (layers | {"lstm": 53_600}, 216_805)
    assert ref.parameter_count("cnn_lstm", "gluon", LECTURE_SIZES) == in_torch


def test_parameter_counts_equal_the_frameworks(keras):
    model = keras_cnn_lstm(keras, SIZES)
    assert ref.parameter_count("cnn_lstm", "keras", SIZES)[1] == model.count_params()
    count = sum(p.numel() for p in TorchCNNLSTM(SIZES).parameters())
    assert ref.parameter_count("cnn_lstm", "torch", SIZES)[1] == count


# Layers of the other lectures: (layer, sizes) -> parameters that the frameworks print.
@pytest.mark.parametrize(
    ("framework", "kind", "dims", "expected"),
    [
        ("keras", "simple_rnn", (50, 5), 280),
        ("keras", "simple_rnn", (32, 100), 13_300),
        ("torch", "simple_rnn", (100, 100), 20_200),
        ("torch", "lstm", (100, 100), 80_800),
        ("keras", "gru", (10, 4), 3 * 4 * (10 + 4 + 2)),
        ("torch", "gru", (10, 4), 3 * 4 * (10 + 4 + 2)),
    ],
)
def test_parameter_counts_of_single_layers(framework, kind, dims, expected):
    shapes = frameworks.installed()[framework].layouts()[kind].shapes(*dims)
    assert sum(np.prod(shape) for shape in shapes.values()) == expected


@every_framework
def test_lecture_sizes_are_unambiguous(framework):
    ref.weights_from_arrays(
        "cnn_lstm", framework, random_arrays(framework, LECTURE_SIZES), LECTURE_SIZES
    )


def test_ambiguous_sizes_are_refused():
    same = SIZES | {"num_filters": 11}
    with pytest.raises(ValueError, match=r"lstm\.weight_ih and lstm\.weight_hh both have shape"):
        ref.weights_from_arrays("cnn_lstm", "torch", random_arrays("torch", same), same)
    biases = SIZES | {"num_filters": 44}
    for framework in ("torch", "keras"):
        with pytest.raises(ValueError, match=r"conv\.bias and lstm\.bias\w* both have shape"):
            ref.weights_from_arrays("cnn_lstm", framework, [], biases)


def test_unusable_requests_are_refused():
    refused = {
        "model must be one of": ("transformer", "torch", SIZES),
        "framework must be one of": ("cnn_lstm", "jax", SIZES),
        "sizes of cnn_lstm must be": ("cnn_lstm", "torch", {"vocab_size": 3}),
        "hidden_size must be a positive": ("cnn_lstm", "torch", SIZES | {"hidden_size": 0}),
        "kernel_size must be a positive": ("cnn_lstm", "torch", SIZES | {"kernel_size": True}),
    }
    for message, arguments in refused.items():
        with pytest.raises(ValueError, match=message):
            ref.parameter_count(*arguments)


# --- Untrusted arrays -----------------------------------------------------------------------------


def refuse(arrays, message, framework="torch"):
    with pytest.raises(ref.WeightsError, match=message) as caught:
        ref.weights_from_arrays("cnn_lstm", framework, arrays, SIZES)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def replace(arrays, index, array):
    return [*arrays[:index], (arrays[index][0], array), *arrays[index + 1 :]]


@every_framework
def test_each_missing_array_is_named(framework):
    arrays = random_arrays(framework)
    shapes = ref.layer_shapes("cnn_lstm", framework, SIZES)
    places = [f"{layer}\\.{name}" for layer in shapes for name in shapes[layer]]
    for i in range(len(arrays)):
        # Of two biases of one shape, the one listed second is the one that misses.
        place = places[i].replace("bias_ih", "bias_hh").replace("i2h_bias", "h2h_bias")
        refuse(arrays[:i] + arrays[i + 1 :], f"cnn_lstm needs {place} ", framework)


def test_surplus_arrays_are_named():
    arrays = random_arrays("torch")
    refuse([*arrays, ("fc2.weight", np.zeros((250, 11), "float32"))], r"'fc2\.weight' \(250, 11\)")
    refuse([*arrays, ("again", arrays[0][1])], r"no such arrays: 'again' \(29, 7\)")
    many = [(f"extra{i}", np.zeros(2, "float32")) for i in range(1000)]
    refuse(arrays + many, "and 996 more")


def test_a_wrong_shape_names_what_was_expected():
    arrays = random_arrays("torch")
    swapped = arrays[1][1].transpose(1, 0, 2)
    refuse(replace(arrays, 1, swapped), r"expects conv\.weight \(5, 7, 3\) but found 'my_1' \(7, 5")
    refuse(replace(arrays, 0, np.array(1.0)), r"found 'my_0' \(\)")
    refuse(replace(arrays, 0, np.zeros((0, 7), "float32")), r"found 'my_0' \(0, 7\)")


@pytest.mark.parametrize("dtype", ["int64", "float16", "bool", "complex128", "object", "U3", ">f4"])
def test_a_wrong_dtype_is_refused(dtype):
    arrays = random_arrays("torch")
    refuse(replace(arrays, 0, np.zeros((29, 7), dtype)), "'my_0' must hold float32 or float64")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39, -1e300])
def test_values_that_could_spoil_the_sum_are_refused(value):
    arrays = random_arrays("torch", dtype="float64")
    spoiled = arrays[3][1].copy()
    spoiled[-1, -1] = value
    refuse(replace(arrays, 3, spoiled), r"'my_3' \(44, 5\) holds NaN, infinity or numbers beyond")


def test_things_that_are_not_plain_arrays_are_refused():
    class Lazy(np.ndarray):
        pass

    arrays = random_arrays("torch")
    table = arrays[0][1]
    for thing in (table.tolist(), table.view(Lazy), torch.tensor(table), None, "weights"):
        refuse(replace(arrays, 0, thing), "'my_0' must be a numpy.ndarray")
    refuse([(["unhashable"], None), *arrays], "an array without a name must be a numpy.ndarray")
    refuse([("x" * 10**6, None), *arrays], "must be a numpy.ndarray")


def test_the_largest_accepted_weights_still_give_finite_logits(tokens):
    largest = np.finfo(np.float32).max
    arrays = [(name, np.full_like(a, largest)) for name, a in random_arrays("torch")]
    weights = ref.weights_from_arrays("cnn_lstm", "torch", arrays, SIZES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(networks.cnn_lstm(weights, tokens)).all()


# --- Adding a model -------------------------------------------------------------------------------


def gru_classifier(weights, tokens):
    _, h = ref.gru(ref.embedding(tokens, *weights["embedding"]), *weights["gru"])
    return ref.dense(h, *weights["dense"])


def test_a_new_model_is_one_entry_and_its_gru_biases_keep_their_order(monkeypatch, tokens):
    layers = {
        "embedding": ("embedding", "vocab_size", "embedding_dim"),
        "gru": ("gru", "embedding_dim", "hidden_size"),
        "dense": ("dense", "hidden_size", "num_classes"),
    }
    network = ref.Network("gru_classifier", gru_classifier, layers)
    model = torch.nn.ModuleList(
        [torch.nn.Embedding(29, 7), torch.nn.GRU(7, 11, batch_first=True), torch.nn.Linear(11, 2)]
    )
    words, memory, classify = torch_layer(model, dtype="float64")
    arrays = [(name, p.detach().numpy()) for name, p in model.named_parameters()]
    sizes = {"vocab_size": 29, "embedding_dim": 7, "hidden_size": 11, "num_classes": 2}
    weights = ref.weights_from_arrays(network, "torch", arrays, sizes)
    expected = classify(memory(words(torch.tensor(tokens)))[1][0])
    found = network.forward(weights, tokens)
    assert_same([found], [expected], "float64")
