"""From a framework's arrays of one layer to the canonical layout of `layers`, and back.

A framework's `layouts()` (see `autograder.api.frameworks`) is a table of these conversions:
`KERAS`, and `cudnn` for PyTorch and Gluon, which both keep what NVIDIA's library defines. A
framework that keeps its weights otherwise brings a table of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from autograder.reference.layers import (
    Array,
    Conv1DWeights,
    DenseWeights,
    EmbeddingWeights,
    GRUWeights,
    LSTMWeights,
    RNNWeights,
    _expect_ndim,
    _expect_shape,
    _recurrent_arrays,
)

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
    return weights.w_x, weights.w_h, weights.b


def lstm_from_keras(kernel: ArrayLike, recurrent_kernel: ArrayLike, bias: ArrayLike) -> LSTMWeights:
    """LSTM: (D, 4H), (H, 4H), (4H,), gates i f c o, Keras's c being g: the canonical layout."""
    return LSTMWeights(*_recurrent_arrays(4, kernel, recurrent_kernel, bias))


def lstm_to_keras(weights: LSTMWeights) -> tuple[Array, Array, Array]:
    """kernel (D, 4H), recurrent_kernel (H, 4H), bias (4H,)."""
    return weights.w_x, weights.w_h, weights.b


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


def cudnn(*recurrent_names: str) -> dict[str, Layout]:
    """The layers of PyTorch or Gluon, which name the arrays of a recurrent layer differently."""

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


KERAS: dict[str, Layout] = {
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
}
