"""The figures of lecture 6: one LSTM in three frameworks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from rnn_course.drawing import BLUE, GRAY, GREEN, ORANGE, PINK, RED, SKY

FRAMEWORKS = {"PyTorch": RED, "Keras": BLUE, "Gluon": GREEN, "NumPy": GRAY}
GATES = {"i": BLUE, "f": ORANGE, "g": GREEN, "c": GREEN, "o": RED}
GATES |= {"r": PINK, "z": SKY, "n": GRAY, "h": GRAY}
LAYERS = {"rnn": "simple RNN", "lstm": "LSTM", "gru": "GRU"}
HIDDEN = 7  # units of the layers drawn, which have five inputs


def _blocks(axes: Axes, corner: tuple[float, float], gates: str, other: int, down: bool) -> None:
    """One matrix: a block of HIDDEN units per gate, below each other or side by side."""
    x, y = corner
    width, height = (other, HIDDEN) if down else (HIDDEN, other)
    for gate in gates:
        block = plt.Rectangle((x, y), width, height, facecolor=GATES[gate], edgecolor="white")
        axes.add_patch(block)
        if other > 2:
            center = (x + width / 2, y + height / 2)
            axes.text(*center, gate, color="white", weight="bold", ha="center", va="center")
        x, y = (x, y + height) if down else (x + width, y)


def _layer(axes: Axes, matrices: Mapping[str, int], gates: str, down: bool) -> None:
    """The matrices of one layer: names, and their size across the gates."""
    position = 0.0
    for name, other in matrices.items():
        corner = (position, 0.0) if down else (0.0, position)
        axes.text(corner[0], corner[1] - 0.7, name, fontsize=8, family="monospace")
        _blocks(axes, corner, gates, other, down)
        position += max(8, other + 2.5) if down else other + 3
    axes.set(xlim=(-1, 33), ylim=(HIDDEN * len(gates) + 1, -2.5), aspect="equal")
    axes.axis("off")


def layouts() -> None:
    """How PyTorch, Gluon and Keras store the matrices of an LSTM and of a GRU."""
    figure, axes = plt.subplots(2, 2, figsize=(9, 7.6), height_ratios=[31.5, 24.5])
    torch = {"weight_ih": 5, "weight_hh": HIDDEN, "bias_ih": 1, "bias_hh": 1}
    keras = {"kernel": 5, "recurrent_kernel": HIDDEN, "bias": 1}
    for place, title, matrices, gates in (
        ((0, 0), "LSTM in PyTorch and Gluon: 4H rows", torch, "ifgo"),
        ((0, 1), "LSTM in Keras: 4H columns", keras, "ifco"),
        ((1, 0), "GRU in PyTorch and Gluon: 3H rows", torch, "rzn"),
        ((1, 1), "GRU in Keras: 3H columns", keras | {"bias": 2}, "zrh"),
    ):
        _layer(axes[place], matrices, gates, down=matrices is torch)
        axes[place].set_title(title, fontsize=10)
    figure.suptitle("The same weights: transposed, one bias or two, gates renamed or swapped")


def differences(found: Mapping[tuple[str, str, str], np.ndarray], title: str) -> None:
    """Largest difference from the reference at each step, (T,) by layer, precision, framework."""
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.8), sharey=True)
    panels = dict(zip(LAYERS, axes, strict=True))
    for (kind, dtype, name), difference in found.items():
        style = "-" if dtype == "float32" else ":"
        shown = np.maximum(difference, 1e-18)  # 0 has no place on a logarithmic axis
        steps = range(1, len(shown) + 1)
        panels[kind].semilogy(steps, shown, style, color=FRAMEWORKS[name], lw=1.3)
    for kind, panel in panels.items():
        panel.axhline(1e-6, color="black", lw=0.8)
        end = panel.get_xlim()[1]
        panel.text(end, 1.4e-6, "asserted: 1e-6", ha="right", fontsize=8)
        panel.text(end, 2e-9, "32 bits ↑    ↓ 64 bits", ha="right", va="center", fontsize=8)
        panel.set(xlabel="step t", title=LAYERS[kind], ylim=(1e-18, 1e-5))
    axes[0].set_ylabel("largest difference of a hidden unit\nfrom the 64-bit reference")
    lines = [plt.Line2D([], [], color=color) for color in FRAMEWORKS.values()]
    axes[2].legend(lines, FRAMEWORKS, loc="center right", bbox_to_anchor=(1, 0.42), fontsize=8)
    figure.suptitle(title)


def fresh(gates: Mapping[str, np.ndarray], reaches: Mapping[str, np.ndarray], title: str) -> None:
    """Forget gates of fresh layers, and the norms (T,) of their gradients by distance.

    Names begin with the framework; those with a forget bias of their own name b_f.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    for name, values in gates.items():
        color = FRAMEWORKS[name.split(",")[0]]
        style = "--" if "b_f" in name else "-"
        look = {"histtype": "step", "color": color, "linestyle": style, "lw": 1.6}
        left.hist(values, bins=np.linspace(0, 1, 61), density=True, **look)
        right.semilogy(reaches[name], style, color=color, label=name, lw=1.8)
    left.set(xlabel="forget gate at step 1 (share of memory kept)", ylabel="density")
    left.set_title("Keras opens the forget gate", fontsize=10)
    right.set(xlabel="distance from the last step (steps)", ylabel="gradient norm (distance 0: 1)")
    right.set_title("… and its fresh LSTM looks further back", fontsize=10)
    right.legend(fontsize=8)
    figure.suptitle(title)


