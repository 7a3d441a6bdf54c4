"""Short film reviews, generated from a grammar, in which only the order of the words decides.

Every review reports what one to three people think of a film, in random order. Its label is the
*narrator's* opinion ("I", "me"). Several words come between each person and their verdict, so a
model has to remember who is speaking until the verdict comes. The word lists and sentence patterns
are the plain text files in `data/grammar/`.
"""

import functools
import hashlib
import operator
import os
import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

GRAMMAR_FOLDER = Path(__file__).with_name("grammar")
DISTANCE = (4, 7)  # words between a speaker and the verb of their verdict: fewest, most
MAX_DISTANCE = 60
NUM_TRAIN, NUM_TEST = 4000, 1000
QUICK_FRACTION = 4  # COURSE_QUICK=1 divides the sizes of `load` by this
MAX_PEOPLE = 3  # who give their opinion in a review, the narrator included
NUM_SENTENCES = 5  # of one review: an opening, one opinion per person, the rest neutral
P_NEGATED, P_EMPHASIZED = 0.3, 0.2
PAD, UNK = 0, 1

_WORD = re.compile(r"[^\W\d_]+")


class Review(NamedTuple):
    """One review. `opinions` holds (speaker, liked) in the order of the text; `label` is 0 or 1."""

    text: str
    label: int
    opinions: tuple[tuple[str, int], ...]


class Corpus(NamedTuple):
    """Reviews as texts, as int32 `tokens` (N, maxlen) and as float32 `labels` (N,), 0 or 1."""

    texts: list[str]
    tokens: np.ndarray
    labels: np.ndarray


class Grammar(NamedTuple):
    """The files of a grammar folder: one tuple of entries per file, comments left out."""

    patterns: tuple[str, ...]
    narrator: tuple[str, ...]
    speakers: tuple[str, ...]
    openings: tuple[str, ...]
    neutral: tuple[str, ...]
    asides: tuple[str, ...]
    positive: tuple[str, ...]
    negative: tuple[str, ...]
    negations: tuple[str, ...]
    emphasis: tuple[str, ...]


def words(text: str) -> list[str]:
    """The words of a text: lower case, letters only. Punctuation is for the human reader."""
    return _WORD.findall(text.lower())


def generate(
    num_reviews: int,
    seed: int | str,
    distance: int | tuple[int, int] = DISTANCE,
    grammar: Grammar | None = None,
) -> list[Review]:
    """Write `num_reviews` reviews, half of them positive (an odd one out is drawn).

    `seed` is an int or a text, such as a secret; 7 and "7" are the same seed. `distance` is the
    number of words between each speaker and the verb of their verdict, or a (fewest, most) pair.
    The same arguments and grammar give the same reviews on every machine and Python version.
    """
    num_reviews = _checked_size(num_reviews)
    distance = _checked_distance(distance)
    grammar = grammar or _course_grammar()
    draw = _Draw(seed)
    asides = _asides_that_fit(grammar, distance[1])
    labels = [i % 2 for i in range(num_reviews - num_reviews % 2)]
    labels += [draw.below(2)] * (num_reviews % 2)
    draw.shuffle(labels)
    return [_review(draw, grammar, asides, distance, label) for label in labels]


