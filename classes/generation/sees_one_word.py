# ---
# note: an LSTM that starts anew at every word, which is a table of pairs
# scores:
#   language_model: {function: 0, state: 0, train: 2, unseen: 0, write: 0}
# ---
# %% language_model model-answer
class LanguageModel(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_size, batch_first=True)
        self.classifier = nn.Linear(hidden_size, vocab_size)

    def forward(self, ids, state=None):
        words = self.embedding(ids.reshape(-1, 1))
        outputs, _ = self.lstm(words)
        outputs = outputs.reshape(*ids.shape, -1)
        return self.classifier(outputs), (outputs[None, :, -1], outputs[None, :, -1])
