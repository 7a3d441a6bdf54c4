"""Counted language models: interpolated modified Kneser-Ney, the baseline of lecture 5.

S. Chen and J. Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", Computer
Speech and Language 13, 1999, section 4.1.6.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

Gram = tuple[int, ...]
FALLBACK = (0.0, 0.5, 1.0, 1.5)  # KenLM's, for texts too small to estimate discounts from


class KneserNey:
    """p(word | the `order - 1` words before it), from the counts in a list of word ids.

    The longest n-grams are counted by how often they occur. Shorter ones are counted by how many
    different words stand in front of them: after an unseen context, a word that follows many words
    is likelier than one that follows a single word often.
    """

    def __init__(self, ids: Sequence[int], vocab_size: int, order: int) -> None:
        if order < 1 or len(ids) < order:
            raise ValueError(f"expected an order from 1 to {len(ids)} words, found {order}")
        words = [int(i) for i in ids]
        self.order, self.vocab_size = order, vocab_size
        counts = Counter(zip(*(words[i:] for i in range(order)), strict=False))
        self._levels = [_Level(counts)]
        for length in range(order, 1, -1):  # every n-gram once: how many words stand in front?
            longer = set(zip(*(words[i:] for i in range(length)), strict=False))
            self._levels.insert(0, _Level(Counter(gram[1:] for gram in longer)))

    def probability(self, word: int, context: Sequence[int]) -> float:
        """p(word | context); of the context, the last `order - 1` words count."""
        context = tuple(context)[max(0, len(context) - self.order + 1) :]
        p = 1 / self.vocab_size
        for level, start in zip(self._levels, range(len(context), -1, -1), strict=False):
            gram = (*context[start:], word)
            if gram[:-1] not in level.total:  # then no longer context has been seen either
                break
            p = level.share(gram) + level.backoff(gram[:-1]) * p
        return p

    def probabilities(self, ids: Sequence[int]) -> np.ndarray:
        """What the model gives to each word of a text but the first: (len(ids) - 1,)."""
        words, longest = [int(i) for i in ids], self.order - 1
        return np.array(
            [self.probability(words[i], words[max(0, i - longest) : i]) for i in range(1, len(ids))]
        )


class _Level:
    """The n-grams of one length: discounted shares, and what the discounts leave over."""

    def __init__(self, counts: Counter[Gram]) -> None:
        self.counts, self.discounts = counts, _discounts(Counter(counts.values()))
        self.total: dict[Gram, int] = defaultdict(int)
        self._freed: dict[Gram, float] = defaultdict(float)
        for gram, count in counts.items():
            self.total[gram[:-1]] += count
            self._freed[gram[:-1]] += self.discounts[min(count, 3)]

    def share(self, gram: Gram) -> float:
        count = self.counts.get(gram, 0)
        return (count - self.discounts[min(count, 3)]) / self.total[gram[:-1]]

    def backoff(self, context: Gram) -> float:
        return self._freed[context] / self.total[context]


def _discounts(seen: Counter[int]) -> tuple[float, ...]:
    """What to take off counts of 0, 1, 2 and 3 or more; `seen[k]` n-grams have the count k."""
    if not all(seen[k] for k in (1, 2, 3, 4)):
        return FALLBACK
    y = seen[1] / (seen[1] + 2 * seen[2])
    found = (0.0, *(k - (k + 1) * y * seen[k + 1] / seen[k] for k in (1, 2, 3)))
    return found if all(0 < found[k] <= k for k in (1, 2, 3)) else FALLBACK
