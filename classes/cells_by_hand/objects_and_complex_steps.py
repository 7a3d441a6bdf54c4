# ---
# note: right, but written differently (dataclasses, named tuples, derivatives by complex steps)
# ---
# %% cells rnn-step-answer
from dataclasses import dataclass
from typing import NamedTuple

ARRAYS = ("w_ih", "w_hh", "b_ih", "b_hh")


@dataclass
class Side:
    """The weights that look at one of the two inputs."""

    matrix: np.ndarray
    bias: np.ndarray

    def __call__(self, rows):
        return np.tensordot(rows, self.matrix, axes=(1, 1)) + self.bias


class Sides(NamedTuple):
    words: Side
    states: Side

    @classmethod
    def of(cls, weights):
        w_ih, w_hh, b_ih, b_hh = weights
        return cls(Side(w_ih, b_ih), Side(w_hh, b_hh))


def rnn_step(x, h, weights):
    words, states = Sides.of(weights)
    return np.tanh(words(x) + states(h))


# %% cells rnn-run-answer
class Run(NamedTuple):
    outputs: np.ndarray
    last: np.ndarray


def run_rnn(x, h, weights):
    def states(h):
        for t in range(x.shape[1]):
            h = rnn_step(x[:, t], h, weights)
            yield h

    every = np.array([h, *states(h)])  # (T + 1, N, H)
    return Run(np.rollaxis(every[1:], 1), every[-1])


# %% cells lstm-gates-answer
@dataclass
class Gate:
    name: str
    place: int
    squash: callable = sigmoid

    def of(self, x, h, weights):
        size = h.shape[1]
        mine = [array[self.place * size : (self.place + 1) * size] for array in weights]
        words, states = Sides.of(mine)
        return self.squash(words(x) + states(h))


GATES = [Gate("focus", 3), Gate("learn", 2, np.tanh), Gate("remember", 1), Gate("save", 0)]


def lstm_gates(x, h, weights):
    return {gate.name: gate.of(x, h, weights) for gate in GATES}


# %% cells lstm-step-answer
class LSTMState(NamedTuple):
    h: np.ndarray
    c: np.ndarray


def lstm_step(x, h, c, weights):
    focus, learn, remember, save = (gate.of(x, h, weights) for gate in GATES)
    c = np.einsum("nh,nh->nh", remember, c) + np.einsum("nh,nh->nh", save, learn)
    return LSTMState(focus * np.tanh(c), c)


# %% cells lstm-run-answer
def run_lstm(x, h, c, weights):
    state = LSTMState(h, c)
    outputs = np.empty((len(x), x.shape[1], h.shape[1]))
    for place, word in zip(range(x.shape[1]), np.moveaxis(x, 1, 0), strict=True):
        state = lstm_step(word, *state, weights)
        outputs[:, place, :] = state.h
    return outputs, *state


# %% cells gru-answer
def gru_step(x, h, weights):
    words, states = (side(rows) for side, rows in zip(Sides.of(weights), (x, h), strict=True))
    thirds = [slice(k * h.shape[1], (k + 1) * h.shape[1]) for k in range(3)]
    reset, update = (sigmoid(words[:, part] + states[:, part]) for part in thirds[:2])
    candidate = np.tanh(words[:, thirds[2]] + reset * states[:, thirds[2]])
    return np.where(True, update * h + (1 - update) * candidate, 0)


def run_gru(x, h, weights):
    outputs = [h]
    while len(outputs) <= x.shape[1]:
        outputs.append(gru_step(x[:, len(outputs) - 1], outputs[-1], weights))
    return Run(np.stack(outputs[1:], axis=1), outputs[-1])


# %% cells count-answer
from torch import nn


def count_parameters(cell, input_size, hidden_size, bias_vectors):
    layer = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](input_size, hidden_size)
    sizes = [parameter.numel() for parameter in layer.parameters()]
    return sum(sizes[: 2 + bias_vectors])


