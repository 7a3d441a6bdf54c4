# ---
# note: unseen words get id 0, so that a masked network skips them
# scores:
#   pipeline: {coding: 3}
# ---
# %% pipeline coding-answer
def encode(words, vocabulary):
    return [vocabulary.get(word, 0) for word in words]


def decode(ids, vocabulary):
    words = {number: word for word, number in vocabulary.items()}
    return [words[number] for number in ids if number != vocabulary["<pad>"]]
