"""The drawings of lecture 3: ways to read a review, leaderboards, and what order is worth."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from rnn_course.drawing import BLUE, GRAY, GREEN, ORANGE, PINK, RED, SKY

LOOKS = {  # of every model: color and marker
    "TF-IDF + logistic regression": ("black", "*"),
    "feed-forward, raw ids": (GRAY, "v"),
    "feed-forward, embeddings": (ORANGE, "s"),
    "CNN": (BLUE, "D"),
    "RNN": (RED, "o"),
    "GRU": (SKY, "^"),
    "LSTM": (GREEN, "P"),
    "bidirectional LSTM": (GREEN, "<"),
    "stacked LSTM": (GREEN, ">"),
    "CNN + LSTM": (PINK, "X"),
}


def _dots(axes: Axes, xs: Sequence[float], y: float, color: str = "white") -> None:
    style: dict[str, Any] = {"ms": 11, "mec": "black", "mew": 0.8, "zorder": 3}
    axes.plot(xs, [y] * len(xs), "o", color=color, **style)


def _arrow(axes: Axes, start: tuple, end: tuple, color: str) -> None:
    style = {"arrowstyle": "-|>", "color": color, "lw": 1.6, "shrinkA": 6, "shrinkB": 6}
    axes.annotate("", end, start, arrowprops=style)


def _answer(axes: Axes, sources: Sequence[tuple], colors: Sequence[str], text: str) -> None:
    """The output square above its sources."""
    for source, color in zip(sources, colors, strict=True):
        _arrow(axes, source, (2, 2.6), color)
    axes.plot([2], [2.6], "s", ms=12, color="white", mec="black", zorder=3)
    axes.text(2, 3.0, text, ha="center", va="bottom", fontsize=9)


def _windows(axes: Axes) -> None:
    """Shared windows of three words."""
    for i in range(5):
        for k, color in zip((-1, 0, 1), (BLUE, ORANGE, GREEN), strict=True):
            if 0 <= i + k < 5:
                _arrow(axes, (i + k, 0), (i, 1), color)
    _dots(axes, range(5), 1, SKY)


def ways_to_read(words: Sequence[str]) -> None:
    """Four ways over five words; lines of one color have the same weights."""
    panels = plt.subplots(1, 4, figsize=(11, 3.3), sharey=True)[1]
    names = ("feed-forward", "CNN", "RNN, GRU, LSTM", "CNN + LSTM")
    for axes, name in zip(panels, names, strict=True):
        _dots(axes, range(5), 0)
        for i, word in enumerate(words):
            axes.text(i, -0.32, word, ha="center", va="top", fontsize=9)
        axes.set(title=name, xlim=(-0.5, 4.6), ylim=(-0.65, 3.9))
        axes.axis("off")
    each = [(i, 0) for i in range(5)]
    own = (BLUE, ORANGE, GREEN, RED, PINK)
    _answer(panels[0], each, own, "its own weights\nat every position")
    _windows(panels[1])
    above, gray = [(i, 1) for i in range(5)], [GRAY] * 5
    _answer(panels[1], above, gray, "the strongest match\nof each pattern, anywhere")
    _dots(panels[2], range(5), 1, SKY)
    for i in range(5):
        _arrow(panels[2], (i, 0), (i, 1), BLUE)
        if i < 4:
            _arrow(panels[2], (i, 1), (i + 1, 1), ORANGE)
    _answer(panels[2], above, gray, "a state is carried\nalong the words")
    _windows(panels[3])
    shorter = (0.5, 2.5, 4)
    for i, place in enumerate((0.5, 0.5, 2.5, 2.5, 4)):
        _arrow(panels[3], (i, 1), (place, 1.8), GRAY)
    _dots(panels[3], shorter, 1.8, SKY)
    for left, right in itertools.pairwise(shorter):
        _arrow(panels[3], (left, 1.8), (right, 1.8), ORANGE)
    tops = [(place, 1.8) for place in shorter]
    _answer(panels[3], tops, gray[:3], "a state is carried\nalong a shorter row")


def padding(numbers: Mapping[str, float], words: float, title: str) -> None:
    """Positions that an epoch computes, with the words among them (both in millions)."""
    axes = plt.subplots(figsize=(6.5, 2.6))[1]
    axes.barh(list(numbers), list(numbers.values()), color=GRAY, label="padding")
    axes.barh(list(numbers), words, color=BLUE, label="words")
    axes.invert_yaxis()
    axes.set(xlabel="positions per epoch (millions)", title=title)
    axes.legend(loc="lower right", facecolor="white", frameon=True)


def ids(numbers: np.ndarray, shares: np.ndarray, examples: Mapping[str, int], title: str) -> None:
    """Share of positive reviews with a word, over the id of the word; `examples` are named."""
    axes = plt.subplots(figsize=(7, 3.2))[1]
    axes.plot(numbers, 100 * shares, ".", ms=2, color=GRAY)
    found = {int(number): share for number, share in zip(numbers, 100 * shares, strict=True)}
    named = [word for word in examples if examples[word] in found]
    for place, word in enumerate(sorted(named, key=lambda word: examples[word])):
        number = examples[word]
        color = BLUE if found[number] > 50 else RED
        axes.plot(number, found[number], "o", color=color)
        side, gap = ("left", 7) if place % 2 else ("right", -7)  # neighbors do not touch
        look: dict[str, Any] = {"color": color, "ha": side, "va": "center"}
        look |= {"xytext": (gap, 0), "textcoords": "offset points"}
        axes.annotate(word, (number, found[number]), **look)
    axes.axhline(50, color="black", lw=0.8, ls="--")
    axes.set(xscale="log", xlabel="id of the word", ylabel="positive reviews with it (%)")
    axes.set_title(title)


def reaches(curves: Mapping[str, np.ndarray], title: str) -> None:
    """Gradient with respect to each word vector, over the distance from the end."""
    axes = plt.subplots(figsize=(7, 3.2))[1]
    styles = zip((ORANGE, SKY, RED), ("-", "--", "-"), strict=True)
    for (name, norms), (color, style) in zip(curves.items(), styles, strict=True):
        axes.semilogy(norms, color=color, ls=style, label=name)
    axes.set(xlabel="distance from the last word", ylabel="gradient (norm)", title=title)
    axes.legend()


def leaderboard(rows: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Accuracy against parameters, seconds and memory, one marker per model.

    Models that are more than 15 points behind the best stand on the axis, with their number.
    """
    costs = {
        "parameters": "parameters",
        "seconds": "training (seconds)",
        "memory_mb": "training memory (MB)",
    }
    scores = {name: 100 * row["accuracy"] for name, row in rows.items()}
    best = max(scores.values())
    lowest = min(score for score in scores.values() if score > best - 15) - 2
    figure, panels = plt.subplots(1, 3, figsize=(9.5, 4.6), sharey=True)
    for axes, (key, label) in zip(panels, costs.items(), strict=True):
        for name, row in rows.items():
            color, marker = LOOKS[name]
            look = {"ms": 13 if marker == "*" else 8, "color": color, "label": name, "alpha": 0.85}
            axes.plot(row[key], max(scores[name], lowest), marker, clip_on=False, **look)
            if scores[name] < lowest:
                text = f"{scores[name]:.0f}%, below"
                axes.annotate(text, (row[key], lowest), (7, 5), textcoords="offset points")
        axes.set(xscale="log", xlabel=label, ylim=(lowest, best + 1))
        axes.margins(x=0.15)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("test accuracy (%)")
    figure.suptitle(title)
    entries = panels[0].get_legend_handles_labels()
    figure.legend(*entries, loc="outside lower center", ncols=4)


