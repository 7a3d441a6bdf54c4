# ---
# note: the GRU's last recurrent bias is added outside the reset gate, like all others
# scores:
#   cells: {gru: 2}
# ---
# %% cells gru-answer
def gru_step(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    from_x, from_h = x @ w_ih.T + b_ih + b_hh, h @ w_hh.T
    (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(from_x, 3, axis=1), np.split(from_h, 3, axis=1)
    z = sigmoid(x_z + h_z)
    return (1 - z) * np.tanh(x_n + sigmoid(x_r + h_r) * h_n) + z * h


def run_gru(x, h, weights):
    outputs = np.zeros((*x.shape[:2], h.shape[1]))
    for t in range(x.shape[1]):
        outputs[:, t] = h = gru_step(x[:, t], h, weights)
    return outputs, h
