# ---
# note: gradients of weights and biases are means over the texts, not sums
# scores:
#   cells: {rnn-backward: 1, lstm-backward: 3, bptt: 3}
# ---
# %% cells rnn-backward-answer
def rnn_step_backward(d_h_next, x, h, weights):
    w_ih, w_hh, _, _ = weights
    d_z = d_h_next * (1 - rnn_step(x, h, weights) ** 2)
    return {
        "x": d_z @ w_ih,
        "h": d_z @ w_hh,
        "w_ih": d_z.T @ x / len(x),
        "w_hh": d_z.T @ h / len(x),
        "b_ih": d_z.mean(axis=0),
        "b_hh": d_z.mean(axis=0),
    }


# %% cells lstm-backward-answer
def lstm_step_backward(d_h_next, d_c_next, x, h, c, weights):
    w_ih, w_hh, _, _ = weights
    i, f, g, o = lstm_gates(x, h, weights).values()
    _, c_next = lstm_step(x, h, c, weights)
    d_o = d_h_next * np.tanh(c_next)
    d_c = d_c_next + d_h_next * o * (1 - np.tanh(c_next) ** 2)
    pieces = [d_c * g * i * (1 - i), d_c * c * f * (1 - f), d_c * i * (1 - g**2), d_o * o * (1 - o)]
    d_z = np.concatenate(pieces, axis=1)
    return {
        "x": d_z @ w_ih,
        "h": d_z @ w_hh,
        "c": d_c * f,
        "w_ih": d_z.T @ x / len(x),
        "w_hh": d_z.T @ h / len(x),
        "b_ih": d_z.mean(axis=0),
        "b_hh": d_z.mean(axis=0),
    }
