# ---
# note: np.zeros without a dtype; the floats go on into every batch
# scores:
#   pipeline: {padding: 4, collate: 3}
# ---
# %% pipeline padding-answer
def pad(sequences, length, padding, truncating):
    padded = np.zeros((len(sequences), length))
    for i, ids in enumerate(sequences):
        kept = ids[-length:] if truncating == "pre" else ids[:length]
        start = length - len(kept) if padding == "pre" else 0
        padded[i, start : start + len(kept)] = kept
    return padded
