"""Schemes without data: frames without and with their context, neurons, and the LSTM.

`draw_lstm` takes the parts to show, so that the drawing grows with the derivation.
"""

import matplotlib.pyplot as plt
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from rnn_course.drawing import BLUE, GRAY, GREEN, ORANGE, PINK, RED

COLORS = {"remember": RED, "learn": GREEN, "save": BLUE, "focus": PINK}
ROLES = {
    "remember": "remember $f$\n(forget gate)",
    "learn": "learn $g$\n(candidate)",
    "save": "save $i$\n(input gate)",
    "focus": "focus $o$\n(output gate)",
}


def draw_context():
    """One frame of a film, which says nothing, and two strips that end in it."""
    fig = plt.figure(figsize=(9, 3.4), layout="none")
    heights = [0.30, 0.47, 0.60, 0.69, 0.74]
    stories = {"thrown up": heights, "falling": [1.0, 0.98, 0.93, 0.85, 0.74]}
    _frame(fig.add_axes((0.05, 0.2, 0.13, 0.5)), heights[-1], "What is the ball doing?", ORANGE)
    for row, (story, ball) in enumerate(stories.items()):
        for t, height in enumerate(ball):
            axes = fig.add_axes((0.27 + 0.123 * t, 0.5 - 0.46 * row, 0.113, 0.36))
            _frame(axes, height, "", ORANGE if t == 4 else GRAY)
            if row == 0:
                axes.set_title(f"t − {4 - t}" if t < 4 else "t", fontsize=10)
        fig.text(0.895, 0.67 - 0.46 * row, story, fontsize=12, va="center")
    fig.suptitle("The same last frame: only what came before tells the stories apart", fontsize=12)


def _frame(axes, height, title, edge):
    axes.set(xlim=(0, 1), ylim=(0, 1.15), xticks=[], yticks=[])
    axes.add_patch(Rectangle((0, 0), 1, 0.12, color=GRAY, alpha=0.5))
    axes.plot(0.5, height, "o", color=BLUE, markersize=13)
    axes.set_title(title, fontsize=10)
    for spine in axes.spines.values():
        spine.set(color=edge, linewidth=2, visible=True)


def draw_neurons():
    """A neuron, and the same neuron with its last output as a second input."""
    _, axes = plt.subplots(1, 2, figsize=(9, 2.7))
    for ax, memory in zip(axes, (False, True), strict=True):
        _blank(ax, (0, 8), (0, 4))
        _box(ax, 4, 2, "tanh", ORANGE if memory else GRAY)
        _arrow(ax, (1.2, 2), (3.45, 2))
        _arrow(ax, (4.55, 2), (6.8, 2))
        ax.text(1.0, 2, r"$x_t$", ha="right", va="center", fontsize=14)
        ax.text(2.4, 2.2, "$W_{xh}$", ha="center", fontsize=13)
        ax.text(7.0, 2, r"$h_t$", ha="left", va="center", fontsize=14)
        ax.set_title("a neuron: each input on its own", fontsize=12)
    _line(axes[1], [(5.7, 2), (5.7, 3.5), (4, 3.5)], ORANGE)
    _arrow(axes[1], (4, 3.5), (4, 2.5), ORANGE)
    axes[1].text(4.2, 2.95, "$W_{hh}$", fontsize=13, color=ORANGE)
    axes[1].text(5.9, 3.2, r"$h_{t-1}$, one step later", fontsize=11, color=ORANGE)
    axes[1].set_title("a neuron with memory: its last output comes back", fontsize=12)


