"""The drawings of lecture 4: an unrolled layer, an LSTM cell, batches, packing, and what it read.

Functions that take `axes` draw into them; the others make a figure of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from rnn_course.drawing import BLUE, GRAY, GREEN, ORANGE, PINK, RED

CENTER: dict[str, Any] = {"ha": "center", "va": "center"}
GATES = {"f": RED, "i": BLUE, "g": GREEN, "o": PINK}


def draw_unrolled(states: Sequence[Sequence[float]]) -> Figure:
    """A layer drawn once per step, with the inputs and states of section 1."""
    figure, axes = plt.subplots(figsize=(9.5, 2.6))
    _blank(axes, (-1, 14), (-0.4, 1.9))
    axes.set_aspect("auto")
    blue = {"boxstyle": "round,pad=0.5", "fc": "#E8F1F8", "ec": BLUE}
    orange = {"boxstyle": "round,pad=0.5", "fc": "#FDF3E0", "ec": ORANGE}
    axes.text(0.2, 1.5, "$h_0$ = (0, 0)", **CENTER)
    for t, (first, second) in enumerate(states, start=1):
        axes.text(4 * t, 0, f"$x_{t}$ = ({t}, {t}, {t}, {t}, {t})", bbox=blue, **CENTER)
        axes.text(4 * t, 1.5, f"$h_{t}$ = ({first:.3f}, {second:.3f})", bbox=orange, **CENTER)
        _arrow(axes, (4 * t, 0.3), (4 * t, 1.2))
        axes.text(4 * t + 0.1, 0.7, "$W_{xh}$", color=BLUE)
        _arrow(axes, (4 * t - 2.5, 1.5), (4 * t - 1.5, 1.5))
        axes.text(4 * t - 2, 1.65, "$W_{hh}$", color=RED, ha="center")
    return figure


def draw_cell() -> Figure:
    """An LSTM cell: four preactivations from x and h, the memory above, the state to the right."""
    figure, ax = plt.subplots(figsize=(9, 4.6))
    _blank(ax, (-0.8, 13.4), (-0.2, 6.2))
    _line(ax, [(0.5, 5.4), (11.9, 5.4)], "black", width=2.5)
    _arrow(ax, (11.8, 5.4), (12.3, 5.4))
    ax.text(0.3, 5.4, "$c_{t-1}$", ha="right", va="center", fontsize=13)
    ax.text(12.4, 5.4, "$c_t$", va="center", fontsize=13)
    ax.text(0.3, 0.9, "$h_{t-1}$", ha="right", va="center", fontsize=13)
    ax.text(0.3, 0.2, "$x_t$", ha="right", va="center", fontsize=13)
    _line(ax, [(0.5, 0.9), (9.0, 0.9)], "black")
    _line(ax, [(0.5, 0.2), (1.1, 0.2), (1.1, 0.9)], "black")
    for x, gate in zip((2.4, 4.6, 6.8, 9.0), GATES, strict=True):
        color = GATES[gate]
        _arrow(ax, (x, 0.9), (x, 1.25), color)
        ax.text(x, 1.53, f"$z_{gate}$", fontsize=12, color=color, **CENTER)
        _arrow(ax, (x, 1.8), (x, 2.15), color)
        _box(ax, x, 2.55, "tanh" if gate == "g" else "σ", color)
        ax.text(x + 0.7, 2.55, f"${gate}_t$", color=color, va="center", fontsize=12)
    formula = "$z_f = W_{xf}\\,x_t + W_{hf}\\,h_{t-1} + b_f$, and so on: the preactivations"
    ax.text(2.4, 0.3, formula, fontsize=11, va="center")
    _arrow(ax, (2.4, 2.95), (2.4, 5.05), RED)
    _knot(ax, 2.4, 5.4, "×", RED)
    _line(ax, [(4.6, 2.95), (4.6, 4.0)], BLUE)
    _arrow(ax, (4.6, 4.0), (6.45, 4.0), BLUE)
    _arrow(ax, (6.8, 2.95), (6.8, 3.65), GREEN)
    _knot(ax, 6.8, 4.0, "×", BLUE)
    _arrow(ax, (6.8, 4.35), (6.8, 5.05), GREEN)
    _knot(ax, 6.8, 5.4, "+", GREEN)
    _arrow(ax, (11.0, 5.4), (11.0, 4.75), PINK)
    _box(ax, 11.0, 4.4, "tanh", PINK)
    _arrow(ax, (11.0, 4.05), (11.0, 3.65), PINK)
    _line(ax, [(9.0, 2.95), (9.0, 3.3)], PINK)
    _arrow(ax, (9.0, 3.3), (10.65, 3.3), PINK)
    _knot(ax, 11.0, 3.3, "×", PINK)
    _line(ax, [(11.0, 2.95), (11.0, 0.9)], PINK)
    _arrow(ax, (11.0, 0.9), (12.3, 0.9), PINK)
    ax.text(12.4, 0.9, "$h_t$", va="center", fontsize=13)
    return figure


def draw_blocks(input_weights: np.ndarray, recurrent_weights: np.ndarray) -> Figure:
    """PyTorch's two stacked weight matrices of an LSTM with two units, block by block."""
    figure, panels = plt.subplots(1, 2, figsize=(7, 3.6), width_ratios=[5, 2])
    named = {"weight_ih_l0": input_weights, "weight_hh_l0": recurrent_weights}
    for axes, (name, matrix) in zip(panels, named.items(), strict=True):
        image = axes.imshow(matrix, cmap="PuOr", vmin=-0.75, vmax=0.75, aspect="auto")
        axes.set(xticks=[], yticks=[], title=f"{name} {tuple(matrix.shape)}")
        for block in range(1, 4):
            axes.axhline(2 * block - 0.5, color="black", lw=2)
    names = ["i  input", "f  forget", "g  candidate", "o  output"]
    panels[0].set_yticks([0.5, 2.5, 4.5, 6.5], names)
    panels[0].set_xlabel("5 input features")
    panels[1].set_xlabel("2 hidden units")
    figure.colorbar(image, label="weight")
    return figure


