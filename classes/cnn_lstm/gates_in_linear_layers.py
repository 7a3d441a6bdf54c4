# ---
# note: right, but written differently (gates in linear layers, a cell in a loop; own Keras layers)
# ---
# %% pytorch count-answer
def count_parameters(vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
    with torch.device("meta"):
        network = {
            "embedding": nn.Embedding(vocab_size, embedding_dim),
            "convolution": nn.Conv1d(embedding_dim, num_filters, kernel_size),
            "lstm": nn.LSTM(num_filters, hidden_size),
            "classifier": nn.Linear(hidden_size, 1),
        }
    return {name: sum(p.numel() for p in layer.parameters()) for name, layer in network.items()}


# %% pytorch model-answer
class Memory(nn.Module):
    """An LSTM of two linear layers; (N, T, C) -> the last hidden state (N, H)."""

    def __init__(self, num_inputs, hidden_size):
        super().__init__()
        self.word = nn.Linear(num_inputs, 4 * hidden_size)
        self.state = nn.Linear(hidden_size, 4 * hidden_size)

    def forward(self, x):
        h = c = x.new_zeros(x.shape[0], self.state.in_features)
        for word in x.unbind(1):
            gates = (self.word(word) + self.state(h)).reshape(len(x), 4, -1)
            i, f, o = gates[:, [0, 1, 3]].sigmoid().unbind(1)
            c = torch.addcmul(f * c, i, gates[:, 2].tanh())
            h = o.mul(c.tanh())
        return h


class Features(nn.Conv1d):
    """Features of pairs of neighboring words: (N, T, D) -> (N, T // 2, C)."""

    def forward(self, x):
        x = super().forward(x.mT).relu().mT
        evens, odds = x[:, 0::2], x[:, 1::2]
        return torch.maximum(evens[:, : odds.shape[1]], odds)


class CNNLSTM(nn.Sequential):
    def __init__(self, vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
        super().__init__(
            nn.Embedding(vocab_size, embedding_dim),
            Features(embedding_dim, num_filters, kernel_size, padding="same"),
            Memory(num_filters, hidden_size),
            nn.Linear(hidden_size, 1),
        )


# %% pytorch train-answer
def train(model, tokens, labels, epochs, batch_size, learning_rate):
    import numpy as np

    reviews = list(zip(tokens, labels, strict=True))
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)

    def epoch():
        loader = DataLoader(reviews, batch_size, shuffle=True, num_workers=0)
        for words, targets in loader:
            model.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(
                model(words.long()).flatten(), targets.float(), reduction="sum"
            )
            (loss / len(targets)).backward()
            optimizer.step()
            yield loss.item()

    return np.array([sum(epoch()) for _ in range(epochs)]) / len(reviews)


# %% keras count-answer
def count_parameters(vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
    def dense(inputs, outputs):
        return (inputs + 1) * outputs

    return {
        "lstm": sum(dense(num_filters + hidden_size, hidden_size) for _ in "ifco"),
        "classifier": dense(hidden_size, 1),
        "convolution": dense(kernel_size * embedding_dim, num_filters),
        "embedding": dense(embedding_dim, vocab_size) - vocab_size,
    }


# %% keras model-answer
class Cell(layers.Layer):
    """One step of an LSTM, with weights of its own."""

    def __init__(self, units):
        super().__init__()
        self.units = self.output_size = units
        self.state_size = [units, units]

    def build(self, shape):
        columns = 4 * self.units
        self.from_word = self.add_weight(shape=(shape[-1], columns), name="word")
        self.from_state = self.add_weight(
            shape=(self.units, columns), name="state", initializer="orthogonal"
        )
        forget = [0.0] * self.units + [1.0] * self.units + [0.0] * 2 * self.units
        self.bias = self.add_weight(shape=(columns,), name="bias", initializer="zeros")
        self.bias.assign(forget)

    def call(self, word, states):
        h, c = states
        columns = keras.ops.matmul(word, self.from_word) + keras.ops.matmul(h, self.from_state)
        save, remember, learn, focus = keras.ops.split(columns + self.bias, 4, axis=1)
        c = keras.ops.sigmoid(remember) * c + keras.ops.sigmoid(save) * keras.ops.tanh(learn)
        h = keras.ops.sigmoid(focus) * keras.ops.tanh(c)
        return h, [h, c]


def build_cnn_lstm(vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
    model = keras.Sequential(name="reader")
    model.add(keras.Input(shape=(None,)))
    model.add(layers.Embedding(vocab_size, embedding_dim))
    model.add(layers.Conv1D(num_filters, kernel_size, padding="same"))
    model.add(layers.MaxPooling1D(pool_size=2))
    model.add(layers.Activation("relu"))
    model.add(layers.RNN(Cell(hidden_size)))
    model.add(layers.Dense(1, activation=keras.activations.sigmoid))
    return model


# %% keras train-answer
class Losses(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        self.losses += [logs["loss"]]


def train(model, tokens, labels, epochs, batch_size, learning_rate):
    import tensorflow as tf

    reviews = tf.data.Dataset.from_tensor_slices((tokens, labels))
    batches = reviews.shuffle(len(labels)).batch(batch_size)
    kept = Losses()
    model.compile("adam", "binary_crossentropy")
    model.optimizer.learning_rate.assign(learning_rate)
    model.fit(batches, epochs=epochs, callbacks=[kept], verbose=0)
    return kept.losses