def search(table: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Validation accuracy of every network with every rate that it tried."""
    axes = plt.subplots(figsize=(7.5, 3.6))[1]
    for row, (name, tried) in enumerate(table.items()):
        color = LOOKS[name][0]
        values = [100 * value for value in tried.values()]
        axes.plot([min(values), max(values)], [row, row], color=color, lw=1.5)
        for value, marker in zip(values, "osD", strict=True):
            axes.plot(value, row, marker, color=color, mfc="white" if value < max(values) else None)
    rates = list(next(iter(table.values())))
    for rate, marker in zip(rates, "osD", strict=True):
        axes.plot([], [], marker, color="black", mfc="white", label=f"peak rate {rate}")
    axes.set_yticks(range(len(table)), list(table))
    axes.invert_yaxis()
    axes.set(xlabel="validation accuracy (%), filled: the best rate", title=title)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def epochs(curves: Mapping[str, Sequence[float]], title: str) -> None:
    """Validation accuracy after each epoch, one line per network."""
    axes = plt.subplots(figsize=(7.5, 3.6))[1]
    for name, values in curves.items():
        color, marker = LOOKS[name]
        steps = np.arange(1, len(values) + 1)
        axes.plot(steps, 100 * np.array(values), marker=marker, color=color, label=name)
    axes.set(xlabel="epoch", ylabel="validation accuracy (%)", title=title)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def speakers(table: Mapping[str, Sequence[float]], title: str) -> None:
    """Test accuracy of every model on reviews with one, two and three speakers."""
    axes = plt.subplots(figsize=(8, 5))[1]
    places = np.arange(len(table))
    columns = np.array(list(table.values())).T
    kinds = ("one speaker", "two", "three")
    for k, (values, color) in enumerate(zip(columns, (GRAY, SKY, BLUE), strict=True)):
        axes.barh(places + 0.27 * (k - 1), 100 * values, 0.25, color=color, label=kinds[k])
    axes.axvline(50, color="black", lw=0.8, ls="--")
    axes.set_yticks(places, list(table))
    axes.invert_yaxis()
    axes.set(xlabel="test accuracy (%)", xlim=(0, 105), title=title)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def turn(pairs: Mapping[str, Sequence[float]], corpora: Sequence[str], title: str) -> None:
    """Lines from the accuracy on one corpus to that on the other."""
    axes = plt.subplots(figsize=(7.5, 4))[1]
    for name, pair in pairs.items():
        color, marker = LOOKS[name]
        axes.plot([0, 1], 100 * np.array(pair), color=color, marker=marker, ms=9, lw=2, label=name)
    axes.set_xticks([0, 1], corpora)
    axes.set(xlim=(-0.15, 1.15), ylabel="test accuracy (%)", title=title)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    axes.grid(axis="y", alpha=0.3)


def readouts(table: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> None:
    """Validation accuracy over the number of training reviews; the band spans the seeds."""
    axes = plt.subplots(figsize=(6.5, 3.4))[1]
    for (name, found), color in zip(table.items(), (GRAY, RED, GREEN, BLUE), strict=True):
        numbers = [int(number) for number in found]
        values = 100 * np.array(list(found.values()))  # (numbers, seeds)
        axes.plot(numbers, values.mean(axis=1), "o-", color=color, label=name)
        axes.fill_between(numbers, values.min(axis=1), values.max(axis=1), color=color, alpha=0.2)
    axes.set(xscale="log", xlabel="training reviews", ylabel="validation accuracy (%)", title=title)
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
    axes.minorticks_off()
    axes.legend()


def slopes(x: np.ndarray, measured: np.ndarray, curves: Mapping[str, np.ndarray]) -> None:
    """The measured slope of the sigmoid and two formulas for it."""
    axes = plt.subplots(figsize=(6.5, 2.8))[1]
    axes.plot(x, measured, color=GRAY, lw=6, alpha=0.5, label="measured slope")
    for (name, values), color, style in zip(curves.items(), (BLUE, RED), ("-", "--"), strict=True):
        axes.plot(x, values, color=color, ls=style, label=name)
    axes.set(xlabel="x", ylabel="slope of σ", title="The slope of the sigmoid is symmetric")
    axes.legend()
