# ---
# note: counts in how many reviews a word occurs, not how often
# scores:
#   pipeline: {counts: 1}
# ---
# %% pipeline counts-answer
def count_words(reviews):
    return Counter(word for review in reviews for word in set(review))
