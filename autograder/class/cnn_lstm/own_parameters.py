# ---
# note: right, but written differently (bare parameters and einsum in PyTorch; in Keras the count)
# ---
# %% pytorch count-answer
def count_parameters(vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
    shapes = {
        "embedding": [(vocab_size, embedding_dim)],
        "convolution": [(num_filters, embedding_dim, kernel_size), (num_filters,)],
        "lstm": 4 * [(hidden_size, num_filters), (hidden_size, hidden_size), (2, hidden_size)],
        "classifier": [(1, hidden_size), (1,)],
        "pooling": [(0,)],
    }
    return {layer: sum(int(torch.Size(s).numel()) for s in each) for layer, each in shapes.items()}


# %% pytorch model-answer
class CNNLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
        super().__init__()

        def drawn(*shape):
            return nn.Parameter(torch.randn(shape) * 0.1)

        self.table = drawn(vocab_size, embedding_dim)
        self.filters, self.filter_bias = (
            drawn(num_filters, embedding_dim, kernel_size),
            drawn(num_filters),
        )
        self.from_words, self.from_state = (
            drawn(4 * hidden_size, num_filters),
            drawn(4 * hidden_size, hidden_size),
        )
        self.words_bias, self.state_bias = drawn(4 * hidden_size), drawn(4 * hidden_size)
        self.verdict, self.verdict_bias = drawn(1, hidden_size), drawn(1)

    def forward(self, tokens):
        width = self.filters.shape[2]
        words = nn.functional.pad(self.table[tokens], (0, 0, (width - 1) // 2, width // 2))
        windows = words.unfold(1, width, 1)  # (N, T, embedding_dim, width)
        features = torch.einsum("ntdk,fdk->ntf", windows, self.filters) + self.filter_bias
        features = features.clamp(min=0)
        pairs = features[:, : features.shape[1] // 2 * 2].unflatten(1, (-1, 2)).amax(2)
        inputs = torch.einsum("ntf,gf->tng", pairs, self.from_words) + self.words_bias
        h = c = features.new_zeros(len(tokens), self.from_state.shape[1])
        for step in inputs:
            save, remember, learn, focus = (step + h @ self.from_state.T + self.state_bias).chunk(
                4, 1
            )
            c = torch.sigmoid(remember) * c + torch.sigmoid(save) * torch.tanh(learn)
            h = torch.sigmoid(focus) * torch.tanh(c)
        return h @ self.verdict.T + self.verdict_bias


# %% pytorch train-answer
def train(model, tokens, labels, epochs, batch_size, learning_rate):
    tokens, labels = torch.tensor(tokens).long(), torch.tensor(labels).float()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    while len(losses) < epochs:
        order, seen = torch.randperm(len(labels)), []
        for rows in order.split(batch_size):
            optimizer.zero_grad()
            each = nn.BCEWithLogitsLoss(reduction="none")(model(tokens[rows])[:, 0], labels[rows])
            each.mean().backward()
            optimizer.step()
            seen.append(each.detach())
        losses.append(float(torch.cat(seen).double().mean()))
    return losses


# %% keras count-answer
def count_parameters(**sizes):
    words, dim, filters, width, units = sizes.values()
    layer = dict.fromkeys(["classifier", "convolution", "embedding", "lstm"], 0)
    layer["embedding"] += words * dim
    layer["convolution"] += width * dim * filters + filters
    for _ in range(4):
        layer["lstm"] += filters * units + units**2 + units
    layer["classifier"] += units + 1
    return layer
