"""Reference networks: each layer of the course as a NumPy float64 forward pass, to be read.

One implementation answers for three frameworks: conversions bring the weights of PyTorch, Keras and
Gluon into one canonical layout, and `weights_from_arrays` does so for a whole unfamiliar model.

Canonical layout
----------------
Batch first, features last: `x` is (N, T, C) for N reviews, T steps, C features. Weights multiply
from the right (`x_t @ w_x + h @ w_h + b`), so they are (features in, features out); a recurrent
layer with G gates and H units keeps them side by side in blocks of H columns:

    layer       arrays                                                   gate order
    embedding   table (V, D)
    conv1d      kernel (K, C_in, C_out), bias (C_out,)
    simple_rnn  w_x (D, H), w_h (H, H), b (H,)
    lstm        w_x (D, 4H), w_h (H, 4H), b (4H,)                        i f g o
    gru         w_x (D, 3H), w_h (H, 3H), b_x (3H,), b_h (3H,)           r z n
    dense       kernel (C_in, C_out), bias (C_out,)

Padding
-------
Recurrent layers take `mask` or `lengths` (or neither). Both leave the state untouched at a padded
step; they differ in the output shown there.

    mask     bool (N, T), True = a real step, anywhere. The output repeats the one before it, zeros
             before the first real step: what a Keras layer does with a mask.
    lengths  int (N,), padding after the text. The output is zero: what PyTorch does with
             `pack_padded_sequence` and `pad_packed_sequence`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class EmbeddingWeights(NamedTuple):
    table: Array  # (V, D)


class Conv1DWeights(NamedTuple):
    kernel: Array  # (K, C_in, C_out)
    bias: Array  # (C_out,)


class RNNWeights(NamedTuple):
    w_x: Array  # (D, H)
    w_h: Array  # (H, H)
    b: Array  # (H,)


class LSTMWeights(NamedTuple):
    w_x: Array  # (D, 4H), gates i f g o
    w_h: Array  # (H, 4H)
    b: Array  # (4H,)


class GRUWeights(NamedTuple):
    w_x: Array  # (D, 3H), gates r z n
    w_h: Array  # (H, 3H)
    b_x: Array  # (3H,)
    b_h: Array  # (3H,), apart from b_x because its last block lies inside the reset gate


class DenseWeights(NamedTuple):
    kernel: Array  # (C_in, C_out)
    bias: Array  # (C_out,)


# --- Activations ----------------------------------------------------------------------------------


def sigmoid(x: ArrayLike) -> Array:
    """σ(x) = 1 / (1 + exp(-x)), elementwise, written as (1 + tanh(x/2)) / 2: it cannot overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, np.float64)))


def relu(x: ArrayLike) -> Array:
    """max(0, x), elementwise."""
    return np.maximum(0.0, np.asarray(x, np.float64))


def softmax(x: ArrayLike) -> Array:
    """exp(x_i) / Σ_j exp(x_j) over the last axis; subtracting the maximum changes nothing else."""
    x = np.asarray(x, np.float64)
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


# --- Layers without memory ------------------------------------------------------------------------


def embedding(tokens: ArrayLike, table: ArrayLike) -> Array:
    """Row `tokens[n, t]` of the table for every word: (N, T) integers, (V, D) -> (N, T, D).

    The same as a one-hot vector times the table (Bengio et al. 2003, "A Neural Probabilistic
    Language Model"). An id outside 0..V-1 is a ValueError.
    """
    tokens, table = np.asarray(tokens), np.asarray(table, np.float64)
    if tokens.dtype.kind not in "iu":
        raise ValueError(f"tokens must be integer word ids, found dtype {tokens.dtype}.")
    if tokens.size and not 0 <= tokens.min() <= tokens.max() < len(table):
        raise ValueError(
            f"tokens must lie in 0..{len(table) - 1} (the table has {len(table)} rows), "
            f"found {tokens.min()}..{tokens.max()}."
        )
    return table[tokens]


def conv1d(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike, padding: str = "valid") -> Array:
    """Slide K-word filters over the text: (N, T, C_in) -> (N, T', C_out).

    y_t = bias + Σ_k x_{t+k} @ kernel[k],  k = 0..K-1 (Collobert et al. 2011, "Natural Language
    Processing (Almost) from Scratch"; what frameworks call convolution does not flip the kernel).

    'valid' uses whole windows only, T' = T - K + 1. 'same' first pads the text with K - 1 zero
    vectors, T' = T; where K is even the odd one goes to the end, as in Keras and PyTorch.
    """
    x, kernel, bias = (np.asarray(a, np.float64) for a in (x, kernel, bias))
    _expect_ndim("x", x, 3)
    _expect_ndim("kernel", kernel, 3)
    _expect_shape("kernel", kernel, (len(kernel), x.shape[2], kernel.shape[2]))
    _expect_shape("bias", bias, (kernel.shape[2],))
    width = len(kernel)
    if padding == "same":
        left = (width - 1) // 2
        x = np.pad(x, ((0, 0), (left, width - 1 - left), (0, 0)))
    elif padding != "valid":
        raise ValueError(f"padding must be 'same' or 'valid', found {padding!r}.")
    steps = x.shape[1] - width + 1
    if steps < 1:
        raise ValueError(f"a filter of {width} words needs at least {width} steps: {x.shape[1]}.")
    return bias + sum(x[:, k : k + steps] @ kernel[k] for k in range(width))


