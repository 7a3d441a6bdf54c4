"""The longmemory corpus: the same everywhere, readable, balanced, and without a short cut."""

import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import REPOSITORY

from data import longmemory

GLUON_PYTHON = REPOSITORY / ".venv-gluon" / "bin" / "python"
# Changes with the grammar files and the generator, and with nothing else. After a wanted change,
# copy the new value from the failing test and re-run benchmarks/longmemory.py.
SAMPLE_SHA256 = "04d6c8fd9b3761c7c96e5870a9513db9dfd7081d9110b17f7b98f22a90de2292"
PRINT_SHA256 = """
import hashlib, json
from data import longmemory
reviews = longmemory.generate(500, "pinned")
tokens, labels = longmemory.arrays(500, "pinned")
digest = hashlib.sha256(json.dumps(reviews).encode())
digest.update(tokens.astype("<i4").tobytes() + labels.astype("<f4").tobytes())
print(digest.hexdigest())
"""


@pytest.fixture(scope="module")
def reviews() -> list[longmemory.Review]:
    return longmemory.generate(20_000, "short cuts")


def correlation(values, reviews) -> float:
    """Pearson correlation of one number per review with the label."""
    return float(np.corrcoef(values, [review.label for review in reviews])[0, 1])


def count(text: str, entries: tuple[str, ...]) -> int:
    return sum(word in entries for word in longmemory.words(text))


@pytest.mark.parametrize("python", [sys.executable, GLUON_PYTHON], ids=["main", "gluon"])
def test_the_same_bytes_in_both_environments(python):
    if not Path(python).exists():
        pytest.skip(f"{python} does not exist: the gluon environment is not installed")
    found = subprocess.check_output([python, "-c", PRINT_SHA256], cwd=REPOSITORY, text=True)
    assert found.strip() == SAMPLE_SHA256


def test_a_sample_reads_like_a_review():
    review = longmemory.generate(1, seed=2)[0]
    assert review.text == (
        "The film follows two sailors and a parrot. Popcorn was sold at the door. A friend, on the "
        "stairs, over a coffee, thought it dull. For me, in a letter to Spain, it was in truth "
        "boring. A stranger, on the last bus, judged it charming."
    )
    assert review.label == dict(review.opinions)["I"]


def test_seeds_are_numbers_or_texts():
    same = [longmemory.generate(5, seed) for seed in (7, "7", np.int64(7))]
    assert same[0] == same[1] == same[2]
    assert longmemory.generate(5, 8) != same[0]
    assert longmemory.generate(5, "a secret") != longmemory.generate(5, "another secret")
    with pytest.raises(TypeError, match=r"seed must be an int or a text, not None\."):
        longmemory.generate(5, None)


def test_other_random_numbers_are_left_alone():
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.random()
    random.seed(1)
    np.random.seed(1)
    longmemory.generate(5, 0)
    assert (random.random(), np.random.random()) == expected


