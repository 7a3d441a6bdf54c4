# ---
# note: takes the state at the end of the batch, after the padding
# scores:
#   packing: {last: 0, function: 1, accuracy: 0}
# ---
# %% packing last-answer
def packed_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    return layer(x)[1][0][0]


def fetched_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    return layer(x)[0][:, -1]
