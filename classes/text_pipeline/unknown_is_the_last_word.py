# ---
# note: unseen words get the id of the last real word, as in the original of lecture 1
# scores:
#   pipeline: {coding: 3}
# ---
# %% pipeline coding-answer
def encode(words, vocabulary):
    return [vocabulary.get(word, len(vocabulary) - 1) for word in words]


def decode(ids, vocabulary):
    words = {number: word for word, number in vocabulary.items()}
    return [words[number] for number in ids if number != vocabulary["<pad>"]]
