# ---
# note: keeps the id num_words, which has no row, so the network of 5,000 words stops
# scores:
#   rnn: {prepare: 3, table-test: 0}
# ---
# %% rnn prepare-answer
def prepare(reviews, length, num_words):
    tokens = imdb.pad(reviews, length)
    return np.where(tokens > num_words, 2, tokens)
