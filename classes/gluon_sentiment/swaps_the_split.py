# ---
# note: split returns the test part first, as the script did, so the mended script stops at once
# scores:
#   sentiment: {split: 2, accuracy: 0}
# ---
# %% sentiment split-answer
def split(num_reviews, test_share, seed):
    order = np.random.default_rng(seed).permutation(num_reviews)
    num_test = round(test_share * num_reviews)
    return order[:num_test], order[num_test:]
