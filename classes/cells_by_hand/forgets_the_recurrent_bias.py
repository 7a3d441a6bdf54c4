# ---
# note: the LSTM's gates add b_ih and leave b_hh out
# scores:
#   cells: {lstm-gates: 0, lstm-step: 0, lstm-run: 0, lstm-backward: 0, bptt: 2}
# ---
# %% cells lstm-gates-answer
def lstm_gates(x, h, weights):
    w_ih, w_hh, b_ih, _ = weights
    save, remember, learn, focus = np.split(x @ w_ih.T + h @ w_hh.T + b_ih, 4, axis=1)
    return {
        "save": sigmoid(save),
        "remember": sigmoid(remember),
        "learn": np.tanh(learn),
        "focus": sigmoid(focus),
    }
