"""The drawings of lecture 2: a recurrent network, unrolled, and what it does word by word."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from rnn_course.drawing import BLUE, GRAY, GREEN, ORANGE, RED

Curves = dict[str, np.ndarray]
# the color of each nonlinearity and start of the recurrent matrix
NETWORKS = {
    "ReLU, 1.1 × identity": RED,
    "ReLU, identity": GREEN,
    "tanh, orthogonal": BLUE,
    "tanh, 0.8 × orthogonal": ORANGE,
}


def _circle(axes: Axes, x: float, y: float, text: str, color: str) -> None:
    axes.add_patch(plt.Circle((x, y), 0.31, facecolor="white", edgecolor=color, lw=2, zorder=3))
    axes.text(x, y, text, ha="center", va="center", fontsize=11, zorder=4)


def _arrow(axes: Axes, start: tuple, end: tuple, color: str, bend: float = 0) -> None:
    style = {"arrowstyle": "-|>", "color": color, "lw": 1.8, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style | {"connectionstyle": f"arc3,rad={bend}"})


def _name(axes: Axes, x: float, y: float, text: str, color: str) -> None:
    axes.text(x, y, text, color=color, fontsize=11, ha="center", va="center")


def _step(axes: Axes, x: float, time: str, word: str = "") -> None:
    """Word vector, state and output of one time step, one above the other."""
    for y, letter, color in ((0, "x", GRAY), (1.3, "h", "black"), (2.6, "o", GRAY)):
        _circle(axes, x, y, f"${letter}_{{{time}}}$", color)
    _arrow(axes, (x, 0.31), (x, 0.99), BLUE)
    _name(axes, x + 0.36, 0.62, "$W_{xh}$", BLUE)
    _arrow(axes, (x, 1.61), (x, 2.29), GREEN)
    _name(axes, x + 0.36, 1.95, "$W_{ho}$", GREEN)
    axes.text(x, -0.62, word, ha="center", va="center", fontsize=10, style="italic")


def unrolled(words: Sequence[str]) -> None:
    """A bag of words, the network with its loop, and the same network once per word."""
    axes = plt.subplots(figsize=(9.5, 3.6))[1]
    axes.add_patch(plt.Rectangle((-0.9, -0.35), 1.8, 1.5, facecolor="#f2f2f2", edgecolor=GRAY))
    places = ((-0.4, 0, 9), (0.3, 0.1, 8), (0.4, 0.8, -25), (-0.4, 0.7, 20))
    for word, (x, y, angle) in zip(words, places, strict=True):
        axes.text(x, y, word, rotation=angle, ha="center", va="center", fontsize=10, style="italic")
    _arrow(axes, (0, 1.15), (0, 2.29), GRAY)
    _circle(axes, 0, 2.6, "$o$", GRAY)
    _step(axes, 2.7, "t")
    _arrow(axes, (2.45, 1.12), (2.45, 1.48), RED, bend=-3.6)
    _name(axes, 1.5, 1.3, "$W_{hh}$", RED)
    for time, word in enumerate(words, start=1):
        x = 3.6 + 1.4 * time
        _step(axes, x, str(time), word)
        _arrow(axes, (x - 1.09, 1.3), (x - 0.31, 1.3), RED)
        _name(axes, x - 0.7, 1.54, "$W_{hh}$", RED)
    axes.text(3.75, 1.3, "$h_0$", ha="center", va="center", fontsize=11)
    for x, title in ((0, "bag of words"), (2.7, "with a loop"), (7.1, "unrolled over four words")):
        axes.text(x, 3.25, title, ha="center", fontsize=10, fontweight="bold")
    axes.set(xlim=(-1.1, 9.9), ylim=(-0.9, 3.5), aspect="equal")
    axes.axis("off")


def backwards(curves: Curves, ylabel: str, title: str) -> None:
    """Curves over the distance from the last word, on a logarithmic axis; names as in NETWORKS."""
    axes = plt.subplots(figsize=(6.5, 3.4))[1]
    for name, values in curves.items():
        axes.semilogy(values, color=NETWORKS[name], label=name)
    axes.set(xlabel="words before the end of the text", ylabel=ylabel, title=title)
    axes.legend()


def lengths(counts: np.ndarray, windows: Sequence[int]) -> None:
    """The share of reviews up to each length, with the share below each window."""
    axes = plt.subplots(figsize=(6.5, 3.2))[1]
    ordered = np.sort(counts)
    axes.plot(ordered, 100 * np.arange(1, len(ordered) + 1) / len(ordered), color="black")
    for window, color in zip(windows, (RED, ORANGE, GREEN), strict=True):
        shorter = 100 * np.mean(ordered < window)
        axes.axvline(window, color=color, label=f"{window} words: {shorter:.1f}% are shorter")
    axes.set(xscale="log", xlabel="words per review", ylabel="reviews up to this length (%)")
    ticks = [10, 30, 80, 200, 500, 2000]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.set_title("How many reviews fit into 30, 80 or 200 words")
    axes.legend(loc="lower right")


def epochs(curve: Curves, title: str) -> None:
    """Loss and accuracy over the epochs; test reviews were scored after those in `scored`."""
    grid = plt.subplots(1, 2, figsize=(8.5, 3))[1]
    for axes, key in zip(grid, ("loss", "accuracy"), strict=True):
        epoch = np.arange(1, len(curve[key]) + 1)
        axes.plot(epoch, curve[key], ".-", color=GRAY, label="training reviews")
        axes.plot(curve["scored"], curve[f"val_{key}"], "o-", color=BLUE, label="test reviews")
        axes.axvline(10, color="black", ls="--", lw=1)
        axes.set(xlabel="epoch", ylabel=key, xticks=range(0, len(epoch) + 1, 5))
    grid[0].legend()
    grid[0].figure.suptitle(title)


def by_length(table: dict[str, dict[int, float]], title: str) -> None:
    """Test accuracy over the number of words read, one line per model."""
    axes = plt.subplots(figsize=(6.5, 3.4))[1]
    styles = zip((GRAY, BLUE, ORANGE), ("s--", "o-", "D"), strict=True)
    for (name, found), (color, style) in zip(table.items(), styles, strict=False):
        axes.plot(list(found), list(found.values()), style, color=color, label=name)
    axes.set(xscale="log", xlabel="last words of the review", ylabel="test accuracy", title=title)
    ticks = sorted({length for found in table.values() for length in found})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.legend(loc="lower right")


def word_by_word(words: Sequence[str], probabilities: np.ndarray, title: str) -> None:
    """The answer after every word of a text, as if the text ended there."""
    axes = plt.subplots(figsize=(9, 3.2))[1]
    steps = np.arange(len(words))
    change = np.diff(probabilities, prepend=probabilities[0])
    axes.bar(
        steps, change, 0.9, bottom=probabilities - change, color=np.where(change > 0, BLUE, RED)
    )
    axes.axhline(0.5, color="black", ls="--", lw=1)
    axes.set_xticks(steps, words, rotation=60, ha="right", fontsize=8)
    axes.set(ylim=(0, 1), ylabel="P(positive), if it ended here", title=title)
