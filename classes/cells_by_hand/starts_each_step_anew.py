# ---
# note: every step gets the first state; nothing is handed on from word to word
# scores:
#   cells: {rnn-run: 0, lstm-run: 0, gru: 4}
# ---
# %% cells rnn-run-answer
def run_rnn(x, h, weights):
    outputs = np.zeros((*x.shape[:2], h.shape[1]))
    for t in range(x.shape[1]):
        outputs[:, t] = rnn_step(x[:, t], h, weights)
    return outputs, outputs[:, -1] if x.shape[1] else h


# %% cells lstm-run-answer
def run_lstm(x, h, c, weights):
    outputs = np.zeros((*x.shape[:2], h.shape[1]))
    h_next, c_next = h, c
    for t in range(x.shape[1]):
        h_next, c_next = lstm_step(x[:, t], h, c, weights)
        outputs[:, t] = h_next
    return outputs, h_next, c_next


# %% cells gru-answer
def gru_step(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    from_x, from_h = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh
    (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(from_x, 3, axis=1), np.split(from_h, 3, axis=1)
    z = sigmoid(x_z + h_z)
    return (1 - z) * np.tanh(x_n + sigmoid(x_r + h_r) * h_n) + z * h


def run_gru(x, h, weights):
    outputs = np.stack([gru_step(x[:, t], h, weights) for t in range(x.shape[1])], axis=1)
    return outputs, outputs[:, -1]
