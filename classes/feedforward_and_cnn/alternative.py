# ---
# note: right, but written differently (containers, one-hot counts, loops, ReLU after the maximum)
# ---
# %% classifiers count-answer
def count_parameters(width, num_words, embedding_dim, num_hiddens, num_filters, kernel_size):
    def linear(inputs, outputs):
        return inputs * outputs + outputs

    def classifier(inputs):
        return linear(inputs, num_hiddens) + linear(num_hiddens, 1)

    table = num_words * embedding_dim
    convolution = linear(kernel_size * embedding_dim, num_filters)
    return {
        "cnn": table + convolution + classifier(num_filters),
        "embeddings": table + classifier(width * embedding_dim),
        "raw_ids": classifier(width),
    }


# %% classifiers raw-answer
class RawIds(nn.Sequential):
    def __init__(self, width, num_hiddens):
        super().__init__(nn.Linear(width, num_hiddens), nn.Linear(num_hiddens, 1))

    def forward(self, tokens):
        return super().forward(tokens.to(torch.float32))


# %% classifiers merge-answer
def merge(w1, b1, w2, b2):
    weight = np.einsum("oh,hi->oi", w2, w1)
    bias = (w2 * b1).sum(axis=1) + b2
    return [weight, bias]


# %% classifiers shares-answer
def count_reviews(tokens, labels, num_words):
    contains = np.zeros((len(tokens), num_words), dtype=np.int64)
    rows, places = np.nonzero(tokens)
    contains[rows, tokens[rows, places]] = 1
    return contains.sum(axis=0), contains[labels == 1].sum(axis=0)


# %% classifiers embeddings-answer
class FeedForward(nn.Module):
    def __init__(self, num_words, width, embedding_dim, num_hiddens):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Embedding(num_words, embedding_dim, padding_idx=0),
            nn.Flatten(),
            nn.Linear(width * embedding_dim, num_hiddens),
            nn.ReLU(),
            nn.Linear(num_hiddens, 1),
        )

    def forward(self, tokens):
        return self.layers(tokens)


# %% classifiers max-answer
def max_over_time(features, real):
    features, real = torch.as_tensor(features), torch.as_tensor(real)
    largest = []
    for review, words in zip(features, real, strict=True):
        some = review[words]
        largest.append(some.max(dim=0).values if len(some) else torch.zeros_like(review[0]))
    return torch.stack(largest)


# %% classifiers cnn-answer
class CNN(nn.Module):
    def __init__(self, num_words, embedding_dim, num_filters, kernel_size, num_hiddens):
        super().__init__()
        self.words = nn.Embedding(num_words, embedding_dim, padding_idx=0)
        self.windows = nn.Conv1d(embedding_dim, num_filters, kernel_size, padding=kernel_size // 2)
        self.head = nn.Sequential(
            nn.ReLU(), nn.Linear(num_filters, num_hiddens), nn.ReLU(), nn.Linear(num_hiddens, 1)
        )

    def forward(self, tokens):
        scores = self.windows(self.words(tokens).permute(0, 2, 1))  # ReLU and maximum commute
        scores = scores.masked_fill((tokens == 0)[:, None, :], -1e9)
        strongest = scores.max(dim=2).values
        return self.head(strongest)
