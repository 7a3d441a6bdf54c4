"""The review loader on a small corpus written here, against another count and Keras itself."""

import csv
import hashlib
import io
import os
import random
import re
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from data import imdb, registry

PER_CLASS = 30
WORDS = ["the", "film", "isn't", "GOOD", "bad", "café", "a\x85b", "plot", "Ä", "<br />", "x-ray"]


@pytest.fixture(autouse=True)
def clean_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.delenv("COURSE_QUICK", raising=False)

    def no_network(source):
        raise registry.CorpusMissing(f"{source.file} is not on this machine.")

    monkeypatch.setattr(registry, "download", no_network)


@pytest.fixture
def reviews(monkeypatch):
    """Reviews by path; the test reviews have a word of their own, "unseen"."""
    rng = random.Random(0)
    texts = {}
    for split in ("train", "test"):
        words = [*WORDS, "unseen"] if split == "test" else WORDS
        for label in ("neg", "pos"):
            for number in range(PER_CLASS):
                text = " ".join(rng.choices(words, k=rng.randint(1, 12)))
                texts[f"{split}/{label}/{number}_{rng.randint(1, 10)}.txt"] = text.encode()
    lines = (f"{hashlib.sha256(texts[name]).hexdigest()}  {name}\n" for name in sorted(texts))
    monkeypatch.setattr(imdb, "CONTENT_SHA256", hashlib.sha256("".join(lines).encode()).hexdigest())
    monkeypatch.setattr(imdb, "REVIEWS_PER_CLASS", PER_CLASS)
    return texts


@pytest.fixture
def corpus(reviews, tmp_path, monkeypatch):
    """COURSE_DATA with the reviews as an archive of the official layout; the archive's path."""
    folder = tmp_path / "given"
    folder.mkdir()
    archive = folder / "aclImdb_v1.tar.gz"
    write_archive(archive, {**reviews, "train/unsup/0_0.txt": b"no label", "README": b"read me"})
    monkeypatch.setenv("COURSE_DATA", str(folder))
    return archive


def write_archive(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"aclImdb/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def write_folder(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def stored_order(reviews, split):
    return [
        name
        for label in ("pos", "neg")
        for name in sorted(reviews)
        if name.startswith(f"{split}/{label}/")
    ]


def words_of(review: bytes):
    # Keras's filter, written another way: ASCII characters one by one
    kept = "".join(
        " " if c in '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n' else c.lower() if c < "\x80" else c
        for c in review.decode()
    )
    return [word for word in re.split("[ \r\x0b\x0c]+", kept) if word]


def raw_ids(reviews):
    counts = Counter(w for n in reviews if n.startswith("train") for w in words_of(reviews[n]))
    index = {
        word: rank
        for rank, word in enumerate(sorted(counts, key=lambda w: (-counts[w], w.encode())), 1)
    }
    ids = {
        split: [
            [index[w] for w in words_of(reviews[n]) if w in index]
            for n in stored_order(reviews, split)
        ]
        for split in ("train", "test")
    }
    return index, ids


# --- texts, labels, tables -------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "test"])
def test_load_texts(corpus, reviews, split):
    texts, labels = imdb.load_texts(split)
    assert texts == [reviews[name].decode() for name in stored_order(reviews, split)]
    assert (type(labels), labels.dtype) == (np.ndarray, np.int8)
    assert labels.tolist() == [1] * PER_CLASS + [0] * PER_CLASS


def test_unknown_split(corpus):
    with pytest.raises(ValueError, match=r"split must be .* not 'valid'"):
        imdb.load_texts("valid")


@pytest.mark.parametrize("place", ["aclImdb", "."])
def test_unpacked_folder(reviews, tmp_path, monkeypatch, place):
    write_folder(tmp_path / "given" / place, {**reviews, "train/unsup/0_0.txt": b"no label"})
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "given"))
    assert imdb.available()
    assert imdb.load_texts("test")[0] == [
        reviews[name].decode() for name in stored_order(reviews, "test")
    ]