def draw_norms(axes: Axes, curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Norms over distances, one solid curve with its name at its end and one dotted, per entry."""
    colors = itertools.cycle([RED, ORANGE, BLUE])
    low, high, lowest_label = 1e-12, 1e9, 1e9
    for name, (solid, dotted) in curves.items():  # from the highest curve to the lowest
        color = GRAY if "PyTorch" in name else next(colors)
        axes.semilogy(solid, color=color, lw=2)
        axes.semilogy(dotted, color=color, ls=":")
        shown = np.flatnonzero(solid > low)[-1]
        lowest_label = min(max(solid[shown], 5 * low), lowest_label / 10)  # one above the other
        axes.text(shown + 2, lowest_label, name, color=color, va="center", fontsize=9)
    axes.set(ylim=(low, high), xlim=(0, 120), xticks=range(0, 81, 20))
    axes.set_xlabel("distance k (steps back)")


def draw_padding(shares: Mapping[str, float], batches: Mapping[str, np.ndarray]) -> Figure:
    """Bars of the padded share, and two batches as rectangles of text and padding."""
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), width_ratios=[1.3, 1, 1])
    heights = [100 * share for share in shares.values()]
    bars = panels[0].bar(list(shares), heights, color=[RED, ORANGE, GREEN])
    panels[0].bar_label(bars, fmt="%.0f%%")
    panels[0].set(
        ylabel="steps that are padding (%)", ylim=(0, 105), title="Padded to the longest of …"
    )
    panels[0].tick_params(axis="x", labelsize=8)
    for axes, (name, lengths) in zip(panels[1:], batches.items(), strict=True):
        longest = lengths.max()
        axes.barh(range(len(lengths)), longest, height=1, color="#E8E8E8", label="padding")
        axes.barh(range(len(lengths)), np.sort(lengths)[::-1], height=1, color=BLUE, label="text")
        axes.set(xlabel="step", ylabel="review", title=name)
        axes.set(xlim=(0, longest), ylim=(len(lengths) - 0.5, -0.5))
    panels[1].legend(loc="lower right", frameon=True)
    return figure


def draw_packing(ids: np.ndarray, data: Sequence[int], sizes: Sequence[int]) -> Figure:
    """A small padded batch, and the order in which packing stores its ids."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 2.8), width_ratios=[1, 2.3])
    colors = [BLUE, RED, GREEN, PINK, "black"]
    for n, t in itertools.product(range(ids.shape[0]), range(ids.shape[1])):
        _square(left, t, n, ids[n, t], colors[n])
    position = 0
    for size in sizes:
        for n in range(size):
            _square(right, position + n, 0, data[position + n], colors[n])
        right.plot([position - 0.35, position + size - 0.65], [0.4, 0.4], color="black")
        right.text(position + (size - 1) / 2, 0.5, size, ha="center")
        position += size
    right.text(8.5, 0.85, "batch_sizes: how many reviews are still running", ha="center")
    left.set(xlim=(-0.6, 6.6), ylim=(4.7, -0.7), xticks=[], yticks=[])
    left.set(xlabel="step", ylabel="review", title=f"Padded: {ids.size} cells")
    right.set(xlim=(-0.8, 17.8), ylim=(-1, 1.2), xticks=[], yticks=[])
    right.set_title(f"Packed: {len(data)} cells, all first words, then all second words, …")
    for axes in (left, right):
        axes.spines[:].set_visible(False)
    return figure


def draw_ladder(runs: Mapping[str, Sequence[float]]) -> Figure:
    """One row per recipe: a dot per run and a line through their means."""
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(runs) + 1))
    means = [100 * np.mean(accuracies) for accuracies in runs.values()]
    axes.plot(means, range(len(runs)), color=GRAY, lw=1)
    for row, accuracies in enumerate(runs.values()):
        axes.plot(100 * np.array(accuracies), [row] * len(accuracies), "o", color=BLUE)
    axes.set_yticks(range(len(runs)), runs)
    axes.invert_yaxis()
    axes.set_xlabel("validation accuracy (%)")
    return figure


