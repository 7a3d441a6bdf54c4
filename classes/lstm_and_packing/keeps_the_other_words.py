# ---
# note: changes the batch itself, so that replaced reviews stay replaced
# scores:
#   packing: {influence: 0}
# ---
# %% packing influence-answer
def influence(layer, x, other):
    x, other = torch.as_tensor(x), torch.as_tensor(other)
    table = torch.zeros(len(x), len(x), dtype=x.dtype)
    before = layer(x)[0].detach()
    for j in range(len(x)):
        x[j] = other[j]
        table[:, j] = (layer(x)[0].detach() - before).abs().amax(dim=(1, 2))
    return table
