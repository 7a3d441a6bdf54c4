"""Each layer as a NumPy float64 forward pass, to be read.

Canonical layout
----------------
Batch first, features last: `x` is (N, T, C) for N texts, T steps, C features. Weights multiply
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

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class EmbeddingWeights(NamedTuple):
    """One row of D numbers for each of V words."""

    table: Array  # (V, D)


class Conv1DWeights(NamedTuple):
    """C_out filters over K steps of C_in features."""

    kernel: Array  # (K, C_in, C_out)
    bias: Array  # (C_out,)


class RNNWeights(NamedTuple):
    """A simple recurrent layer: D features in, H units."""

    w_x: Array  # (D, H)
    w_h: Array  # (H, H)
    b: Array  # (H,)


class LSTMWeights(NamedTuple):
    """D features in, H units, the four gates side by side."""

    w_x: Array  # (D, 4H), gates i f g o
    w_h: Array  # (H, 4H)
    b: Array  # (4H,)


class GRUWeights(NamedTuple):
    """D features in, H units, three gates side by side; input and recurrence have a bias each."""

    w_x: Array  # (D, 3H), gates r z n
    w_h: Array  # (H, 3H)
    b_x: Array  # (3H,)
    b_h: Array  # (3H,), apart from b_x because its last block lies inside the reset gate


class DenseWeights(NamedTuple):
    """C_in features in, C_out features out."""

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

    def step(from_x: Array, h: Array) -> tuple[Array]:
        return (phi(from_x + h @ w_h),)

    outputs, (h,) = _unroll(step, x, w_x, b, w_h, (initial_state,), mask, lengths)
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

    def step(from_x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        i, f, g, o = np.split(from_x + h @ w_h, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    states = (None, None) if initial_state is None else tuple(initial_state)
    outputs, (h, c) = _unroll(step, x, w_x, b, w_h, states, mask, lengths)
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

    def step(from_x: Array, h: Array) -> tuple[Array]:
        from_h = h @ w_h[:, gates] + b_h[gates]
        r, z = np.split(sigmoid(from_x[:, gates] + from_h), 2, axis=1)
        if reset_after:
            memory = r * (h @ w_h[:, candidate] + b_h[candidate])
        else:
            memory = (r * h) @ w_h[:, candidate] + b_h[candidate]
        n = np.tanh(from_x[:, candidate] + memory)
        return ((1 - z) * n + z * h,)

    outputs, (h,) = _unroll(step, x, w_x, b_x, w_h, (initial_state,), mask, lengths)
    return outputs, h


def _unroll(
    step: Callable[..., tuple[Array, ...]],
    x: ArrayLike,
    w_x: Array,
    b_x: Array,
    w_h: Array,
    initial_states: tuple[ArrayLike | None, ...],
    mask: ArrayLike | None,
    lengths: ArrayLike | None,
) -> tuple[Array, tuple[Array, ...]]:
    """Apply `step` along time; the first of its states is the output. State None is zeros.

    `step` takes x_t @ w_x + b_x, which does not depend on the states and is computed for all steps
    in one product.
    """
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
    from_x = x @ w_x + b_x
    outputs = np.zeros((*x.shape[:2], len(w_h)))
    shown = np.zeros(state_shape)  # Keras begins with zeros here even where an initial state is set
    for t in range(x.shape[1]):
        real = is_real[:, t, None]
        new_states = step(from_x[:, t], *states)
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
    x, h, *rest = (np.array(a, np.float64) for a in (w_x, w_h, *biases))
    _expect_ndim("w_x", x, 2)
    _expect_ndim("w_h", h, 2)
    columns = num_gates * len(h)
    _expect_shape("w_h", h, (len(h), columns))
    _expect_shape("w_x", x, (len(x), columns))
    for bias in rest:
        _expect_shape("the bias", bias, (columns,))
    return x, h, *rest


def _expect_ndim(name: str, array: np.ndarray, ndim: int) -> None:
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} axes, found shape {array.shape}.")


def _expect_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, found {array.shape}.")