def test_quick_takes_the_first_of_each_class(corpus, reviews, monkeypatch):
    monkeypatch.setattr(imdb, "QUICK_PER_CLASS", 3)
    monkeypatch.setenv("COURSE_QUICK", "1")
    names = stored_order(reviews, "train")
    texts, labels = imdb.load_texts("train")
    assert texts == [reviews[n].decode() for n in names[:3] + names[PER_CLASS : PER_CLASS + 3]]
    assert labels.tolist() == [1, 1, 1, 0, 0, 0]
    (x, y), (x_test, _) = imdb.load_data()
    assert (len(x), sorted(y), len(x_test)) == (6, [0, 0, 0, 1, 1, 1], 6)
    assert len(imdb.get_word_index()) == len(raw_ids(reviews)[0])


@pytest.mark.parametrize("sep", [",", "\t"])
def test_write_table(corpus, reviews, tmp_path, sep):
    path = imdb.write_table(tmp_path / "table", sep)
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=sep))
    assert rows[0] == ["text", "label", "split"]
    names = stored_order(reviews, "train") + stored_order(reviews, "test")
    assert rows[1:] == [
        [reviews[n].decode(), "1" if "/pos/" in n else "0", n.split("/")[0]] for n in names
    ]


# --- ids -------------------------------------------------------------------------------------

ARGUMENTS = [
    {},
    {"num_words": 8},
    {"num_words": 9, "skip_top": 5},
    {"num_words": 9, "oov_char": None},
    {"start_char": None, "num_words": 10},
    {"start_char": None, "index_from": 0, "num_words": 6, "oov_char": 99},
    {"start_char": 7, "index_from": 10, "skip_top": 8},
    {"maxlen": 6},
    {"maxlen": 6, "start_char": None, "oov_char": None, "skip_top": 5},
    {"seed": 1},
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_ids_equal_those_of_keras(corpus, reviews, monkeypatch, arguments):
    keras_imdb = pytest.importorskip("keras.src.datasets.imdb", reason="Keras is not installed")
    _, ids = raw_ids(reviews)
    labels = np.array([1] * PER_CLASS + [0] * PER_CLASS)
    stored = {"y_train": labels, "y_test": labels}
    for split in ("train", "test"):
        stored[f"x_{split}"] = np.array([*ids[split], None], dtype=object)[:-1]
    monkeypatch.setattr(keras_imdb, "get_file", lambda **_: "")
    monkeypatch.setattr(keras_imdb.npz_utils, "load_npz", lambda _: stored)
    ours, theirs = imdb.load_data(**arguments), keras_imdb.load_data(**arguments)
    for (x, y), (x_keras, y_keras) in zip(ours, theirs, strict=True):
        assert [ids.tolist() for ids in x] == list(x_keras)
        assert y.tolist() == y_keras.tolist()
        assert x.lengths.tolist() == [len(ids) for ids in x_keras]


def test_word_index_without_keras_file(corpus, reviews):
    index = imdb.get_word_index()
    assert index == raw_ids(reviews)[0]
    assert list(index.values()) == list(range(1, len(index) + 1))
    assert "unseen" not in index
    assert "a\x85b" in index
    assert "in the order of their bytes" in imdb.verify()


def test_word_index_file_decides_ties(corpus, reviews, monkeypatch):
    by_count, _ = raw_ids(reviews)
    counts = Counter(w for n in reviews if n.startswith("train") for w in words_of(reviews[n]))
    words = sorted(by_count, key=lambda w: (counts[w], w.encode()), reverse=True)
    content = "{" + ", ".join(f'"{w}": {r}' for r, w in enumerate(words, 1)) + "}"
    path = corpus.with_name("imdb_word_index.json")
    path.write_bytes(content.replace("\x85", "\\u0085").encode())
    source = registry.Source(
        path.name, (), f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}", 0
    )
    monkeypatch.setattr(registry, "IMDB_WORD_INDEX", source)
    assert list(imdb.get_word_index()) == words
    assert "in the order of Keras's index" in imdb.verify()


def test_wrong_word_index_file_is_reported(corpus):
    corpus.with_name("imdb_word_index.json").write_text("{}")
    with pytest.raises(registry.CorpusDamaged, match=r"imdb_word_index\.json has the sha256"):
        imdb.load_data()


def test_maxlen_that_keeps_nothing(corpus):
    with pytest.raises(ValueError, match="No review is shorter than maxlen=1"):
        imdb.load_data(maxlen=1)


