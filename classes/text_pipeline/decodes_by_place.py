# ---
# note: takes the order of the dictionary for the ids, and shows the padding
# scores:
#   pipeline: {coding: 2}
# ---
# %% pipeline coding-answer
def encode(words, vocabulary):
    return [vocabulary.get(word, 1) for word in words]


def decode(ids, vocabulary):
    return [list(vocabulary)[number] for number in ids]
