# ---
# note: right, but written differently (loops, einsum, a cell instead of a layer, batches of places)
# ---
# %% language_model windows-answer
def windows(ids, num_streams, num_steps):
    length = (len(ids) - 1) // num_streams // num_steps * num_steps
    batches = []
    for start in range(0, length, num_steps):
        rows = [ids[row * length + start :][: num_steps + 1] for row in range(num_streams)]
        batches.append(rows)
    both = np.array(batches, dtype=int).reshape(-1, num_streams, num_steps + 1)
    return [both[:, :, :-1], both[:, :, 1:]]


# %% language_model loss-answer
def cross_entropy(logits, targets):
    logits, targets = torch.as_tensor(logits), torch.as_tensor(targets)
    log_p = torch.log_softmax(logits.double().reshape(-1, logits.shape[-1]), dim=1)
    return -log_p[torch.arange(len(log_p)), targets.reshape(-1).long()].mean().item()


# %% language_model perplexity-answer
def perplexity(losses, counts):
    return math.exp(sum(a * n for a, n in zip(losses, counts, strict=True)) / sum(counts))


# %% language_model model-answer
class LanguageModel(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_size):
        super().__init__()
        self.scores = nn.Linear(hidden_size, vocab_size)
        self.cell = nn.LSTMCell(embedding_dim, hidden_size)
        self.vectors = nn.Embedding(vocab_size, embedding_dim)

    def forward(self, ids, state=None):
        h, c = (None, None) if state is None else (part[0] for part in state)
        outputs = []
        for word in ids.unbind(dim=1):
            h, c = self.cell(self.vectors(word), None if h is None else (h, c))
            outputs.append(h)
        return self.scores(torch.stack(outputs, dim=1)), (h[None], c[None])


# %% language_model train-answer
def train(model, inputs, targets, epochs, learning_rate):
    inputs, targets = torch.as_tensor(inputs), torch.as_tensor(targets)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    for _ in range(epochs):
        epoch, h, c = [], None, None
        for k in range(len(inputs)):
            state = None if h is None else (h, c)
            scores, (h, c) = model(inputs[k], state)
            h, c = h.detach(), c.detach()
            log_p = scores.log_softmax(dim=2)
            loss = -log_p.gather(2, targets[k][:, :, None]).mean()
            model.zero_grad()
            loss.backward()
            optimizer.step()
            epoch.append(loss.item())
        losses.append(sum(epoch) / len(epoch))
    return losses


# %% language_model settings
NUM_STREAMS, NUM_STEPS = 25, 12
EPOCHS = 4
LEARNING_RATE = 0.01


# %% language_model soften-answer
def soften(scores, temperature):
    best = np.max(scores)
    weights = np.array(
        [math.exp((z - best) / temperature) if temperature else z == best for z in scores]
    )
    return weights / np.sum(weights)


# %% language_model choose-answer
def choose(probabilities, u):
    end, last = 0.0, 0
    for word, p in enumerate(probabilities):
        if p > 0:
            end, last = end + p, word
            if u < end:
                return word
    return last


# %% language_model write-answer
def write(model, prompt, num_words, temperature, seed):
    numbers = np.random.default_rng(seed).random(num_words)
    text = list(prompt)
    for u in numbers:
        scores, _ = read(model, [text])
        text.append(choose(soften(scores[0, -1], temperature), u))
    return text[len(prompt) :]


# %% language_model bigram-answer
def bigram_table(ids, vocab_size):
    pairs = np.asarray(ids)[:-1] * vocab_size + np.asarray(ids)[1:]
    counts = np.bincount(pairs, minlength=vocab_size**2).reshape(vocab_size, vocab_size)
    totals = counts.sum(axis=1, keepdims=True)
    return np.where(totals > 0, counts / np.maximum(totals, 1), 1 / vocab_size)


def table_of(model, vocab_size):
    rows = [read(model, [[word]])[0][0, 0] for word in range(vocab_size)]
    return torch.softmax(torch.tensor(np.array(rows)), dim=1)