def test_loading_maps_the_cache(corpus):
    (x, _), _ = imdb.load_data()
    assert isinstance(x.flat, np.memmap)
    assert x[1:3].flat is x.flat


# --- ragged sequences and padding ------------------------------------------------------------

SEQUENCES = [[1, 2, 3], [], [4], [5, 6, 7, 8, 9]]


def test_ragged():
    x = imdb.Ragged.from_sequences(SEQUENCES)
    assert [ids.tolist() for ids in x] == SEQUENCES
    assert x[-1].dtype == np.int32
    assert [ids.tolist() for ids in x[1:3]] == SEQUENCES[1:3]
    assert [ids.tolist() for ids in x[[3, 0]]] == [SEQUENCES[3], SEQUENCES[0]]
    assert [ids.tolist() for ids in x[x.lengths > 1]] == [SEQUENCES[0], SEQUENCES[3]]
    assert repr(x) == "Ragged(4 sequences, 9 ids)"
    with pytest.raises(IndexError):
        x[4]


PADDED = {
    ("pre", "pre"): [[1, 2, 3], [0, 0, 0], [0, 0, 4], [7, 8, 9]],
    ("pre", "post"): [[1, 2, 3], [0, 0, 0], [0, 0, 4], [5, 6, 7]],
    ("post", "pre"): [[1, 2, 3], [0, 0, 0], [4, 0, 0], [7, 8, 9]],
    ("post", "post"): [[1, 2, 3], [0, 0, 0], [4, 0, 0], [5, 6, 7]],
}


@pytest.mark.parametrize(("sides", "expected"), PADDED.items(), ids=str)
@pytest.mark.parametrize("kind", [list, imdb.Ragged.from_sequences])
def test_pad(kind, sides, expected):
    padded = imdb.pad(kind(SEQUENCES), 3, *sides)
    assert padded.dtype == np.int32
    assert padded.tolist() == expected


def test_pad_to_the_longest_and_with_another_value():
    assert imdb.pad([[1], [2, 3]], value=9).tolist() == [[9, 1], [2, 3]]
    assert imdb.pad([], 4).shape == (0, 4)


def test_pad_rejects_other_sides():
    with pytest.raises(ValueError, match=r"truncating must be .* not 'left'"):
        imdb.pad([[1]], 3, truncating="left")


# --- words -----------------------------------------------------------------------------------


def test_tokenize_splits_at_ascii_only():
    text = "It's <br />GOOD...\tx-ray\x85two a\xa0b Ä"
    assert imdb.tokenize(text) == ["it's", "br", "good", "x", "ray\x85two", "a\xa0b", "Ä"]


def test_clean_gluon():
    text = "It's<br />GOOD,\nnew-line café<br/>end 42"
    assert imdb.clean_gluon(text) == ["its", "goodnewline", "cafbrend", "42"]


def test_count_words():
    assert imdb.count_words([["a", "b"], [], ["a"]]) == {"a": 2, "b": 1}


# --- what goes wrong -------------------------------------------------------------------------


def assert_nothing_built(tmp_path):
    assert not list((tmp_path / "cache").glob("*imdb-v1*/*"))


def test_nothing_there():
    assert not imdb.available()
    with pytest.raises(registry.CorpusMissing, match=r"aclImdb_v1\.tar\.gz is not on this machine"):
        imdb.load_texts()


def test_course_data_that_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "typo"))
    assert not imdb.available()
    with pytest.raises(registry.CorpusMissing, match="is not a folder"):
        imdb.load_texts()


@pytest.mark.parametrize("kept", [0, 5, 0.1, 0.5, 0.9])
def test_truncated_archive(corpus, tmp_path, kept):
    whole = corpus.read_bytes()
    corpus.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(registry.CorpusDamaged, match=r"aclImdb_v1\.tar\.gz"):
        imdb.load_texts()
    assert_nothing_built(tmp_path)


def test_archive_that_ends_between_two_reviews(corpus, reviews, tmp_path):
    write_archive(corpus, dict(list(reviews.items())[:-1]))
    with pytest.raises(registry.CorpusDamaged, match="holds 119 labeled reviews, expected 120"):
        imdb.load_texts()
    assert_nothing_built(tmp_path)


