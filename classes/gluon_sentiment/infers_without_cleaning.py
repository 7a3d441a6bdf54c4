# ---
# note: splits at spaces, takes capitals and punctuation for unknown, fails on an empty text
# scores:
#   sentiment: {infer: 2}
# ---
# %% sentiment infer-answer
def infer_sentiment(text, net, word_to_id, vocab_size):
    ids = encode(text.split(), word_to_id, vocab_size)
    logit = net(mx.nd.array([ids])).asscalar()
    probability = float(1 / (1 + np.exp(-logit)))
    return ("positive" if probability > 0.5 else "negative"), probability
