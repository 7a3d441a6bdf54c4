# ---
# note: forward takes a state and does not give it to the LSTM
# scores:
#   language_model: {state: 0, train: 2, write: 0}
# ---
# %% language_model model-answer
class LanguageModel(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_size, batch_first=True)
        self.classifier = nn.Linear(hidden_size, vocab_size)

    def forward(self, ids, state=None):
        outputs, state = self.lstm(self.embedding(ids))
        return self.classifier(outputs), state
