"""The figures of lecture 1: measurements about memory, gates and reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np

from rnn_course.drawing import BLUE, GRAY, GREEN, ORANGE, PINK, RED

BIASES = {0: PINK, 1: ORANGE, 3: BLUE, 5: GREEN}  # the color of each forget bias


def fading(curves: Mapping[str, np.ndarray]) -> None:
    """Difference of two states by step, one curve (T,) per scale of the recurrent matrix."""
    _, ax = plt.subplots(figsize=(8, 3.6))
    for (name, curve), color in zip(curves.items(), (PINK, ORANGE, BLUE), strict=True):
        ax.semilogy(range(1, len(curve) + 1), curve, color=color, label=f"spectral radius {name}")
    ax.set(xlabel="step t", ylabel="difference of the two states", ylim=(1e-6, 10))
    ax.set_title("How long a difference in the first input lasts depends on the scale of $W_{hh}$")
    ax.legend(loc="lower left")


def gradients(alone: Mapping[int, np.ndarray], full: Mapping[int, np.ndarray]) -> None:
    """Gradient norms (T,) by distance for each forget bias, through the gates alone and in full."""
    _, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    for ax, curves in zip(axes, (alone, full), strict=True):
        for bias, norms in curves.items():
            ax.semilogy(norms, color=BIASES[bias], label=f"forget bias {bias}")
        ax.axhline(1, color="black", linestyle=":", linewidth=1)
        ax.set(xlabel="distance from the last step (steps)", ylim=(1e-16, 1e3))
    axes[0].set_ylabel(r"norm of $\partial L/\partial c_t$, last step = 1")
    axes[0].set_title("Through the gates alone: never above 1")
    axes[1].set_title("In full: forget biases 3 and 5 explode")
    axes[0].legend(loc="lower left")


def recall(curves: Mapping[str, np.ndarray], window: int = 10) -> None:
    """Accuracy by training step, one curve per network."""
    _, ax = plt.subplots(figsize=(8, 4))
    for (name, accuracies), color in zip(
        curves.items(), (GRAY, RED, ORANGE, BLUE, GREEN), strict=True
    ):
        smooth = np.convolve(accuracies, np.ones(window) / window, mode="valid")
        ax.plot(np.arange(len(smooth)) + window, smooth, color=color, label=name)
    ax.axhline(0.5, color="black", linestyle=":", linewidth=1)
    ax.set(xlabel="training step (batches of 64 sequences)", ylim=(0.4, 1.02))
    ax.set_ylabel(f"accuracy (mean of {window} batches)")
    ax.set_title("With a forget bias of 3 or 5 the LSTM recalls the first input (dotted: chance)")
    ax.legend(fontsize=9)


def padding(names: Sequence[str], words: int, steps: Sequence[int]) -> None:
    """Words and zeros that each plan reads in one epoch."""
    _, ax = plt.subplots(figsize=(8, 2.6))
    zeros = np.array(steps) - words
    ax.barh(names, words / 1e6, color=BLUE, label="words")
    ax.barh(names, zeros / 1e6, left=words / 1e6, color=ORANGE, label="zeros")
    ax.invert_yaxis()
    ax.set_xlabel("steps per epoch (millions of words and zeros)")
    ax.set_title("With buckets, few zeros are left to read")
    ax.legend()


def training(losses: Sequence[float], curves: np.ndarray) -> None:
    """Loss by step, and accuracy after each epoch: curves (epochs, 2), training and validation."""
    _, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
    window = max(1, len(losses) // 60)
    smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
    left.plot(np.arange(len(smooth)) + window, smooth, color=BLUE)
    left.set(xlabel="training step (batches)", ylabel=f"loss (mean of {window} batches)")
    left.set_ylim(bottom=0)
    left.set_title("Training loss")
    epochs = range(1, len(curves) + 1)
    right.plot(epochs, curves[:, 0], "o-", color=GRAY, label="training reviews")
    right.plot(epochs, curves[:, 1], "o-", color=BLUE, label="validation reviews")
    right.set(xlabel="epoch", ylabel="accuracy", xticks=epochs, ylim=(0.5, 1))
    right.set_title("At the end the training reviews score higher")
    right.legend(loc="lower right")


def reach(accuracies: Mapping[int, float]) -> None:
    """Accuracy of a network that reads only the last words of each review."""
    _, ax = plt.subplots(figsize=(8, 3.6))
    ax.semilogx(list(accuracies), list(accuracies.values()), "o-", color=BLUE)
    ax.axhline(0.5, color="black", linestyle=":", linewidth=1)
    ax.set_xticks(list(accuracies), [str(words) for words in accuracies])
    ax.minorticks_off()
    ax.set(xlabel="words read, from the end of the review", ylabel="accuracy", ylim=(0.45, 0.95))
    ax.set_title("The further back the network may read, the more it gets right (dotted: chance)")


def erasing(half_lives: np.ndarray, shifts: np.ndarray, unit: int) -> None:
    """For each cell, how long it remembers and how much the verdict moves when it is erased."""
    _, ax = plt.subplots(figsize=(8, 4))
    ax.loglog(half_lives, shifts, "o", color=BLUE, alpha=0.6)
    ax.loglog(half_lives[unit], shifts[unit], "o", color=ORANGE, markersize=10)
    ax.annotate(
        f"cell {unit}",
        (half_lives[unit], shifts[unit]),
        xytext=(-12, -4),
        textcoords="offset points",
        ha="right",
    )
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")
    ax.set(xlabel="half-life of the memory (words)", ylabel="shift of the log-odds")
    ax.set_title("Erase one cell 20 words before the end: only few cells matter")


def reading(words: Sequence[str], verdicts: np.ndarray, erased: np.ndarray, gates, states) -> None:
    """One review, word by word: the verdict with and without a cell's memory, and that cell.

    verdicts (T,), erased (K,) for the last K words; gates and states map names to (T,) arrays.
    """
    fig, (top, middle, bottom) = plt.subplots(
        3, 1, figsize=(11, 6), sharex=True, height_ratios=[2.4, 3, 2]
    )
    steps = np.arange(len(words))
    top.plot(steps, verdicts, "o-", color=BLUE, markersize=4, label="as trained")
    top.plot(steps[-len(erased) :], erased, "o-", color=ORANGE, markersize=4, label="cell erased")
    top.axhline(0.5, color="black", linestyle=":", linewidth=1)
    top.set(ylim=(0, 1), ylabel="P(positive)")
    top.set_title("One review, and the cell that carries its verdict")
    top.legend(loc="upper left", bbox_to_anchor=(1, 1))
    for ax, rows, low, colors, label in (
        (middle, gates, 0, "cividis", "gate"),
        (bottom, states, -1, "PuOr", "value"),
    ):
        image = ax.imshow(list(rows.values()), colors, aspect="auto", vmin=low, vmax=1)
        ax.set_yticks(range(len(rows)), rows)
        fig.colorbar(image, ax=ax, label=label)
    bottom.set_xticks(steps, words, rotation=90)
    bottom.set_xlabel("word")


def negation(fillers: Sequence[int], good: np.ndarray, bad: np.ndarray) -> None:
    """What "not" does to a good and to a bad adjective that follows after some words."""
    _, ax = plt.subplots(figsize=(8, 3.6))
    ax.plot(fillers, good, "o-", color=BLUE, label='"not" … good, great, excellent, …')
    ax.plot(fillers, bad, "o-", color=ORANGE, label='"not" … bad, terrible, awful, …')
    ax.axhline(0, color="black", linestyle=":", linewidth=1)
    ax.set(xlabel='words between "not" and the adjective', ylabel="shift of the log-odds")
    ax.set_title('What an added "not" does to the verdict')
    ax.legend()


def ablation(scores: Mapping[str, float], reference: Sequence[str]) -> None:
    """Accuracy of each variant; the names in `reference` are the lecture's recipe, run twice."""
    _, ax = plt.subplots(figsize=(9, 4.8))
    colors = [BLUE if name in reference else ORANGE for name in scores]
    bars = ax.barh(range(len(scores)), list(scores.values()), color=colors)
    ax.bar_label(bars, fmt="%.2f", padding=3)
    ax.axvline(0.5, color="black", linestyle=":", linewidth=1)
    ax.set_yticks(range(len(scores)), scores)
    ax.invert_yaxis()
    ax.set(xlim=(0, 1), xlabel="validation accuracy (dotted: chance)")
    ax.set_title("Reading zeros or plain SGD costs most; other changes matter less")
