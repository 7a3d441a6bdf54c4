# ---
# note: differentiates the gates as one of our sources prints it, by σ(x) σ(1 - x)
# scores:
#   cells: {lstm-backward: 1, bptt: 2}
# ---
# %% cells lstm-backward-answer
def lstm_step_backward(d_h_next, d_c_next, x, h, c, weights):
    w_ih, w_hh, _, _ = weights
    i, f, g, o = lstm_gates(x, h, weights).values()
    z = np.split(x @ w_ih.T + weights[2] + h @ w_hh.T + weights[3], 4, axis=1)
    d_i, d_f, _, d_o_gate = (sigmoid(a) * sigmoid(1 - a) for a in z)
    _, c_next = lstm_step(x, h, c, weights)
    d_o = d_h_next * np.tanh(c_next)
    d_c = d_c_next + d_h_next * o * (1 - np.tanh(c_next) ** 2)
    pieces = [d_c * g * d_i, d_c * c * d_f, d_c * i * (1 - g**2), d_o * d_o_gate]
    d_z = np.concatenate(pieces, axis=1)
    return {
        "x": d_z @ w_ih,
        "h": d_z @ w_hh,
        "c": d_c * f,
        "w_ih": d_z.T @ x,
        "w_hh": d_z.T @ h,
        "b_ih": d_z.sum(axis=0),
        "b_hh": d_z.sum(axis=0),
    }
