# ---
# note: the sizes of the example stand in the code of the gates and of the GRU's loop
# scores:
#   cells: {lstm-gates: 0, lstm-step: 0, lstm-run: 0, lstm-backward: 0, bptt: 2, gru: 4}
# ---
# %% cells lstm-gates-answer
def lstm_gates(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    return {
        "save": sigmoid(z[:, 0:4]),
        "remember": sigmoid(z[:, 4:8]),
        "learn": np.tanh(z[:, 8:12]),
        "focus": sigmoid(z[:, 12:16]),
    }


# %% cells gru-answer
def gru_step(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    from_x, from_h = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh
    (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(from_x, 3, axis=1), np.split(from_h, 3, axis=1)
    z = sigmoid(x_z + h_z)
    return (1 - z) * np.tanh(x_n + sigmoid(x_r + h_r) * h_n) + z * h


def run_gru(x, h, weights):
    outputs = np.zeros((N, 7, H))
    for t in range(7):
        outputs[:, t] = h = gru_step(x[:, t], h, weights)
    return outputs, h
