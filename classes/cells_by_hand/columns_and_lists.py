# ---
# note: right, but written differently (text by text in columns, lists, recursion, more keys)
# ---
# %% cells rnn-step-answer
def rnn_step(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    texts = []
    for word, state in zip(x, h, strict=True):
        z = w_ih.dot(word) + b_ih + w_hh.dot(state) + b_hh
        texts.append([math.tanh(number) for number in z])
    return texts


# %% cells rnn-run-answer
from itertools import accumulate


def run_rnn(x, h, weights):
    def step(state, word):
        return rnn_step(word, np.asarray(state), weights)

    states = list(accumulate(x.swapaxes(0, 1), step, initial=h))
    outputs = np.reshape(states[1:], (x.shape[1], *h.shape))
    return outputs.swapaxes(0, 1), states[-1]


# %% cells lstm-gates-answer
def lstm_gates(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    columns = (w_ih @ x.T + b_ih[:, None]) + (w_hh @ h.T + b_hh[:, None])  # (4H, N)
    units = h.shape[1]
    squashed = {"columns": columns}
    for place, name in enumerate(("save", "remember", "learn", "focus")):
        rows = columns[place * units : (place + 1) * units]
        squashed[name] = (np.tanh(rows) if name == "learn" else sigmoid(rows)).T.tolist()
    return squashed


# %% cells lstm-step-answer
def lstm_step(x, h, c, weights):
    gates = {name: np.array(rows) for name, rows in lstm_gates(x, h, weights).items()}
    c = np.add(gates["remember"] * c, gates["learn"] * gates["save"])
    return [np.multiply(np.tanh(c), gates["focus"]), c]


# %% cells lstm-run-answer
def run_lstm(x, h, c, weights):
    if x.shape[1] == 0:
        return np.zeros((len(x), 0, h.shape[1])), h, c
    first_h, first_c = lstm_step(x[:, 0], h, c, weights)
    outputs, h, c = run_lstm(x[:, 1:], first_h, first_c, weights)
    return np.concatenate([first_h[:, None], outputs], axis=1), h, c


# %% cells gru-answer
def gru_step(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    next_state = np.zeros(h.shape)
    units = h.shape[1]
    for n in range(len(x)):
        for k in range(units):
            from_x = [w_ih[k + g * units] @ x[n] + b_ih[k + g * units] for g in range(3)]
            from_h = [w_hh[k + g * units] @ h[n] + b_hh[k + g * units] for g in range(3)]
            reset, update = (sigmoid(from_x[g] + from_h[g]) for g in range(2))
            candidate = np.tanh(from_x[2] + reset * from_h[2])
            next_state[n, k] = candidate + update * (h[n, k] - candidate)
    return next_state


def run_gru(x, h, weights):
    outputs = []
    for t in range(x.shape[1]):
        h = gru_step(x[:, t], h, weights)
        outputs += [h]
    return np.dstack(outputs).transpose(0, 2, 1), outputs[-1]


# %% cells count-answer
def count_parameters(cell, input_size, hidden_size, bias_vectors):
    match cell:
        case "rnn":
            blocks = 1
        case "gru":
            blocks = 3
        case "lstm":
            blocks = 4
    shapes = [(hidden_size, input_size), (hidden_size, hidden_size)]
    shapes += [(hidden_size,)] * bias_vectors
    return np.int64(blocks) * sum(math.prod(shape) for shape in shapes)


# %% cells numeric-answer
def numeric_gradient(f, x, eps=1e-5):
    slopes = []
    numbers = np.copy(x).ravel()
    for place in range(numbers.size):
        sides = []
        for sign in (1, -1):
            moved = numbers.copy()
            moved[place] += sign * eps
            sides.append(f(moved.reshape(x.shape)))
        slopes.append(np.subtract(*sides) / 2 / eps)
    return np.array(slopes).reshape(x.shape).tolist()


# %% cells rnn-backward-answer
def rnn_step_backward(d_h_next, x, h, weights):
    w_ih, w_hh, *_ = weights
    h_next = np.array(rnn_step(x, h, weights))
    sums = {name: np.zeros(array.shape) for name, array in zip(WEIGHTS, weights, strict=True)}
    sums["x"], sums["h"], sums["z"] = [], [], []
    for n in range(len(x)):
        d_z = d_h_next[n] - d_h_next[n] * h_next[n] ** 2
        sums["x"].append(w_ih.T @ d_z)
        sums["h"].append(w_hh.T @ d_z)
        sums["z"].append(d_z)
        sums["w_ih"] += np.outer(d_z, x[n])
        sums["w_hh"] += np.outer(d_z, h[n])
        sums["b_ih"] += d_z
        sums["b_hh"] += d_z
    return sums


# %% cells lstm-backward-answer
def lstm_step_backward(d_h_next, d_c_next, x, h, c, weights):
    w_ih, w_hh, _, _ = weights
    gates = lstm_gates(x, h, weights)
    i, f, g, o = (np.array(gates[name]).T for name in ("save", "remember", "learn", "focus"))
    c_next = f * c.T + i * g  # columns, (H, N)
    shown = np.tanh(c_next)
    d_c = d_c_next.T + d_h_next.T * o * (1 - shown) * (1 + shown)
    pieces = [d_c * g * (i - i**2), d_c * c.T * (f - f**2), d_c * i * (1 - g * g)]
    pieces += [d_h_next.T * shown * (o - o**2)]
    d_z = np.vstack(pieces)  # (4H, N)
    bias = d_z @ np.ones(len(x))
    names = ["x", "h", "c", "w_ih", "w_hh", "b_ih", "b_hh", "before the activations"]
    values = [(w_ih.T @ d_z).T, (w_hh.T @ d_z).T, (d_c * f).T, d_z @ x, d_z @ h, bias, bias, d_z]
    return dict(zip(names, values, strict=True))


# %% cells bptt-answer
def backward_through_time(cell, d_last, x, weights):
    total = {name: np.zeros(array.shape) for name, array in zip(WEIGHTS, weights, strict=True)}
    total["x"] = np.zeros(x.shape)

    def visit(t, h, c):
        """Forward on the way in, backwards on the way out."""
        if t == x.shape[1]:
            return d_last, np.zeros(d_last.shape)
        if cell == "rnn":
            d_h, d_c = visit(t + 1, np.array(rnn_step(x[:, t], h, weights)), c)
            step = rnn_step_backward(d_h, x[:, t], h, weights)
        else:
            d_h, d_c = visit(t + 1, *lstm_step(x[:, t], h, c, weights))
            step = lstm_step_backward(d_h, d_c, x[:, t], h, c, weights)
        for name in WEIGHTS:
            total[name] += step[name]
        total["x"][:, t] = step["x"]
        return np.array(step["h"]), step.get("c")

    visit(0, np.zeros(d_last.shape), np.zeros(d_last.shape))
    return total


# %% cells distance-answer
def norm_by_distance(d_x):
    texts, steps, _ = d_x.shape
    sums = [0.0] * steps
    for text in d_x:
        for t, word in enumerate(text):
            sums[steps - 1 - t] += math.hypot(*word)
    return tuple(number / texts for number in sums)