def draw_history(history: Sequence[Mapping[str, float]]) -> Figure:
    """Loss and validation accuracy by epoch."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
    epochs = range(1, len(history) + 1)
    for key, style, color, name in [
        ("loss", "o-", BLUE, "training"),
        ("valid_loss", "s-", ORANGE, "validation"),
    ]:
        left.plot(epochs, [epoch[key] for epoch in history], style, color=color, label=name)
    left.axhline(np.log(2), color=GRAY, ls="--", label="guessing")
    left.set(xlabel="epoch", ylabel="mean loss (nats per review)", xticks=epochs, title="Loss")
    left.set_ylim(bottom=0)
    left.legend()
    right.plot(epochs, [100 * epoch["valid_accuracy"] for epoch in history], "s-", color=ORANGE)
    right.set(xlabel="epoch", ylabel="accuracy (%)", xticks=epochs, title="Validation accuracy")
    return figure


def draw_groups(
    groups: Sequence[str], models: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> Figure:
    """Accuracy per group of reviews with two standard errors, one line per model."""
    figure, axes = plt.subplots(figsize=(7, 3.6))
    looks = [("o-", BLUE), ("s-", ORANGE)]
    for (name, (means, errors)), (style, color) in zip(models.items(), looks, strict=True):
        axes.errorbar(
            groups, 100 * means, 100 * errors, fmt=style, color=color, capsize=3, label=name
        )
    axes.set(xlabel="words in the review", ylabel="accuracy (%)")
    axes.legend()
    return figure


def draw_reliability(confidence: Sequence[float], right: Sequence[float]) -> Figure:
    """How often a model is right over how sure it is; on the diagonal it would be calibrated."""
    figure, axes = plt.subplots(figsize=(4.6, 4.2))
    axes.plot([50, 100], [50, 100], color=GRAY, ls="--", label="as sure as it is right")
    axes.plot(100 * np.array(confidence), 100 * np.array(right), "o-", color=BLUE, label="LSTM")
    axes.set(xlabel="mean confidence (%)", ylabel="right (%)", xlim=(50, 100), ylim=(50, 100))
    axes.legend(loc="upper left")
    return figure


def draw_reading(axes: Axes, curve: np.ndarray, words: Sequence[str], most: int = 5) -> None:
    """P(positive) after each word; names the words that moved it most, with room between them."""
    steps = np.arange(1, len(curve) + 1)
    axes.plot(steps, curve, color=RED)
    axes.axhline(0.5, color=GRAY, ls="--")
    chosen: list[int] = []
    for t in 1 + np.argsort(-np.abs(np.diff(curve))):
        if len(chosen) < most and all(abs(t - other) >= len(curve) / 9 for other in chosen):
            chosen.append(int(t))
    for t in chosen:
        axes.plot([t + 1, t + 1], [curve[t], 1.12], color=GRAY, lw=0.8)
        axes.text(t + 1, 1.14, words[t], fontsize=9, ha="center")
    axes.set(ylabel="P(positive)", ylim=(-0.05, 1.3), yticks=[0, 0.5, 1], xlim=(0, len(curve) + 1))


def _square(axes: Axes, x: float, y: float, number: int, color: str) -> None:
    ink = "white" if number else "gray"
    box = {"boxstyle": "square,pad=0.4", "fc": color if number else "#EEEEEE", "ec": "none"}
    axes.text(x, y, f"{number:2}", fontsize=8, color=ink, bbox=box, **CENTER)


def _blank(ax: Axes, xlim: tuple[float, float], ylim: tuple[float, float]) -> None:
    ax.set(xlim=xlim, ylim=ylim, aspect="equal")
    ax.axis("off")


def _box(ax: Axes, x: float, y: float, text: str, color: str) -> None:
    corner = (x - 0.5, y - 0.35)
    style = "round,pad=0,rounding_size=0.15"
    ax.add_patch(FancyBboxPatch(corner, 1.0, 0.7, boxstyle=style, fc=color, ec="none", zorder=3))
    ax.text(x, y, text, color="white", fontsize=12, zorder=4, **CENTER)


def _knot(ax: Axes, x: float, y: float, sign: str, color: str) -> None:
    ax.add_patch(Circle((x, y), 0.33, fc="white", ec=color, lw=2, zorder=3))
    ax.text(x, y - 0.03, sign, fontsize=14, color=color, zorder=4, **CENTER)


def _line(ax: Axes, points: Sequence[tuple], color: str, width: float = 1.8) -> None:
    ax.plot(*zip(*points, strict=True), color=color, lw=width, solid_capstyle="round", zorder=1)


def _arrow(ax: Axes, start: tuple, end: tuple, color: str = "black") -> None:
    style = {"arrowstyle": "-|>", "color": color, "lw": 1.8, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=style, zorder=2)
