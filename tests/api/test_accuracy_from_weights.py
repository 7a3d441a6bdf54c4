"""Where the network is known, accuracy and loss come from its weights, not from what it says."""

from __future__ import annotations

import numpy as np
import pytest

from autograder import check, reference
from rnn_course import NETWORKS

torch = pytest.importorskip("torch")
nn = torch.nn

SIZES = {
    "cnn_lstm": dict(vocab_size=29, embedding_dim=7, num_filters=5, kernel_size=3, hidden_size=11),
    "review_lstm": dict(vocab_size=29, embedding_dim=7, hidden_size=5),
    "review_rnn": dict(vocab_size=29, embedding_dim=7, hidden_size=5),
    "feedforward": dict(vocab_size=29, embedding_dim=7, row_size=7 * 13, num_hiddens=5),
    "cnn": dict(vocab_size=29, embedding_dim=7, num_filters=5, kernel_size=3, num_hiddens=6),
}
FRAMEWORKS = ["torch", "keras", "gluon"]


class Network:
    """A student's model of random weights; what it says is `says`, and may be asked only if set."""

    def __init__(self, name, framework="torch", says=None, seed=0):
        rng = np.random.default_rng(seed)
        shapes = reference.layer_shapes(name, framework, SIZES[name])
        self.framework, self.says = framework, says
        self.pairs = [
            (f"{layer}/{array}", rng.normal(size=shape).astype("f4"))
            for layer, arrays in shapes.items()
            for array, shape in arrays.items()
        ]

    def weights(self):
        return self.framework, self.pairs

    def load(self, arrays):
        self.pairs = [(name, a) for (name, _), a in zip(self.pairs, arrays, strict=True)]

    def predict(self, tokens):
        assert self.says is not None, "the model was asked"
        return self.says(tokens)


def reviews(number=40):
    rng = np.random.default_rng(1)
    tokens = rng.integers(1, 29, size=(number, 13))
    return np.where(np.arange(13) < rng.integers(1, 14, size=(number, 1)), tokens, 0)


def logits(name, model, tokens):
    weights = reference.weights_from_arrays(name, *model.weights(), SIZES[name])
    return reference.network(name).forward(weights, tokens)


def network(name):
    return {"reference": name, "sizes": SIZES[name]}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_model_is_not_asked(name, framework, capsys):
    model, tokens = Network(name, framework), reviews()
    said = logits(name, model, tokens)[:, 0]
    labels = (said > 0).astype(float)
    labels[:4] = 1 - labels[:4]
    check.accuracy(model, tokens, labels, at_least=0.9, **network(name))
    assert "✓ accuracy 0.900 on 40 unseen examples" in capsys.readouterr().out
    with pytest.raises(check.CheckError, match=r"found 0\.900; the network asked for was computed"):
        check.accuracy(model, tokens, labels, at_least=0.91, **network(name))
    loss = nn.functional.binary_cross_entropy_with_logits(torch.tensor(said), torch.tensor(labels))
    found = check.cross_entropy(model, tokens, labels, **network(name))
    assert found == pytest.approx(loss.item())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_model_that_knows_the_labels_gets_what_its_weights_get(name):
    tokens = reviews(400)
    labels = np.arange(400) % 2
    model = Network(name, says=lambda tokens: 9.0 * (2 * labels[:, None] - 1))
    with pytest.raises(check.CheckError, match=r"expected an accuracy of at least 0\.70"):
        check.accuracy(model, tokens, labels, at_least=0.7, **network(name))


def test_reviews_are_read_in_pieces(monkeypatch):
    model, tokens = Network("cnn_lstm"), reviews(61)
    said = logits("cnn_lstm", model, tokens)
    for pieces in (1, 7, 60, 61, 500):
        monkeypatch.setattr(check, "AT_ONCE", pieces)
        found = check._in_numpy("cnn_lstm", SIZES["cnn_lstm"], *model.weights(), tokens)
        np.testing.assert_allclose(found, said, rtol=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        lambda pairs: pairs[1:],
        lambda pairs: [*pairs, ("one more", np.zeros(3, "f4"))],
        lambda pairs: [(name, array.T) for name, array in pairs],
        lambda pairs: [(name, array * np.float32(np.nan)) for name, array in pairs],
        lambda pairs: [(name, array.astype("f2")) for name, array in pairs],
        lambda pairs: [],
    ],
)
def test_weights_of_another_network_get_nothing(change):
    model = Network("review_lstm")
    model.pairs = change(model.pairs)
    with pytest.raises(check.CheckError, match="the weights do not fit the network asked for"):
        check.accuracy(model, reviews(), np.ones(40), 0.0, **network("review_lstm"))