def max_pool1d(x: ArrayLike, pool_size: int = 2) -> Array:
    """Largest value in each window of `pool_size` steps: (N, T, C) -> (N, T // pool_size, C).

    Windows do not overlap; steps that do not fill the last window are dropped.
    """
    x = np.asarray(x, np.float64)
    _expect_ndim("x", x, 3)
    steps = x.shape[1] // pool_size
    if steps < 1:
        raise ValueError(f"pooling over {pool_size} steps needs as many, found {x.shape[1]}.")
    windows = x[:, : steps * pool_size].reshape(len(x), steps, pool_size, x.shape[2])
    return windows.max(axis=2)


def global_max_pool1d(x: ArrayLike) -> Array:
    """Largest value of each feature over the whole text: (N, T, C) -> (N, C) (Kim 2014)."""
    x = np.asarray(x, np.float64)
    _expect_ndim("x", x, 3)
    return x.max(axis=1)


def dense(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike) -> Array:
    """y = x @ kernel + bias: (..., C_in) -> (..., C_out). No activation."""
    x, kernel, bias = (np.asarray(a, np.float64) for a in (x, kernel, bias))
    _expect_ndim("kernel", kernel, 2)
    _expect_shape("kernel", kernel, (x.shape[-1], kernel.shape[1]))
    _expect_shape("bias", bias, (kernel.shape[1],))
    return x @ kernel + bias


# --- Layers with memory ---------------------------------------------------------------------------