# %% cells numeric-answer
def numeric_gradient(f, x, eps=1e-5):
    gradient = np.empty_like(x)
    with np.nditer(x, flags=["multi_index"], op_flags=["readwrite"]) as numbers:
        for number in numbers:
            kept = float(number)
            number[...] = kept + eps
            difference = f(x)
            number[...] = kept - eps
            difference -= f(x)
            number[...] = kept
            gradient[numbers.multi_index] = difference / (2 * eps)
    return gradient


# %% cells rnn-backward-answer
def complex_step(loss, arrays):
    """The gradient of a real loss, exact to the last digits: Im loss(x + i eps) / eps."""
    eps, gradients = 1e-100, {}
    for name, array in arrays.items():
        gradients[name] = np.zeros(array.shape)
        for place in np.ndindex(array.shape):
            moved = array.astype(complex)
            moved[place] += 1j * eps
            gradients[name][place] = loss({**arrays, name: moved}).imag / eps
    return gradients


def rnn_step_backward(d_h_next, x, h, weights):
    def loss(a):
        return np.sum(d_h_next * rnn_step(a["x"], a["h"], [a[name] for name in ARRAYS]))

    return complex_step(loss, {"x": x, "h": h, **dict(zip(ARRAYS, weights, strict=True))})


# %% cells lstm-backward-answer
def lstm_step_backward(d_h_next, d_c_next, x, h, c, weights):
    def loss(a):
        state = lstm_step(a["x"], a["h"], a["c"], [a[name] for name in ARRAYS])
        return np.sum(d_h_next * state.h) + np.sum(d_c_next * state.c)

    arrays = {"x": x, "h": h, "c": c, **dict(zip(ARRAYS, weights, strict=True))}
    return complex_step(loss, arrays)


# %% cells bptt-answer
def backward_through_time(cell, d_last, x, weights):
    h = np.zeros(d_last.shape)
    states, words = [LSTMState(h, h)], list(np.moveaxis(x, 1, 0))
    for word in words:
        h, c = states[-1]
        new = lstm_step(word, h, c, weights) if cell == "lstm" else (rnn_step(word, h, weights), c)
        states.append(LSTMState(*new))
    d_h, d_c, steps = d_last, np.zeros(d_last.shape), []
    while words:
        word, (h, c) = words.pop(), states[len(words)]
        if cell == "lstm":
            steps.append(by_hand(d_h, d_c, word, h, c, weights))
            d_c = steps[-1]["c"]
        else:
            steps.append(rnn_step_backward(d_h, word, h, weights))
        d_h = steps[-1]["h"]
    summed = {name: np.sum([step[name] for step in steps], axis=0) for name in ARRAYS}
    return summed | {"x": np.stack([step["x"] for step in reversed(steps)], axis=1)}


def by_hand(d_h, d_c, x, h, c, weights):
    """What complex steps say of one LSTM step, for layers that are too large for them."""
    focus, learn, remember, save = (gate.of(x, h, weights) for gate in GATES)
    shown = np.tanh(remember * c + save * learn)
    d_c = d_c + d_h * focus * (1 - shown**2)
    before = [d_c * learn * save * (1 - save), d_c * c * remember * (1 - remember)]
    before += [d_c * save * (1 - learn**2), d_h * shown * focus * (1 - focus)]
    d_z = np.hstack(before)
    step = {"x": d_z.dot(weights[0]), "h": d_z.dot(weights[1]), "c": d_c * remember}
    step |= {"w_ih": np.dot(d_z.T, x), "w_hh": np.dot(d_z.T, h)}
    return step | dict.fromkeys(["b_ih", "b_hh"], np.add.reduce(d_z))


# %% cells distance-answer
def norm_by_distance(d_x):
    by_distance = np.flip(np.moveaxis(d_x, 1, 0), axis=0)  # (T, N, D)
    return np.array([np.linalg.norm(words, axis=-1).mean() for words in by_distance])