def test_a_network_is_known_by_what_it_computes():
    model = Network("cnn_lstm")
    model.says = lambda tokens: logits("cnn_lstm", model, tokens)
    assert check.known(model, "cnn_lstm", SIZES["cnn_lstm"]) == network("cnn_lstm")
    assert check.known(model, "cnn_lstm", SIZES["cnn_lstm"], "probability") == {}
    model.says = lambda tokens: logits("cnn_lstm", model, tokens) + 0.001
    assert check.known(model, "cnn_lstm", SIZES["cnn_lstm"]) == {}
    model.says = lambda tokens: logits("cnn_lstm", model, tokens)[:, 0]
    assert check.known(model, "cnn_lstm", SIZES["cnn_lstm"]) == {}
    model.pairs = model.pairs[1:]
    assert check.known(model, "cnn_lstm", SIZES["cnn_lstm"]) == {}


def compare(name, layers, forward):
    """The NumPy network and one of PyTorch's, made of `layers`, on padded reviews."""
    torch.manual_seed(0)
    layers = nn.ModuleDict(layers).double()
    pairs = [(n, p.detach().numpy().astype("f4")) for n, p in layers.named_parameters()]
    with torch.no_grad():
        for parameter, (_, array) in zip(layers.parameters(), pairs, strict=True):
            parameter.copy_(torch.from_numpy(array))
    tokens = reviews()
    tokens[5], tokens[6, ::2] = 0, 0  # a review without words, and padding in between
    with torch.no_grad():
        expected = forward(layers, torch.from_numpy(tokens)).numpy()
    weights = reference.weights_from_arrays(name, "torch", pairs, SIZES[name])
    found = reference.network(name).forward(weights, tokens)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(("name", "kind"), [("review_lstm", nn.LSTM), ("review_rnn", nn.RNN)])
def test_recurrent_readers_are_pytorchs(name, kind):
    options = {"nonlinearity": "relu"} if kind is nn.RNN else {}

    def forward(layers, tokens):
        last = []
        for row in tokens:  # without the padding
            row = row[row != 0]
            words = layers["embedding"](row)[None]
            outputs = layers["memory"](words)[0] if len(row) else words.new_zeros(1, 1, 5)
            last.append(outputs[:, -1])
        return layers["verdict"](torch.cat(last))

    layers = {
        "embedding": nn.Embedding(29, 7),
        "memory": kind(7, 5, batch_first=True, **options),
        "verdict": nn.Linear(5, 1),
    }
    compare(name, layers, forward)


def test_feedforward_is_pytorchs():
    def forward(layers, tokens):
        row = layers["embedding"](tokens).flatten(1)
        return layers["output"](torch.relu(layers["hidden"](row)))

    layers = {"embedding": nn.Embedding(29, 7, padding_idx=0)}
    compare(
        "feedforward", layers | {"hidden": nn.Linear(91, 5), "output": nn.Linear(5, 1)}, forward
    )


def test_cnn_is_pytorchs():
    def forward(layers, tokens):
        x = layers["embedding"](tokens).transpose(1, 2)
        x = torch.relu(layers["windows"](x)).masked_fill(tokens[:, None] == 0, -torch.inf)
        x = x.amax(dim=2).masked_fill((tokens == 0).all(dim=1, keepdim=True), 0.0)
        return layers["output"](torch.relu(layers["hidden"](x)))

    layers = {"embedding": nn.Embedding(29, 7), "windows": nn.Conv1d(7, 5, 3, padding="same")}
    compare("cnn", layers | {"hidden": nn.Linear(5, 6), "output": nn.Linear(6, 1)}, forward)
