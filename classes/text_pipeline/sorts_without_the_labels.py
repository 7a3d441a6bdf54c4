# ---
# note: sorts the reviews by length and leaves the labels where they were
# scores:
#   pipeline: {collate: 2}
# ---
# %% pipeline collate-answer
def collate(batch):
    sequences = sorted([ids for ids, _ in batch], key=len, reverse=True)
    lengths = np.array([len(ids) for ids in sequences])
    tokens = pad(sequences, lengths[0], padding="post", truncating="post")
    return tokens, lengths, np.array([label for _, label in batch], dtype=np.float32)
