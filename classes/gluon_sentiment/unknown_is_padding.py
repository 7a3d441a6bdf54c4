# ---
# note: unknown words get the id 0, so that the network takes them for padding and stops too early
# scores:
#   sentiment: {ids: 2, infer: 3, accuracy: 0}
# ---
# %% sentiment ids-answer
def build_ids(reviews, vocab_size):
    counts = Counter(word for review in reviews for word in review)
    frequent = counts.most_common(vocab_size - 2)
    return {word: i for i, (word, _) in enumerate(frequent, start=1)}


def encode(review, word_to_id, vocab_size):
    return [word_to_id.get(word, 0) for word in review]
