# ---
# note: a padded step leaves h as it was, and c goes on
# scores:
#   packing: {masked: 2}
# ---
# %% packing masked-answer
def read_masked(cell, x, mask):
    x, mask = torch.as_tensor(x), torch.as_tensor(mask)
    h = torch.zeros(len(x), cell.hidden_size, dtype=x.dtype)
    c = torch.zeros(len(x), cell.hidden_size, dtype=x.dtype)
    states = []
    for t in range(x.shape[1]):
        new_h, c = cell(x[:, t], (h, c))
        h = torch.where(mask[:, t, None], new_h, h)
        states.append(h)
    return torch.stack(states, dim=1), h, c
