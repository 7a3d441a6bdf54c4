"""The Large Movie Review Dataset (Maas et al., 2011): 25,000 training and 25,000 test reviews.

The reviews are read once from the archive or folder, checked against a digest of their content, and
kept in the cache as memory-mapped NumPy arrays. `load_data` gives the ids of
`keras.datasets.imdb.load_data` in the same order; `load_texts` gives the reviews as strings.
"""

import array
import contextlib
import csv
import hashlib
import itertools
import json
import re
import tarfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data import registry

SPLITS = ("train", "test")
LABELS = {"pos": 1, "neg": 0}  # in the order in which the reviews are stored
REVIEWS_PER_CLASS = 12_500  # in each split
QUICK_PER_CLASS = 1_000
# sha256 over the lines "<sha256 of file>  <train/pos/0_9.txt>\n", sorted by path
CONTENT_SHA256 = "53401f63790d00988eaba68794083e8b1e613bdeb1396a7f8af4b16627000f69"

_BUILD = "imdb-v1"
_FILES = ("aclImdb", "aclImdb_v1.tar.gz", "aclImdb_labelled.tar.gz")
_LABELED = re.compile(r"(?:train|test)/(?:pos|neg)/\d+_\d+\.txt$")
_SEPARATORS = b'!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_TO_SPACE = bytes.maketrans(_SEPARATORS, b" " * len(_SEPARATORS))
_NOT_GLUON = re.compile(r"[^A-Za-z0-9 ]")


class Ragged(Sequence):
    """Sequences of different lengths, stored end to end in one array and cut out on demand.

    `x[i]` is an int32 array; `x[2:5]`, `x[indices]` and `x[mask]` are Ragged again and copy no ids;
    `x.lengths` holds the length of each sequence.
    """

    def __init__(self, flat: np.ndarray, starts: np.ndarray, lengths: np.ndarray, table=None):
        """`flat[start : start + length]` is a sequence; `table`, if any, maps it to ids."""
        self.flat, self.starts, self.lengths, self.table = flat, starts, lengths, table

    @classmethod
    def from_sequences(cls, sequences: Iterable[Sequence[int]]) -> "Ragged":
        """Store the sequences end to end."""
        parts = [np.asarray(sequence, dtype=np.int32) for sequence in sequences]
        lengths = np.array([len(part) for part in parts], dtype=np.int64)
        flat = np.concatenate(parts) if parts else np.empty(0, dtype=np.int32)
        return cls(flat, np.cumsum(lengths) - lengths, lengths)

    def take(self, positions: np.ndarray | slice) -> np.ndarray:
        """The ids at these positions of `flat`, int32."""
        ids = np.asarray(self.flat)[positions]
        return ids.astype(np.int32) if self.table is None else self.table[ids]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index):
        starts, lengths = self.starts[index], self.lengths[index]
        if np.ndim(starts):
            return Ragged(self.flat, starts, lengths, self.table)
        return self.take(slice(starts, starts + lengths))

    def __repr__(self) -> str:
        return f"Ragged({len(self):,} sequences, {int(self.lengths.sum()):,} ids)"


# --- loading ---------------------------------------------------------------------------------


def available() -> bool:
    """Whether the reviews are on this machine, so that nothing would be downloaded."""
    return where() is not None


def where() -> Path | None:
    """The parsed cache, else the archive or folder that it would be made from, else None."""
    with contextlib.suppress(registry.CorpusMissing):
        return registry.built(_BUILD) or _find_source()
    return None


def load_texts(split: str = "train") -> tuple[list[str], np.ndarray]:
    """The reviews of one official split as written, and their labels (int8, 1 = positive).

    They come in the order of the file names as strings, positive reviews first: shuffle before you
    cut off a part. Raises CorpusMissing if there is no corpus, CorpusDamaged if it is not the
    published one.
    """
    part = _part(split)
    text = np.asarray(part["text"]).data
    ends = part["text_ends"].tolist()
    starts = [0, *ends]
    labels = np.asarray(part["labels"])
    chosen = _chosen(labels)
    return [str(text[starts[i] : ends[i]], "utf-8") for i in chosen], labels[chosen]