def simple_rnn(
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b: ArrayLike,
    *,
    activation: str = "tanh",
    initial_state: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Simple recurrent network: (N, T, D) -> all outputs (N, T, H) and the last state (N, H).

    h_t = φ(x_t @ w_x + h_{t-1} @ w_h + b),  φ = tanh or relu.

    Elman 1990, "Finding Structure in Time". `initial_state` is (N, H), zeros if not given; for
    `mask` and `lengths` see the top of this module.
    """
    if activation not in ("tanh", "relu"):
        raise ValueError(f"activation must be 'tanh' or 'relu', found {activation!r}.")
    phi = np.tanh if activation == "tanh" else relu
    w_x, w_h, b = _recurrent_arrays(1, w_x, w_h, b)

    def step(x_t: Array, h: Array) -> tuple[Array]:
        return (phi(x_t @ w_x + h @ w_h + b),)

    outputs, (h,) = _unroll(step, x, w_x, w_h, (initial_state,), mask, lengths)
    return outputs, h


def lstm(
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b: ArrayLike,
    *,
    initial_state: tuple[ArrayLike, ArrayLike] | None = None,
    mask: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
) -> tuple[Array, tuple[Array, Array]]:
    """Long short-term memory: (N, T, D) -> all outputs (N, T, H) and the last (h, c), (N, H) each.

    With a block of w_x, w_h and b for each gate,

    i = σ(x_t @ w_xi + h_{t-1} @ w_hi + b_i)        input gate: what to save
    f = σ(x_t @ w_xf + h_{t-1} @ w_hf + b_f)        forget gate: what to remember
    g = tanh(x_t @ w_xg + h_{t-1} @ w_hg + b_g)     candidate: what there is to learn
    o = σ(x_t @ w_xo + h_{t-1} @ w_ho + b_o)        output gate: what to focus on
    c_t = f ⊙ c_{t-1} + i ⊙ g                       cell state, the long-term memory
    h_t = o ⊙ tanh(c_t)                             hidden state, the working memory

    Hochreiter & Schmidhuber 1997, "Long Short-Term Memory"; forget gate: Gers, Schmidhuber &
    Cummins 2000, "Learning to Forget". No peepholes. `initial_state` is (h, c), (N, H) each, zeros
    if not given; for `mask` and `lengths` see the top of this module.
    """
    w_x, w_h, b = _recurrent_arrays(4, w_x, w_h, b)

    def step(x_t: Array, h: Array, c: Array) -> tuple[Array, Array]:
        i, f, g, o = np.split(x_t @ w_x + h @ w_h + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    states = (None, None) if initial_state is None else tuple(initial_state)
    outputs, (h, c) = _unroll(step, x, w_x, w_h, states, mask, lengths)
    return outputs, (h, c)


def gru(
    x: ArrayLike,
    w_x: ArrayLike,
    w_h: ArrayLike,
    b_x: ArrayLike,
    b_h: ArrayLike,
    *,
    reset_after: bool = True,
    initial_state: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Gated recurrent unit: (N, T, D) -> all outputs (N, T, H) and the last state (N, H).

    r = σ(x_t @ w_xr + b_xr + h_{t-1} @ w_hr + b_hr)              reset gate
    z = σ(x_t @ w_xz + b_xz + h_{t-1} @ w_hz + b_hz)              update gate
    n = tanh(x_t @ w_xn + b_xn + r ⊙ (h_{t-1} @ w_hn + b_hn))     candidate, reset_after=True
    n = tanh(x_t @ w_xn + b_xn + (r ⊙ h_{t-1}) @ w_hn + b_hn)     candidate, reset_after=False
    h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}

    Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder", whose published
    version resets before the product; cuDNN, PyTorch, Gluon and Keras by default reset after it.
    `initial_state` is (N, H), zeros if not given; for `mask` and `lengths` see the top of this
    module.
    """
    w_x, w_h, b_x, b_h = _recurrent_arrays(3, w_x, w_h, b_x, b_h)
    gates = slice(0, 2 * len(w_h))  # columns of r and z
    candidate = slice(2 * len(w_h), None)  # columns of n

    def step(x_t: Array, h: Array) -> tuple[Array]:
        from_x = x_t @ w_x + b_x
        from_h = h @ w_h[:, gates] + b_h[gates]
        r, z = np.split(sigmoid(from_x[:, gates] + from_h), 2, axis=1)
        if reset_after:
            memory = r * (h @ w_h[:, candidate] + b_h[candidate])
        else:
            memory = (r * h) @ w_h[:, candidate] + b_h[candidate]
        n = np.tanh(from_x[:, candidate] + memory)
        return ((1 - z) * n + z * h,)

    outputs, (h,) = _unroll(step, x, w_x, w_h, (initial_state,), mask, lengths)
    return outputs, h


def _unroll(
    step: Callable[..., tuple[Array, ...]],
    x: ArrayLike,
    w_x: Array,
    w_h: Array,
    initial_states: tuple[ArrayLike | None, ...],
    mask: ArrayLike | None,
    lengths: ArrayLike | None,
) -> tuple[Array, tuple[Array, ...]]:
    """Apply `step` along time; the first of its states is the output. State None is zeros."""
    x = np.asarray(x, np.float64)
    _expect_ndim("x", x, 3)
    _expect_shape("x", x, (*x.shape[:2], len(w_x)))
    state_shape = (len(x), len(w_h))
    states = tuple(
        np.zeros(state_shape) if state is None else np.asarray(state, np.float64)
        for state in initial_states
    )
    for state in states:
        _expect_shape("each initial state", state, state_shape)

    is_real = _real_steps(x.shape[:2], mask, lengths)
    outputs = np.zeros((*x.shape[:2], len(w_h)))
    shown = np.zeros(state_shape)  # Keras begins with zeros here even where an initial state is set
    for t in range(x.shape[1]):
        real = is_real[:, t, None]
        new_states = step(x[:, t], *states)
        states = tuple(
            np.where(real, new, old) for new, old in zip(new_states, states, strict=True)
        )
        shown = np.where(real, states[0], shown if lengths is None else 0.0)
        outputs[:, t] = shown
    return outputs, states


def _real_steps(
    shape: tuple[int, ...], mask: ArrayLike | None, lengths: ArrayLike | None
) -> NDArray[np.bool_]:
    """Which of the (N, T) steps are not padding."""
    if mask is not None and lengths is not None:
        raise ValueError("give mask (Keras) or lengths (PyTorch), not both.")
    if mask is not None:
        mask = np.asarray(mask)
        _expect_shape("mask", mask, shape)
        if mask.dtype != bool:
            raise ValueError(f"mask must be bool, True for a real step; found dtype {mask.dtype}.")
        return mask
    if lengths is None:
        return np.ones(shape, bool)
    lengths = np.asarray(lengths)
    _expect_shape("lengths", lengths, shape[:1])
    if lengths.dtype.kind not in "iu" or not ((lengths >= 1) & (lengths <= shape[1])).all():
        raise ValueError(f"lengths must be whole numbers in 1..{shape[1]}, found {lengths}.")
    return np.arange(shape[1]) < lengths[:, None]


def _recurrent_arrays(
    num_gates: int, w_x: ArrayLike, w_h: ArrayLike, *biases: ArrayLike
) -> tuple[Array, ...]:
    """A recurrent layer's arrays, copied to float64, their shapes checked against each other."""
    w_x, w_h, *biases = (np.array(a, np.float64) for a in (w_x, w_h, *biases))
    _expect_ndim("w_x", w_x, 2)
    _expect_ndim("w_h", w_h, 2)
    columns = num_gates * len(w_h)
    _expect_shape("w_h", w_h, (len(w_h), columns))
    _expect_shape("w_x", w_x, (len(w_x), columns))
    for bias in biases:
        _expect_shape("the bias", bias, (columns,))
    return w_x, w_h, *biases


def _expect_ndim(name: str, array: np.ndarray, ndim: int) -> None:
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} axes, found shape {array.shape}.")


