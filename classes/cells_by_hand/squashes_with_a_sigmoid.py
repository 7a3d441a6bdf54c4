# ---
# note: the simple RNN ends in a sigmoid, as one source writes it, and the candidate of the LSTM too
# scores:
#   cells:
#     rnn-step: 0
#     rnn-run: 0
#     rnn-backward: 0
#     lstm-gates: 3
#     lstm-step: 0
#     lstm-run: 0
#     lstm-backward: 0
#     bptt: 0
# ---
# %% cells rnn-step-answer
def rnn_step(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    return sigmoid(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)


# %% cells lstm-gates-answer
def lstm_gates(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    z = sigmoid(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)
    return dict(zip(["save", "remember", "learn", "focus"], np.split(z, 4, axis=1), strict=True))