def speeds(runs: Mapping[str, Mapping[str, np.ndarray]], title: str) -> None:
    """All runs of each way, `forward` and `both` ways, in yardsticks."""
    axes = plt.subplots(figsize=(8.5, 3.8))[1]
    colors = {"forward": BLUE, "both": RED}
    for place, passes in enumerate(runs.values()):
        for pass_, times in passes.items():
            axes.plot(times.min(), place, "o", ms=10, color=colors[pass_])
            axes.plot(times, [place] * len(times), "|", ms=7, color=colors[pass_], alpha=0.5)
    for floor, pass_ in ((1, "forward"), (3, "both")):
        axes.axvline(floor, color=colors[pass_], linestyle="--", lw=1)
    axes.set_yticks(range(len(runs)), list(runs))
    axes.set(xscale="log", xlabel="yardsticks, one thread (dot: fastest run, strokes: all runs)")
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    handles = [plt.Line2D([], [], marker="o", ls="", color=color) for color in colors.values()]
    handles.append(plt.Line2D([], [], color="black", linestyle="--", lw=1))
    names = ["forward", "forward + backward", "the products alone"]
    axes.legend(handles, names, fontsize=8, loc="upper right")
    axes.set_title(title)


def peaks(memory: Mapping[str, Sequence[float]], needed: float, title: str) -> None:
    """Peak memory in MB: forward and with backward, the second and third number of each row."""
    axes = plt.subplots(figsize=(8, 2.9))[1]
    places = np.arange(len(memory))
    forward, both = ([values[k] for values in memory.values()] for k in (1, 2))
    axes.barh(places - 0.2, forward, 0.36, color=BLUE, label="forward")
    axes.barh(places + 0.2, both, 0.36, color=ORANGE, label="forward + backward")
    must = "what backpropagation must keep"
    axes.axvline(needed, color="black", linestyle="--", lw=1, label=must)
    axes.set_yticks(places, list(memory))
    axes.invert_yaxis()
    axes.set(xlabel="peak resident memory above the idle process (MB), 64 × 500 steps, H = 100")
    axes.set_title(title)
    axes.legend(fontsize=8)


def padded(outputs: Mapping[str, np.ndarray], words: int, title: str) -> None:
    """One hidden unit (T,) per framework, named "framework, how"; padding follows the words."""
    figure, axes = plt.subplots(figsize=(8, 3.2))
    for (name, values), width in zip(outputs.items(), (4, 2.5, 1.2), strict=True):
        color = FRAMEWORKS[name.split()[0].strip(",")]
        axes.plot(range(1, len(values) + 1), values, color=color, lw=width, label=name)
    axes.axvspan(words + 0.5, len(values), color=GRAY, alpha=0.15, lw=0)
    axes.set(ylabel="one hidden unit", xlim=(1, len(values)))
    axes.set(xlabel=f"step ({words} words, padding shaded)", title=title)
    figure.legend(fontsize=8, loc="outside lower center", ncols=3)


def conversions(carried: Mapping[tuple[str, str], tuple[float, float]], title: str) -> None:
    """Accuracy and largest change of a logit after each conversion, right ones in green."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    for place, ((_, name), (accuracy, change)) in enumerate(carried.items()):
        color = GREEN if name == "right" else RED
        left.barh(place, accuracy, color=color)
        right.plot(change, place, "o", ms=9, color=color)
    labels = [f"{kind.upper()}: {name}" for kind, name in carried]
    left.set_yticks(range(len(carried)), labels, fontsize=8)
    left.invert_yaxis()
    left.axvline(0.5, color="black", linestyle="--", lw=1)
    left.set(xlabel="accuracy on 1,000 reviews (dashed: guessing)", xlim=(0, 1))
    left.set_title("Accuracy may notice nothing …", fontsize=10)
    right.set(xscale="log", xlabel="largest change of a logit")
    right.grid(axis="x", alpha=0.3)
    right.set_title("… while the outputs always tell", fontsize=10)
    figure.suptitle(title)
