# ---
# note: counts one bias vector whatever it is told
# scores:
#   cells: {count: 1}
# ---
# %% cells count-answer
def count_parameters(cell, input_size, hidden_size, bias_vectors):
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[cell]
    return gates * (input_size * hidden_size + hidden_size * hidden_size + hidden_size)
