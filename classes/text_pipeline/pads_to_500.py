# ---
# note: every batch is padded to one length for all, as in lecture 1
# scores:
#   pipeline: {collate: 3}
# ---
# %% pipeline collate-answer
def collate(batch):
    sequences = [ids for ids, _ in batch]
    lengths = np.array([len(ids) for ids in sequences])
    tokens = pad(sequences, 500, padding="post", truncating="post")
    return tokens, lengths, np.array([label for _, label in batch], dtype=np.float32)
