# ---
# note: packs length 0, fetches output -1, and asks for the longest of nothing
# scores:
#   packing: {pack: 3, last: 4, function: 3}
# ---
# %% packing pack-answer
def pack(reviews):
    order = sorted(range(len(reviews)), key=lambda n: -len(reviews[n]))
    data, batch_sizes = [], []
    for t in range(max(len(review) for review in reviews)):
        step = [reviews[n][t] for n in order if len(reviews[n]) > t]
        data += step
        batch_sizes.append(len(step))
    return {"order": order, "data": data, "batch_sizes": batch_sizes}


# %% packing last-answer
def packed_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return layer(packed)[1][0][0]


def fetched_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    outputs, _ = layer(x)
    return outputs[torch.arange(len(x)), lengths - 1]