def arrays(
    num_reviews: int,
    seed: int | str,
    distance: int | tuple[int, int] = DISTANCE,
    maxlen: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A fresh set for a model: pre-padded int32 tokens (N, maxlen), float32 labels (N,).

    Without `maxlen` the length is that of the longest review the grammar can write at this
    distance, so every set has the same width whatever its seed.
    """
    return _corpus(num_reviews, seed, distance, maxlen)[1:]


def load(
    num_train: int = NUM_TRAIN,
    num_test: int = NUM_TEST,
    seed: int | str = 0,
    distance: int | tuple[int, int] = DISTANCE,
    maxlen: int | None = None,
) -> tuple[Corpus, Corpus]:
    """The course's training and test set. With COURSE_QUICK=1 both are a quarter of the size."""
    if os.environ.get("COURSE_QUICK") == "1":
        num_train, num_test = (max(1, n // QUICK_FRACTION) for n in (num_train, num_test))
    return (
        _corpus(num_train, f"{seed}/train", distance, maxlen),
        _corpus(num_test, f"{seed}/test", distance, maxlen),
    )


@functools.cache
def vocabulary() -> tuple[str, ...]:
    """All words of the grammar; a word's id is its position. 0 is `<pad>`, 1 is `<unk>`.

    It depends only on the grammar, so you can test a model that was trained on one sample on any
    other.
    """
    return ("<pad>", "<unk>", *sorted(_grammar_words(_course_grammar())))


def max_words(distance: int | tuple[int, int] = DISTANCE) -> int:
    """The length in words of the longest review the grammar can write at this distance."""
    grammar, (_, most) = _course_grammar(), _checked_distance(distance)
    speaker = max(_longest(grammar.narrator), _longest(grammar.speakers))
    before = max(_longest(grammar.negations), _longest(grammar.emphasis))
    adjective = max(_longest(grammar.positive), _longest(grammar.negative))
    verb = max(len(words(re.sub(r"{\w+}", "", pattern))) for pattern in grammar.patterns)
    opinion = speaker + most + verb + before + adjective
    neutral = _longest(grammar.neutral)
    return (
        _longest(grammar.openings)
        + MAX_PEOPLE * max(opinion, neutral)
        + (NUM_SENTENCES - 1 - MAX_PEOPLE) * neutral
    )


def encode(texts: Iterable[str], maxlen: int, padding: str = "pre") -> np.ndarray:
    """Word ids, int32 (N, maxlen), padded with 0 before ("pre") or after ("post") the text.

    A word outside the vocabulary becomes 1. A text longer than `maxlen` is an error and is never
    cut, because the part cut off could hold the narrator's verdict.
    """
    if padding not in ("pre", "post"):
        raise ValueError(f'padding must be "pre" or "post", not {padding!r}.')
    if isinstance(texts, str):
        raise TypeError("texts must be a list of texts, not one text: write encode([text], ...).")
    index = _word_index()
    rows = [[index.get(word, UNK) for word in words(text)] for text in texts]
    longest = max(map(len, rows), default=0)
    if longest > maxlen:
        raise ValueError(
            f"A text has {longest} words and maxlen is {maxlen}: pass maxlen={longest} or more."
        )
    tokens = np.full((len(rows), maxlen), PAD, dtype=np.int32)
    for target, row in zip(tokens, rows, strict=True):
        start = maxlen - len(row) if padding == "pre" else 0
        target[start : start + len(row)] = row
    return tokens


def decode(tokens: Sequence[Sequence[int]]) -> list[str]:
    """The words behind the ids of each row, joined by spaces, without the padding."""
    vocab = vocabulary()
    return [" ".join(vocab[i] for i in row if i != PAD) for row in np.asarray(tokens).tolist()]


def read_grammar(folder: Path = GRAMMAR_FOLDER) -> Grammar:
    """Read and check a grammar folder; its files explain themselves.

    Raises ValueError (FileNotFoundError for a missing file) with the file and entry to fix.
    """
    grammar = Grammar(*(_entries(Path(folder) / f"{name}.txt") for name in Grammar._fields))
    for pattern in grammar.patterns:
        _check_pattern(pattern)
    _check_opinion_words(grammar)
    _check_narrator(grammar)
    missing = {1, 2, 3, 4} - {len(words(aside)) for aside in grammar.asides}
    if missing:
        raise ValueError(
            f"asides.txt needs entries of 1, 2, 3 and 4 words to fill any distance; "
            f"add one of {min(missing)}."
        )
    return grammar


class _Draw:
    """Random draws that every Python version repeats.

    Only `random.Random.random` is used: it is the one method whose sequence Python's documentation
    guarantees for a seed.
    """

    def __init__(self, seed: int | str):
        if not isinstance(seed, str):
            try:
                seed = operator.index(seed)
            except TypeError:
                raise TypeError(f"seed must be an int or a text, not {seed!r}.") from None
        digest = hashlib.sha256(f"longmemory {seed}".encode()).digest()
        self.random = random.Random(int.from_bytes(digest, "big")).random

    def below(self, n: int) -> int:
        return int(self.random() * n)

    def choice(self, items: Sequence):
        return items[int(self.random() * len(items))]

    def sample(self, items: Sequence, n: int) -> list:
        """n different items, if there are as many."""
        chosen: list = []
        while len(chosen) < n:
            chosen.append(self.choice([i for i in items if i not in chosen] or items))
        return chosen

    def shuffle(self, items: list) -> None:
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]


def _checked_size(num_reviews: int) -> int:
    if not isinstance(num_reviews, int | np.integer) or num_reviews < 1:
        raise ValueError(f"num_reviews must be a whole number of at least 1, not {num_reviews!r}.")
    return int(num_reviews)


def _checked_distance(distance: int | tuple[int, int]) -> tuple[int, int]:
    pair = tuple(distance) if isinstance(distance, tuple | list) else (distance, distance)
    whole = len(pair) == 2 and all(isinstance(d, int | np.integer) for d in pair)
    if not whole or not 0 <= pair[0] <= pair[1] <= MAX_DISTANCE:
        raise ValueError(
            f"distance must be a number of words from 0 to {MAX_DISTANCE}, or a pair "
            f"(fewest, most) of them, not {distance!r}."
        )
    return int(pair[0]), int(pair[1])


def _review(
    draw: _Draw, grammar: Grammar, asides: dict, distance: tuple[int, int], label: int
) -> Review:
    liked = _opinions(draw, label)
    who = [draw.choice(grammar.narrator), *draw.sample(grammar.speakers, len(liked) - 1)]
    people = list(zip(who, liked, strict=True))
    draw.shuffle(people)
    sentences = [_opinion(draw, grammar, asides, distance, *person) for person in people]
    for neutral in draw.sample(grammar.neutral, NUM_SENTENCES - 1 - len(people)):
        sentences.insert(draw.below(len(sentences)), neutral)  # the last sentence is an opinion
    text = " ".join([draw.choice(grammar.openings), *sentences])
    return Review(text, label, tuple((_form(who, 0), liked) for who, liked in people))


def _opinions(draw: _Draw, label: int) -> list[int]:
    """Who likes the film: the narrator first, then up to two others.

    A narrator alone is the easy case to learn from. Several people never all agree, and whatever
    the label, one of two, or one or two of three, like the film. So neither the number of good
    verdicts nor the verdict at any one place tells which is the narrator's.
    """
    num_people = 1 + draw.below(MAX_PEOPLE)
    if num_people == 1:
        return [label]
    num_liked = 1 + draw.below(num_people - 1) - label  # among the others
    return [label] + [int(i < num_liked) for i in range(num_people - 1)]


def _opinion(
    draw: _Draw, grammar: Grammar, asides: dict, distance: tuple[int, int], who: str, liked: int
) -> str:
    left = distance[0] + draw.below(distance[1] - distance[0] + 1)
    phrases: list[str] = []
    while left:
        phrases.append(draw.choice([a for a in asides[left] if a not in phrases] or asides[left]))
        left -= len(words(phrases[-1]))
    aside = "".join(f", {phrase}" for phrase in phrases) + ("," if phrases else "")
    sentence = draw.choice(grammar.patterns)
    sentence = sentence.replace("{who}", _form(who, 0)).replace("{whom}", _form(who, 1))
    sentence = sentence.replace(" {aside}", aside).replace(
        "{verdict}", _verdict(draw, grammar, liked)
    )
    return sentence[0].upper() + sentence[1:]


def _verdict(draw: _Draw, grammar: Grammar, liked: int) -> str:
    kind = draw.random()
    negated = kind < P_NEGATED
    adjective = draw.choice(grammar.positive if liked != negated else grammar.negative)
    if negated:
        return f"{draw.choice(grammar.negations)} {adjective}"
    if kind < P_NEGATED + P_EMPHASIZED:
        return f"{draw.choice(grammar.emphasis)} {adjective}"
    return adjective


def _form(who: str, case: int) -> str:
    """The speaker as the subject (case 0, "I") or after a preposition (case 1, "me")."""
    forms = who.split(" | ")
    return forms[case if len(forms) == 2 else 0]


def _asides_that_fit(grammar: Grammar, most: int) -> dict[int, list[str]]:
    """For each number of words left: the asides that fill it, or all but two words of it or more.

    Asides of one or two words only fill what is left, so that few asides make up a distance.
    """
    sized = [(aside, len(words(aside))) for aside in grammar.asides]
    return {
        left: [aside for aside, n in sized if n == left or 3 <= n <= left - 2]
        for left in range(1, most + 1)
    }


def _corpus(num_reviews, seed, distance, maxlen) -> Corpus:
    reviews = generate(num_reviews, seed, distance)
    texts = [review.text for review in reviews]
    tokens = encode(texts, max_words(distance) if maxlen is None else maxlen)
    return Corpus(texts, tokens, np.array([review.label for review in reviews], np.float32))


@functools.cache
def _course_grammar() -> Grammar:
    return read_grammar()


@functools.cache
def _word_index() -> dict[str, int]:
    return {word: i for i, word in enumerate(vocabulary())}


def _grammar_words(grammar: Grammar) -> set[str]:
    return {w for entries in grammar for e in entries for w in words(re.sub(r"{\w+}", "", e))}


def _longest(entries: Iterable[str]) -> int:
    return max(len(words(form)) for entry in entries for form in entry.split(" | "))


def _entries(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise FileNotFoundError(f"The grammar file {path} is missing: restore it.") from None
    entries = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not entries:
        raise ValueError(f"The grammar file {path} has no entries: add one per line.")
    repeated = {entry for entry in entries if entries.count(entry) > 1}
    if repeated:
        raise ValueError(f'{path} lists "{min(repeated)}" more than once: keep one.')
    return tuple(entries)


def _check_pattern(pattern: str) -> None:
    fields = re.findall(r"{.*?}", pattern)
    if fields not in (["{who}", "{aside}", "{verdict}"], ["{whom}", "{aside}", "{verdict}"]):
        raise ValueError(
            f'patterns.txt: "{pattern}" must hold {{who}} or {{whom}}, then {{aside}}, then '
            f"{{verdict}}, each once and no other field; found {' '.join(fields) or 'none'}."
        )
    if not re.search(r"{whom?} {aside} ", pattern):
        raise ValueError(
            f'patterns.txt: "{pattern}" must have {{aside}} right after the speaker, with a space '
            "on either side."
        )


def _check_opinion_words(grammar: Grammar) -> None:
    """An opinion word may be in its own list and nowhere else."""
    groups = ("positive", "negative", "negations")
    for name in groups:
        own = {word for entry in getattr(grammar, name) for word in words(entry)}
        for other in Grammar._fields:
            if other == name:
                continue
            for entry in getattr(grammar, other):
                if both := own & set(words(entry)):
                    raise ValueError(
                        f'"{min(both)}" of {name}.txt is also in {other}.txt ("{entry}"): '
                        "a verdict would be ambiguous; use another word."
                    )


def _check_narrator(grammar: Grammar) -> None:
    own = {word for entry in grammar.narrator for word in words(entry)}
    for name in ("patterns", "speakers", "openings", "neutral", "asides"):
        for entry in getattr(grammar, name):
            if both := own & set(words(entry)):
                raise ValueError(
                    f'"{min(both)}" is the narrator and is also in {name}.txt ("{entry}"): '
                    "the speaker would be ambiguous; use another word."
                )
