# ---
# note: forgets that the LSTM's candidate has weights too
# scores:
#   cells: {count: 2}
# ---
# %% cells count-answer
def count_parameters(cell, input_size, hidden_size, bias_vectors):
    gates = {"rnn": 1, "gru": 3, "lstm": 3}[cell]
    return gates * hidden_size * (input_size + hidden_size + bias_vectors)