def load_data(
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[tuple[Ragged, np.ndarray], tuple[Ragged, np.ndarray]]:
    """`(x_train, y_train), (x_test, y_test)`: word ids as `keras.datasets.imdb.load_data` has them.

    The arguments mean what they mean in Keras, including its oddities: only reviews *shorter* than
    `maxlen` stay, `num_words` limits the shifted ids, `num_words=None` turns the one highest id
    into `oov_char`, and words that do not occur in the training reviews are skipped. Reviews come
    in Keras's order. What differs: `x` is a Ragged of int32 ids instead of an object array of
    lists, and without the word index file (see `get_word_index`) equally frequent words may swap
    ids.
    """
    num_ranks = len(_words()) + 1
    values = np.arange(num_ranks) + (index_from or 0)  # by rank; rank 0 marks a review's start
    values[0] = start_char or 0
    rng = np.random.RandomState(seed)
    splits = []
    for split in SPLITS:
        part = _part(split)
        labels, ends = np.asarray(part["labels"]), np.asarray(part["rank_ends"])
        order = _chosen(labels)
        rng.shuffle(order)
        starts = np.concatenate([[0], ends[:-1]]) + (start_char is None)
        if maxlen:
            order = order[(ends - starts)[order] < maxlen]
        x = Ragged(part["ranks"], starts[order], (ends - starts)[order], values)
        splits.append((x, labels[order].astype(np.int64)))
    if not all(len(x) for x, _ in splits):
        raise ValueError(f"No review is shorter than maxlen={maxlen}: increase maxlen.")
    if not num_words:
        num_words = max(int(_gather(x).max()) for x, _ in splits)
    outside = (values < skip_top) | (values >= num_words)
    table = np.where(outside, -1 if oov_char is None else oov_char, values).astype(np.int32)
    for x, _ in splits:
        x.table = table
    if oov_char is None:
        splits = [(_without_negatives(x), y) for x, y in splits]
    train, test = splits
    return train, test


def get_word_index() -> dict[str, int]:
    """Every word of the training reviews with its rank: 1 for the most frequent of 88,584.

    Equally frequent words are in the order of the index file that Keras publishes, if it was there
    when the reviews were parsed (`verify` says so), otherwise in the order of their bytes.
    """
    return {word: rank for rank, word in enumerate(_words(), start=1)}


def pad(
    sequences: Ragged | Iterable[Sequence[int]],
    maxlen: int | None = None,
    padding: str = "pre",
    truncating: str = "pre",
    value: int = 0,
) -> np.ndarray:
    """The sequences as one int32 array of shape (len(sequences), maxlen).

    Shorter ones are filled with `value` before ("pre") or after ("post") the ids, longer ones lose
    ids at the front or the end. `maxlen=None` takes the longest sequence's length.
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(f'{name} must be "pre" or "post", not {side!r}.')
    x = sequences if isinstance(sequences, Ragged) else Ragged.from_sequences(sequences)
    if maxlen is None:
        maxlen = int(x.lengths.max(initial=0))
    kept = np.minimum(x.lengths, maxlen)  # (n,)
    starts = x.starts + (x.lengths - kept if truncating == "pre" else 0)
    column = np.arange(maxlen)
    used = column >= (maxlen - kept)[:, None] if padding == "pre" else column < kept[:, None]
    padded = np.full((len(x), maxlen), value, dtype=np.int32)
    padded[used] = _gather(Ragged(x.flat, starts, kept, x.table))
    return padded


def table() -> Iterator[tuple[str, int, str]]:
    """Every review as (text, label, split): first the training reviews, then the test reviews."""
    for split in SPLITS:
        for text, label in zip(*load_texts(split), strict=True):
            yield text, int(label), split


def write_table(path: str | Path, sep: str = ",") -> Path:
    """Write `table()` with the header text,label,split; tab-separated with a tab as `sep`.

    Quoted by the rules of the csv module, UTF-8; the file appears when it is complete.
    """
    path = Path(path)
    with registry.atomic_text(path) as file:
        writer = csv.writer(file, delimiter=sep, lineterminator="\n")
        writer.writerow(("text", "label", "split"))
        writer.writerows(table())
    return path


# --- words -----------------------------------------------------------------------------------


def tokenize(text: str) -> list[str]:
    """The words of a text as Keras counts them: ASCII lower case, split at punctuation and space.

    Apostrophes stay. Only ASCII is lowered and split at: `str.split` would also split at U+0085 and
    U+00A0 and give another vocabulary.
    """
    return [word.decode() for word in _tokens(text.encode())]


def clean_gluon(text: str) -> list[str]:
    """The words of a text as the Gluon lecture cleans it.

    New lines are dropped, the text becomes lower case, `<br />` becomes a space, every character
    other than A-Z, a-z, 0-9 and space is deleted, and the rest is split at white space.
    """
    lowered = text.replace("\n", "").lower().replace("<br />", " ")
    return _NOT_GLUON.sub("", lowered).split()


def count_words(reviews: Iterable[Iterable[str]]) -> Counter[str]:
    """How often each word occurs in these lists of words; `.most_common()` sorts them."""
    return Counter(itertools.chain.from_iterable(reviews))


def _tokens(review: bytes) -> list[bytes]:
    return review.lower().translate(_TO_SPACE).split()


# --- the cache -------------------------------------------------------------------------------


def fetch(progress: bool = True) -> Path:
    """Find or download the reviews and parse them into the cache; returns the cache's folder.

    A damaged cache is parsed again, with a warning. Raises CorpusDamaged if that is not possible.
    """
    return registry.build(_BUILD, lambda folder: _parse(folder, progress))


def verify() -> str:
    """Check the cached reviews down to the last byte; a sentence about them, or CorpusDamaged."""
    folder = registry.verify_build(_BUILD) if registry.built(_BUILD) else fetch()
    reviews: dict[str, bytes] = {}
    for split in SPLITS:
        part = _part(split)
        ends = part["text_ends"].tolist()
        names = [name.decode() for name in part["names"]]
        text = part["text"].tobytes()
        pieces = zip(names, [0, *ends], ends, strict=False)
        reviews |= {f"{split}/{name}": text[start:end] for name, start, end in pieces}
    _check_content(reviews, folder)
    ties = (folder / "ties.txt").read_text(encoding="utf-8")
    return (
        f"{len(reviews):,} reviews, content as published; {len(_words()):,} words, "
        f"equally frequent ones in the order of {ties}."
    )


def _part(split: str) -> dict[str, np.ndarray]:
    if split not in SPLITS:
        raise ValueError(f'split must be "train" or "test", not {split!r}.')
    folder = fetch(progress=False) / split
    return {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}


def _words() -> list[str]:
    return (fetch(progress=False) / "words.txt").read_bytes().decode().split("\n")


def _chosen(labels: np.ndarray) -> np.ndarray:
    if not registry.quick():
        return np.arange(len(labels))
    return np.concatenate([np.flatnonzero(labels == k)[:QUICK_PER_CLASS] for k in LABELS.values()])


def _gather(x: Ragged) -> np.ndarray:
    # all ids of all sequences, one after the other
    begins = np.cumsum(x.lengths) - x.lengths
    return x.take(np.repeat(x.starts - begins, x.lengths) + np.arange(x.lengths.sum()))


def _without_negatives(x: Ragged) -> Ragged:
    ids = _gather(x)
    ends = np.cumsum(x.lengths)
    kept_before = np.concatenate([[0], np.cumsum(ids >= 0)])
    starts = kept_before[ends - x.lengths]
    return Ragged(ids[ids >= 0], starts, kept_before[ends] - starts)


# --- reading the published files -------------------------------------------------------------


def _find_source() -> Path | None:
    folder = registry.course_data()
    if folder and (folder / "train" / "pos").is_dir():  # COURSE_DATA is the unpacked folder itself
        return folder
    return registry.find(*_FILES)


def _parse(folder: Path, progress: bool) -> None:
    source = _find_source() or registry.download(registry.IMDB)
    index = _find_word_index()
    reviews = _read(source, progress)
    words, ranks, rank_ends = _rank(reviews, index, progress)
    (folder / "words.txt").write_bytes(b"\n".join(words))
    ties = "Keras's index" if index else "their bytes"
    (folder / "ties.txt").write_text(ties, encoding="utf-8")
    for split in SPLITS:
        names = [name for name in reviews if name.startswith(f"{split}/")]
        texts = [reviews[name] for name in names]
        arrays = {
            "text": np.frombuffer(b"".join(texts), dtype=np.uint8),
            "text_ends": np.cumsum([len(text) for text in texts]),
            "names": np.array([name.removeprefix(f"{split}/").encode() for name in names]),
            "labels": np.array([LABELS[name.split("/")[1]] for name in names], dtype=np.int8),
            "ranks": ranks[split],
            "rank_ends": rank_ends[split],
        }
        (folder / split).mkdir()
        for name, values in arrays.items():
            np.save(folder / split / f"{name}.npy", values)


def _find_word_index() -> dict[str, int] | None:
    path = registry.find(registry.IMDB_WORD_INDEX.file)
    if path is None:
        try:
            path = registry.download(registry.IMDB_WORD_INDEX)
        except registry.CorpusError:  # it only orders ties: go on without
            return None
    registry.check(path, registry.IMDB_WORD_INDEX.checksum)
    return json.loads(path.read_bytes())


def _read(source: Path, progress: bool) -> dict[str, bytes]:
    # {"train/pos/0_9.txt": the review}, train before test, pos before neg, then by name
    members = _read_folder(source) if source.is_dir() else _read_archive(source)
    total = REVIEWS_PER_CLASS * len(LABELS) * len(SPLITS)
    try:
        reviews = dict(tqdm(members, "reading", total, unit=" reviews", disable=not progress))
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise registry.CorpusDamaged(
            f"{source} ends early or is not a tar archive: delete it and fetch it again."
        ) from error
    except OSError as error:
        raise registry.unreadable(source, error) from error
    _check_content(reviews, source)
    classes = [f"{split}/{label}" for split in SPLITS for label in LABELS]
    names = sorted(reviews, key=lambda name: (classes.index(name.rpartition("/")[0]), name))
    return {name: reviews[name] for name in names}


def _read_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            labeled = _LABELED.search(member.name)
            if labeled and member.isfile() and (file := archive.extractfile(member)):
                yield labeled.group(), file.read()


def _read_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for split, label in itertools.product(SPLITS, LABELS):
        if not (folder / split / label).is_dir():
            raise registry.CorpusDamaged(
                f"{folder} has no folder {split}/{label}: unpack the whole archive there."
            )
        for path in (folder / split / label).glob("*.txt"):
            yield f"{split}/{label}/{path.name}", path.read_bytes()


def _check_content(reviews: dict[str, bytes], source: Path) -> None:
    expected = REVIEWS_PER_CLASS * len(LABELS) * len(SPLITS)
    if len(reviews) != expected:
        raise registry.CorpusDamaged(
            f"{source} holds {len(reviews):,} labeled reviews, expected {expected:,}: "
            "it is incomplete, fetch it again."
        )
    digest = hashlib.sha256()
    for name in sorted(reviews):
        digest.update(f"{hashlib.sha256(reviews[name]).hexdigest()}  {name}\n".encode())
    if digest.hexdigest() != CONTENT_SHA256:
        raise registry.CorpusDamaged(
            f"The reviews in {source} are not the published ones (content digest "
            f"{digest.hexdigest()[:12]}…, expected {CONTENT_SHA256[:12]}…): fetch it again."
        )


def _rank(
    reviews: dict[str, bytes], index: dict[str, int] | None, progress: bool
) -> tuple[list[bytes], dict[str, np.ndarray], dict[str, np.ndarray]]:
    # The words by rank, and for each split the reviews' ranks end to end, each review begun by a 0.
    bar = tqdm(total=len(reviews), desc="encoding", unit=" reviews", disable=not progress)
    number: dict[bytes, int] = defaultdict(
        itertools.count(1).__next__
    )  # word -> 1, 2, … as they turn up
    numbers, ends = {}, {}
    for split in SPLITS:
        flat, stops = array.array("i"), []
        look_up = number.__getitem__ if split == "train" else number.get
        for name, review in reviews.items():
            if name.startswith(f"{split}/"):
                flat.append(0)
                flat.extend(filter(None, map(look_up, _tokens(review))))  # None: not in training
                stops.append(len(flat))
                bar.update()
        numbers[split], ends[split] = np.array(flat, dtype=np.int32), np.array(stops)
    bar.close()
    counts = np.bincount(numbers["train"])
    by_bytes = {word: tie for tie, word in enumerate(sorted(number))}
    tie = {word.encode(): rank for word, rank in index.items()} if index else by_bytes
    words = sorted(number, key=lambda word: (-counts[number[word]], tie[word]))
    rank = np.zeros(len(words) + 1, dtype=np.int32)
    rank[[number[word] for word in words]] = np.arange(1, len(words) + 1)
    return words, {split: rank[numbers[split]] for split in SPLITS}, ends
