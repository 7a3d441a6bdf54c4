# ---
# note: row[-0:] is the whole row, so a review without words cannot be padded in front
# scores:
#   pipeline: {padding: 4}
# ---
# %% pipeline padding-answer
def pad(sequences, length, padding, truncating):
    padded = np.zeros((len(sequences), length), dtype=np.int64)
    for row, ids in zip(padded, sequences, strict=True):
        kept = ids[-length:] if truncating == "pre" else ids[:length]
        if padding == "pre":
            row[-len(kept) :] = kept
        else:
            row[: len(kept)] = kept
    return padded
