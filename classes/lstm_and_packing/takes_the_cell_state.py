# ---
# note: hands on c, not h, after the last word; the weights it learns are those of another network
# scores:
#   packing: {last: 3, function: 0, accuracy: 0}
# ---
# %% packing last-answer
def packed_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    packed = pack_padded_sequence(x, lengths.clamp(min=1), batch_first=True, enforce_sorted=False)
    return layer(packed)[1][1][0] * (lengths > 0)[:, None]


def fetched_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    outputs, _ = layer(x)
    last = outputs[torch.arange(len(x)), lengths.clamp(min=1) - 1]
    return last * (lengths > 0)[:, None]


# %% packing model-answer
class ReviewLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(embedding_dim, hidden_size, batch_first=True)
        self.classifier = nn.Linear(hidden_size, 1)

    def forward(self, tokens):
        lengths = (tokens != 0).sum(dim=1)
        return self.classifier(packed_states(self.lstm, self.embedding(tokens), lengths))
