"""Keras 3 with any backend, and TensorFlow's tensors."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np


class Keras:
    """See `autograder.api.frameworks.Framework`."""

    name, packages, models = "keras", ("keras", "tensorflow"), "keras.Model"

    def is_model(self, value: Any) -> bool:
        return "keras" in sys.modules and isinstance(value, sys.modules["keras"].Model)

    def array(self, value: Any) -> np.ndarray | None:
        numpy = getattr(value, "numpy", None)
        return numpy() if callable(numpy) else None

    def forward(self, model: Any, inputs: np.ndarray) -> np.ndarray:
        # Not `predict`: that traces a graph for every new shape, which takes seconds.
        return model(inputs, training=False).numpy()

    def weights(self, model: Any) -> list[tuple[str, np.ndarray]]:
        return [(weight.path, weight.numpy()) for weight in model.trainable_weights]

    def load(self, model: Any, arrays: list[np.ndarray]) -> None:
        for weight, array in zip(model.trainable_weights, arrays, strict=True):
            weight.assign(array)

    @contextmanager
    def eagerly(self) -> Iterator[None]:
        if "tensorflow" not in sys.modules:  # another backend, or no Keras here
            yield
            return
        # The public `enable_debug_mode` cannot be undone. Without it, each epoch would wait a tenth
        # of a second for the thread that tunes how data is read.
        pipelines = importlib.import_module("tensorflow.python.data.ops.debug_mode")
        config = sys.modules["tensorflow"].config
        config.run_functions_eagerly(True)
        pipelines.toggle_debug_mode(True)
        try:
            yield
        finally:
            pipelines.toggle_debug_mode(False)
            config.run_functions_eagerly(False)

    def layouts(self) -> Mapping[str, Any]:
        from autograder.reference import layouts

        return layouts.KERAS
