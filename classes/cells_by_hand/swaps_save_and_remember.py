# ---
# note: takes the LSTM's blocks in the order f i g o, and the gradients with them
# scores:
#   cells: {lstm-gates: 2, lstm-step: 0, lstm-run: 0, lstm-backward: 0, bptt: 2}
# ---
# %% cells lstm-gates-answer
def lstm_gates(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    remember, save, learn, focus = np.split(z, 4, axis=1)
    return {
        "save": sigmoid(save),
        "remember": sigmoid(remember),
        "learn": np.tanh(learn),
        "focus": sigmoid(focus),
    }


# %% cells lstm-backward-answer
def lstm_step_backward(d_h_next, d_c_next, x, h, c, weights):
    w_ih, w_hh, _, _ = weights
    gates = lstm_gates(x, h, weights)
    _, c_next = lstm_step(x, h, c, weights)
    i, f, g, o = (gates[name] for name in ("save", "remember", "learn", "focus"))
    d_o = d_h_next * np.tanh(c_next)
    d_c = d_c_next + d_h_next * o * (1 - np.tanh(c_next) ** 2)
    pieces = [d_c * c * f * (1 - f), d_c * g * i * (1 - i), d_c * i * (1 - g**2), d_o * o * (1 - o)]
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