def _expect_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, found {array.shape}.")


# --- PyTorch: every matrix is (out, in), two biases, gates i f g o and r z n ----------------------
# An nn.RNN, nn.LSTM or nn.GRU keeps these arrays as weight_ih_l0, weight_hh_l0, bias_ih_l0,
# bias_hh_l0; the cells (nn.LSTMCell, ...) have the same shapes.


def conv1d_from_torch(weight: ArrayLike, bias: ArrayLike) -> Conv1DWeights:
    """nn.Conv1d: weight (C_out, C_in, K), bias (C_out,)."""
    return conv1d_from_keras(_transposed(weight, 3), bias)


def conv1d_to_torch(weights: Conv1DWeights) -> tuple[Array, Array]:
    """weight (C_out, C_in, K), bias (C_out,)."""
    return _transposed(weights.kernel, 3), weights.bias


def dense_from_torch(weight: ArrayLike, bias: ArrayLike) -> DenseWeights:
    """nn.Linear: weight (C_out, C_in), bias (C_out,)."""
    return dense_from_keras(_transposed(weight, 2), bias)


def dense_to_torch(weights: DenseWeights) -> tuple[Array, Array]:
    """weight (C_out, C_in), bias (C_out,)."""
    return _transposed(weights.kernel, 2), weights.bias


def rnn_from_torch(
    weight_ih: ArrayLike, weight_hh: ArrayLike, bias_ih: ArrayLike, bias_hh: ArrayLike
) -> RNNWeights:
    """nn.RNN: (H, D), (H, H), (H,), (H,). Only the sum of the two biases matters."""
    w_x, w_h = _transposed(weight_ih, 2), _transposed(weight_hh, 2)
    w_x, w_h, b_x, b_h = _recurrent_arrays(1, w_x, w_h, bias_ih, bias_hh)
    return RNNWeights(w_x, w_h, b_x + b_h)


def rnn_to_torch(weights: RNNWeights) -> tuple[Array, Array, Array, Array]:
    """weight_ih (H, D), weight_hh (H, H), bias_ih (H,), and zeros for bias_hh."""
    w_x, w_h, b = weights
    return _transposed(w_x, 2), _transposed(w_h, 2), b, np.zeros_like(b)


def lstm_from_torch(
    weight_ih: ArrayLike, weight_hh: ArrayLike, bias_ih: ArrayLike, bias_hh: ArrayLike
) -> LSTMWeights:
    """nn.LSTM: (4H, D), (4H, H), (4H,), (4H,), gates i f g o. Only the biases' sum matters."""
    w_x, w_h = _transposed(weight_ih, 2), _transposed(weight_hh, 2)
    w_x, w_h, b_x, b_h = _recurrent_arrays(4, w_x, w_h, bias_ih, bias_hh)
    return LSTMWeights(w_x, w_h, b_x + b_h)


def lstm_to_torch(weights: LSTMWeights) -> tuple[Array, Array, Array, Array]:
    """weight_ih (4H, D), weight_hh (4H, H), bias_ih (4H,), and zeros for bias_hh."""
    w_x, w_h, b = weights
    return _transposed(w_x, 2), _transposed(w_h, 2), b, np.zeros_like(b)


def gru_from_torch(
    weight_ih: ArrayLike, weight_hh: ArrayLike, bias_ih: ArrayLike, bias_hh: ArrayLike
) -> GRUWeights:
    """nn.GRU: (3H, D), (3H, H), (3H,), (3H,), gates r z n. The biases are not interchangeable."""
    w_x, w_h = _transposed(weight_ih, 2), _transposed(weight_hh, 2)
    return GRUWeights(*_recurrent_arrays(3, w_x, w_h, bias_ih, bias_hh))


def gru_to_torch(weights: GRUWeights) -> tuple[Array, Array, Array, Array]:
    """weight_ih (3H, D), weight_hh (3H, H), bias_ih (3H,), bias_hh (3H,)."""
    w_x, w_h, b_x, b_h = weights
    return _transposed(w_x, 2), _transposed(w_h, 2), b_x, b_h


# --- Gluon: PyTorch's layout under other names ----------------------------------------------------
# Both took cuDNN's: i2h_weight, h2h_weight, i2h_bias, h2h_bias stand for weight_ih, weight_hh,
# bias_ih, bias_hh, with the same shapes and gate orders; Conv1D and Dense are (out, in, ...) too.

