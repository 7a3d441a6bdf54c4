# ---
# note: right, to the letter of the text (scanners instead of patterns; only D and P are mouths)
# ---
# %% pipeline clean-answer
def clean(text):
    words, letters = [], ""
    text = text.replace("\n", "").lower()
    while text:
        if text.startswith("<br />"):
            letter, text = " ", text[len("<br />") :]
        else:
            letter, text = text[0], text[1:]
        if "a" <= letter <= "z" or "0" <= letter <= "9":
            letters += letter
        if letter == " " or not text:
            words += [letters] if letters else []
            letters = ""
    return words


# %% pipeline tokenize-answer
def tokenize(text):
    def is_letter(place):
        return 0 <= place < len(text) and (text[place].isalnum() or text[place] == "_")

    def emoticon(place):
        """The emoticon that begins here, and where it ends."""
        mouth = place + 1
        if text[mouth : mouth + 1] == "-":
            mouth += 1
        found = text[mouth : mouth + 1]
        if text[place] not in ":;=" or not found:
            return None
        if found in ")(" or (found in "DP" and not is_letter(mouth + 1)):
            return text[place] + found.lower(), mouth + 1
        return None

    tokens, place = [], 0
    while place < len(text):
        end = text.find(">", place)
        if text[place] == "<" and end >= 0:
            place = end + 1
        elif face := emoticon(place):
            token, place = face
            tokens.append(token)
        elif is_letter(place):
            start = place
            while is_letter(place) or (text[place : place + 1] == "'" and is_letter(place + 1)):
                place += 1
            tokens.append(text[start:place].lower())
        else:
            place += 1
    return tokens


# %% pipeline counts-answer
def count_words(reviews):
    words = [word for review in reviews for word in review]
    different, numbers = np.unique(words, return_counts=True)
    return dict(zip(different.tolist(), numbers, strict=True))


# %% pipeline vocabulary-answer
def build_vocabulary(counts, min_count=1, max_size=None):
    room = len(counts) if max_size is None else max_size - 2
    left = {word: count for word, count in counts.items() if not count < min_count}
    vocabulary = dict([("<pad>", 0), ("<unk>", 1)])
    while left and room > 0:
        most = max(left.values())
        word = min(word for word in left if left[word] == most)
        del left[word]
        vocabulary[word] = np.int32(len(vocabulary))
        room -= 1
    return vocabulary


# %% pipeline coding-answer
def encode(words, vocabulary):
    known = np.array([word in vocabulary for word in words], dtype=bool)
    ids = np.ones(len(words), dtype=np.int64)
    ids[known] = [vocabulary[word] for word in words if word in vocabulary]
    return list(ids)


def decode(ids, vocabulary):
    words = []
    for number in ids:
        for word in vocabulary:
            if vocabulary[word] == number and number > 0:
                words.append(word)
    return words


# %% pipeline padding-answer
def pad(sequences, length, padding, truncating):
    def fit(ids):
        while len(ids) > length:
            ids = ids[1:] if truncating == "pre" else ids[:-1]
        while len(ids) < length:
            ids = [0, *ids] if padding == "pre" else [*ids, 0]
        return ids

    return np.array([fit(list(ids)) for ids in sequences], "int64").reshape(len(sequences), length)


# %% pipeline collate-answer
def collate(batch):
    longest = 0
    for ids, _ in batch:
        longest = max(longest, len(ids))
    return (
        pad([ids for ids, _ in batch], longest, "post", "pre"),
        np.fromiter((len(ids) for ids, _ in batch), dtype="int64"),
        np.asarray([label for _, label in batch]).astype("float32"),
    )


# %% pipeline keras-answer
def keras_words(text):
    words = [bytearray()]
    for byte in text.encode("utf-8"):
        letter = chr(byte) if byte < 128 else ""
        if letter in SEPARATORS + " \r\v\f" and letter:
            words.append(bytearray())
        else:
            words[-1].append(byte + 32 if "A" <= letter <= "Z" else byte)
    return [word.decode("utf-8") for word in words if word]
