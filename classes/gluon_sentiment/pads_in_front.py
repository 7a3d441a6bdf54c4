# ---
# note: zeros in front, as Keras pads, but the network counts words from the front
# scores:
#   sentiment: {batches: 3, accuracy: 0}
# ---
# %% sentiment batches-answer
def make_batches(index, encoded, batch_size):
    batches = []
    for start in range(0, len(index), batch_size):
        rows = np.array(index[start : start + batch_size])
        tokens = np.zeros((len(rows), max(1, max(len(encoded[i]) for i in rows))), dtype=np.int32)
        for row, i in zip(tokens, rows, strict=True):
            row[len(row) - len(encoded[i]) :] = encoded[i]
        batches.append((rows, tokens))
    return batches