conv1d_from_gluon, conv1d_to_gluon = conv1d_from_torch, conv1d_to_torch
dense_from_gluon, dense_to_gluon = dense_from_torch, dense_to_torch
rnn_from_gluon, rnn_to_gluon = rnn_from_torch, rnn_to_torch
lstm_from_gluon, lstm_to_gluon = lstm_from_torch, lstm_to_torch
gru_from_gluon, gru_to_gluon = gru_from_torch, gru_to_torch


# --- Keras: every matrix is (in, out), one bias, gates i f c o and z r h --------------------------


def conv1d_from_keras(kernel: ArrayLike, bias: ArrayLike) -> Conv1DWeights:
    """Conv1D: kernel (K, C_in, C_out), bias (C_out,): the canonical layout itself."""
    kernel, bias = np.array(kernel, np.float64), np.array(bias, np.float64)
    _expect_ndim("kernel", kernel, 3)
    _expect_shape("bias", bias, (kernel.shape[2],))
    return Conv1DWeights(kernel, bias)


def conv1d_to_keras(weights: Conv1DWeights) -> tuple[Array, Array]:
    """kernel (K, C_in, C_out), bias (C_out,)."""
    return weights.kernel, weights.bias


def dense_from_keras(kernel: ArrayLike, bias: ArrayLike) -> DenseWeights:
    """Dense: kernel (C_in, C_out), bias (C_out,): the canonical layout itself."""
    kernel, bias = np.array(kernel, np.float64), np.array(bias, np.float64)
    _expect_ndim("kernel", kernel, 2)
    _expect_shape("bias", bias, (kernel.shape[1],))
    return DenseWeights(kernel, bias)


def dense_to_keras(weights: DenseWeights) -> tuple[Array, Array]:
    """kernel (C_in, C_out), bias (C_out,)."""
    return weights.kernel, weights.bias


def rnn_from_keras(kernel: ArrayLike, recurrent_kernel: ArrayLike, bias: ArrayLike) -> RNNWeights:
    """SimpleRNN: (D, H), (H, H), (H,): the canonical layout itself."""
    return RNNWeights(*_recurrent_arrays(1, kernel, recurrent_kernel, bias))


def rnn_to_keras(weights: RNNWeights) -> tuple[Array, Array, Array]:
    """kernel (D, H), recurrent_kernel (H, H), bias (H,)."""
    return tuple(weights)


def lstm_from_keras(kernel: ArrayLike, recurrent_kernel: ArrayLike, bias: ArrayLike) -> LSTMWeights:
    """LSTM: (D, 4H), (H, 4H), (4H,), gates i f c o, Keras's c being g: the canonical layout."""
    return LSTMWeights(*_recurrent_arrays(4, kernel, recurrent_kernel, bias))


def lstm_to_keras(weights: LSTMWeights) -> tuple[Array, Array, Array]:
    """kernel (D, 4H), recurrent_kernel (H, 4H), bias (4H,)."""
    return tuple(weights)


def gru_from_keras(kernel: ArrayLike, recurrent_kernel: ArrayLike, bias: ArrayLike) -> GRUWeights:
    """GRU: kernel (D, 3H), recurrent_kernel (H, 3H), gates z r h, Keras's h being n.

    The bias is (2, 3H), input and recurrent, where the layer has reset_after=True (its default),
    and (3H,) where it has reset_after=False; pass the same setting on to `gru`.
    """
    bias = np.asarray(bias, np.float64)
    b_x, b_h = bias if bias.ndim == 2 and len(bias) == 2 else (bias, np.zeros_like(bias))
    arrays = _recurrent_arrays(3, kernel, recurrent_kernel, b_x, b_h)
    return GRUWeights(*(_swap_first_two_of_three(a) for a in arrays))


def gru_to_keras(weights: GRUWeights, reset_after: bool = True) -> tuple[Array, Array, Array]:
    """kernel (D, 3H), recurrent_kernel (H, 3H), bias (2, 3H), or (3H,) if not reset_after."""
    kernel, recurrent_kernel, b_x, b_h = (_swap_first_two_of_three(a) for a in weights)
    return kernel, recurrent_kernel, np.stack([b_x, b_h]) if reset_after else b_x + b_h


def _swap_first_two_of_three(array: Array) -> Array:
    """Gate blocks r z n -> z r n along the last axis, or back."""
    first, second, third = np.split(array, 3, axis=-1)
    return np.concatenate([second, first, third], axis=-1)


def _transposed(array: ArrayLike, ndim: int) -> Array:
    array = np.array(array, np.float64)
    _expect_ndim("a weight", array, ndim)
    return np.ascontiguousarray(array.T)


# --- What each framework stores for a layer -------------------------------------------------------


