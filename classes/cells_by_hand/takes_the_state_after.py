# ---
# note: each step back uses the state after the step instead of the one before
# scores:
#   cells: {bptt: 0}
# ---
# %% cells bptt-answer
def backward_through_time(cell, d_last, x, weights):
    h, c = np.zeros_like(d_last), np.zeros_like(d_last)
    states = [(h, c)]
    for t in range(x.shape[1]):
        if cell == "rnn":
            h = rnn_step(x[:, t], h, weights)
        else:
            h, c = lstm_step(x[:, t], h, c, weights)
        states.append((h, c))
    gradients = {"x": np.zeros_like(x), "w_ih": 0, "w_hh": 0, "b_ih": 0, "b_hh": 0}
    d_h, d_c = d_last, np.zeros_like(d_last)
    for t in reversed(range(x.shape[1])):
        h, c = states[t + 1]
        if cell == "rnn":
            step = rnn_step_backward(d_h, x[:, t], h, weights)
        else:
            step = lstm_step_backward(d_h, d_c, x[:, t], h, c, weights)
            d_c = step["c"]
        d_h = step["h"]
        gradients["x"][:, t] = step["x"]
        for name in ("w_ih", "w_hh", "b_ih", "b_hh"):
            gradients[name] += step[name]
    return gradients
