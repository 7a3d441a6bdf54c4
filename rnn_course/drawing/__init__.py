"""The drawings of the lectures: code that a reader of the text need not see.

Here are the colors and the style that all figures share; each lecture has a module of its own.
"""

from __future__ import annotations

import matplotlib.pyplot as plt

# Okabe and Ito's colors, which color-blind readers can tell apart
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
RED, PINK, SKY, GRAY = "#D55E00", "#CC79A7", "#56B4E9", "#999999"


def use_style() -> None:
    """Set the figure style of the course; call it once, after the imports."""
    plt.rcParams.update(
        {
            "figure.figsize": (8, 4),
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 12,
            "legend.frameon": False,
        }
    )