@pytest.mark.parametrize("num_reviews", [1, 2, 7, 1000])
def test_labels_are_balanced(num_reviews):
    positive = sum(review.label for review in longmemory.generate(num_reviews, 0))
    assert positive in (num_reviews // 2, (num_reviews + 1) // 2)


def test_labels_cannot_be_told_from_their_place(reviews):
    labels = np.array([review.label for review in reviews])
    assert abs(np.corrcoef(labels[:-1], labels[1:])[0, 1]) < 0.03
    assert abs(np.corrcoef(labels, np.arange(len(labels)))[0, 1]) < 0.03


def test_the_text_says_what_the_opinions_say(reviews):
    """Read every review with a parser written from the description, not from the generator."""
    grammar = longmemory.read_grammar()
    names = {form: who.split(" | ")[0] for who in (*grammar.speakers, *grammar.narrator)
             for form in who.lower().split(" | ")}  # fmt: skip
    for review in reviews[:2000]:
        found = []
        for sentence in review.text.lower().split(". "):
            liked = re.search(r"\b(" + "|".join(grammar.positive) + r")\b", sentence)
            faulted = re.search(r"\b(" + "|".join(grammar.negative) + r")\b", sentence)
            if not liked and not faulted:
                continue
            negated = any(f" {negation} " in sentence for negation in grammar.negations)
            who = re.match(r"(?:for |to )?(.*?),", sentence).group(1)
            found.append((names[who], int(bool(liked) != negated)))
        assert tuple(found) == review.opinions
        assert dict(found)["I"] == review.label


def test_about_a_third_of_the_verdicts_are_negated(reviews):
    negations = longmemory.read_grammar().negations
    negated = sum(
        bool(re.search(rf"\b({'|'.join(negations)})\b", sentence))
        for review in reviews
        for sentence in review.text.split(". ")
    )
    assert negated / sum(len(r.opinions) for r in reviews) == pytest.approx(0.3, abs=0.01)


def test_lengths(reviews):
    lengths = [len(longmemory.words(review.text)) for review in reviews]
    assert 38 <= np.mean(lengths) <= 50
    assert min(lengths) >= 25
    assert max(lengths) <= longmemory.max_words()
    assert {len(re.findall(r"\. |\.$", review.text)) for review in reviews} == {5}


def test_no_surface_feature_tells_the_label(reviews):
    """20,000 reviews: the standard error of a correlation is 0.007."""
    grammar = longmemory.read_grammar()
    negation_words = tuple(word for entry in grammar.negations for word in longmemory.words(entry))
    narrator = [[who for who, _ in r.opinions].index("I") for r in reviews]
    features = {
        "place of the narrator": narrator,
        "place from the end": [len(r.opinions) - p for r, p in zip(reviews, narrator, strict=True)],
        "number of people": [len(r.opinions) for r in reviews],
        "number of words": [len(longmemory.words(r.text)) for r in reviews],
        "number of letters": [len(r.text) for r in reviews],
        "negations": [count(r.text, negation_words) for r in reviews],
        "emphasis": [count(r.text, grammar.emphasis) for r in reviews],
        "first word": [r.text.startswith("The") for r in reviews],
        "I or me": [" me," in r.text or " Me," in r.text for r in reviews],
    }
    for name, values in features.items():
        assert np.std(values) > 0, name
        assert abs(correlation(values, reviews)) < 0.03, name


def test_several_people_make_every_count_and_place_useless(reviews):
    """With two or three people, no count and no fixed place says anything about the label."""
    grammar = longmemory.read_grammar()
    several = [review for review in reviews if len(review.opinions) > 1]
    assert len(several) / len(reviews) == pytest.approx(2 / 3, abs=0.02)
    features = {
        "good words": [count(r.text, grammar.positive) for r in several],
        "bad words": [count(r.text, grammar.negative) for r in several],
        "good verdicts": [sum(liked for _, liked in r.opinions) for r in several],
        "first verdict": [r.opinions[0][1] for r in several],
        "last verdict": [r.opinions[-1][1] for r in several],
    }
    for name, values in features.items():
        assert abs(correlation(values, several)) < 0.03, name


def test_counting_words_in_all_reviews_gains_little(reviews):
    """A narrator alone is easy, so the counts are not quite useless over all reviews."""
    grammar = longmemory.read_grammar()
    surplus = [count(r.text, grammar.positive) - count(r.text, grammar.negative) for r in reviews]
    assert 0 < correlation(surplus, reviews) < 0.2
    labels = np.array([r.label for r in reviews])
    right = np.where(np.equal(surplus, 0), 0.5, np.greater(surplus, 0) == labels)
    assert right.mean() < 0.60
    verdicts = [np.mean([liked for _, liked in r.opinions]) for r in reviews]
    right = np.where(np.equal(verdicts, 0.5), 0.5, np.greater(verdicts, 0.5) == labels)
    assert right.mean() == pytest.approx(2 / 3, abs=0.02)  # 1/3 alone, the rest a coin


@pytest.mark.parametrize("distance", [0, 1, 2, 5, 20, 60])
def test_distance_is_the_number_of_words_in_between(distance):
    grammar = longmemory.read_grammar()
    speakers = {
        f for who in (*grammar.speakers, *grammar.narrator) for f in who.lower().split(" | ")
    }
    verbs = r"((?:called|found|thought|judged|considered) it|it was|it seemed)"
    opinion = re.compile(rf"^(?:for |to )?({'|'.join(speakers)})\b(.*?)\b{verbs}\b")
    for review in longmemory.generate(50, 1, distance=distance):
        between = [
            longmemory.words(match.group(2))
            for sentence in review.text.lower().split(". ")
            if (match := opinion.match(sentence))
        ]
        assert [len(words) for words in between] == [distance] * len(review.opinions)


def test_sets_have_the_same_shape_whatever_the_seed():
    x, y = longmemory.arrays(64, seed=1)
    assert x.shape == (64, longmemory.max_words()) == longmemory.arrays(64, seed=2)[0].shape
    assert (x.dtype, y.dtype, y.shape) == (np.int32, np.float32, (64,))
    assert set(y) == {0.0, 1.0}
    assert longmemory.arrays(4, 0, distance=12)[0].shape == (4, longmemory.max_words(12))
    assert longmemory.arrays(4, 0, maxlen=80)[0].shape == (4, 80)


def test_load_gives_the_same_two_sets_every_time(monkeypatch):
    monkeypatch.delenv("COURSE_QUICK", raising=False)
    train, test = longmemory.load()
    assert (len(train.texts), len(test.texts)) == (4000, 1000)
    assert train.tokens.shape == (4000, test.tokens.shape[1])
    assert not set(train.texts) & set(test.texts)
    again = longmemory.load()[0]
    assert train.texts == again.texts
    np.testing.assert_array_equal(train.tokens, again.tokens)
    assert longmemory.load(seed=1)[0].texts != train.texts
    assert longmemory.decode(train.tokens) == [
        " ".join(longmemory.words(text)) for text in train.texts
    ]


def test_quick_mode_only_makes_the_course_sets_smaller(monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    train, test = longmemory.load()
    assert (len(train.labels), len(test.labels)) == (1000, 250)
    assert len(longmemory.generate(40, 0)) == len(longmemory.arrays(40, 0)[1]) == 40


def test_vocabulary_does_not_depend_on_a_sample(reviews):
    vocabulary = longmemory.vocabulary()
    assert vocabulary[:2] == ("<pad>", "<unk>")
    assert len(vocabulary) == len(set(vocabulary)) < 1000
    short = longmemory.generate(500, 0, distance=1)  # asides of one word are only used here
    used = {word for review in reviews + short for word in longmemory.words(review.text)}
    assert used == set(vocabulary[2:])


def test_encode_pads_and_marks_unknown_words():
    the, was = (longmemory.vocabulary().index(word) for word in ("the", "was"))
    texts = ["The xylophone was.", "Was!"]
    pre = longmemory.encode(texts, maxlen=4)
    assert pre.dtype == np.int32
    assert pre.tolist() == [[0, the, 1, was], [0, 0, 0, was]]
    assert longmemory.encode(texts, 4, "post").tolist() == [[the, 1, was, 0], [was, 0, 0, 0]]
    assert longmemory.decode(pre) == ["the <unk> was", "was"]
    assert longmemory.encode([], 4).shape == (0, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: longmemory.generate(0, 1), "num_reviews must be a whole number of at least 1"),
        (lambda: longmemory.arrays(2.5, 1), "num_reviews must be a whole number of at least 1"),
        (lambda: longmemory.generate(1, 1, -1), "distance must be a number of words from 0 to 60"),
        (lambda: longmemory.generate(1, 1, (5, 3)), "(fewest, most) of them, not (5, 3)"),
        (lambda: longmemory.generate(1, 1, "far"), "distance must be a number of words"),
        (lambda: longmemory.encode(["the the the"], 2), "3 words and maxlen is 2: pass maxlen=3"),
        (lambda: longmemory.encode(["the"], 2, "left"), 'padding must be "pre" or "post", not'),
    ],
)  # fmt: skip
def test_wrong_arguments_get_one_sentence(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_encode_of_a_single_text_is_an_error():
    with pytest.raises(TypeError, match=re.escape("write encode([text], ...)")):
        longmemory.encode("the film", 5)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("positive", "# none\n\n", "has no entries: add one per line."),
        ("positive", "lovely\nlovely\n", 'lists "lovely" more than once'),
        ("positive", "dull\n", '"dull" of positive.txt is also in negative.txt ("dull")'),
        ("neutral", "It was a dull day.\n", '"dull" of negative.txt is also in neutral.txt'),
        ("asides", "not on Sunday\n", '"not" of negations.txt is also in asides.txt'),
        ("neutral", "I sat down.\n", '"i" is the narrator and is also in neutral.txt'),
        ("asides", "later\nover tea\nin the foyer\n", "asides.txt needs entries of 1, 2, 3 and 4"),
        ("patterns", "{who} {aside} saw {what}.\n", "no other field; found {who} {aside} {what}"),
        ("patterns", "{who} saw it.\n", "each once and no other field; found {who}."),
        ("patterns", "{verdict}, {who} {aside} said.\n", "then {aside}, then {verdict}"),
        ("patterns", "{who} said {aside} it was {verdict}.\n", "right after the speaker"),
    ],
)  # fmt: skip
def test_a_wrong_grammar_names_file_and_entry(tmp_path, file, text, message):
    folder = shutil.copytree(longmemory.GRAMMAR_FOLDER, tmp_path / "grammar")
    (folder / f"{file}.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message)):
        longmemory.read_grammar(folder)


def test_a_missing_grammar_file_is_named(tmp_path):
    folder = shutil.copytree(longmemory.GRAMMAR_FOLDER, tmp_path / "grammar")
    (folder / "asides.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"asides\.txt is missing: restore it"):
        longmemory.read_grammar(folder)


def test_a_teacher_can_extend_the_grammar(tmp_path):
    folder = shutil.copytree(longmemory.GRAMMAR_FOLDER, tmp_path / "grammar")
    (folder / "speakers.txt").write_text("our café owner\r\n", encoding="utf-8", newline="")
    reviews = longmemory.generate(50, 0, grammar=longmemory.read_grammar(folder))
    people = {who for review in reviews for who, _ in review.opinions}
    assert people == {"I", "our café owner"}


def test_results_keep_their_bounds():
    """The committed measurement says what the README says of the corpus."""
    results = json.loads((REPOSITORY / "benchmarks" / "results" / "longmemory.json").read_text())
    bounds, models = results["bounds"], results["models"]
    assert bounds == {"baseline_below": 0.78, "recurrent_from": 0.97, "seconds_at_most": 30.0}
    for name, model in models.items():
        assert len(model["runs"]) >= 3
        if "LSTM" in name:
            assert model["min"] >= 0.97
            assert model["seconds_max"] < 30
        else:
            assert model["best_of_any_epoch"] < 0.78
    assert {"LSTM", "CNN-LSTM", "CNN-LSTM in Keras", "CNN with max-pooling"} <= set(models)
    assert results["parameters"]["pytorch"] == 216_805
    assert results["vocabulary"] == len(longmemory.vocabulary())
