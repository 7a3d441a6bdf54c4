# ---
# note: a high temperature makes the likeliest word likelier; the limits are exchanged
# scores:
#   language_model: {soften: 0, write: 2}
# ---
# %% language_model soften-answer
def soften(scores, temperature):
    if temperature == math.inf:
        return (scores == np.max(scores)) / np.sum(scores == np.max(scores))
    powers = np.exp((np.asarray(scores) - np.max(scores)) * temperature)
    return powers / powers.sum()
