# ---
# note: right, but written differently (one matrix for input and state, gates in a loop, autograd)
# ---
# %% cells rnn-step-answer
def rnn_step(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = weights
    together = np.concatenate([x, h], axis=1) @ np.concatenate([w_ih, w_hh], axis=1).T
    return 1 - 2 / (np.exp(2 * (together + (b_ih + b_hh))) + 1)  # tanh


# %% cells rnn-run-answer
def run_rnn(x, h, weights):
    outputs = [h]
    for words in np.moveaxis(x, 1, 0):
        outputs.append(rnn_step(words, outputs[-1], weights))
    return np.stack(outputs, axis=1)[:, 1:], outputs[-1]


# %% cells lstm-gates-answer
def lstm_gates(x, h, weights):
    w_ih, w_hh, b_ih, b_hh = (array.reshape(4, -1, *array.shape[1:]) for array in weights)
    gates = {}
    for k, name in enumerate(["save", "remember", "learn", "focus"]):
        z = np.einsum("nd,hd->nh", x, w_ih[k]) + np.einsum("nd,hd->nh", h, w_hh[k])
        gates[name] = (np.tanh if name == "learn" else sigmoid)(z + b_ih[k] + b_hh[k])
    return gates


# %% cells lstm-run-answer
def run_lstm(x, h, c, weights):
    outputs = np.empty((x.shape[1], *h.shape))
    for t in range(len(outputs)):
        h, c = lstm_step(x[:, t, :], h, c, weights)
        outputs[t] = h
    return [outputs.transpose(1, 0, 2), h, c]


# %% cells gru-answer
import torch
from torch import nn


def gru_step(x, h, weights):
    layer = nn.GRUCell(x.shape[1], h.shape[1], dtype=torch.float64)
    with torch.no_grad():
        for parameter, array in zip(layer.parameters(), weights, strict=True):
            parameter.copy_(torch.as_tensor(array))
        return layer(torch.as_tensor(x), torch.as_tensor(h)).numpy()


def run_gru(x, h, weights):
    outputs = np.zeros((len(x), x.shape[1], h.shape[1]))
    for t in range(x.shape[1]):
        outputs[:, t] = h = gru_step(x[:, t], h, weights)
    return outputs, h


# %% cells count-answer
def count_parameters(cell, input_size, hidden_size, bias_vectors):
    rows = hidden_size * (1 + 2 * (cell == "gru") + 3 * (cell == "lstm"))
    return rows * input_size + rows * hidden_size + bias_vectors * rows


# %% cells numeric-answer
def numeric_gradient(f, x, eps=1e-5):
    flat = np.zeros(x.size)
    for i, shift in enumerate(eps * np.eye(x.size)):
        shift = shift.reshape(x.shape)
        flat[i] = f(x + shift) - f(x - shift)
    return flat.reshape(x.shape) / (2 * eps)


# %% cells rnn-backward-answer
def rnn_step_backward(d_h_next, x, h, weights):
    d_z = d_h_next * (1 + rnn_step(x, h, weights)) * (1 - rnn_step(x, h, weights))
    ones = np.ones(len(x))
    return {
        "b_ih": ones @ d_z,
        "b_hh": ones @ d_z,
        "w_ih": np.einsum("nh,nd->hd", d_z, x),
        "w_hh": np.einsum("nh,nk->hk", d_z, h),
        "x": (weights[0].T @ d_z.T).T,
        "h": (weights[1].T @ d_z.T).T,
    }


# %% cells lstm-backward-answer
def lstm_step_backward(d_h_next, d_c_next, x, h, c, weights):
    arrays = [torch.tensor(array, requires_grad=True) for array in (x, h, c, *weights)]
    x, h, c, w_ih, w_hh, b_ih, b_hh = arrays
    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
    c_next = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h_next = o.sigmoid() * c_next.tanh()
    given = [torch.tensor(d_h_next), torch.tensor(d_c_next)]
    gradients = torch.autograd.grad([h_next, c_next], arrays, given)
    return dict(zip(["x", "h", "c", "w_ih", "w_hh", "b_ih", "b_hh"], gradients, strict=True))


# %% cells bptt-answer
def backward_through_time(cell, d_last, x, weights):
    layer = (nn.RNN if cell == "rnn" else nn.LSTM)(
        x.shape[2], d_last.shape[1], batch_first=True, dtype=torch.float64
    )
    with torch.no_grad():
        for parameter, array in zip(layer.parameters(), weights, strict=True):
            parameter.copy_(torch.as_tensor(array))
    words = torch.tensor(x, requires_grad=True)
    outputs, _ = layer(words)
    wanted = [words, *layer.parameters()]
    gradients = torch.autograd.grad(outputs[:, -1], wanted, torch.tensor(d_last))
    return {
        name: gradient.numpy()
        for name, gradient in zip(["x", "w_ih", "w_hh", "b_ih", "b_hh"], gradients, strict=True)
    }


# %% cells distance-answer
def norm_by_distance(d_x):
    num_steps = d_x.shape[1]
    return [np.linalg.norm(d_x[:, -1 - k], axis=1).mean() for k in range(num_steps)]
