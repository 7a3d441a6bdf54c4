# ---
# note: cuts on the side on which it pads
# scores:
#   pipeline: {padding: 3}
# ---
# %% pipeline padding-answer
def pad(sequences, length, padding, truncating):
    padded = np.zeros((len(sequences), length), dtype=np.int64)
    for row, ids in zip(padded, sequences, strict=True):
        surplus = max(len(ids) - length, 0)
        if padding == "pre":
            row[max(length - len(ids), 0) :] = ids[surplus:]
        else:
            row[: len(ids)] = ids[:length]
    return padded
