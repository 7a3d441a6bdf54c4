# ---
# note: right, but written differently (counts of real layers, functional calls, scatter and sort)
# ---
# %% classifiers count-answer
def count_parameters(width, num_words, embedding_dim, num_hiddens, num_filters, kernel_size):
    with torch.device("meta"):  # layers without numbers in them
        table = nn.Embedding(num_words, embedding_dim)
        networks = {
            "raw_ids": [nn.Linear(width, num_hiddens)],
            "embeddings": [table, nn.Linear(width * embedding_dim, num_hiddens)],
            "cnn": [
                table,
                nn.Conv1d(embedding_dim, num_filters, kernel_size),
                nn.Linear(num_filters, num_hiddens),
            ],
        }
        last = nn.Linear(num_hiddens, 1)
    totals = {}
    for name, network in networks.items():
        totals[name] = sum(p.numel() for layer in (*network, last) for p in layer.parameters())
    totals["all together"] = sum(totals.values())
    return totals


# %% classifiers raw-answer
class RawIds(nn.Module):
    def __init__(self, width, num_hiddens):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, num_hiddens), nn.Linear(num_hiddens, 1)])

    def forward(self, tokens):
        x = tokens.type(torch.get_default_dtype())
        for layer in self.layers:
            x = nn.functional.linear(x, layer.weight, layer.bias)
        return x


# %% classifiers merge-answer
def merge(w1, b1, w2, b2):
    with_bias = np.vstack([np.column_stack([w1, b1]), np.eye(1, w1.shape[1] + 1, w1.shape[1])])
    merged = np.column_stack([w2, b2]) @ with_bias  # (1, width + 1): the ones carry the biases
    return np.split(merged, [w1.shape[1]], axis=1)[0], merged[:, -1]


# %% classifiers shares-answer
def count_reviews(tokens, labels, num_words):
    contains = np.zeros((len(tokens), num_words), dtype=bool)
    np.put_along_axis(contains, np.asarray(tokens), True, axis=1)
    contains[:, 0] = False
    positive = np.asarray(labels) > 0.5
    return np.count_nonzero(contains, axis=0), positive.astype(int) @ contains.astype(int)


# %% classifiers embeddings-answer
class FeedForward(nn.Sequential):
    def __init__(self, num_words, width, embedding_dim, num_hiddens):
        super().__init__(
            nn.Embedding(num_words, embedding_dim, 0),
            nn.Flatten(),
            nn.Linear(width * embedding_dim, num_hiddens),
            nn.LeakyReLU(0.0),
            nn.Linear(num_hiddens, 1),
        )


# %% classifiers max-answer
def max_over_time(features, real):
    features, real = torch.as_tensor(features), torch.as_tensor(real)
    number, _, channels = features.shape
    reviews, steps = torch.nonzero(real, as_tuple=True)
    index = reviews[:, None].expand(-1, channels)
    largest = features.new_zeros(number, channels)
    words = features[reviews, steps]
    return largest.scatter_reduce(0, index, words, "amax", include_self=False)


# %% classifiers cnn-answer
class CNN(nn.Module):
    def __init__(self, num_words, embedding_dim, num_filters, kernel_size, num_hiddens):
        super().__init__()
        self.classifier = nn.Sequential(
            nn.Linear(num_filters, num_hiddens), nn.ReLU(), nn.Linear(num_hiddens, 1)
        )
        self.reader = nn.ModuleDict(
            {
                "windows": nn.Conv1d(embedding_dim, num_filters, kernel_size, padding="same"),
                "words": nn.Embedding(num_words, embedding_dim, padding_idx=0),
            }
        )

    def forward(self, tokens):
        is_word = tokens.greater(0)
        words = self.reader["words"](tokens) * is_word[:, :, None]
        matches = self.reader["windows"](words.permute(0, 2, 1)).permute(0, 2, 1)
        strongest = max_over_time(nn.functional.relu(matches), is_word)
        return self.classifier(strongest)
