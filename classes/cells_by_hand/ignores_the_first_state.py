# ---
# note: sequences always start from zeros, whatever state is given
# scores:
#   cells: {rnn-run: 1, lstm-run: 0}
# ---
# %% cells rnn-run-answer
def run_rnn(x, h, weights):
    h = np.zeros_like(h)
    outputs = np.zeros((*x.shape[:2], h.shape[1]))
    for t in range(x.shape[1]):
        h = rnn_step(x[:, t], h, weights)
        outputs[:, t] = h
    return outputs, h


# %% cells lstm-run-answer
def run_lstm(x, h, c, weights):
    h, c = np.zeros_like(h), np.zeros_like(c)
    outputs = np.zeros((*x.shape[:2], h.shape[1]))
    for t in range(x.shape[1]):
        h, c = lstm_step(x[:, t], h, c, weights)
        outputs[:, t] = h
    return outputs, h, c
