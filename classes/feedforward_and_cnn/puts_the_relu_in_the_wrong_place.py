# ---
# note: a ReLU between the layers on raw ids, and none in the network with embeddings
# scores:
#   classifiers: {raw: 0, embeddings: 1}
# ---
# %% classifiers raw-answer
class RawIds(nn.Module):
    def __init__(self, width, num_hiddens):
        super().__init__()
        self.hidden = nn.Linear(width, num_hiddens)
        self.output = nn.Linear(num_hiddens, 1)

    def forward(self, tokens):
        return self.output(torch.relu(self.hidden(tokens.float())))


# %% classifiers embeddings-answer
class FeedForward(nn.Module):
    def __init__(self, num_words, width, embedding_dim, num_hiddens):
        super().__init__()
        self.embedding = nn.Embedding(num_words, embedding_dim, padding_idx=0)
        self.hidden = nn.Linear(width * embedding_dim, num_hiddens)
        self.output = nn.Linear(num_hiddens, 1)

    def forward(self, tokens):
        vectors = self.embedding(tokens).flatten(1)
        return self.output(self.hidden(vectors))