def test_one_changed_letter(corpus, reviews, tmp_path):
    name = next(iter(reviews))
    write_archive(corpus, {**reviews, name: reviews[name] + b"!"})
    with pytest.raises(registry.CorpusDamaged, match="not the published ones"):
        imdb.load_texts()
    assert_nothing_built(tmp_path)


def test_missing_folder(reviews, tmp_path, monkeypatch):
    partial = {name: text for name, text in reviews.items() if not name.startswith("test/neg")}
    write_folder(tmp_path / "given" / "aclImdb", partial)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "given"))
    with pytest.raises(registry.CorpusDamaged, match="aclImdb has no folder test/neg"):
        imdb.load_texts()
    assert_nothing_built(tmp_path)


def refuse(monkeypatch, module, name, suffix):
    # stands for permission bits, which do not bind root
    original = getattr(module, name)

    def opened(path, *args, **kwargs):
        if isinstance(path, str | os.PathLike) and str(path).endswith(suffix):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *args, **kwargs)

    monkeypatch.setattr(module, name, opened)


def test_unreadable_archive(corpus, tmp_path, monkeypatch):
    refuse(monkeypatch, os, "open", "aclImdb_v1.tar.gz")
    with pytest.raises(registry.CorpusDamaged, match=r"cannot be read \(Permission denied\): make"):
        imdb.load_texts()
    assert_nothing_built(tmp_path)


def test_unreadable_review(reviews, tmp_path, monkeypatch):
    write_folder(tmp_path / "given" / "aclImdb", reviews)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "given"))
    refuse(monkeypatch, Path, "read_bytes", next(iter(reviews)).rpartition("/")[2])
    with pytest.raises(registry.CorpusDamaged, match="cannot be read"):
        imdb.load_texts()
    assert_nothing_built(tmp_path)


def test_the_cache_is_enough(corpus, reviews, monkeypatch):
    imdb.fetch(progress=False)
    corpus.unlink()
    monkeypatch.setenv("COURSE_DATA", str(corpus.parent / "gone"))
    assert imdb.available()
    assert len(imdb.load_texts()[0]) == 2 * PER_CLASS
    assert len(imdb.load_data()[0][0]) == 2 * PER_CLASS


def test_verify_notices_a_changed_cache(corpus):
    folder = imdb.fetch(progress=False)
    assert imdb.verify().startswith("120 reviews, content as published; ")
    with open(folder / "test" / "text.npy", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")
    with pytest.raises(registry.CorpusDamaged, match=r"text\.npy has changed"):
        imdb.verify()


def test_a_damaged_cache_is_parsed_again(corpus):
    (x, y), _ = imdb.load_data()
    before, words = [ids.tolist() for ids in x], imdb.get_word_index()
    folder = imdb.fetch(progress=False)
    for damaged in (folder / "train" / "ranks.npy", folder / "words.txt"):
        os.truncate(damaged, damaged.stat().st_size // 2)
        with pytest.warns(
            UserWarning, match=rf"{folder} was damaged \(.*{damaged.name} has changed"
        ):
            (x, again), _ = imdb.load_data()
        assert [ids.tolist() for ids in x] == before
        assert again.tolist() == y.tolist()
        assert imdb.get_word_index() == words


@pytest.mark.parametrize("load", [imdb.load_data, imdb.load_texts, imdb.get_word_index, imdb.fetch])
def test_a_damaged_cache_without_the_archive(corpus, load):
    folder = imdb.fetch(progress=False)
    shutil.rmtree(folder)
    folder.mkdir()
    corpus.unlink()
    assert imdb.available()  # so that nobody goes on with another corpus
    with pytest.raises(
        registry.CorpusDamaged, match=rf"{folder} is damaged .* not on this machine"
    ):
        load()


def test_a_damaged_cache_and_a_damaged_archive(corpus):
    folder = imdb.fetch(progress=False)
    (folder / "test" / "labels.npy").unlink()
    corpus.write_bytes(corpus.read_bytes()[:-100])
    with pytest.raises(registry.CorpusDamaged, match=rf"{folder} is damaged .*tar\.gz ends early"):
        imdb.load_texts()
