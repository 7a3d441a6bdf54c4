# ---
# note: network and packing read (T, N, D); packing crashes, the network does not
# scores:
#   packing: {last: 3, function: 0, accuracy: 0}
# ---
# %% packing last-answer
def packed_states(layer, x, lengths):
    x, lengths = torch.as_tensor(x), torch.as_tensor(lengths)
    packed = pack_padded_sequence(x, lengths.clamp(min=1), enforce_sorted=False)
    return layer(packed)[1][0][0] * (lengths > 0)[:, None]


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
        self.lstm = nn.LSTM(embedding_dim, hidden_size)
        self.classifier = nn.Linear(hidden_size, 1)

    def forward(self, tokens):
        lengths = (tokens != 0).sum(dim=1)
        return self.classifier(fetched_states(self.lstm, self.embedding(tokens), lengths))
