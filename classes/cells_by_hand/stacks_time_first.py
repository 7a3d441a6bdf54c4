# ---
# note: outputs come out as (T, N, H), as from a layer without batch_first
# scores:
#   cells: {rnn-run: 1, lstm-run: 1}
# ---
# %% cells rnn-run-answer
def run_rnn(x, h, weights):
    outputs = np.zeros((x.shape[1], *h.shape))
    for t in range(x.shape[1]):
        outputs[t] = h = rnn_step(x[:, t], h, weights)
    return outputs, h


# %% cells lstm-run-answer
def run_lstm(x, h, c, weights):
    outputs = np.zeros((x.shape[1], *h.shape))
    for t in range(x.shape[1]):
        h, c = lstm_step(x[:, t], h, c, weights)
        outputs[t] = h
    return outputs, h, c
