# ---
# note: view() mixes up axes, of weights too; a 'valid' convolution in Keras loses the last word
# scores:
#   pytorch: {function: 0, accuracy: 0}
#   keras: {shapes: 0, function: 0, accuracy: 0, weights: 1}
# ---
# %% pytorch model-answer
class CNNLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.convolution = nn.Conv1d(embedding_dim, num_filters, kernel_size, padding="same")
        self.pooling = nn.MaxPool1d(2)
        self.lstm = nn.LSTM(num_filters, hidden_size, batch_first=True)
        self.classifier = nn.Linear(hidden_size, 1)

    def forward(self, tokens):
        x = self.embedding(tokens)
        x = x.view(x.shape[0], x.shape[2], x.shape[1])
        x = self.pooling(torch.relu(self.convolution(x)))
        x = x.view(x.shape[0], x.shape[2], x.shape[1])
        outputs, _ = self.lstm(x)
        return self.classifier(outputs[:, -1])


# %% keras model-answer
def build_cnn_lstm(vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
    return keras.Sequential(
        [
            keras.Input(shape=(None,), dtype="int32"),
            layers.Embedding(vocab_size, embedding_dim),
            layers.Conv1D(num_filters, kernel_size, activation="relu"),
            layers.MaxPooling1D(2),
            layers.LSTM(hidden_size),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


# %% keras weights-answer
def keras_weights(embedding, conv_weight, conv_bias, w_ih, w_hh, b_ih, b_hh, out_weight, out_bias):
    filters, dim, kernel = conv_weight.shape
    convolution = [conv_weight.reshape(kernel, dim, filters), conv_bias]
    lstm = [w_ih.reshape(w_ih.shape[::-1]), w_hh.reshape(w_hh.shape[::-1]), b_ih + b_hh]
    return [embedding, *convolution, *lstm, out_weight.reshape(-1, 1), out_bias]
