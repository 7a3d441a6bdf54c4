"""An adapter for scikit-learn's networks, as a course would bring it: this one file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np


class Perceptrons:
    """See `autograder.api.frameworks.Framework`. A model: a fitted MLPClassifier of two classes."""

    name, packages, models = "sklearn", ("sklearn",), "sklearn's MLPClassifier"

    def is_model(self, value: Any) -> bool:
        network = sys.modules.get("sklearn.neural_network")
        return network is not None and isinstance(value, network.MLPClassifier)

    def array(self, value: Any) -> np.ndarray | None:
        return None  # its numbers are NumPy's

    def forward(self, model: Any, inputs: np.ndarray) -> np.ndarray:
        return model.predict_proba(inputs)[:, 1:]

    def weights(self, model: Any) -> list[tuple[str, np.ndarray]]:
        return [
            pair
            for layer, (kernel, bias) in enumerate(
                zip(model.coefs_, model.intercepts_, strict=True)
            )
            for pair in ((f"{layer}.kernel", kernel), (f"{layer}.bias", bias))
        ]

    def load(self, model: Any, arrays: list[np.ndarray]) -> None:
        model.coefs_, model.intercepts_ = list(arrays[::2]), list(arrays[1::2])

    def layouts(self) -> Mapping[str, Any]:
        from autograder.reference import layouts

        return {"dense": layouts.KERAS["dense"]}  # (in, out) and (out,), as Keras has it
