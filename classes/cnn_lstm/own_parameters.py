# ---
# note: right, but written differently (bare parameters, einsum; bare weights in Keras, a scan)
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


# %% keras model-answer
class Reader(keras.Model):
    def __init__(self, vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
        super().__init__()
        self.table = self.add_weight((vocab_size, embedding_dim), "random_normal")
        self.filters = self.add_weight((kernel_size, embedding_dim, num_filters), "he_normal")
        self.filter_bias = self.add_weight((num_filters,), "zeros")
        self.from_words = self.add_weight((num_filters, 4 * hidden_size), "glorot_normal")
        self.from_state = self.add_weight((hidden_size, 4 * hidden_size), "orthogonal")
        self.gate_bias = self.add_weight((4 * hidden_size,), "zeros")
        self.verdict = self.add_weight((hidden_size, 1), "glorot_normal")
        self.verdict_bias = self.add_weight((1,), "zeros")

    def step(self, state, word):
        h, c = state
        save, remember, learn, focus = keras.ops.split(word + h @ self.from_state, 4, axis=-1)
        c = keras.ops.sigmoid(remember) * c + keras.ops.sigmoid(save) * keras.ops.tanh(learn)
        return (keras.ops.sigmoid(focus) * keras.ops.tanh(c), c), None

    def call(self, tokens):
        words = keras.ops.take(self.table, tokens, axis=0)
        features = keras.ops.conv(words, self.filters, padding="same") + self.filter_bias
        pairs = keras.ops.max_pool(keras.ops.relu(features), 2)
        gates = keras.ops.swapaxes(pairs @ self.from_words + self.gate_bias, 0, 1)
        start = keras.ops.zeros((keras.ops.shape(tokens)[0], self.from_state.shape[0]))
        (h, _), _ = keras.ops.scan(self.step, (start, start), gates)
        return keras.ops.sigmoid(h @ self.verdict + self.verdict_bias)


def build_cnn_lstm(**sizes):
    return Reader(**sizes)


# %% keras train-answer
def train(model, tokens, labels, epochs, batch_size, learning_rate):
    import numpy as np

    model.compile(keras.optimizers.Adam(learning_rate), keras.losses.BinaryCrossentropy())
    losses = []
    for _ in range(epochs):
        order = np.random.permutation(len(tokens))
        cuts = range(batch_size, len(order), batch_size)
        total = 0.0
        for rows in np.split(order, cuts):
            total += len(rows) * model.train_on_batch(tokens[rows], labels[rows, None])
        losses.append(np.float64(total / len(order)))
    return tuple(losses)


# %% keras settings
EPOCHS = 8
BATCH_SIZE = 64
LEARNING_RATE = 0.01
