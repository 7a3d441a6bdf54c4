"""Facts of the real corpora; skipped, saying so, where a corpus is not on the machine."""

import json
import time

import numpy as np
import pytest

from data import glove, imdb, moby_dick, registry

pytestmark = pytest.mark.real_data

SKIPPED = "{} is not on this machine: set COURSE_DATA or run python -m data fetch {}"

GLUON_COUNTS = {
    "the": 334731, "and": 162241, "a": 161971, "of": 145375, "is": 107037, "it": 78092,
    "that": 69565, "movie": 42669, "film": 38254, "not": 30287, "its": 25105, "from": 20437,
    "good": 14710, "im": 4809, "director": 3838, "candyman": 6, "papierhaus": 1,
}  # fmt: skip
GLUON_MOST_FREQUENT = (
    "the and a of to is in it i this that was as for with movie but film on not you are his have "
    "be he one its at all"
)
BRILLIANT = [
    1, 14, 22, 16, 43, 530, 973, 1622, 1385, 65, 458, 4468, 66, 3941, 4, 173, 36, 256, 5, 25, 100,
    43, 838, 112, 50, 670, 2, 9, 35, 480, 284, 5, 150,
]  # fmt: skip


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    """(cache, CPU seconds): parsed afresh if the published files are here, else the cache."""
    if not imdb.available():
        pytest.skip(SKIPPED.format("The IMDB corpus", "imdb"))
    with pytest.MonkeyPatch.context() as patch:
        if registry.find(*imdb._FILES):
            patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        start = time.process_time()
        imdb.fetch(progress=False)
        return registry.cache_dir(), time.process_time() - start


@pytest.fixture
def reviews(parsed, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(parsed[0]))
    monkeypatch.delenv("COURSE_QUICK", raising=False)


@pytest.fixture
def keras_order(reviews):
    if "Keras's index" not in imdb.verify():
        pytest.skip("imdb_word_index.json was not at hand: equally frequent words may differ")


def test_imdb_is_as_published(reviews):
    assert imdb.verify().startswith("50,000 reviews, content as published; 88,584 words")


@pytest.mark.parametrize("split", ["train", "test"])
def test_imdb_halves(reviews, split):
    texts, labels = imdb.load_texts(split)
    assert len(texts) == 25_000
    assert np.bincount(labels).tolist() == [12_500, 12_500]


def test_gluon_cleaning(reviews):
    cleaned = [imdb.clean_gluon(text) for text in imdb.load_texts("train")[0]]
    lengths = np.array([len(words) for words in cleaned])
    assert (lengths.min(), lengths.max(), lengths.mean()) == (10, 2459, 230.51952)
    counts = imdb.count_words(cleaned)
    assert {word: counts[word] for word in GLUON_COUNTS} == GLUON_COUNTS
    assert " ".join(word for word, _ in counts.most_common(30)) == GLUON_MOST_FREQUENT


def test_vocabulary(reviews):
    texts, _ = imdb.load_texts("train")
    index = imdb.get_word_index()
    counts = imdb.count_words(imdb.tokenize(text) for text in texts)
    assert len(index) == 88_584
    assert index.keys() == counts.keys()
    in_order = np.array([counts[word] for word in index])
    assert (np.diff(in_order) <= 0).all()


def test_word_index_equals_the_published_one(keras_order):
    path = registry.find("imdb_word_index.json")
    if path is None:
        pytest.skip("imdb_word_index.json is not on this machine")
    registry.check(path, registry.IMDB_WORD_INDEX.checksum)
    assert imdb.get_word_index() == json.loads(path.read_bytes())


def test_keras_ids(keras_order):
    (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=10_000)
    assert x_train[0][: len(BRILLIANT)].tolist() == BRILLIANT
    texts, _ = imdb.load_texts("train")
    brilliant = [t for t in texts if t.startswith("this film was just brilliant")]
    assert [len(imdb.tokenize(text)) for text in brilliant] == [217]  # and the start mark
    # the order of keras.datasets.imdb.load_data
    assert x_train.lengths[:10].tolist() == [218, 189, 141, 550, 147, 43, 123, 562, 233, 130]
    assert x_test.lengths[:10].tolist() == [68, 260, 603, 181, 108, 132, 761, 180, 134, 370]
    assert y_train[:10].tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 1, 0]
    assert y_test[:10].tolist() == [0, 1, 1, 0, 1, 1, 1, 0, 0, 1]
    assert max(ids.max() for ids in x_train) == 9_999


def test_padded_reviews(reviews):
    (x_train, _), _ = imdb.load_data(num_words=10_000)
    padded = imdb.pad(x_train, 500)
    assert padded.shape == (25_000, 500)
    assert padded[0, :283].tolist() == [0] * 282 + [1]  # 218 ids, the first is the start mark
    np.testing.assert_array_equal(padded[3], x_train[3][-500:])  # 550 ids, cut at the front


def test_quick_is_balanced(reviews, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    for x, y in imdb.load_data(num_words=10_000):
        assert len(x) == 2_000
        assert np.bincount(y).tolist() == [1_000, 1_000]


def test_speed(reviews, parsed):
    # One process does the work, so CPU time is the wall time of a machine that does nothing else.
    assert parsed[1] < 20
    start = time.process_time()
    (x_train, _), (x_test, _) = imdb.load_data(num_words=10_000)
    assert time.process_time() - start < 0.5
    assert all(isinstance(x.flat, np.memmap) for x in (x_train, x_test))


@pytest.fixture
def novel():
    if not moby_dick.available():
        pytest.skip(SKIPPED.format("Moby Dick", "moby_dick"))
    if "another edition" in moby_dick.verify():
        pytest.skip("moby_dick.txt is another edition than the one that was measured")


def test_moby_dick(novel, monkeypatch):
    monkeypatch.delenv("COURSE_QUICK", raising=False)
    text, words = moby_dick.text(), moby_dick.words()
    assert text.startswith("CHAPTER 1\n\nLoomings.\n\n\nCall me Ishmael.  Some years ago--never")
    assert text.endswith("only found another\norphan.\n")
    assert (len(words), len(set(words))) == (212_321, 17_090)
    assert moby_dick.vocabulary(8) == ["the", "of", "and", "a", "to", "in", "that", "his"]
    assert len(moby_dick.vocabulary(10_000)) == 10_000


def test_glove():
    if not glove.available():
        pytest.skip(SKIPPED.format("GloVe", "glove"))
    assert glove.verify() == "400,000 words, 50 numbers each, as they were fetched."
    weights, found = glove.matrix(["the", "king", "queen", "banana", "<pad>"])
    assert found == 0.8
    np.testing.assert_allclose(weights[0, :4], [0.418, 0.24968, -0.41242, 0.1217], atol=1e-7)
    cosine = weights @ weights.T / np.outer(*[np.linalg.norm(weights, axis=1) + 1e-12] * 2)
    assert cosine[1, 2] > 0.7 > cosine[1, 3]
