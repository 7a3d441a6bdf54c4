# ---
# note: right, but written differently (reviews one by one, masks by arithmetic, states by gather)
# ---
# %% packing influence-answer
def influence(layer, x, other):
    x, other = np.asarray(x), np.asarray(other)
    num_reviews = len(x)
    with torch.no_grad():
        columns = []
        for j in range(num_reviews):
            swapped = np.concatenate([x[:j], other[j : j + 1], x[j + 1 :]])
            difference = layer(torch.tensor(swapped))[0] - layer(torch.tensor(x))[0]
            columns.append([float(review.abs().max()) for review in difference])
    return [[columns[j][i] for j in range(num_reviews)] for i in range(num_reviews)]


# %% packing mend-answer
def read_along_words(time_first_layer, x):
    reviews = [time_first_layer(torch.tensor(review)[:, None])[0][:, 0] for review in x]
    return torch.stack(reviews)


# %% packing pack-answer
def pack(reviews):
    pairs = sorted((-len(review), n) for n, review in enumerate(reviews))
    order = [n for _, n in pairs]
    steps = []
    for row in order:
        for t, word in enumerate(reviews[row]):
            if t == len(steps):
                steps.append([])
            steps[t].append(word)
    return {
        "data": [word for step in steps for word in step],
        "batch_sizes": list(map(len, steps)),
        "order": order,
    }


# %% packing masked-answer
def read_masked(cell, x, mask):
    keep = torch.tensor(mask).double()
    x = torch.tensor(x)
    h = c = torch.zeros(x.shape[0], cell.weight_hh.shape[1], dtype=torch.float64)
    outputs = []
    for step, real in zip(x.unbind(1), keep.unbind(1), strict=True):
        real = real.unsqueeze(1)
        h_new, c_new = cell(step, (h, c))
        h = real * h_new + (1 - real) * h
        c = real * c_new + (1 - real) * c
        outputs.append(h)
    return [torch.stack(outputs).transpose(0, 1), h, c]


# %% packing last-answer
def packed_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    states = torch.zeros(len(x), layer.hidden_size, dtype=x.dtype)
    real = lengths > 0
    if real.any():
        packed = pack_padded_sequence(x[real], lengths[real], True, False)
        states[real] = layer(packed)[1][0][-1]
    return states


def fetched_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    outputs = layer(x)[0]
    before = torch.cat([torch.zeros_like(outputs[:, :1]), outputs], dim=1)  # (N, 1 + T, H)
    index = lengths[:, None, None].expand(-1, 1, outputs.shape[2])
    return before.gather(1, index).squeeze(1)


# %% packing model-answer
class ReviewLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_size):
        super().__init__()
        self.head = nn.Linear(hidden_size, 1)
        self.table = nn.Embedding(vocab_size, embedding_dim)
        self.reader = nn.LSTM(embedding_dim, hidden_size)

    def forward(self, tokens):
        words = self.table(tokens).transpose(0, 1)  # (T, N, embedding_dim)
        states, _ = self.reader(words)  # (T, N, hidden_size)
        steps = torch.arange(1, len(words) + 1)[:, None]
        is_last = (steps == tokens.ne(0).sum(dim=1)).float()  # (T, N)
        return self.head((states * is_last[:, :, None]).sum(dim=0))


# %% packing settings
EPOCHS = 8
BATCH_SIZE = 50
LEARNING_RATE = 0.01
