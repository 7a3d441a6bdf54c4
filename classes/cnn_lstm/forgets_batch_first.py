# ---
# note: the LSTM reads (T, N, C), so across reviews; counts two biases in Keras, carries over one
# scores:
#   pytorch: {function: 0, training: 0, accuracy: 0}
#   keras: {count: 3, weights: 3}
# ---
# %% pytorch model-answer
class CNNLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.convolution = nn.Conv1d(embedding_dim, num_filters, kernel_size, padding="same")
        self.pooling = nn.MaxPool1d(2)
        self.lstm = nn.LSTM(num_filters, hidden_size)
        self.classifier = nn.Linear(hidden_size, 1)

    def forward(self, tokens):
        x = self.embedding(tokens).transpose(1, 2)
        x = self.pooling(torch.relu(self.convolution(x))).transpose(1, 2)
        outputs, _ = self.lstm(x)
        return self.classifier(outputs[:, -1])


# %% keras count-answer
def count_parameters(vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
    return {
        "embedding": vocab_size * embedding_dim,
        "convolution": num_filters * (embedding_dim * kernel_size + 1),
        "lstm": 4 * hidden_size * (num_filters + hidden_size + 2),
        "classifier": hidden_size + 1,
    }


# %% keras weights-answer
def keras_weights(embedding, conv_weight, conv_bias, w_ih, w_hh, b_ih, b_hh, out_weight, out_bias):
    convolution = [conv_weight.transpose(2, 1, 0), conv_bias]
    return [embedding, *convolution, w_ih.T, w_hh.T, b_ih, out_weight.T, out_bias]
