# ---
# note: padding gets a random vector, so the logits depend on how much of it there is
# scores:
#   classifiers: {embeddings: 4, cnn-shapes: 2}
# ---
# %% classifiers embeddings-answer
class FeedForward(nn.Module):
    def __init__(self, num_words, width, embedding_dim, num_hiddens):
        super().__init__()
        self.embedding = nn.Embedding(num_words, embedding_dim)
        self.hidden = nn.Linear(width * embedding_dim, num_hiddens)
        self.output = nn.Linear(num_hiddens, 1)

    def forward(self, tokens):
        vectors = self.embedding(tokens).flatten(1)
        return self.output(torch.relu(self.hidden(vectors)))


# %% classifiers cnn-answer
class CNN(nn.Module):
    def __init__(self, num_words, embedding_dim, num_filters, kernel_size, num_hiddens):
        super().__init__()
        self.embedding = nn.Embedding(num_words, embedding_dim)
        self.convolution = nn.Conv1d(embedding_dim, num_filters, kernel_size, padding="same")
        self.hidden = nn.Linear(num_filters, num_hiddens)
        self.output = nn.Linear(num_hiddens, 1)

    def forward(self, tokens):
        vectors = self.embedding(tokens).transpose(1, 2)
        features = torch.relu(self.convolution(vectors)).transpose(1, 2)
        strongest = max_over_time(features, tokens > 0)
        return self.output(torch.relu(self.hidden(strongest)))
