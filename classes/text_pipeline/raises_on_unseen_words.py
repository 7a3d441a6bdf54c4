# ---
# note: a word outside the vocabulary ends in a KeyError, as in the original of lecture 4
# scores:
#   pipeline: {coding: 3}
# ---
# %% pipeline coding-answer
def encode(words, vocabulary):
    return [vocabulary[word] for word in words]


def decode(ids, vocabulary):
    words = {number: word for word, number in vocabulary.items()}
    return [words[number] for number in ids if number != vocabulary["<pad>"]]
