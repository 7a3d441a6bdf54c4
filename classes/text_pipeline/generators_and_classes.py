# ---
# note: right, but written differently (generators made into lists, classes, partial, zip_longest)
# ---
# %% pipeline clean-answer
import functools
import itertools


class Cleaner:
    """Called like the function for which it stands."""

    steps = (
        functools.partial(re.sub, "\n", ""),
        str.lower,
        functools.partial(re.sub, "<br />", " "),
        functools.partial(re.compile("[^ a-z0-9]+").sub, ""),
        str.split,
    )

    def __call__(self, text):
        return functools.reduce(lambda found, step: step(found), self.steps, text)


clean = Cleaner()


# %% pipeline tokenize-answer
class Tokenizer:
    tag = re.compile(r"<[^>]*>")
    emoticon = re.compile(r"(?P<eyes>[:;=])-?(?P<mouth>[()]|[DP](?![\w]))")
    word = re.compile(r"\w+(?:'\w+)*")

    def tokens(self, text):
        start = 0
        text = self.tag.sub(" ", text)
        for face in self.emoticon.finditer(text):
            yield from self.words(text[start : face.start()])
            yield "".join(face.group("eyes", "mouth")).lower()
            start = face.end()
        yield from self.words(text[start:])

    def words(self, text):
        return (found.group().lower() for found in self.word.finditer(text))


def tokenize(text):
    return list(Tokenizer().tokens(text))


# %% pipeline counts-answer
def count_words(reviews):
    counts = Counter()
    for review in reviews:
        counts.update(review)
    return counts


# %% pipeline vocabulary-answer
def build_vocabulary(counts, min_count=1, max_size=None):
    def entries():
        yield from ("<pad>", "<unk>")
        groups = {}
        for word, count in counts.items():
            groups.setdefault(count, []).append(word)
        for count in sorted(groups, reverse=True):
            if count >= min_count:
                yield from sorted(groups[count])

    numbers = itertools.count()
    return dict(zip(itertools.islice(entries(), max_size), numbers, strict=False))


# %% pipeline coding-answer
class Unknown(dict):
    def __missing__(self, word):
        return self["<unk>"]


def encode(words, vocabulary):
    return list(map(Unknown(vocabulary).__getitem__, words))


def decode(ids, vocabulary):
    table = np.full(1 + max(vocabulary.values()), "", dtype=object)
    table[list(vocabulary.values())] = list(vocabulary)
    ids = np.asarray(ids, dtype=int)
    return table[ids[ids != 0]].tolist()


# %% pipeline padding-answer
def pad(sequences, length, padding, truncating):
    padded = np.zeros([len(sequences), length], dtype=np.int64)
    for number, ids in enumerate(sequences):
        kept = np.array(ids, dtype=np.int64)
        kept = kept[max(0, len(kept) - length) :] if truncating == "pre" else kept[:length]
        gap = length - len(kept)
        padded[number] = np.pad(kept, (gap, 0) if padding == "pre" else (0, gap))
    return padded


# %% pipeline collate-answer
def collate(batch):
    sequences, labels = zip(*batch, strict=True)
    columns = list(itertools.zip_longest(*sequences, fillvalue=0))
    tokens = np.array(columns, dtype=np.int64).reshape(len(columns), len(batch)).T
    lengths = np.array(list(map(len, sequences)), dtype=np.int64)
    return tokens, lengths, np.float32(labels)


# %% pipeline keras-answer
def keras_words(text):
    def pieces():
        separators = "|".join(map(re.escape, [*SEPARATORS, " ", "\r", "\x0b", "\x0c"]))
        for piece in re.split(separators, text):
            yield re.sub("[A-Z]", lambda letter: letter.group().lower(), piece)

    return [piece for piece in pieces() if piece]
