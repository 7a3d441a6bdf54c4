# ---
# note: outputs are stacked from a list, and an empty list cannot be stacked
# scores:
#   cells: {rnn-run: 3, lstm-run: 2}
# ---
# %% cells rnn-run-answer
def run_rnn(x, h, weights):
    outputs = []
    for t in range(x.shape[1]):
        h = rnn_step(x[:, t], h, weights)
        outputs.append(h)
    return np.stack(outputs, axis=1), h


# %% cells lstm-run-answer
def run_lstm(x, h, c, weights):
    outputs = []
    for t in range(x.shape[1]):
        h, c = lstm_step(x[:, t], h, c, weights)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c
