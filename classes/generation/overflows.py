# ---
# note: takes the exponential of the scores as they are
# scores:
#   language_model: {loss: 2, soften: 2, write: 3}
# ---
# %% language_model loss-answer
def cross_entropy(logits, targets):
    powers = np.exp(np.asarray(logits))
    p = powers / powers.sum(axis=-1, keepdims=True)
    return float(-np.mean(np.log(np.take_along_axis(p, np.asarray(targets)[..., None], axis=-1))))


# %% language_model soften-answer
def soften(scores, temperature):
    powers = np.exp(np.asarray(scores) / max(temperature, 1e-3))
    return powers / powers.sum()
