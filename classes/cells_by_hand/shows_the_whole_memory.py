# ---
# note: the output gate is applied to c itself, without the tanh
# scores:
#   cells: {lstm-step: 2, lstm-run: 0, bptt: 2}
# ---
# %% cells lstm-step-answer
def lstm_step(x, h, c, weights):
    gates = lstm_gates(x, h, weights)
    c_next = gates["remember"] * c + gates["save"] * gates["learn"]
    return gates["focus"] * c_next, c_next
