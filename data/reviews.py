"""The reviews of the lectures: IMDB if it is available, otherwise the built-in corpus, with a note.

The functions take the arguments of `data.imdb` and return what it returns, so that a lecture reads
the same with either corpus.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from data import imdb, longmemory
from data.registry import CorpusMissing


@cache
def name() -> str:
    """'IMDB', or 'longmemory' (the built-in corpus) where IMDB is missing; printed then, once."""
    try:
        imdb.fetch()
    except CorpusMissing as missing:
        print(
            f"{missing} This lecture continues with the built-in corpus: its numbers will differ."
        )
        return "longmemory"
    return "IMDB"


def load_texts(split: str = "train") -> tuple[list[str], np.ndarray]:
    """The reviews of a split and their labels (int8, 1 = positive); see `imdb.load_texts`."""
    if name() == "IMDB":
        return imdb.load_texts(split)
    corpus = longmemory.load()[split == "test"]
    order = np.argsort(-corpus.labels, kind="stable")  # positive reviews first, as in IMDB
    return [corpus.texts[i] for i in order], corpus.labels[order].astype(np.int8)


def load_data(
    num_words: int | None = None,
    start_char: int = 1,
    oov_char: int = 2,
    index_from: int = 3,
) -> tuple[tuple[imdb.Ragged, np.ndarray], tuple[imdb.Ragged, np.ndarray]]:
    """`(x_train, y_train), (x_test, y_test)` as word ids; see `imdb.load_data`."""
    if name() == "IMDB":
        return imdb.load_data(num_words, 0, None, 113, start_char, oov_char, index_from)
    ranks = get_word_index()
    limit = num_words or len(ranks) + index_from + 1
    splits = []
    for split in ("train", "test"):
        texts, labels = load_texts(split)
        order = np.random.RandomState(113).permutation(len(texts))
        rows = [[start_char, *_ids(texts[i], ranks, index_from, limit, oov_char)] for i in order]
        splits.append((imdb.Ragged.from_sequences(rows), labels[order].astype(np.int64)))
    train, test = splits
    return train, test


def get_word_index() -> dict[str, int]:
    """Every word of the training reviews with its rank by frequency; see `imdb.get_word_index`."""
    if name() == "IMDB":
        return imdb.get_word_index()
    counts = imdb.count_words(map(imdb.tokenize, load_texts("train")[0]))
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: rank for rank, word in enumerate(ordered, start=1)}


def _ids(text: str, ranks: dict, index_from: int, limit: int, oov_char: int) -> list[int]:
    known = (ranks[word] + index_from for word in imdb.tokenize(text) if word in ranks)
    return [number if number < limit else oov_char for number in known]
