"""Gluon, the interface of MXNet 1.9."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np


class Gluon:
    """See `autograder.api.frameworks.Framework`."""

    name, packages, models = "gluon", ("mxnet",), "gluon.Block"

    def is_model(self, value: Any) -> bool:
        return isinstance(value, sys.modules["mxnet"].gluon.Block)

    def array(self, value: Any) -> np.ndarray | None:
        asnumpy = getattr(value, "asnumpy", None)
        return asnumpy() if callable(asnumpy) else None

    def forward(self, model: Any, inputs: np.ndarray) -> np.ndarray:
        import mxnet as mx

        return model(mx.nd.array(inputs)).asnumpy()

    def weights(self, model: Any) -> list[tuple[str, np.ndarray]]:
        parameters = model.collect_params().items()
        return [(name, p.data().asnumpy()) for name, p in parameters if p.grad_req != "null"]

    def load(self, model: Any, arrays: list[np.ndarray]) -> None:
        import mxnet as mx

        trainable = [p for p in model.collect_params().values() if p.grad_req != "null"]
        for parameter, array in zip(trainable, arrays, strict=True):
            parameter.set_data(mx.nd.array(array))

    def layouts(self) -> Mapping[str, Any]:
        from autograder.reference import layouts

        return layouts.cudnn("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias")
