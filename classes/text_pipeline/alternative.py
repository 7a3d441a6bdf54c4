# ---
# note: right, but written differently (loops and tables; Keras's words without bytes)
# ---
# %% pipeline clean-answer
def clean(text):
    lowered = "".join(text.split("\n")).lower()
    pieces = lowered.split("<br />")
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789 ")
    kept = ["".join(filter(allowed.__contains__, piece)) for piece in pieces]
    return [word for piece in kept for word in piece.split(" ") if word]


# %% pipeline tokenize-answer
def tokenize(text):
    without_tags = re.sub("<.*?>", " ", text, flags=re.DOTALL)
    pattern = r"(?P<eyes>[:;=])-?(?P<mouth>[()]|[DPdp]\b)|(?P<word>\w+('\w+)*)"
    tokens = []
    for found in re.finditer(pattern, without_tags):
        token = found["word"] or found["eyes"] + found["mouth"]
        tokens.append(token.lower())
    return tokens


# %% pipeline counts-answer
def count_words(reviews):
    counts = {}
    for review in reviews:
        for word in review:
            counts[word] = counts.get(word, 0) + 1
    return counts


# %% pipeline vocabulary-answer
def build_vocabulary(counts, min_count=1, max_size=None):
    vocabulary = {"<pad>": 0, "<unk>": 1}
    for word in sorted(sorted(counts), key=counts.get, reverse=True):
        full = max_size is not None and len(vocabulary) >= max_size
        if counts[word] >= min_count and not full:
            vocabulary[word] = len(vocabulary)
    return vocabulary


# %% pipeline coding-answer
def encode(words, vocabulary):
    ids = []
    for word in words:
        try:
            ids.append(vocabulary[word])
        except KeyError:
            ids.append(1)
    return ids


def decode(ids, vocabulary):
    table = [""] * len(vocabulary)
    for word, number in vocabulary.items():
        table[number] = word
    return [table[number] for number in filter(None, ids)]


# %% pipeline padding-answer
def pad(sequences, length, padding, truncating):
    rows = []
    for ids in sequences:
        ids = list(ids)
        while len(ids) > length:
            ids.pop(0 if truncating == "pre" else -1)
        zeros = [0] * (length - len(ids))
        rows.append(zeros + ids if padding == "pre" else ids + zeros)
    return np.array(rows, dtype=np.int64).reshape(len(rows), length)


# %% pipeline collate-answer
def collate(batch):
    lengths = np.array([len(ids) for ids, _ in batch])
    tokens = np.zeros((len(batch), max(lengths)), dtype=int)
    for i, (ids, _) in enumerate(batch):
        tokens[i, : len(ids)] = ids
    return [tokens, lengths, np.array([float(label) for _, label in batch], "float32")]


# %% pipeline keras-answer
def keras_words(text):
    letters = "abcdefghijklmnopqrstuvwxyz"
    table = str.maketrans(letters.upper() + SEPARATORS, letters + " " * len(SEPARATORS))
    return [word for word in re.split(r"[ \t\n\r\x0b\x0c]+", text.translate(table)) if word]
