"""PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np


class Torch:
    """See `autograder.api.frameworks.Framework`."""

    name, packages, models = "torch", ("torch",), "torch.nn.Module"

    def is_model(self, value: Any) -> bool:
        return isinstance(value, sys.modules["torch"].nn.Module)

    def array(self, value: Any) -> np.ndarray | None:
        if not isinstance(value, sys.modules["torch"].Tensor):
            return None
        return value.detach().cpu().numpy()

    def forward(self, model: Any, inputs: np.ndarray) -> np.ndarray:
        import torch

        was_training = model.training
        device = next(model.parameters()).device
        whole = inputs.dtype.kind in "biu"
        tensor = torch.from_numpy(inputs.astype(np.int64 if whole else np.float32))
        model.eval()
        try:
            with torch.no_grad():
                outputs = model(tensor.to(device))
        finally:
            model.train(was_training)
        return outputs.cpu().numpy()

    def weights(self, model: Any) -> list[tuple[str, np.ndarray]]:
        return [
            (name, parameter.detach().cpu().numpy())
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        ]

    def load(self, model: Any, arrays: list[np.ndarray]) -> None:
        import torch

        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        with torch.no_grad():
            for parameter, array in zip(trainable, arrays, strict=True):
                parameter.copy_(torch.from_numpy(array))

    def layouts(self) -> Mapping[str, Any]:
        from autograder.reference import layouts

        return layouts.cudnn("weight_ih", "weight_hh", "bias_ih", "bias_hh")
