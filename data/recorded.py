"""What PyTorch's layers compute, recorded: the exercise `cells_by_hand` needs NumPy alone.

`python -m data.recorded` records it anew, with PyTorch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("recorded.npz")
WEIGHTS = ("w_ih", "w_hh", "b_ih", "b_hh")
N, D, H = 3, 10, 4  # texts, numbers per word, units


def torch_says() -> dict[str, dict[str, Any]]:
    """Layer -> its weights, an input, first states, outputs, last states and gradients."""
    says: dict[str, dict[str, Any]] = {}
    with np.load(FILE) as file:
        for key, array in file.items():
            layer, entry, name = key.split()
            says.setdefault(layer, {}).setdefault(entry, {})[name] = array
    for entries in says.values():
        for entry, arrays in entries.items():
            if entry in ("x", "outputs"):
                entries[entry] = arrays["all"]
            elif entry != "gradients":
                entries[entry] = tuple(arrays.values())
    return says


def record() -> dict[str, np.ndarray]:
    """What PyTorch computes in 64 bit for random words, as `layer entry name` -> array."""
    import torch
    from torch import nn

    def ask(kind: str, num_steps: int, start: float = 0.5) -> dict[str, dict[str, Any]]:
        layer = getattr(nn, kind)(D, H, batch_first=True, dtype=torch.float64)
        names = ["h", "c"] if kind == "LSTM" else ["h"]
        x = torch.randn(N, num_steps, D, dtype=torch.float64).requires_grad_()
        first = [(start * torch.randn(1, N, H).double()).requires_grad_() for _ in names]
        outputs, last = layer(x, tuple(first) if kind == "LSTM" else first[0])
        last = last if kind == "LSTM" else (last,)
        deltas = [torch.randn(1, N, H).double() * (name == "h" or num_steps == 1) for name in names]
        loss = sum((delta * state).sum() for delta, state in zip(deltas, last, strict=True))
        wanted = [*first, x, *layer.parameters()]
        gradients = torch.autograd.grad(loss, wanted)
        return {
            "weights": dict(zip(WEIGHTS, layer.parameters(), strict=True)),
            "x": {"all": x},  # (N, T, D)
            "first": {name: state[0] for name, state in zip(names, first, strict=True)},  # (N, H)
            "outputs": {"all": outputs},  # (N, T, H)
            "last": {name: state[0] for name, state in zip(names, last, strict=True)},
            "deltas": {name: delta[0] for name, delta in zip(names, deltas, strict=True)},
            "gradients": dict(zip([*names, "x", *WEIGHTS], gradients, strict=True)),
        }

    torch.manual_seed(0)
    says = {kind.lower(): ask(kind, num_steps=7) for kind in ("RNN", "LSTM", "GRU")}
    says |= {f"{kind.lower()}_step": ask(kind, num_steps=1) for kind in ("RNN", "LSTM")}
    says |= {f"{kind.lower()}_zeros": ask(kind, 7, start=0.0) for kind in ("RNN", "LSTM")}
    torch.manual_seed(1)
    parameters = [p.double() for p in nn.RNN(5, 2, batch_first=True).parameters()]
    says["lecture_4"] = {"weights": dict(zip(WEIGHTS, parameters, strict=True))}
    return {
        f"{layer} {entry} {name}": tensor.detach().numpy()
        for layer, entries in says.items()
        for entry, tensors in entries.items()
        for name, tensor in tensors.items()
    }


if __name__ == "__main__":
    np.savez_compressed(FILE, **record())  # type: ignore[arg-type]
