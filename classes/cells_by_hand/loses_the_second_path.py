# ---
# note: the gradient reaches c from the next step only, not from h too
# scores:
#   cells: {lstm-backward: 0, bptt: 2}
# ---
# %% cells lstm-backward-answer
def lstm_step_backward(d_h_next, d_c_next, x, h, c, weights):
    w_ih, w_hh, _, _ = weights
    i, f, g, o = lstm_gates(x, h, weights).values()
    _, c_next = lstm_step(x, h, c, weights)
    d_o = d_h_next * np.tanh(c_next)
    d_c = d_c_next
    pieces = [d_c * g * i * (1 - i), d_c * c * f * (1 - f), d_c * i * (1 - g**2), d_o * o * (1 - o)]
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
