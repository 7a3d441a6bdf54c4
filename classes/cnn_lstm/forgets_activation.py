# ---
# note: no ReLU; one epoch, too few to learn the task; in PyTorch its gradients pile up
# scores:
#   pytorch: {function: 0, training: 0, accuracy: 0}
#   keras: {function: 0, accuracy: 0}
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
        x = self.embedding(tokens).transpose(1, 2)
        x = self.pooling(self.convolution(x)).transpose(1, 2)
        outputs, _ = self.lstm(x)
        return self.classifier(outputs[:, -1])


# %% pytorch train-answer
def train(model, tokens, labels, epochs, batch_size, learning_rate):
    device = next(model.parameters()).device
    dataset = TensorDataset(torch.as_tensor(tokens).long(), torch.as_tensor(labels).float())
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    loss_function = nn.BCEWithLogitsLoss()
    losses = []
    for _ in range(epochs):
        total = 0.0
        optimizer.zero_grad()
        for batch, targets in loader:
            loss = loss_function(model(batch.to(device)).squeeze(1), targets.to(device))
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(dataset))
    return losses


# %% keras model-answer
def build_cnn_lstm(vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
    return keras.Sequential(
        [
            keras.Input(shape=(None,), dtype="int32"),
            layers.Embedding(vocab_size, embedding_dim),
            layers.Conv1D(num_filters, kernel_size, padding="same"),
            layers.MaxPooling1D(2),
            layers.LSTM(hidden_size),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


# %% pytorch settings
EPOCHS = 1
BATCH_SIZE = 64
LEARNING_RATE = 0.005


# %% keras settings
EPOCHS = 1
BATCH_SIZE = 64
LEARNING_RATE = 0.01
