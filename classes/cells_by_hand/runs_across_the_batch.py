# ---
# note: the loop runs over the texts and memory goes from text to text
# scores:
#   cells: {rnn-run: 0}
# ---
# %% cells rnn-run-answer
def run_rnn(x, h, weights):
    outputs = np.zeros((*x.shape[:2], h.shape[1]))
    state = np.zeros((x.shape[1], h.shape[1])) + h[:1]
    for n in range(len(x)):
        outputs[n] = state = rnn_step(x[n], state, weights)
    return outputs, state