def draw_lstm(gates, title):
    """The LSTM as far as these gates; the last one is in color, the earlier ones are gray.

    Gates are added in the order of the derivation: "remember", "learn", "save", "focus".
    """
    bottom = 0 if gates else 4
    _, ax = plt.subplots(figsize=(9, 4.1 if gates else 1.5))
    _blank(ax, (-0.6, 13.4), (bottom, 6))
    new = gates[-1] if gates else None

    def color(gate):
        return COLORS[gate] if gate == new else GRAY

    _line(ax, [(0.9, 5), (11.9, 5)], "black", width=2.5)
    _arrow(ax, (11.9, 5), (12.2, 5))
    ax.text(0.7, 5, r"$c_{t-1}$", ha="right", va="center", fontsize=13)
    ax.text(12.3, 5, r"$c_t$", va="center", fontsize=13)
    if gates:
        last = {"remember": 2.4, "learn": 6.8, "save": 6.8, "focus": 9.0}[gates[-1]]
        _line(ax, [(0.9, 1.1), (last, 1.1)], "black")
        _line(ax, [(1.2, 0.4), (1.2, 1.1)], "black")
        ax.text(0.7, 1.15, r"$h_{t-1}$", ha="right", va="center", fontsize=13)
        ax.text(1.05, 0.4, r"$x_t$", ha="right", va="center", fontsize=13)
    if "remember" in gates:
        _gate(ax, 2.4, "remember", "σ", color("remember"))
        _arrow(ax, (2.4, 2.5), (2.4, 4.65), color("remember"))
        _knot(ax, 2.4, 5, "×", color("remember"))
    if "learn" in gates:
        _gate(ax, 6.8, "learn", "tanh", color("learn"))
        _arrow(ax, (6.8, 2.5), (6.8, 4.65), color("learn"))
        _knot(ax, 6.8, 5, "+", color("learn"))
    if "save" in gates:
        _gate(ax, 4.6, "save", "σ", color("save"))
        _line(ax, [(4.6, 2.5), (4.6, 3.6)], color("save"))
        _arrow(ax, (4.6, 3.6), (6.45, 3.6), color("save"))
        _knot(ax, 6.8, 3.6, "×", color("save"))
    if "focus" in gates:
        _gate(ax, 9.0, "focus", "σ", color("focus"))
        _line(ax, [(9.0, 2.5), (9.0, 2.9)], color("focus"))
        _arrow(ax, (9.0, 2.9), (10.65, 2.9), color("focus"))
        _arrow(ax, (11.0, 5), (11.0, 4.35), color("focus"))
        _box(ax, 11.0, 3.95, "tanh", color("focus"), height=0.7)
        _arrow(ax, (11.0, 3.6), (11.0, 3.25), color("focus"))
        _knot(ax, 11.0, 2.9, "×", color("focus"))
        _line(ax, [(11.0, 2.55), (11.0, 1.1)], color("focus"))
        _arrow(ax, (11.0, 1.1), (12.2, 1.1), color("focus"))
        ax.text(12.3, 1.15, r"$h_t$", va="center", fontsize=13)
    ax.set_title(title, fontsize=12)


def _gate(ax, x, name, function, color):
    _arrow(ax, (x, 1.1), (x, 1.5), color)
    _box(ax, x, 2.0, function, color)
    ax.text(x, 0.95, ROLES[name], fontsize=9.5, ha="center", va="top", color=color)


def _blank(ax, xlim, ylim):
    ax.set(xlim=xlim, ylim=ylim, aspect="equal")
    ax.axis("off")


def _box(ax, x, y, text, color, height=1.0):
    corner, size = (x - 0.55, y - height / 2), (1.1, height)
    style = "round,pad=0,rounding_size=0.15"
    ax.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, fc=color, ec="none", zorder=3))
    ax.text(x, y, text, ha="center", va="center", color="white", fontsize=12, zorder=4)


def _knot(ax, x, y, sign, color):
    ax.add_patch(Circle((x, y), 0.33, fc="white", ec=color, lw=2, zorder=3))
    ax.text(x, y - 0.03, sign, ha="center", va="center", fontsize=14, color=color, zorder=4)


def _line(ax, points, color, width=1.8):
    ax.plot(*zip(*points, strict=True), color=color, lw=width, solid_capstyle="round", zorder=1)


def _arrow(ax, start, end, color="black"):
    style = {"arrowstyle": "-|>", "color": color, "lw": 1.8, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=style, zorder=2)
