"""The lectures' reviews: IMDB where it is, the built-in corpus with a sentence where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from data import imdb, longmemory, registry, reviews


@pytest.fixture
def without_imdb(monkeypatch):
    def missing(*_):
        raise registry.CorpusMissing("No reviews here.")

    monkeypatch.setattr(imdb, "fetch", missing)
    reviews.name.cache_clear()
    yield
    reviews.name.cache_clear()


def test_the_built_in_corpus_takes_the_place_of_imdb_and_says_so(without_imdb, capsys):
    texts, labels = reviews.load_texts("train")
    assert len(texts) == len(labels) == len(longmemory.load()[0].texts)
    assert labels.dtype == np.int8
    assert set(labels) == {0, 1}
    assert (np.diff(labels) <= 0).all()  # positive reviews first
    reviews.load_texts("test")
    said = capsys.readouterr().out
    assert said.count("built-in corpus") == 1
    assert "No reviews here." in said


def test_built_in_ids_follow_the_conventions_of_keras(without_imdb):
    (x_train, y_train), (x_test, y_test) = reviews.load_data(num_words=50)
    assert len(x_train) == len(y_train)
    assert len(x_test) == len(y_test)
    assert {row[0] for row in x_train} == {1}
    ids = np.concatenate(list(x_train))
    assert ids.max() == 49
    assert (ids == 2).any()
    ranks = reviews.get_word_index()
    word = {rank + 3: word for word, rank in ranks.items()}
    texts, labels = reviews.load_texts("train")
    order = np.random.RandomState(113).permutation(len(texts))
    assert labels[order[0]] == y_train[0]
    for number, text_word in zip(x_train[0][1:], imdb.tokenize(texts[order[0]]), strict=True):
        assert number == 2 or word[number] == text_word


@pytest.mark.real_data
def test_imdb_is_taken_where_it_is():
    if not imdb.available():
        pytest.skip("IMDB is not on this machine: python -m data fetch imdb")
    assert reviews.name() == "IMDB"
    ours, theirs = reviews.load_data(num_words=100), imdb.load_data(num_words=100)
    np.testing.assert_array_equal(ours[0][0][0], theirs[0][0][0])
    assert reviews.get_word_index() == imdb.get_word_index()
