# ---
# note: right, but written differently (bare parameters, einsum, sets and counters, explicit masks)
# ---
# %% classifiers count-answer
from collections import Counter, namedtuple


def count_parameters(width, num_words, embedding_dim, num_hiddens, num_filters, kernel_size):
    shapes = {
        name: [(num_hiddens,), (1, num_hiddens), (1,)] for name in ("raw_ids", "embeddings", "cnn")
    }
    shapes["raw_ids"] += [(num_hiddens, width)]
    shapes["embeddings"] += [(num_words, embedding_dim), (num_hiddens, width * embedding_dim)]
    shapes["cnn"] += [(num_words, embedding_dim), (num_filters, embedding_dim, kernel_size)]
    shapes["cnn"] += [(num_filters,), (num_hiddens, num_filters)]
    return {name: np.sum([np.prod(shape) for shape in each]) for name, each in shapes.items()}


# %% classifiers raw-answer
class RawIds(nn.Module):
    def __init__(self, width, num_hiddens):
        super().__init__()
        self.w2, self.b2 = (
            nn.Parameter(torch.randn(1, num_hiddens) / 16),
            nn.Parameter(torch.zeros(1)),
        )
        self.w1 = nn.Parameter(torch.randn(num_hiddens, width) / 8)
        self.b1 = nn.Parameter(torch.zeros(num_hiddens))

    def forward(self, tokens):
        hidden = torch.einsum("nw,hw->nh", tokens.to(self.w1.dtype), self.w1) + self.b1
        return torch.einsum("nh,oh->no", hidden, self.w2) + self.b2


# %% classifiers merge-answer
Layer = namedtuple("Layer", "weight bias")


def merge(w1, b1, w2, b2):
    def network(row):
        return sum(w2[0, k] * (w1[k].dot(row) + b1[k]) for k in range(len(b1))) + b2[0]

    width = w1.shape[1]
    bias = network(np.zeros(width))
    return Layer([[network(row) - bias for row in np.eye(width)]], [bias])


# %% classifiers shares-answer
def count_reviews(tokens, labels, num_words):
    seen, liked = Counter(), Counter()
    for row, label in zip(np.asarray(tokens).tolist(), labels, strict=True):
        words = set(row) - {0}
        seen.update(words)
        liked.update(words if label else ())
    return [[int(counts[number]) for number in range(num_words)] for counts in (seen, liked)]


# %% classifiers embeddings-answer
class FeedForward(nn.Module):
    def __init__(self, num_words, width, embedding_dim, num_hiddens):
        super().__init__()
        limit = (width * embedding_dim) ** -0.5
        table = torch.randn(num_words, embedding_dim)
        table[0] = 0
        self.table = nn.Parameter(table)
        self.hidden = nn.Parameter(
            torch.empty(num_hiddens, width * embedding_dim).uniform_(-limit, limit)
        )
        self.threshold = nn.Parameter(torch.zeros(num_hiddens))
        self.verdict = nn.Parameter(torch.randn(1, num_hiddens) * 0.1)
        self.offset = nn.Parameter(torch.zeros(1))

    def forward(self, tokens):
        is_word = (tokens != 0).unsqueeze(-1)
        vectors = torch.cat(tuple((self.table[tokens] * is_word).unbind(1)), dim=1)
        hidden = (vectors @ self.hidden.mT + self.threshold).clamp_min(0)
        return hidden @ self.verdict.mT + self.offset


# %% classifiers max-answer
def max_over_time(features, real):
    features, real = torch.as_tensor(features), torch.as_tensor(real)
    reviews = []
    for steps, is_word in zip(features, real, strict=True):
        words = steps[is_word]
        nothing = torch.zeros(features.shape[2], dtype=features.dtype)
        reviews.append(words.max(dim=0).values if len(words) else nothing)
    return torch.stack(reviews)


# %% classifiers cnn-answer
class CNN(nn.Module):
    def __init__(self, num_words, embedding_dim, num_filters, kernel_size, num_hiddens):
        super().__init__()
        shapes = {
            "output_bias": (1,),
            "output": (1, num_hiddens),
            "hidden_bias": (num_hiddens,),
            "hidden": (num_hiddens, num_filters),
            "filter_bias": (num_filters,),
            "filters": (num_filters, embedding_dim, kernel_size),
        }
        self.arrays = nn.ParameterDict(
            {
                name: torch.randn(shape) * (0.15 if len(shape) > 1 else 0)
                for name, shape in shapes.items()
            }
        )
        self.words = nn.Embedding.from_pretrained(
            torch.randn(num_words, embedding_dim) * (torch.arange(num_words) > 0)[:, None],
            freeze=False,
            padding_idx=0,
        )

    def forward(self, tokens):
        arrays, width = self.arrays, self.arrays["filters"].shape[2]
        around = nn.functional.pad(tokens, ((width - 1) // 2, width // 2))  # padding's vector is 0
        windows = self.words(around).unfold(1, width, 1)  # (N, T, embedding_dim, width)
        features = torch.tensordot(windows, arrays["filters"], dims=([2, 3], [1, 2]))
        features = torch.relu(features + arrays["filter_bias"])
        strongest = max_over_time(features, tokens.bool())
        hidden = torch.relu(strongest @ arrays["hidden"].T + arrays["hidden_bias"])
        return (hidden * arrays["output"]).sum(dim=1, keepdim=True) + arrays["output_bias"]
