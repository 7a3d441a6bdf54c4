# ---
# note: right, but written differently (loops in NumPy, tables of places, bare parameters, no layer)
# ---
# %% packing influence-answer
def influence(layer, x, other):
    x, other = torch.as_tensor(x), torch.as_tensor(other)
    outputs = {}
    for j in (None, *range(len(x))):
        chosen = torch.tensor([number == j for number in range(len(x))])
        outputs[j] = layer(torch.where(chosen[:, None, None], other, x))[0].detach().numpy()
    table = np.zeros((len(x), len(x)), dtype=np.float64)
    for i, j in np.ndindex(table.shape):
        table[i, j] = np.linalg.norm((outputs[j][i] - outputs[None][i]).ravel(), np.inf)
    return table


# %% packing mend-answer
def read_along_words(time_first_layer, x):
    state, outputs = None, []
    for words in torch.tensor(x).unbind(1):
        output, state = time_first_layer(words[None], state)
        outputs.append(output[0].detach().numpy())
    return np.stack(outputs, axis=1)


# %% packing pack-answer
from collections import defaultdict
from itertools import zip_longest


def pack(reviews):
    order = np.lexsort((np.arange(len(reviews)), [-len(review) for review in reviews]))
    nothing = object()
    steps = list(zip_longest(*[reviews[n] for n in order], fillvalue=nothing))
    packed = defaultdict(list, order=[int(n) for n in order])
    packed["data"] = [word for step in steps for word in step if word is not nothing]
    packed["batch_sizes"] = np.array(
        [sum(word is not nothing for word in step) for step in steps], dtype=int
    )
    packed["steps"] = len(steps)
    return packed


# %% packing masked-answer
def read_masked(cell, x, mask):
    x, mask = torch.as_tensor(x), torch.as_tensor(mask)
    h = torch.zeros(len(x), cell.hidden_size, dtype=x.dtype)
    c = torch.zeros(len(x), cell.hidden_size, dtype=x.dtype)
    states = np.zeros((*mask.shape, cell.hidden_size))
    with torch.no_grad():
        for t in range(mask.shape[1]):
            real = torch.nonzero(mask[:, t]).ravel().tolist()
            if real:
                h[real], c[real] = cell(x[real, t], (h[real], c[real]))
            states[:, t] = h.numpy()
    return states, h.numpy(), c.numpy()


# %% packing last-answer
def packed_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), np.asarray(lengths)
    order = [int(n) for n in np.argsort(-lengths, kind="stable") if lengths[n] > 0]
    states = torch.zeros(len(x), layer.hidden_size, dtype=x.dtype)
    if order:
        sequences = [x[n, : lengths[n]] for n in order]
        _, (h, _) = layer(nn.utils.rnn.pack_sequence(sequences))
        states = states.index_copy(0, torch.tensor(order), h.squeeze(0))
    return states


def fetched_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    outputs, _ = layer(x)
    places = torch.arange(1, x.shape[1] + 1, dtype=lengths.dtype)
    is_last = (places == lengths[:, None]).to(x.dtype)  # nowhere in an empty review
    return torch.einsum("nth,nt->nh", outputs, is_last)


# %% packing model-answer
class ReviewLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_size):
        super().__init__()
        rows, limit = 4 * hidden_size, hidden_size**-0.5
        shapes = {
            "table": (vocab_size, embedding_dim),
            "words": (rows, embedding_dim),
            "states": (rows, hidden_size),
            "words_bias": (rows,),
            "states_bias": (rows,),
            "verdict": (1, hidden_size),
            "verdict_bias": (1,),
        }
        for name, shape in shapes.items():
            size = 1.7 if name == "table" else limit
            array = nn.Parameter(torch.empty(shape).uniform_(-size, size))
            self.register_parameter(name, array)

    def forward(self, tokens):
        words = self.table.index_select(0, tokens.ravel()).reshape(*tokens.shape, -1)
        h = c = torch.zeros(len(tokens), self.states.shape[1])
        for t in range(tokens.shape[1]):
            z = words[:, t] @ self.words.T + self.words_bias + h @ self.states.T + self.states_bias
            i, f, g, o = z.tensor_split(4, dim=1)
            real = tokens[:, t : t + 1].ne(0)
            next_c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = torch.where(real, o.sigmoid() * next_c.tanh(), h)
            c = torch.where(real, next_c, c)
        return nn.functional.linear(h, self.verdict, self.verdict_bias)
