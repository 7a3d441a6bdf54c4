# ---
# note: the simple RNN brings its weights into shape with reshape, not with a transpose
# scores:
#   cells: {rnn-step: 0, rnn-run: 0, rnn-backward: 0, bptt: 3}
# ---
# %% cells rnn-step-answer
def rnn_step(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    size = h.shape[1]
    return np.tanh(x @ w_ih.reshape(-1, size) + b_ih + h @ w_hh.reshape(size, size) + b_hh)