class Layout(NamedTuple):
    """The arrays of one kind of layer in one framework, in the order in which it lists them."""

    shapes: Callable[..., dict[str, tuple[int, ...]]]  # the layer's sizes -> array name -> shape
    read: Callable[..., tuple[Array, ...]]  # those arrays -> canonical weights
    write: Callable[[Any], tuple[Array, ...]]  # canonical weights -> those arrays


def _embedding_layout(name: str) -> Layout:
    return Layout(lambda v, d: {name: (v, d)}, EmbeddingWeights, tuple)


def _keras_recurrent_shapes(
    num_gates: int, *bias_rows: int
) -> Callable[..., dict[str, tuple[int, ...]]]:
    def shapes(d: int, h: int) -> dict[str, tuple[int, ...]]:
        columns = num_gates * h
        return {
            "kernel": (d, columns),
            "recurrent_kernel": (h, columns),
            "bias": (*bias_rows, columns),
        }

    return shapes


def _cudnn_layouts(recurrent_names: tuple[str, ...]) -> dict[str, Layout]:
    """PyTorch and Gluon differ only in what they call the arrays of a recurrent layer."""

    def recurrent(num_gates: int) -> Callable[..., dict[str, tuple[int, ...]]]:
        def shapes(d: int, h: int) -> dict[str, tuple[int, ...]]:
            rows = num_gates * h
            all_shapes = (rows, d), (rows, h), (rows,), (rows,)
            return dict(zip(recurrent_names, all_shapes, strict=True))

        return shapes

    return {
        "embedding": _embedding_layout("weight"),
        "conv1d": Layout(
            lambda c_in, c_out, k: {"weight": (c_out, c_in, k), "bias": (c_out,)},
            conv1d_from_torch,
            conv1d_to_torch,
        ),
        "simple_rnn": Layout(recurrent(1), rnn_from_torch, rnn_to_torch),
        "lstm": Layout(recurrent(4), lstm_from_torch, lstm_to_torch),
        "gru": Layout(recurrent(3), gru_from_torch, gru_to_torch),
        "dense": Layout(
            lambda c_in, c_out: {"weight": (c_out, c_in), "bias": (c_out,)},
            dense_from_torch,
            dense_to_torch,
        ),
    }


