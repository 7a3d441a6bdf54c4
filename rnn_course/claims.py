"""Sentences about results, checked beside the cell that measures them.

    claim = Claims(results)
    claim("length costs time only beyond 30 words", times[1] < 1.2 * times[0] < times[2], times)
    claim.above("the LSTM reads better than counting words", lstm, tfidf)

Each call prints one line and enters the claim into the lecture's results, where `make claims`
reads it for every seed on file and fails if it does not hold. Who runs a lecture on a processor
that computes or times something otherwise reads ✗, and the lecture goes on. A claim's name is a
literal, so that one without a result is noticed. With COURSE_QUICK=1 it is skipped by name: small
runs prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from data import registry

KEY = "claims"  # where a lecture's results hold them
NOT_HERE = " (not so in this run; the text is about the published outputs)"


class Claims:
    """The claims of one lecture; they are entered into its `results`."""

    def __init__(self, results: dict[str, Any]) -> None:
        self._made: dict[str, dict[str, Any]] = results.setdefault(KEY, {})

    def __call__(self, name: str, holds: object, shown: object = "") -> None:
        """Say whether it `holds`; `shown` is what it is about, printed behind its name.

        Numbers in `shown` are printed with three digits; give a text for units. Raises ValueError
        if the name was claimed before.
        """
        self._enter(name, holds, _text(shown))

    def above(self, name: str, higher: float, lower: float, by: float = 0.0) -> None:
        """Claim that the accuracy `higher` is above `lower` by more than `by` (all from 0 to 1).

        Both values are kept: `make claims` asks for five seeds where they are less than two points
        apart. For other numbers, where more seeds do not help, claim the comparison itself.
        """
        difference = higher - lower
        text = f"{higher:.3f} > {lower:.3f} ({100 * difference:+.1f} points)"
        self._enter(name, difference > by, text, {"higher": float(higher), "lower": float(lower)})

    def _enter(self, name: str, found: object, text: str, values: dict | None = None) -> None:
        holds = bool(found)  # and no number of NumPy's
        if name in self._made:
            raise ValueError(f"expected each claim once, found {name!r} again")
        if registry.quick():
            print(f"– not claimed in quick mode: {name}")
            return
        self._made[name] = {"holds": holds, "shown": text, **(values or {})}
        line = f"{name}: {text}" if text else name
        print(f"✓ {line}" if holds else f"✗ {line}{NOT_HERE}")


def _text(shown: object) -> str:
    if isinstance(shown, str):
        return shown
    if isinstance(shown, dict):
        return ", ".join(f"{key} {_text(value)}" for key, value in shown.items())
    if isinstance(shown, Iterable):
        return ", ".join(_text(value) for value in shown)
    fraction = isinstance(shown, Real) and not isinstance(shown, Integral)  # NumPy's, too
    return f"{shown:.3g}" if fraction else str(shown)
