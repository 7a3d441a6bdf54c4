"""Kneser-Ney models: distributions, hand-computed counts, and the order that they can tell."""

from __future__ import annotations

import numpy as np
import pytest

from data import moby_dick
from rnn_course.ngrams import FALLBACK, KneserNey, _discounts

SIZE = 30


@pytest.fixture(scope="module")
def text():
    """Two thousand words in which each depends on the two before it."""
    rng = np.random.default_rng(0)
    words = [0, 1]
    for _ in range(2000):
        likely = (3 * words[-1] + words[-2]) % (SIZE - 2)
        words.append(int(likely if rng.random() < 0.5 else SIZE * rng.beta(1, 4)))
    return words


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_every_context_has_a_distribution(text, order):
    model = KneserNey(text, SIZE, order)
    for context in ([], text[10:11], text[50:54], [29, 29, 29, 29], [*text[7:9], 29]):
        p = [model.probability(word, context) for word in range(SIZE)]
        assert min(p) > 0
        assert sum(p) == pytest.approx(1)


def test_small_counts_by_hand():
    # a b a b a c: too small for estimated discounts; pairs ab 2, ba 2, ac 1; in front of a: b,
    # of b: a, of c: a
    model = KneserNey([0, 1, 0, 1, 0, 2], 4, 2)
    unigram = (1 - 0.5) / 3 + 3 * 0.5 / 3 / 4  # each of a, b, c follows one word; uniform is 1/4
    assert model.probability(2, []) == pytest.approx(unigram)
    freed = (1.0 + 0.5) / 3  # of a's three pairs: 1 off the count 2, 0.5 off the count 1
    assert model.probability(1, [0]) == pytest.approx((2 - 1) / 3 + freed * unigram)
    assert model.probability(2, [0]) == pytest.approx((1 - 0.5) / 3 + freed * unigram)
    assert model.probability(1, [2]) == pytest.approx(unigram)  # nothing followed c


def test_discounts_by_hand():
    # Chen and Goodman's formulas with n1..n4 = 8, 4, 2, 1: y = 8 / 16
    assert _discounts({1: 8, 2: 4, 3: 2, 4: 1}) == pytest.approx((0, 0.5, 1.25, 2.0))
    assert _discounts({1: 8, 2: 4, 3: 2, 4: 0}) == FALLBACK
    assert _discounts({1: 1, 2: 1, 3: 9, 4: 1}) == FALLBACK  # would be negative


def test_a_word_is_judged_by_the_company_it_keeps():
    # 9 is the most frequent word, but only ever after 8; 7 is rarer and follows everything
    text = [8, 9] * 20 + [i for first in range(7) for i in (first, 7)]
    model = KneserNey(text, 10, 2)
    assert model.probability(7, [6, 9, 7]) > model.probability(9, [6, 9, 7])


def test_longer_contexts_help_where_they_should(text):
    train, held = text[:1500], text[1500:]
    losses = [-np.log(KneserNey(train, SIZE, n).probabilities(held)).mean() for n in (1, 2, 3)]
    assert losses[2] < min(losses[:2]) - 0.2
    p = KneserNey(train, SIZE, 3).probabilities(held)
    assert p.shape == (len(held) - 1,)
    model = KneserNey(train, SIZE, 3)
    assert p[100] == model.probability(held[101], held[:101])  # only the last two words count


def test_orders_that_cannot_be():
    for order in (0, 4):
        with pytest.raises(ValueError, match=f"found {order}"):
            KneserNey([1, 2, 3], 5, order)


@pytest.mark.real_data
@pytest.mark.skipif(not moby_dick.available(), reason="the novel is not on this machine")
def test_perplexity_of_a_piece_of_the_novel():
    words = moby_dick.words()[:24_000]
    id_of = {word: i for i, word in enumerate(sorted(set(words)))}
    ids = [id_of[word] for word in words]
    found = {}
    for order in (1, 2, 3):
        p = KneserNey(ids[:20_000], len(id_of), order).probabilities(ids[20_000:])
        found[order] = np.exp(-np.log(p).mean())
    assert found[1] > found[2] > found[3]
