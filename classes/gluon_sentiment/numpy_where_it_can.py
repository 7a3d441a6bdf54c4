# ---
# note: right, but written differently (argsort, np.unique, sorting by length, pick, containers)
# ---
# %% sentiment find-answer
SUSPECTS = ("K", "B", "D", "F", "H")


# %% sentiment split-answer
def split(num_reviews, test_share, seed):
    chances = np.random.default_rng([seed, 1]).random(num_reviews)
    order = np.argsort(chances).tolist()
    number = round(num_reviews * test_share)
    return [order[number:], order[:number]]


# %% sentiment ids-answer
def build_ids(reviews, vocab_size):
    words = [word for review in reviews for word in review]
    different, counts = np.unique(np.array(words, dtype=object), return_counts=True)
    order = np.argsort(-counts, kind="stable")[: vocab_size - 2]
    return dict(zip(different[order], range(1, 1 + len(order)), strict=True))


def encode(review, word_to_id, vocab_size):
    ids = np.full(len(review), vocab_size - 1, dtype=np.int32)
    for place, word in enumerate(review):
        if word in word_to_id:
            ids[place] = word_to_id[word]
    return ids


# %% sentiment batches-answer
def make_batches(index, encoded, batch_size):
    index = np.asarray(index, dtype=np.int64)
    cuts = np.arange(batch_size, len(index), batch_size)
    batches = []
    for rows in np.split(index, cuts) if len(index) else []:
        lengths = np.array([len(encoded[i]) for i in rows])
        real = np.arange(max(1, lengths.max())) < lengths[:, None]
        tokens = np.zeros(real.shape, dtype=np.int64)
        tokens[real] = np.concatenate([np.asarray(encoded[i], dtype=np.int64) for i in rows])
        batches.append((rows, tokens))
    return batches


# %% sentiment network-answer
class SentimentLSTM(gluon.Block):
    def __init__(self, vocab_size, embedding_dim, num_hiddens):
        super().__init__()
        self.parts = nn.Sequential()
        self.parts.add(
            nn.Embedding(vocab_size, embedding_dim),
            rnn.LSTM(
                num_hiddens, input_size=embedding_dim, i2h_bias_initializer=mx.init.LSTMBias()
            ),
            nn.Dense(1, flatten=False),
        )

    def forward(self, tokens):
        words, memory, verdict = self.parts
        logits = verdict(memory(words(tokens.T))).squeeze(axis=2).T  # (N, T), one after each word
        place = mx.nd.maximum((tokens != 0).sum(axis=1) - 1, 0)
        return mx.nd.pick(logits, place, axis=1, keepdims=True)


# %% sentiment score-answer
def accuracy(net, index, encoded, labels, batch_size):
    wrong = [
        (net(mx.nd.array(tokens)).asnumpy().ravel() > 0) ^ (np.asarray(labels)[rows] > 0)
        for rows, tokens in make_batches(index, encoded, batch_size)
    ]
    return 1 - np.concatenate(wrong).mean()


# %% sentiment save-answer
import json
from pathlib import Path


def save(folder, net, word_to_id):
    net.save_parameters(str(Path(folder) / "weights"))
    lines = [f"{number} {json.dumps(word)}" for word, number in word_to_id.items()]
    (Path(folder) / "words.txt").write_text("\n".join(lines))


def load_net(folder, **sizes):
    net = SentimentLSTM(**sizes)
    net.load_parameters(str(Path(folder) / "weights"), ctx=mx.cpu())
    return net


def load_ids(folder):
    lines = (Path(folder) / "words.txt").read_text().splitlines()
    pairs = (line.split(" ", 1) for line in lines)
    return {json.loads(word): int(number) for number, word in pairs}


# %% sentiment infer-answer
def infer_sentiment(text, net, word_to_id, vocab_size):
    ids = encode(longmemory.words(text), word_to_id, vocab_size)
    logit = float(net(mx.nd.array([ids if len(ids) else [0]])).asnumpy()[0, 0])
    odds = np.exp(logit)
    return ["negative", "positive"][int(odds > 1)], odds / (1 + odds)
