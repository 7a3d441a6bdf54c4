# ---
# note: the simple RNN's backward pass leaves out the derivative of tanh
# scores:
#   cells: {rnn-backward: 0, bptt: 3}
# ---
# %% cells rnn-backward-answer
def rnn_step_backward(d_h_next, x, h, weights):
    w_ih, w_hh, _, _ = weights
    return {
        "x": d_h_next @ w_ih,
        "h": d_h_next @ w_hh,
        "w_ih": d_h_next.T @ x,
        "w_hh": d_h_next.T @ h,
        "b_ih": d_h_next.sum(axis=0),
        "b_hh": d_h_next.sum(axis=0),
    }
