# ---
# note: view gives Conv1d the right shape, and mixes words with features
# scores:
#   classifiers: {cnn-shapes: 2, cnn-function: 0, accuracy: 1}
# ---
# %% classifiers cnn-answer
class CNN(nn.Module):
    def __init__(self, num_words, embedding_dim, num_filters, kernel_size, num_hiddens):
        super().__init__()
        self.embedding = nn.Embedding(num_words, embedding_dim, padding_idx=0)
        self.convolution = nn.Conv1d(embedding_dim, num_filters, kernel_size, padding="same")
        self.hidden = nn.Linear(num_filters, num_hiddens)
        self.output = nn.Linear(num_hiddens, 1)

    def forward(self, tokens):
        vectors = self.embedding(tokens).view(len(tokens), -1, tokens.shape[1])
        features = torch.relu(self.convolution(vectors)).transpose(1, 2)
        strongest = max_over_time(features, tokens > 0)
        return self.output(torch.relu(self.hidden(strongest)))
