# ---
# note: right, but written differently (loops place by place, a cell, recursion, counters)
# ---
# %% language_model windows-answer
def windows(ids, num_streams, num_steps):
    ids = [int(i) for i in ids]
    num_batches = max(0, len(ids) - 1) // (num_streams * num_steps)
    pairs = np.zeros((2, num_batches, num_streams, num_steps), dtype=int)
    for k in range(num_batches):
        for row in range(num_streams):
            start = (row * num_batches + k) * num_steps
            pairs[0, k, row] = ids[start : start + num_steps]
            pairs[1, k, row] = ids[start + 1 : start + num_steps + 1]
    return list(pairs)


# %% language_model loss-answer
def cross_entropy(logits, targets):
    logits, targets = np.asarray(logits, dtype=np.float64), np.asarray(targets)
    rows = logits.reshape(-1, logits.shape[-1])
    losses = []
    for row, target in zip(rows, targets.reshape(-1), strict=True):
        losses.append(np.logaddexp.reduce(row) - row[target])
    return np.mean(losses)


# %% language_model perplexity-answer
def perplexity(losses, counts):
    words = sum(counts)
    return math.prod(
        math.exp(loss * count / words) for loss, count in zip(losses, counts, strict=True)
    )


# %% language_model model-answer
class LanguageModel(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_size):
        super().__init__()
        self.scores = nn.Linear(hidden_size, vocab_size)
        self.cell = nn.LSTMCell(embedding_dim, hidden_size)
        self.words = nn.Embedding(vocab_size, embedding_dim)

    def forward(self, ids, state=None):
        if state is None:
            state = torch.zeros(2, 1, len(ids), self.cell.hidden_size)
        h, c = (part.squeeze(0) for part in state)
        states = []
        for word in self.words(ids).unbind(1):
            h, c = self.cell(word, (h, c))
            states.append(h)
        return self.scores(torch.stack(states, dim=1)), (h.unsqueeze(0), c.unsqueeze(0))


# %% language_model train-answer
def train(model, inputs, targets, epochs, learning_rate):
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = np.zeros((epochs, len(inputs)))
    for epoch in range(epochs):
        h = c = None
        for k in range(len(inputs)):
            state = None if h is None else (h.data, c.data)
            scores, (h, c) = model(torch.tensor(inputs[k]), state)
            places = torch.log_softmax(scores, dim=-1)
            chosen = places.gather(2, torch.tensor(targets[k]).long()[:, :, None])
            loss = -chosen.mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[epoch, k] = loss.item()
    return losses.mean(axis=1)


# %% language_model soften-answer
def soften(scores, temperature):
    scores = np.asarray(scores, dtype=np.float64)
    behind = scores.max() - scores  # at least 0
    if temperature == 0:
        likeliest = [number for number, distance in enumerate(behind) if distance == 0]
        return [(number in likeliest) / len(likeliest) for number in range(len(scores))]
    if math.isinf(temperature):
        return [1 / len(scores)] * len(scores)
    powers = [math.exp(-min(distance / temperature, 700)) for distance in behind]
    return np.divide(powers, math.fsum(powers))


# %% language_model choose-answer
def choose(probabilities, u):
    total, last = 0.0, None
    for word, probability in enumerate(probabilities):
        if probability > 0:
            total, last = total + probability, word
            if u < total:
                break
    return last


# %% language_model write-answer
def write(model, prompt, num_words, temperature, seed):
    rng = np.random.default_rng(seed)

    def words(ids, state, left):
        """Word by word, by recursion."""
        if left == 0:
            return
        scores, state = read(model, np.array([ids]), state)
        word = choose(soften(scores[0, -1], temperature), rng.random())
        yield word
        yield from words([word], state, left - 1)

    return list(words(prompt, None, num_words))


# %% language_model bigram-answer
def bigram_table(ids, vocab_size):
    pairs = Counter(zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True))
    table = []
    for v in range(vocab_size):
        row = [pairs[v, w] for w in range(vocab_size)]
        table.append([count / sum(row) if any(row) else 1 / vocab_size for count in row])
    return table


def table_of(model, vocab_size):
    rows = []
    for word in range(vocab_size):
        scores, _ = read(model, [[word]])
        rows.append(soften(scores[0, 0], 1))
    return rows
