# ---
# note: right, but written differently (time-first LSTM, pooling before ReLU; subclassed Keras)
# ---
# %% pytorch model-answer
class CNNLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
        super().__init__()
        self.words = nn.Embedding(vocab_size, embedding_dim)
        self.phrases = nn.Conv1d(embedding_dim, num_filters, kernel_size, padding=kernel_size // 2)
        self.memory = nn.LSTM(num_filters, hidden_size)
        self.verdict = nn.Linear(hidden_size, 1)

    def forward(self, tokens):
        x = self.phrases(self.words(tokens).permute(0, 2, 1))
        x = nn.functional.max_pool1d(x, 2).relu()  # ReLU and maximum commute
        _, (last_hidden, _) = self.memory(x.permute(2, 0, 1))
        return self.verdict(last_hidden[0])


# %% keras model-answer
class CNNLSTM(keras.Model):
    def __init__(self, vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
        super().__init__()
        self.words = layers.Embedding(vocab_size, embedding_dim)
        self.phrases = layers.Conv1D(num_filters, kernel_size, padding="same")
        self.pool = layers.MaxPooling1D(2)
        self.memory = layers.LSTM(hidden_size, return_sequences=True)
        self.verdict = layers.Dense(1)

    def call(self, tokens):
        x = keras.ops.relu(self.pool(self.phrases(self.words(tokens))))
        return keras.ops.sigmoid(self.verdict(self.memory(x)[:, -1]))


def build_cnn_lstm(**sizes):
    model = CNNLSTM(**sizes)
    model(keras.ops.zeros((1, 8), dtype="int32"))  # creates the weights
    return model


# %% keras weights-answer
def keras_weights(embedding, conv_weight, conv_bias, *others):
    *gates, b_ih, b_hh, out_weight, out_bias = others
    kernel = np.einsum("fdk->kdf", conv_weight)
    kernels = [gate.swapaxes(0, 1).tolist() for gate in gates]
    return (
        embedding,
        kernel,
        conv_bias,
        *kernels,
        np.add(b_ih, b_hh),
        out_weight.ravel()[:, None],
        out_bias,
    )