LAYOUTS: dict[str, dict[str, Layout]] = {
    "torch": _cudnn_layouts(("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
    "gluon": _cudnn_layouts(("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias")),
    "keras": {
        "embedding": _embedding_layout("embeddings"),
        "conv1d": Layout(
            lambda c_in, c_out, k: {"kernel": (k, c_in, c_out), "bias": (c_out,)},
            conv1d_from_keras,
            conv1d_to_keras,
        ),
        "simple_rnn": Layout(_keras_recurrent_shapes(1), rnn_from_keras, rnn_to_keras),
        "lstm": Layout(_keras_recurrent_shapes(4), lstm_from_keras, lstm_to_keras),
        "gru": Layout(_keras_recurrent_shapes(3, 2), gru_from_keras, gru_to_keras),
        "dense": Layout(
            lambda c_in, c_out: {"kernel": (c_in, c_out), "bias": (c_out,)},
            dense_from_keras,
            dense_to_keras,
        ),
    },
}


# --- Whole models ---------------------------------------------------------------------------------

Weights = Mapping[str, tuple[Array, ...]]  # layer name -> its canonical weights


class Model(NamedTuple):
    """A forward pass and its layers: name -> (kind, sizes), a size being a name or a number."""

    forward: Callable[[Weights, ArrayLike], Array]
    layers: dict[str, tuple[str | int, ...]]


def cnn_lstm(weights: Weights, tokens: ArrayLike) -> Array:
    """Word ids (N, T) -> one logit per review (N, 1); its `sigmoid` is the probability.

    Convolution over the words, pooling, then an LSTM over what is left; the classifier sees the
    LSTM's output at the last step. Padding is not masked: id 0 is a word like any other.
    """
    x = embedding(tokens, *weights["embedding"])  # (N, T, embedding_dim)
    x = relu(conv1d(x, *weights["conv"], padding="same"))  # (N, T, num_filters)
    x = max_pool1d(x, 2)  # (N, T // 2, num_filters)
    _, (h, _) = lstm(x, *weights["lstm"])  # (N, hidden_size)
    return dense(h, *weights["dense"])  # (N, 1)


def review_lstm(weights: Weights, tokens: ArrayLike) -> Array:
    """Word ids (N, T) -> one logit per review (N, 1), from the state after its last word.

    Padding, id 0, leaves the state as it was, wherever it stands.
    """
    x = embedding(tokens, *weights["embedding"])  # (N, T, embedding_dim)
    _, (h, _) = lstm(x, *weights["lstm"], mask=np.asarray(tokens) != 0)  # (N, hidden_size)
    return dense(h, *weights["dense"])  # (N, 1)


def review_rnn(weights: Weights, tokens: ArrayLike) -> Array:
    """The same with a simple recurrent layer whose activation is a ReLU."""
    x, is_word = embedding(tokens, *weights["embedding"]), np.asarray(tokens) != 0
    _, h = simple_rnn(x, *weights["recurrent"], activation="relu", mask=is_word)
    return dense(h, *weights["dense"])  # (N, 1)


def feedforward(weights: Weights, tokens: ArrayLike) -> Array:
    """Word ids (N, width) -> one logit per review (N, 1): vectors end to end, one hidden layer."""
    row = embedding(tokens, *weights["embedding"]).reshape(len(tokens), -1)  # (N, row_size)
    return dense(relu(dense(row, *weights["hidden"])), *weights["output"])  # (N, 1)


def cnn(weights: Weights, tokens: ArrayLike) -> Array:
    """Word ids (N, T) -> one logit per review (N, 1): maximum over the real words, ids above 0."""
    x = embedding(tokens, *weights["embedding"])  # (N, T, embedding_dim)
    x = relu(conv1d(x, *weights["conv"], padding="same"))  # (N, T, num_filters)
    x = global_max_pool1d(np.where(np.asarray(tokens)[..., None] > 0, x, 0.0))  # none is below 0
    return dense(relu(dense(x, *weights["hidden"])), *weights["output"])  # (N, 1)


MODELS: dict[str, Model] = {
    "cnn_lstm": Model(
        cnn_lstm,
        {
            "embedding": ("embedding", "vocab_size", "embedding_dim"),
            "conv": ("conv1d", "embedding_dim", "num_filters", "kernel_size"),
            "lstm": ("lstm", "num_filters", "hidden_size"),
            "dense": ("dense", "hidden_size", 1),
        },
    ),
    "review_lstm": Model(
        review_lstm,
        {
            "embedding": ("embedding", "vocab_size", "embedding_dim"),
            "lstm": ("lstm", "embedding_dim", "hidden_size"),
            "dense": ("dense", "hidden_size", 1),
        },
    ),
    "review_rnn": Model(
        review_rnn,
        {
            "embedding": ("embedding", "vocab_size", "embedding_dim"),
            "recurrent": ("simple_rnn", "embedding_dim", "hidden_size"),
            "dense": ("dense", "hidden_size", 1),
        },
    ),
    "feedforward": Model(
        feedforward,
        {
            "embedding": ("embedding", "vocab_size", "embedding_dim"),
            "hidden": ("dense", "row_size", "num_hiddens"),  # row_size = width · embedding_dim
            "output": ("dense", "num_hiddens", 1),
        },
    ),
    "cnn": Model(
        cnn,
        {
            "embedding": ("embedding", "vocab_size", "embedding_dim"),
            "conv": ("conv1d", "embedding_dim", "num_filters", "kernel_size"),
            "hidden": ("dense", "num_filters", "num_hiddens"),
            "output": ("dense", "num_hiddens", 1),
        },
    ),
}


def layer_shapes(
    model: str, framework: str, sizes: Mapping[str, int]
) -> dict[str, dict[str, tuple[int, ...]]]:
    """Layer name -> array name -> shape, for a model in 'torch', 'keras' or 'gluon'.

    `sizes` gives every size that the model's layers name; for 'cnn_lstm' vocab_size,
    embedding_dim, num_filters, kernel_size and hidden_size. ValueError where one is missing,
    unknown or not a positive whole number.
    """
    layers, layouts = _lookup("model", model, MODELS).layers, _layouts(framework)
    wanted = {size for _, *dims in layers.values() for size in dims if isinstance(size, str)}
    if set(sizes) != wanted:
        raise ValueError(f"sizes of {model} must be {sorted(wanted)}, found {sorted(sizes)}.")
    for name, size in sizes.items():
        if type(size) is not int or size < 1:
            raise ValueError(f"{name} must be a positive whole number, found {size!r}.")
    return {
        layer: layouts[kind].shapes(*(sizes.get(size, size) for size in dims))
        for layer, (kind, *dims) in layers.items()
    }


def parameter_count(
    model: str, framework: str, sizes: Mapping[str, int]
) -> tuple[dict[str, int], int]:
    """Parameters of each layer, and their total."""
    count = {
        layer: sum(math.prod(shape) for shape in arrays.values())
        for layer, arrays in layer_shapes(model, framework, sizes).items()
    }
    return count, sum(count.values())


class WeightsError(ValueError):
    """The arrays handed in are not the weights of the model; the message is for the student."""


def weights_from_arrays(
    model: str, framework: str, arrays: Sequence[tuple[str, np.ndarray]], sizes: Mapping[str, int]
) -> dict[str, tuple[Array, ...]]:
    """Canonical weights from a model's (name, array) pairs, recognised by shape alone.

    Names are free, and appear in messages only. The pairs come in the order in which the framework
    lists a model's trainable arrays; that order matters only between biases of equal shape in one
    layer (the two of a PyTorch or Gluon recurrent layer), which are taken as listed.

    `sizes` (see `layer_shapes`) must therefore give every other array a shape of its own: a
    ValueError names two that share one. Odd, unequal sizes do, such as vocab_size 29,
    embedding_dim 7, num_filters 5, kernel_size 3, hidden_size 11.

    The arrays are not trusted: each must be a plain numpy.ndarray of float32 or float64, of a shape
    in the table, every value a finite float32 number. A WeightsError says in one sentence which
    array is missing, surplus or wrong.
    """
    shapes = layer_shapes(model, framework, sizes)
    places = _places_by_shape(shapes)
    found, surplus = {}, []
    for name, array in arrays:
        label = _label(name)
        _check_dtype(label, array)
        free = [place for place in places.get(array.shape, ()) if place not in found]
        if not free:
            surplus.append(f"{label} {array.shape}")
            continue
        _check_values(label, array)
        found[free[0]] = array
    missing = [
        f"{layer}.{name} {shape}"
        for layer, layer_arrays in shapes.items()
        for name, shape in layer_arrays.items()
        if (layer, name) not in found
    ]
    if missing or surplus:
        raise WeightsError(_difference(model, missing, surplus))
    return {
        layer: LAYOUTS[framework][kind].read(
            *(np.array(found[layer, name], np.float64) for name in shapes[layer])
        )
        for layer, (kind, *_) in MODELS[model].layers.items()
    }


def arrays_from_weights(model: str, framework: str, weights: Weights) -> list[tuple[str, Array]]:
    """Canonical weights -> (name, array) pairs in a framework's layout and order.

    With `weights_from_arrays` this carries a whole model from one framework to another. Names are
    'layer.array', for example 'lstm.weight_ih'.
    """
    layouts, pairs = _layouts(framework), []
    for layer, (kind, *dims) in _lookup("model", model, MODELS).layers.items():
        names = layouts[kind].shapes(*(1 for _ in dims))
        arrays = layouts[kind].write(weights[layer])
        pairs += [(f"{layer}.{name}", a) for name, a in zip(names, arrays, strict=True)]
    return pairs


def _lookup(what: str, name: str, table: Mapping[str, Any]) -> Any:
    if name not in table:
        raise ValueError(f"{what} must be one of {sorted(table)}, found {name!r}.")
    return table[name]


def _layouts(framework: str) -> dict[str, Layout]:
    return _lookup("framework", framework, LAYOUTS)


def _places_by_shape(
    shapes: Mapping[str, Mapping[str, tuple[int, ...]]],
) -> dict[tuple[int, ...], list[tuple[str, str]]]:
    """Shape -> the (layer, array) it stands for; several only for the biases of one layer."""
    places: dict[tuple[int, ...], list[tuple[str, str]]] = {}
    for layer, arrays in shapes.items():
        for name, shape in arrays.items():
            places.setdefault(shape, []).append((layer, name))
    for shape, (first, *others) in places.items():
        for other in others:
            if len(shape) > 1 or other[0] != first[0]:
                raise ValueError(
                    f"these sizes are ambiguous: {'.'.join(first)} and {'.'.join(other)} both have "
                    f"shape {shape}; choose sizes that differ."
                )
    return places


def _label(name: str) -> str:
    """A student's name for an array, fit for a message."""
    return repr(name[:60]) if type(name) is str else "an array without a name"


def _check_dtype(label: str, array: np.ndarray) -> None:
    if type(array) is not np.ndarray:
        raise WeightsError(f"{label} must be a numpy.ndarray, found {type(array).__name__[:60]}.")
    if array.dtype not in (np.float32, np.float64):
        raise WeightsError(
            f"{label} must hold float32 or float64 numbers, found {str(array.dtype)[:60]}."
        )


def _check_values(label: str, array: np.ndarray) -> None:
    # One comparison refuses NaN, infinity, and numbers whose products could overflow float64.
    if not (np.abs(array) <= np.finfo(np.float32).max).all():
        raise WeightsError(f"{label} {array.shape} holds NaN, infinity or numbers beyond float32.")


def _difference(model: str, missing: Sequence[str], surplus: Sequence[str]) -> str:
    """One sentence on arrays that found no place, and places that found no array."""
    if not missing:
        return f"{model} has no such arrays: {_listed(surplus)}; remove the layers that add them."
    if not surplus:
        return f"{model} needs {_listed(missing)}, which the model does not have."
    return f"{model} expects {_listed(missing)} but found {_listed(surplus)}: check these shapes."


def _listed(items: Sequence[str]) -> str:
    shown = ", ".join(items[:4])
    return shown if len(items) <= 4 else f"{shown} and {len(items) - 4} more"
