# ---
# note: the last frequent word shares its id with the unknown; the accuracy does not show it
# scores:
#   sentiment: {ids: 3}
# ---
# %% sentiment ids-answer
def build_ids(reviews, vocab_size):
    counts = Counter(word for review in reviews for word in review)
    frequent = counts.most_common(vocab_size - 1)
    return {word: i for i, (word, _) in enumerate(frequent, start=1)}


def encode(review, word_to_id, vocab_size):
    return [word_to_id.get(word, vocab_size - 1) for word in review]
