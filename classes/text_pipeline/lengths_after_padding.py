# ---
# note: hands on the lengths of the padded rows, so a packed LSTM runs over the padding
# scores:
#   pipeline: {collate: 3}
# ---
# %% pipeline collate-answer
def collate(batch):
    longest = max(len(ids) for ids, _ in batch)
    tokens = pad([ids for ids, _ in batch], longest, padding="post", truncating="post")
    lengths = np.array([len(row) for row in tokens])
    return tokens, lengths, np.array([label for _, label in batch], dtype=np.float32)
