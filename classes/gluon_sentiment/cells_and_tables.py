# ---
# note: right, but written differently (an LSTM cell in a loop, sets, one file for both, classes)
# ---
# %% sentiment find-answer
SUSPECTS = "".join(sorted("KHFDB"))


# %% sentiment split-answer
def split(num_reviews, test_share, seed):
    draw = np.random.RandomState(seed)
    test = draw.choice(num_reviews, size=round(test_share * num_reviews), replace=False)
    return np.setdiff1d(np.arange(num_reviews), test), test.astype(np.int32)


# %% sentiment ids-answer
def build_ids(reviews, vocab_size):
    counts = {}
    for review in reviews:
        for word in review:
            counts[word] = counts.get(word, 0) + 1
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return {
        word: np.int64(1 + place) for place, word in enumerate(ranked) if place < vocab_size - 2
    }


def encode(review, word_to_id, vocab_size):
    known = set(word_to_id)
    return [int(word_to_id[word]) if word in known else vocab_size - 1 for word in review]


# %% sentiment batches-answer
def make_batches(index, encoded, batch_size):
    def batches():
        left = list(index)
        while left:
            rows, left = left[:batch_size], left[batch_size:]
            width = max([1, *(len(encoded[i]) for i in rows)])
            padded = [[*encoded[i], *[0] * (width - len(encoded[i]))] for i in rows]
            yield np.array(rows, dtype=int), np.array(padded, dtype=int)

    return list(batches())


# %% sentiment network-answer
class SentimentLSTM(gluon.Block):
    def __init__(self, vocab_size, embedding_dim, num_hiddens):
        super().__init__()
        self.words = nn.Embedding(vocab_size, embedding_dim)
        self.cell = rnn.LSTMCell(
            num_hiddens,
            input_size=embedding_dim,
            i2h_bias_initializer=mx.init.LSTMBias(1.0),
        )
        self.verdict = nn.Dense(1, in_units=num_hiddens)

    def forward(self, tokens):
        lengths = mx.nd.maximum((tokens != 0).sum(axis=1, keepdims=True), 1)  # (N, 1)
        words, states = self.words(tokens), self.cell.begin_state(tokens.shape[0])
        last = mx.nd.zeros_like(states[0])
        for t in range(tokens.shape[1]):
            output, states = self.cell(words[:, t], states)
            last = last + output * (lengths == t + 1)
        return self.verdict(last)


# %% sentiment score-answer
def accuracy(net, index, encoded, labels, batch_size):
    metric = mx.metric.Accuracy()
    for rows, tokens in make_batches(index, encoded, batch_size):
        says = net(mx.nd.array(tokens))[:, 0] > 0
        metric.update(mx.nd.array(np.asarray(labels)[rows]), says)
    return metric.get()[1]


# %% sentiment save-answer
def save(folder, net, word_to_id):
    arrays = {f"{n:03d}": p.data().asnumpy() for n, p in enumerate(net.collect_params().values())}
    pairs = json.dumps([[word, int(number)] for word, number in word_to_id.items()])
    np.savez(f"{folder}/everything.npz", words=np.array(pairs), **arrays)


def load_net(folder, vocab_size, embedding_dim, num_hiddens):
    net = build(vocab_size, embedding_dim, num_hiddens)
    with np.load(f"{folder}/everything.npz") as saved:
        names = sorted(name for name in saved.files if name != "words")
        for parameter, name in zip(net.collect_params().values(), names, strict=True):
            parameter.set_data(mx.nd.array(saved[name]))
    return net


def load_ids(folder):
    with np.load(f"{folder}/everything.npz") as saved:
        return dict(json.loads(str(saved["words"])))


# %% sentiment infer-answer
def infer_sentiment(text, net, word_to_id, vocab_size):
    (_, tokens), *_ = make_batches([0], [encode(longmemory.words(text), word_to_id, vocab_size)], 1)
    probability = mx.nd.sigmoid(net(mx.nd.array(tokens)))[0, 0].asscalar()
    return "positive" if probability > 0.5 else "negative", probability
