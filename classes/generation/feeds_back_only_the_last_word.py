# ---
# note: writes without the state, so it forgets all but the last word
# scores:
#   language_model: {write: 0}
# ---
# %% language_model write-answer
def write(model, prompt, num_words, temperature, seed):
    rng = np.random.default_rng(seed)
    text = list(prompt)
    for _ in range(num_words):
        scores, _ = read(model, [text[-1:]])
        text.append(choose(soften(scores[0, -1], temperature), rng.random()))
    return text[len(prompt) :]
