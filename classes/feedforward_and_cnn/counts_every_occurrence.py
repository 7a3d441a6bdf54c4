# ---
# note: counts occurrences instead of reviews, padding among them
# scores:
#   classifiers: {shares: 1}
# ---
# %% classifiers shares-answer
def count_reviews(tokens, labels, num_words):
    positive = tokens[labels == 1]
    seen = np.bincount(tokens.ravel(), minlength=num_words)
    return seen, np.bincount(positive.ravel(), minlength=num_words)
