# ---
# note: the new hidden state is read from the memory before it was updated
# scores:
#   cells: {lstm-step: 2, lstm-run: 0, bptt: 2}
# ---
# %% cells lstm-step-answer
def lstm_step(x, h, c, weights):
    gates = lstm_gates(x, h, weights)
    c_next = gates["remember"] * c + gates["save"] * gates["learn"]
    return gates["focus"] * np.tanh(c), c_next
