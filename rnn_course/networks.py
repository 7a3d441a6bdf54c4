"""The networks that this course asks for, as NumPy forward passes with their layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from autograder.reference import (
    Array,
    Network,
    Weights,
    conv1d,
    dense,
    embedding,
    global_max_pool1d,
    lstm,
    max_pool1d,
    relu,
    simple_rnn,
)


def cnn_lstm(weights: Weights, tokens: ArrayLike) -> Array:
    """Word ids (N, T) -> one logit per review (N, 1); its `sigmoid` is the probability.

    Convolution over the words, pooling, then an LSTM over what is left; the classifier sees the
    LSTM's output at the last step. Padding is not masked: id 0 is a word like any other.
    """
    x = embedding(tokens, *weights["embedding"])  # (N, T, embedding_dim)
    kernel, bias = weights["conv"]
    x = relu(conv1d(x, kernel, bias, padding="same"))  # (N, T, num_filters)
    x = max_pool1d(x, 2)  # (N, T // 2, num_filters)
    _, (h, _) = lstm(x, *weights["lstm"])  # (N, hidden_size)
    return dense(h, *weights["dense"])  # (N, 1)


def review_lstm(weights: Weights, tokens: ArrayLike) -> Array:
    """Word ids (N, T) -> one logit per review (N, 1), from the state after its last word.

    Padding, id 0, leaves the state as it was, wherever it is.
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
    vectors = embedding(tokens, *weights["embedding"])  # (N, width, embedding_dim)
    row = vectors.reshape(len(vectors), -1)  # (N, row_size)
    return dense(relu(dense(row, *weights["hidden"])), *weights["output"])  # (N, 1)


def cnn(weights: Weights, tokens: ArrayLike) -> Array:
    """Word ids (N, T) -> one logit per review (N, 1): maximum over the real words, ids above 0."""
    x = embedding(tokens, *weights["embedding"])  # (N, T, embedding_dim)
    kernel, bias = weights["conv"]
    x = relu(conv1d(x, kernel, bias, padding="same"))  # (N, T, num_filters)
    x = global_max_pool1d(np.where(np.asarray(tokens)[..., None] > 0, x, 0.0))  # none is below 0
    return dense(relu(dense(x, *weights["hidden"])), *weights["output"])  # (N, 1)


NETWORKS = {
    network.name: network
    for network in [
        Network(
            "cnn_lstm",
            cnn_lstm,
            {
                "embedding": ("embedding", "vocab_size", "embedding_dim"),
                "conv": ("conv1d", "embedding_dim", "num_filters", "kernel_size"),
                "lstm": ("lstm", "num_filters", "hidden_size"),
                "dense": ("dense", "hidden_size", 1),
            },
        ),
        Network(
            "review_lstm",
            review_lstm,
            {
                "embedding": ("embedding", "vocab_size", "embedding_dim"),
                "lstm": ("lstm", "embedding_dim", "hidden_size"),
                "dense": ("dense", "hidden_size", 1),
            },
        ),
        Network(
            "review_rnn",
            review_rnn,
            {
                "embedding": ("embedding", "vocab_size", "embedding_dim"),
                "recurrent": ("simple_rnn", "embedding_dim", "hidden_size"),
                "dense": ("dense", "hidden_size", 1),
            },
        ),
        Network(
            "feedforward",
            feedforward,
            {
                "embedding": ("embedding", "vocab_size", "embedding_dim"),
                "hidden": ("dense", "row_size", "num_hiddens"),  # row_size = width · embedding_dim
                "output": ("dense", "num_hiddens", 1),
            },
        ),
        Network(
            "cnn",
            cnn,
            {
                "embedding": ("embedding", "vocab_size", "embedding_dim"),
                "conv": ("conv1d", "embedding_dim", "num_filters", "kernel_size"),
                "hidden": ("dense", "num_filters", "num_hiddens"),
                "output": ("dense", "num_hiddens", 1),
            },
        ),
    ]
}
