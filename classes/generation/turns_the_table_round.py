# ---
# note: counts which words come before a word, and leaves rows of zeros
# scores:
#   language_model: {bigram: 1, choose: 0}
# ---
# %% language_model choose-answer
def choose(probabilities, u):
    return int(np.searchsorted(np.cumsum(probabilities), u))


# %% language_model bigram-answer
def bigram_table(ids, vocab_size):
    table = np.zeros((vocab_size, vocab_size))
    for k in range(len(ids) - 1):
        table[ids[k + 1], ids[k]] += 1
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1)


def table_of(model, vocab_size):
    scores, _ = read(model, np.arange(vocab_size)[:, None])
    return np.stack([soften(row, 1) for row in scores[:, 0]])
