# ---
# note: right, but written differently (views of the text, bare parameters, sorted lines, one-hots)
# ---
# %% language_model windows-answer
def windows(ids, num_streams, num_steps):
    ids = np.asarray(ids)
    length = (len(ids) - 1) // (num_streams * num_steps) * num_steps  # of a stream
    if length <= 0:
        nothing = np.zeros((0, num_streams, num_steps), dtype=np.int64)
        return nothing, nothing
    starts = np.arange(0, length, num_steps)[:, None] + length * np.arange(num_streams)
    views = np.lib.stride_tricks.sliding_window_view(ids, num_steps)
    return views[starts], views[starts + 1]


# %% language_model loss-answer
def cross_entropy(logits, targets):
    logits = torch.tensor(np.asarray(logits, dtype=np.float64))
    one_hot = nn.functional.one_hot(torch.tensor(np.asarray(targets)).long(), logits.shape[-1])
    return -(logits.log_softmax(dim=-1) * one_hot).sum(dim=-1).mean()


# %% language_model perplexity-answer
def perplexity(losses, counts):
    every_word = np.repeat(np.asarray(losses, dtype=float), counts)
    return np.exp(every_word.mean())


# %% language_model model-answer
class LanguageModel(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_size):
        super().__init__()
        limit, rows = hidden_size**-0.5, 4 * hidden_size

        def drawn(*shape):
            return nn.Parameter(torch.empty(shape).uniform_(-limit, limit))

        self.words = nn.Parameter(torch.randn(vocab_size, embedding_dim))
        self.inner = nn.ParameterList(
            [drawn(rows, embedding_dim), drawn(rows, hidden_size), drawn(rows), drawn(rows)]
        )
        self.outer = nn.ParameterList([drawn(vocab_size, hidden_size), drawn(vocab_size)])

    def forward(self, ids, state=None):
        w_ih, w_hh, b_ih, b_hh = self.inner
        weight, bias = self.outer
        number, num_steps = ids.shape
        columns = nn.functional.embedding(ids, self.words) @ w_ih.t() + (b_ih + b_hh)
        h, c = (part[0] for part in state) if state else 2 * [torch.zeros(number, w_hh.shape[1])]
        outputs = torch.empty(number, num_steps, len(bias))
        for t in range(num_steps):
            i, f, g, o = (columns[:, t] + h @ w_hh.t()).view(number, 4, -1).unbind(1)
            c = c * f.sigmoid() + g.tanh() * i.sigmoid()
            h = c.tanh() * o.sigmoid()
            outputs[:, t] = torch.addmm(bias, h, weight.t())
        return outputs, [h[None], c[None]]


# %% language_model train-answer
def train(model, inputs, targets, epochs, learning_rate):
    batches = list(
        zip(torch.from_numpy(inputs).long(), torch.from_numpy(targets).long(), strict=True)
    )
    optimizer, criterion = torch.optim.Adam(model.parameters(), learning_rate), nn.NLLLoss()

    def step(batch, state):
        x, y = batch
        with torch.enable_grad():
            scores, new_state = model(x, state)
            loss = criterion(scores.log_softmax(2).transpose(1, 2), y)
            gradients = torch.autograd.grad(loss, list(model.parameters()))
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
        return float(loss), [part.detach() for part in new_state]

    history = []
    for _ in range(epochs):
        total, state = 0, None
        for batch in batches:
            loss, state = step(batch, state)
            total += loss
        history.append(np.float32(total / len(batches)))
    return history


# %% language_model soften-answer
def soften(scores, temperature):
    scores = np.asarray(scores, dtype=np.float64)
    highest = scores == scores.max()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exponents = np.where(highest, 0.0, np.divide(scores - scores.max(), temperature))
    weights = np.exp(exponents)
    return weights / weights.sum()


# %% language_model choose-answer
def choose(probabilities, u):
    owners = np.flatnonzero(np.asarray(probabilities) > 0)
    ends = np.cumsum(np.asarray(probabilities)[owners])
    return owners[min(np.count_nonzero(ends <= u), len(owners) - 1)]


# %% language_model write-answer
def write(model, prompt, num_words, temperature, seed):
    numbers = np.random.default_rng(seed).random(num_words)
    (*before, word), state, text = prompt, None, []
    if before:
        _, state = read(model, [before])
    for u in numbers:
        scores, state = read(model, [[word]], state)
        word = choose(soften(scores.ravel(), temperature), u)
        text += [word]
    return np.array(text, dtype=int)


# %% language_model bigram-answer
def bigram_table(ids, vocab_size):
    ids = np.asarray(ids)
    places = ids[:-1] * vocab_size + ids[1:]
    counts = np.bincount(places, minlength=vocab_size**2).reshape(vocab_size, vocab_size)
    totals = counts.sum(axis=1, keepdims=True)
    return np.where(totals > 0, counts / np.maximum(totals, 1), 1 / vocab_size)


def table_of(model, vocab_size):
    with torch.inference_mode():
        scores, _ = model(torch.arange(vocab_size).unsqueeze(1), None)
    return scores[:, 0].double().softmax(dim=1)
