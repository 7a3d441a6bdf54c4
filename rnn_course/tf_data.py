"""A helper for `tf.data`, which lecture 5 needs and does not dwell on."""

from __future__ import annotations

import tensorflow as tf


def untuned(data: tf.data.Dataset) -> tf.data.Dataset:
    """The same dataset without `tf.data`'s own tuning.

    It tunes its buffers from a thread that sleeps longer each time; with TensorFlow 2.21 the next
    epoch often has to wait, idle, until that thread wakes up.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.with_options(options)
