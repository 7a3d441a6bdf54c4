# ---
# note: full batches only, so some reviews are neither trained on nor scored
# scores:
#   sentiment: {batches: 3, score: 0}
# ---
# %% sentiment batches-answer
def make_batches(index, encoded, batch_size):
    batches = []
    for k in range(len(index) // batch_size):
        rows = np.array(index[k * batch_size : (k + 1) * batch_size])
        tokens = np.zeros((len(rows), max(1, max(len(encoded[i]) for i in rows))), dtype=np.int32)
        for row, i in zip(tokens, rows, strict=True):
            row[: len(encoded[i])] = encoded[i]
        batches.append((rows, tokens))
    return batches
