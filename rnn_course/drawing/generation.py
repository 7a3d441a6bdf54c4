"""The drawings of lecture 5: three readers of reviews, and a language model that writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from rnn_course.drawing import BLUE, GRAY, GREEN, ORANGE, PINK, RED

NETWORKS = {"Elman": ORANGE, "LSTM": BLUE, "CNN-LSTM": GREEN}


def padding(lengths: np.ndarray, ours: np.ndarray, longest: int, title: str) -> None:
    """The reviews by length: words, padding to `longest`, and where our batches end."""
    axes = plt.subplots(figsize=(6.5, 3.2))[1]
    share = np.arange(len(lengths)) / len(lengths) * 100
    axes.fill_between(share, lengths, color=BLUE, label="words")
    label = f"padding to {longest}"
    axes.fill_between(share, lengths, longest, color=ORANGE, alpha=0.35, label=label)
    axes.plot(share, ours, color=RED, linewidth=1, label="our batches end here")
    axes.set(xlabel="reviews, shortest first (%)", ylabel="steps", title=title)
    axes.set(xlim=(0, 100), ylim=(0, 1.01 * longest))
    axes.legend(loc="upper left", frameon=True, framealpha=1)


def reach(curves: Mapping[str, np.ndarray], title: str) -> None:
    """How much a word moves the verdict, by its distance from the end of the review."""
    axes = plt.subplots(figsize=(6.5, 3.2))[1]
    for (name, slope), color in zip(curves.items(), (ORANGE, BLUE), strict=True):
        axes.semilogy(slope / slope[0], color=color, label=name)
    axes.set(xlabel="words before the end of the review", ylabel="influence (last word = 1)")
    axes.set_title(title)
    axes.legend()


def training(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], title: str) -> None:
    """Validation accuracy (%) over seconds of training, one dot per epoch, for each network."""
    axes = plt.subplots(figsize=(6.5, 3.2))[1]
    for name, (seconds, accuracy) in curves.items():
        axes.plot(seconds, 100 * accuracy, "o-", color=NETWORKS[name], label=name)
    axes.set(xlabel="processor time for training (s); one dot per epoch")
    axes.set(ylabel="validation accuracy (%)", title=title)
    axes.legend(loc="lower right")


def streams(num_steps: int) -> None:
    """Four streams of text side by side, cut into windows that continue each other."""
    axes = plt.subplots(figsize=(7.5, 2.8))[1]
    for row in range(4):
        axes.text(-0.15, 0.3 - row, f"stream {row + 1}", ha="right", va="center")
        for column, color in enumerate((BLUE, GREEN, PINK)):
            left, first = 2.5 * column, (row * 3 + column) * num_steps + 1
            axes.add_patch(plt.Rectangle((left, -row), 2, 0.6, color=color, alpha=0.35))
            label = f"words {first}–{first + num_steps - 1}"
            axes.text(left + 1, 0.3 - row, label, ha="center", va="center", fontsize=9)
            ends = (left + 2.5, 0.3 - row), (left + 2, 0.3 - row)
            axes.annotate("", *ends, arrowprops={"arrowstyle": "->"})
    for column in range(3):
        axes.text(2.5 * column + 1, 0.8, f"batch {column + 1}", ha="center")
    note = "arrows: the state continues, the gradient does not"
    axes.text(0, -3.3, note, va="top", fontsize=9)
    axes.set(xlim=(-1.2, 7.6), ylim=(-3.7, 1.2))
    axes.set_title("Every row of a batch continues the same row of the batch before")
    axes.axis("off")


def learning(curves: Mapping[str, np.ndarray], counted: Mapping[str, float], title: str) -> None:
    """Perplexity after each epoch, with a line for each counted model."""
    axes = plt.subplots(figsize=(8, 3.4))[1]
    epochs = np.arange(1, len(curves["loss"]) + 1)
    axes.plot(epochs, curves["loss"], "o--", color=GRAY, label="LSTM, training (with dropout)")
    axes.plot(epochs, curves["val_loss"], "o-", color=BLUE, label="LSTM, validation")
    colors = (PINK, ORANGE, RED, GREEN)
    for (name, value), color in zip(counted.items(), colors, strict=False):
        axes.axhline(value, color=color, ls=":", label=f"{name}, validation")
    axes.set(xlabel="epoch", ylabel="perplexity", ylim=(0, None), xticks=epochs, title=title)
    axes.legend(fontsize=9, bbox_to_anchor=(1, 1), loc="upper left")


def bars(values: Mapping[str, float], xlabel: str, title: str) -> None:
    """A horizontal bar with its number for each model."""
    axes = plt.subplots(figsize=(7, 0.6 + 0.36 * len(values)))[1]
    heights = list(values.values())
    colors = [BLUE if "LSTM" in name else GRAY for name in values]
    axes.barh(list(values), heights, color=colors)
    for row, height in enumerate(heights):
        axes.text(height, row, f" {height:.0f}", va="center")
    axes.invert_yaxis()
    axes.set(xlabel=xlabel, xlim=(0, 1.1 * max(heights)), title=title)


def chapters(ratios: Mapping[str, Sequence[float]], title: str) -> None:
    """One dot per held-out chapter: the LSTM's perplexity over the counted model's."""
    axes = plt.subplots(figsize=(7, 2.2))[1]
    for row, found in enumerate(ratios.values()):
        color = ORANGE if row == 0 else BLUE
        axes.plot(found, np.full(len(found), row), "o", color=color, alpha=0.7)
    axes.axvline(1, color="black", ls=":")
    axes.set(yticks=range(len(ratios)), yticklabels=list(ratios), ylim=(-0.6, len(ratios) - 0.4))
    axes.set(xlabel="perplexity of the LSTM / of Kneser-Ney (below 1: the LSTM is better)")
    axes.set_title(title)


def context(
    found: Mapping[int, float],
    errors: Mapping[int, float],
    counted: Mapping[int, float],
    whole: float,
    title: str,
) -> None:
    """Perplexity by the number of words that the LSTM, or a counted model, may read."""
    axes = plt.subplots(figsize=(6.5, 3.6))[1]
    heights, spread = list(found.values()), [errors[k] for k in found]
    axes.errorbar(list(found), heights, spread, fmt="o-", color=BLUE, capsize=3, label="LSTM")
    label = "LSTM, the whole past"
    axes.axhline(whole, color=BLUE, ls=":", label=label)
    axes.plot(list(counted), list(counted.values()), "s--", color=ORANGE, label="Kneser-Ney")
    axes.set_xscale("log")
    axes.set_xticks(list(found), [str(k) for k in found])
    axes.minorticks_off()
    axes.set(xlabel="words of the past that it may read", ylabel="validation perplexity")
    axes.set_title(title)
    axes.legend()


def temperatures(
    distributions: Mapping[float, np.ndarray], cut: tuple[int, np.ndarray], word: str
) -> None:
    """The sorted probabilities after a word at each temperature, and those that top-k keeps."""
    axes = plt.subplots(figsize=(6.5, 3.6))[1]
    colors = (BLUE, GREEN, PINK, ORANGE, RED)
    for (temperature, p), color in zip(distributions.items(), colors, strict=True):
        ordered = np.sort(p[p > 0])[::-1]  # <unk> is never drawn, so it has no place in the list
        axes.loglog(
            np.arange(1, len(ordered) + 1), ordered, color=color, label=f"τ = {temperature}"
        )
    k, p = cut
    ordered = np.sort(p[p > 0])[::-1]
    axes.loglog(
        np.arange(1, len(ordered) + 1),
        ordered,
        "--",
        color="black",
        label=f"τ = 1, the {k} likeliest",
    )
    axes.set(xlabel="words, likeliest first", ylabel=f"probability after “{word}”", ylim=(1e-7, 2))
    axes.set_title("Temperature bends the list of words; top-k cuts it off")
    axes.legend(fontsize=9)


def orders(rows: Mapping[str, tuple[float, float]], title: str) -> None:
    """How far a swap of clauses moves each stage, as a share of what a shuffle does."""
    axes: Axes = plt.subplots(figsize=(7, 3))[1]
    ratios = [ratio for ratio, _ in rows.values()]
    errors = [error for _, error in rows.values()]
    colors = [BLUE if name.startswith("LSTM alone") else GREEN for name in rows]
    axes.barh(list(rows), ratios, xerr=errors, color=colors, error_kw={"capsize": 3})
    axes.axvline(1, color="black", ls=":")
    axes.invert_yaxis()
    axes.set(xlabel="effect of swapping the clauses / of shuffling the words", title=title)
