# ---
# note: right, but written differently (vmap-like batches, sorting by hand, linear layers as gates)
# ---
# %% packing influence-answer
def influence(layer, x, other):
    x, other = torch.as_tensor(x), torch.as_tensor(other)
    number = x.shape[0]
    here = torch.eye(number, dtype=torch.bool)[:, :, None, None]
    batches = torch.where(here, other, x)  # (N, N, T, D): review j replaced in batch j
    with torch.inference_mode():
        outputs = torch.stack([layer(batch)[0] for batch in [*batches, x]])
    changes = (outputs[:-1] - outputs[-1]).flatten(2).abs()
    return changes.max(dim=2).values.T


# %% packing mend-answer
def read_along_words(time_first_layer, x):
    moved = torch.movedim(torch.from_numpy(x), 1, 0).contiguous()
    outputs = time_first_layer(moved)[0]
    return torch.stack(tuple(outputs.unbind()), dim=1)


# %% packing pack-answer
def pack(reviews):
    def longest_first():
        lengths = sorted({len(review) for review in reviews}, reverse=True)
        for length in lengths:
            yield from (n for n, review in enumerate(reviews) if len(review) == length)

    order = tuple(longest_first())
    data, batch_sizes, left = [], [], [list(reviews[n]) for n in order]
    while any(left):
        left = [words for words in left if words]
        batch_sizes += [len(left)]
        data += [words.pop(0) for words in left]
    return dict(order=list(order), data=data, batch_sizes=batch_sizes)


# %% packing masked-answer
def read_masked(cell, x, mask):
    x, mask = torch.as_tensor(x), torch.as_tensor(mask)
    states = torch.zeros(2, len(x), cell.hidden_size, dtype=x.dtype)
    outputs = torch.zeros(len(x), x.shape[1], cell.hidden_size, dtype=x.dtype)
    for t in range(x.shape[1]):
        read = torch.stack(cell(x[:, t], tuple(states)))
        states = torch.lerp(states, read, mask[None, :, t, None].to(x.dtype))
        outputs[:, t] = states[0]
    return outputs.detach(), *states.detach()


# %% packing last-answer
def packed_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    lengths, order = lengths.sort(descending=True, stable=True)
    packed = pack_padded_sequence(x[order], lengths.clip(1), batch_first=True)
    outputs, sizes = pad_packed_sequence(layer(packed)[0], batch_first=True)
    last = outputs[range(len(x)), sizes - 1] * lengths.bool()[:, None]
    return last[order.argsort()]


def fetched_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths).tolist()
    every, _ = layer(x)
    nothing = every.new_zeros(layer.hidden_size)
    return torch.stack(
        [row[length - 1] if length else nothing for row, length in zip(every, lengths, strict=True)]
    )


# %% packing model-answer
class Gates(nn.Module):
    """Two linear layers that do an LSTM's work for one word."""

    def __init__(self, num_inputs, num_units):
        super().__init__()
        self.of_state = nn.Linear(num_units, 4 * num_units)
        self.of_word = nn.Linear(num_inputs, 4 * num_units)

    def forward(self, word, state):
        h, c = state
        save, remember, learn, focus = (self.of_word(word) + self.of_state(h)).chunk(4, dim=-1)
        c = remember.sigmoid() * c + save.sigmoid() * learn.tanh()
        return focus.sigmoid() * c.tanh(), c


class ReviewLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.parts = nn.ModuleDict(
            {
                "verdict": nn.Linear(hidden_size, 1),
                "gates": Gates(embedding_dim, hidden_size),
                "words": nn.Embedding(vocab_size, embedding_dim),
            }
        )

    def forward(self, tokens):
        words, lengths = self.parts["words"](tokens), tokens.count_nonzero(dim=1)
        state = (words.new_zeros(len(tokens), self.hidden_size),) * 2
        last = state[0]
        for t in range(tokens.shape[1]):
            state = self.parts["gates"](words[:, t], state)
            last = torch.where((lengths == t + 1)[:, None], state[0], last)
        return self.parts["verdict"](last)
