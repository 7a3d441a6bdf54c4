# ---
# note: the GRU of the paper, whose reset gate acts on the state and not on the product
# scores:
#   cells: {gru: 2}
# ---
# %% cells gru-answer
def gru_step(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    size = h.shape[1]
    gates = sigmoid((x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)[:, : 2 * size])
    reset, update = gates[:, :size], gates[:, size:]
    memory = (reset * h) @ w_hh[2 * size :].T + b_hh[2 * size :]
    candidate = np.tanh(x @ w_ih[2 * size :].T + b_ih[2 * size :] + memory)
    return (1 - update) * candidate + update * h


def run_gru(x, h, weights):
    outputs = np.zeros((*x.shape[:2], h.shape[1]))
    for t in range(x.shape[1]):
        outputs[:, t] = h = gru_step(x[:, t], h, weights)
    return outputs, h
