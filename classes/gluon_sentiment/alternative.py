# ---
# note: right, but written differently (np.pad, a network that picks the step with a mask)
# ---
# %% sentiment find-answer
SUSPECTS = ("K", "H", "F", "D", "B")


# %% sentiment split-answer
def split(num_reviews, test_share, seed):
    numbers = list(range(num_reviews))
    np.random.RandomState(seed).shuffle(numbers)
    num_test = int(test_share * num_reviews + 0.5)
    return np.array(numbers[:-num_test] if num_test else numbers), np.array(
        numbers[-num_test:] if num_test else [], dtype=int
    )


# %% sentiment ids-answer
def build_ids(reviews, vocab_size):
    counts = {}
    for review in reviews:
        for word in review:
            counts[word] = counts.get(word, 0) + 1
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return dict(zip(ranked, range(1, vocab_size - 1), strict=False))


def encode(review, word_to_id, vocab_size):
    ids = []
    for word in review:
        ids.append(word_to_id[word] if word in word_to_id else vocab_size - 1)
    return ids


# %% sentiment batches-answer
def make_batches(index, encoded, batch_size):
    index, batches = np.asarray(index, dtype=int), []
    while len(index):
        batch, index = index[:batch_size], index[batch_size:]
        width = max([len(encoded[i]) for i in batch] + [1])
        rows = [
            np.pad(np.array(encoded[i], dtype=int), (0, width - len(encoded[i]))) for i in batch
        ]
        batches.append([batch, np.stack(rows)])
    return batches


# %% sentiment network-answer
class SentimentLSTM(gluon.HybridBlock):
    def __init__(self, vocab_size, embedding_dim, num_hiddens):
        super().__init__()
        with self.name_scope():
            self.words = nn.Embedding(vocab_size, embedding_dim)
            self.memory = rnn.LSTM(num_hiddens)  # time first; sizes wait for the first batch
            self.verdict = nn.Dense(1)
        self.memory.collect_params(".*i2h_bias").setattr("init", mx.init.LSTMBias(1.0))

    def hybrid_forward(self, F, tokens):  # noqa: N803
        place = F.maximum(F.sum(tokens != 0, axis=1), 1) - 1
        outputs = self.memory(F.transpose(self.words(tokens), axes=(1, 0, 2)))  # (T, N, H)
        steps = F.contrib.arange_like(tokens, axis=1)  # (T,)
        chosen = F.broadcast_equal(F.expand_dims(steps, 1), F.expand_dims(place, 0))  # (T, N)
        return self.verdict(F.sum(F.broadcast_mul(outputs, F.expand_dims(chosen, 2)), axis=0))


# %% sentiment score-answer
def accuracy(net, index, encoded, labels, batch_size):
    right = []
    for rows, tokens in make_batches(index, encoded, batch_size):
        positive = net(mx.nd.array(tokens)).asnumpy().ravel() > 0
        right.extend(positive == (np.asarray(labels)[rows] == 1))
    return np.mean(right)


# %% sentiment save-answer
def save(folder, net, word_to_id):
    mx.nd.save(f"{folder}/weights", [p.data() for p in net.collect_params().values()])
    with open(f"{folder}/vocabulary.txt", "w", encoding="utf-8") as file:
        file.writelines(f"{i}\t{word}\n" for word, i in word_to_id.items())


def load_net(folder, vocab_size, embedding_dim, num_hiddens):
    net = build(vocab_size, embedding_dim, num_hiddens)
    saved = mx.nd.load(f"{folder}/weights")
    for parameter, array in zip(net.collect_params().values(), saved, strict=True):
        parameter.set_data(array)
    return net


def load_ids(folder):
    with open(f"{folder}/vocabulary.txt", encoding="utf-8") as file:
        pairs = [line.rstrip("\n").split("\t") for line in file]
    return {word: int(i) for i, word in pairs}


# %% sentiment infer-answer
def infer_sentiment(text, net, word_to_id, vocab_size):
    ids = encode(longmemory.words(text), word_to_id, vocab_size) or [0]
    logit = net(mx.nd.array([ids]))
    probability = logit.sigmoid().asscalar().item()
    return ["negative", "positive"][probability > 0.5], probability
