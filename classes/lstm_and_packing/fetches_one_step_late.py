# ---
# note: fetches the output at `lengths`, one step of padding too late; the accuracy does not show it
# scores:
#   packing: {last: 3, function: 1}
# ---
# %% packing last-answer
def packed_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    packed = pack_padded_sequence(x, lengths.clamp(min=1), batch_first=True, enforce_sorted=False)
    return layer(packed)[1][0][0] * (lengths > 0)[:, None]


def fetched_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    outputs, _ = layer(x)
    step = lengths.clamp(max=x.shape[1] - 1)
    return outputs[torch.arange(len(x)), step] * (lengths > 0)[:, None]
