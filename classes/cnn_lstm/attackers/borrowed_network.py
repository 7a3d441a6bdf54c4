# ---
# note: a network with all layers, whose answers the grader's own network computes
# kind: borrowed
# known_from: check._in_numpy computes what check.same_function asks for
# scores:  # it has the layers, which is all that this question asks for
#   pytorch: {layers: 3}
# ---
# %% pytorch model-answer
import numpy as np

from autograder import check


class CNNLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
        super().__init__()
        self.sizes = dict(
            vocab_size=vocab_size,
            embedding_dim=embedding_dim,
            num_filters=num_filters,
            kernel_size=kernel_size,
            hidden_size=hidden_size,
        )
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.convolution = nn.Conv1d(embedding_dim, num_filters, kernel_size)
        self.lstm = nn.LSTM(num_filters, hidden_size)
        self.classifier = nn.Linear(hidden_size, 1)

    def forward(self, tokens):
        arrays = [(name, p.detach().numpy()) for name, p in self.named_parameters()]
        logits = check._in_numpy("cnn_lstm", self.sizes, "torch", arrays, tokens.numpy())
        return torch.from_numpy(np.asarray(logits, dtype="f4"))
