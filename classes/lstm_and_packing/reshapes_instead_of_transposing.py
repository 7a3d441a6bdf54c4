# ---
# note: gives the layer the shape that it wants by dealing the words out anew
# scores:
#   packing: {mend: 0, function: 0, accuracy: 0}
# ---
# %% packing mend-answer
def read_along_words(time_first_layer, x):
    x = torch.as_tensor(x)
    outputs, _ = time_first_layer(x.reshape(x.shape[1], x.shape[0], -1))
    return outputs.reshape(x.shape[0], x.shape[1], -1)


# %% packing model-answer
class ReviewLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(embedding_dim, hidden_size)
        self.classifier = nn.Linear(hidden_size, 1)

    def forward(self, tokens):
        lengths = (tokens != 0).sum(dim=1)
        outputs = read_along_words(self.lstm, self.embedding(tokens))
        last = outputs[torch.arange(len(tokens)), lengths.clamp(min=1) - 1]
        return self.classifier(last * (lengths > 0)[:, None])
