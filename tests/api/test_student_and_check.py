"""The sentences and values of `wire`, `student` and `check`, in local mode."""

import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from autograder import check, reference, student
from autograder.api import agent, frameworks, wire
from autograder.api.student import StudentError

SIZES = dict(vocab_size=23, embedding_dim=7, num_filters=6, kernel_size=5, hidden_size=4)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def network(torch):
    class CNNLSTM(torch.nn.Module):
        def __init__(self, vocab_size, embedding_dim, num_filters, kernel_size, hidden_size):
            super().__init__()
            self.embedding = torch.nn.Embedding(vocab_size, embedding_dim)
            self.convolution = torch.nn.Conv1d(
                embedding_dim, num_filters, kernel_size, padding="same"
            )
            self.lstm = torch.nn.LSTM(num_filters, hidden_size, batch_first=True)
            self.classifier = torch.nn.Linear(hidden_size, 1)
            self.every_step = False
            self.relu = True

        def forward(self, tokens):
            x = self.convolution(self.embedding(tokens).transpose(1, 2))
            x = torch.nn.functional.max_pool1d(torch.relu(x) if self.relu else x, 2).transpose(1, 2)
            outputs, _ = self.lstm(x)
            return self.classifier(outputs if self.every_step else outputs[:, -1])

    return CNNLSTM


@pytest.fixture
def notebook(monkeypatch, torch):
    """The variables of an imaginary notebook; `student` looks them up there."""
    names = {}
    monkeypatch.setattr(agent, "_agent", agent.Agent(names))
    torch.manual_seed(0)
    names["CNNLSTM"] = network(torch)
    names["sys"] = sys
    return names


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 2.5, "text", [1, [2, "x"]], {"a": 1, "$ref": [2]}, {"$array": 1}],
)
def test_plain_values_survive_the_wire(value):
    assert wire.decode(wire.encode(value)) == value


@pytest.mark.parametrize("dtype", sorted(wire.DTYPES))
def test_arrays_survive_the_wire(dtype):
    array = (np.arange(24) % 2).reshape(2, 3, 4).astype(dtype)[:, ::-1]
    back = wire.decode(wire.encode(array))
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert np.array_equal(back, array)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "nonsense",
        '{"a": 1}',
        '{"$array": ["object", [1], ""]}',
        '{"$array": ["float64", [2], "AAAAAAAAAAA="]}',
        '{"$array": ["float64", [-1], ""]}',
        '{"$array": ["float64", [1, 1, 1, 1, 1, 1, 1, 1, 1], "AAAAAAAAAAA="]}',
        '{"$ref": "x"}',
        "[" * 100_000,
    ],
)
def test_forged_messages_are_refused(text):
    with pytest.raises(wire.WireError):
        wire.decode(text)


def test_a_message_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(wire, "MAX_BYTES", 1000)
    with pytest.raises(wire.WireError, match="at most 1,000 bytes"):
        wire.encode("x" * 2000)


def test_subclasses_of_numbers_do_not_cross():
    class Always(float):
        def __eq__(self, other):
            return True

    with pytest.raises(wire.WireError, match="found Always"):
        wire.encode(Always(1))


def test_get_and_call(notebook, torch):
    notebook["x"] = np.arange(3)
    notebook["double"] = lambda x, by=2: [by * x, {"shape": torch.ones(2, 2) * x}]
    assert student.get("x").tolist() == [0, 1, 2]
    found = student.call("double", 3.0, by=4)
    assert found[0] == 12.0
    assert found[1]["shape"].tolist() == [[3, 3], [3, 3]]


def test_a_model_stays_with_the_student(notebook):
    model = student.build("CNNLSTM", **SIZES)
    assert model.predict(np.ones((2, 9), dtype=int)).shape == (2, 1)
    notebook["count"] = lambda model: sum(p.numel() for p in model.parameters())
    assert student.call("count", model) == 161 + 216 + 192 + 5


class Compiles:
    """A framework that compiles graphs unless it is told not to."""

    name, packages = "compiles", ()
    eager = False

    @contextmanager
    def eagerly(self):
        self.eager = True
        try:
            yield
        finally:
            self.eager = False


def test_eagerly_holds_for_the_calls_in_its_block(notebook, monkeypatch):
    adapters = {"compiles": Compiles(), "does not": object()}
    monkeypatch.setattr(frameworks, "installed", lambda: adapters)
    notebook["how"] = lambda: adapters["compiles"].eager
    notebook["stop"] = lambda: 1 / 0
    assert not student.call("how")
    with student.eagerly():
        assert student.call("how")
        assert not adapters["compiles"].eager  # between two calls
        with pytest.raises(StudentError, match="ZeroDivisionError"):
            student.call("stop")
        assert student.call("how")
    assert not student.call("how")
    with pytest.raises(KeyError), student.eagerly():
        raise KeyError
    assert not student.call("how")


@pytest.mark.slow
def test_keras_compiles_nothing_eagerly_and_as_ever_afterwards():
    """And reads data without a thread that tunes how, for which each epoch would wait."""
    pytest.importorskip("tensorflow")
    code = """
import numpy, keras, warnings
from autograder.api import student
warnings.simplefilter("error")

def train():
    traced = 0
    class Counts(keras.layers.Layer):
        def call(self, x):
            nonlocal traced
            traced += not isinstance(getattr(x, "numpy", None), type(self.call))
            return x
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1), Counts()])
    traced = 0
    model.compile("sgd", "mse")
    model.fit(numpy.ones((2, 1)), numpy.ones(2), verbose=0)
    return traced

def how():
    from tensorflow.python.data.ops import debug_mode
    return [train() > 0, debug_mode.DEBUG_MODE]

with student.eagerly():
    print(*student.call("how"), end=" ")
print(*student.call("how"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "True", "True", "False"], done.stderr


def test_errors_name_the_cause(notebook):
    def broken():
        return 1 / 0

    def stub():
        raise NotImplementedError()

    notebook.update(broken=broken, stub=stub, text=lambda: "x")
    with pytest.raises(StudentError, match="your code raised ZeroDivisionError: division by zero"):
        student.call("broken")
    with pytest.raises(NotImplementedError, match="still to be written"):
        student.call("stub")
    with pytest.raises(NotImplementedError, match="nowhere does not exist yet"):
        student.get("nowhere")
    with pytest.raises(StudentError, match=r"expected text\(...\) to return a model, found str"):
        student.build("text")


def test_equal_and_close():
    check.equal(3, 3, "a count")
    check.close([1.0, 2.0], np.array([1.0, 2.000001]), "values")
    with pytest.raises(check.CheckError, match="a count: expected 1,234, found 12"):
        check.equal(12, 1234, "a count")
    with pytest.raises(check.CheckError, match="expected 1, found one"):
        check.equal("one", 1, "a count")
    with pytest.raises(check.CheckError, match="largest difference is 1, at most 1e-05"):
        check.close([1.0, 3.0], [1.0, 2.0], "values")
    with pytest.raises(check.CheckError, match=r"shape of values: expected \(2,\), found \(1, 2\)"):
        check.close([[1.0, 2.0]], [1.0, 2.0], "values")
    with pytest.raises(check.CheckError, match="NaN"):
        check.close([float("nan"), 2.0], [1.0, 2.0], "values")
    with pytest.raises(check.CheckError, match="expected numbers, found"):
        check.close("text", [1.0, 2.0], "values")


def test_entry():
    assert check.entry({"a": 1, "more": 2}, "a", "answer") == 1
    with pytest.raises(check.CheckError, match="answer: expected a dict with the key 'a', found"):
        check.entry([1], "a", "answer")
    with pytest.raises(check.CheckError, match=r"expected the key 'a', found \['b', 'c'\]"):
        check.entry({"c": 2, "b": 1}, "a", "answer")
    with pytest.raises(check.CheckError, match="expected the key 'a'"):
        check.entry({1: 2, "b": 1, (3, None): 0}, "a", "answer")


def test_array():
    assert check.array([[1, 2]], (1, 2), "numbers").tolist() == [[1.0, 2.0]]
    with pytest.raises(
        check.CheckError, match=r"shape of numbers: expected \(2,\), found \(1, 2\)"
    ):
        check.array([[1, 2]], (2,), "numbers")


NESTED = "deep"
for _ in range(900):
    NESTED = [NESTED]
HOSTILE = [
    "\ud800",
    "\x1b[31m✓ right\n✓ also right",
    "a\u202eb\x00",
    "x" * 10_000_000,
    ["\ud800", "y" * 300],
    {"\udfff": "\n"},
    [[1] * 1000] * 1000,
    [{}, (), (1,), {"a": [np.arange(3), None, True]}],
    NESTED,
    10**4000,
    [10**4000],
    float("nan"),
    np.zeros((2, 1, 2, 1, 2, 1, 2, 1)),
    np.array([[1.0, 2.0]]),
    [np.arange(2), np.arange(3)],
    np.float32(3),
    wire.Ref(1, "kind\ud800\n"),
    None,
    {},
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: type(value).__name__)
def test_messages_that_show_a_value_are_short_and_printable(value):
    checks = [
        lambda: check.equal(value, "right", "answer"),
        lambda: check.equal(value, [1, 2], "answer"),
        lambda: check.equal(value, 7, "answer"),
        lambda: check.close(value, [[[3.5]]], "answer"),
        lambda: check.array(value, (9, 9, 9), "answer"),
        lambda: check.entry(value, "key", "answer"),
    ]
    for ask in checks:
        with pytest.raises(check.CheckError) as raised:
            ask()
        message = str(raised.value)
        assert message.isprintable()
        assert len(message) < 800
        message.encode()


def test_what_passes_is_shown_short_and_printable(capsys):
    check.equal("\x1b[0m" + "x" * 9_000, "\x1b[0m" + "x" * 9_000, "text")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.isprintable()
    assert len(line) < 300


@pytest.mark.parametrize(
    "value", [["1.0", "2.0"], "12", [True, "x"], [1 + 2j, 0], [b"1", b"2"], [{}, {}]]
)
def test_what_is_no_number_is_not_taken_for_one(value):
    with pytest.raises(check.CheckError, match="expected numbers"):
        check.close(value, [1.0, 2.0], "values")


def test_numpy_numbers_are_numbers():
    check.equal(np.int64(3), 3, "a count")
    check.equal({"a": np.int32(3)}, {"a": 3}, "counts")
    check.close([np.float32(1), np.int8(2)], [1.0, 2.0], "values")


class Odd:
    """A model whose layers and arrays have names that nobody should print as they are."""

    def __init__(self, sizes):
        self.sizes = sizes

    def weights(self):
        arrays = [
            (f"\ud800\n{n}{'x' * 300}.w", np.zeros(size)) for n, size in enumerate(self.sizes)
        ]
        return "torch", arrays


@pytest.mark.parametrize("number", [1, 5, 3000])
def test_names_of_layers_are_cut_and_cleaned(number):
    for ask in (
        lambda: check.parameter_count(Odd([3] * number), 10_000),
        lambda: check.layer_parameters(Odd([3] * number), {"embedding": 161}),
        lambda: check.layer_parameters(Odd([3] * number), {"one": 1, "two": 3 * number - 1}),
    ):
        with pytest.raises(check.CheckError) as raised:
            ask()
        assert str(raised.value).isprintable()
        assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    "sizes",
    [
        [161, 210, 6, 96, 64, 16, 16, 4, 1],  # PyTorch's arrays
        [1, 4, 161, 210, 6] + [24, 16, 4, 4] * 4,  # a linear layer per gate, in any order
        [161, 216, 192, 5],
        [161, 216, 192, 5, 0],  # an empty array counts nothing
    ],
)
def test_layers_may_be_made_of_any_arrays(sizes):
    expected = {"embedding": 161, "convolution": 216, "lstm": 192, "classifier": 5}
    check.layer_parameters(Odd(sizes), expected)


@pytest.mark.parametrize(
    "sizes",
    [
        [161, 216, 176, 5],  # one bias
        [161, 216, 192, 5, 1],
        [160, 217, 192, 5],
        [574],
        [161, 216, 96, 101],
        [7] * 82,
        [],
    ],
)
def test_arrays_that_make_up_other_layers_are_refused(sizes):
    expected = {"embedding": 161, "convolution": 216, "lstm": 192, "classifier": 5}
    with pytest.raises(check.CheckError, match="expected"):
        check.layer_parameters(Odd(sizes), expected)


def test_shape_hints(notebook):
    model = student.build("CNNLSTM", **SIZES)
    check.output_shape(model, tokens=(4, 500), expected=(4, 1))
    notebook["every"] = lambda model: setattr(model, "every_step", True)
    student.call("every", model)
    sentence = (
        r"expected \(4, 1\), got \(4, 250, 1\): "
        "the classifier is applied to every time step; take the last one"
    )
    with pytest.raises(check.CheckError, match=sentence):
        check.output_shape(model, tokens=(4, 500), expected=(4, 1))


def test_counts(notebook):
    model = student.build("CNNLSTM", **SIZES)
    layers = {"embedding": 161, "convolution": 216, "lstm": 192, "classifier": 5}
    check.parameter_count(model, 574)
    check.layer_parameters(model, layers)
    with pytest.raises(check.CheckError, match=r"expected 575, found 574; by layer: .*lstm 192"):
        check.parameter_count(model, 575)
    with pytest.raises(check.CheckError, match=r"a layer \(lstm\) with 176 parameters, found none"):
        check.layer_parameters(model, layers | {"lstm": 176})
    with pytest.raises(check.CheckError, match=r"expected 3 layers, found others: .*classifier 5"):
        check.layer_parameters(model, {k: v for k, v in layers.items() if k != "classifier"})


def test_same_function(notebook):
    model = student.build("CNNLSTM", **SIZES)
    check.same_function(model, reference="cnn_lstm", sizes=SIZES)
    notebook["linear"] = lambda model: setattr(model, "relu", False)
    student.call("linear", model)
    with pytest.raises(check.CheckError, match="not connected correctly"):
        check.same_function(model, reference="cnn_lstm", sizes=SIZES)
    with pytest.raises(check.CheckError, match="weights do not fit"):
        check.same_function(model, reference="cnn_lstm", sizes=SIZES | {"hidden_size": 5})


def test_same_function_is_not_fooled_by_zero_weights(notebook):
    model = student.build("CNNLSTM", **SIZES)

    def silence(model):
        model.relu = False
        for parameter in model.parameters():
            parameter.data.zero_()

    notebook["silence"] = silence
    student.call("silence", model)
    with pytest.raises(check.CheckError, match="random weights"):
        check.same_function(model, reference="cnn_lstm", sizes=SIZES)


def test_cross_entropy_and_accuracy_agree_with_torch(notebook, torch):
    model = student.build("CNNLSTM", **SIZES)
    tokens = np.random.default_rng(0).integers(0, 23, size=(300, 11))
    labels = (np.arange(300) % 2).astype(np.float32)
    logits = torch.as_tensor(model.predict(tokens))[:, 0]
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.as_tensor(labels))
    assert check.cross_entropy(model, tokens, labels) == pytest.approx(loss.item(), abs=1e-6)
    share = float(((logits.numpy() > 0) == labels).mean())
    assert check.accuracy(model, tokens, labels, at_least=share) is None  # not partial credit
    with pytest.raises(check.CheckError, match=r"expected an accuracy of at least 1\.00 on 300"):
        check.accuracy(model, tokens, labels, at_least=1.0)


def test_falls():
    check.falls(0.7, 0.5, "loss", by=0.1)
    with pytest.raises(check.CheckError, match="expected it to fall by at least 10%"):
        check.falls(0.7, 0.69, "loss", by=0.1)
    with pytest.raises(check.CheckError, match=r"found 0\.7000 before and nan after"):
        check.falls(0.7, float("nan"), "loss", by=0.1)


def test_partial_credit(capsys):
    points = check.Points(3)
    with points.part(1, "right"):
        check.equal(1, 1, "one")
    with points.part(2, "wrong"):
        check.equal(1, 2, "two")
    assert points.total() == 1
    assert "✗ wrong (0 of 2): two: expected 2, found 1" in capsys.readouterr().out
    with pytest.raises(ValueError, match="parts offer 0 points, the cell 3"):
        check.Points(3).total()


def test_partial_credit_does_not_hide_an_empty_stub():
    points = check.Points(1)
    with pytest.raises(NotImplementedError), points.part(1, "stub"):
        raise NotImplementedError


def test_tier(monkeypatch):
    monkeypatch.delenv("COURSE_TIER", raising=False)
    assert check.tier() == "cpu"
    monkeypatch.setenv("COURSE_TIER", "tpu")
    with pytest.raises(ValueError, match="expected COURSE_TIER to be cpu or gpu, found 'tpu'"):
        check.tier()


def test_threshold():
    assert 0.9 < check.threshold("cnn_lstm/pytorch", "longmemory") < 1
    with pytest.raises(ValueError, match="found none; run `python -m autograder calibrate"):
        check.threshold("cnn_lstm/pytorch", corpus="nowhere")


def test_secret_seed(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_SECRET_FILE", raising=False)
    assert check.secret_seed() == "public"
    (tmp_path / "seed").write_text("hush\n")
    monkeypatch.setenv("COURSE_SECRET_FILE", str(tmp_path / "seed"))
    assert check.secret_seed() == "hush"


def test_reference_model_is_the_notebooks_network():
    assert reference.parameter_count("cnn_lstm", "torch", SIZES)[1] == 574


@pytest.mark.parametrize(
    ("found", "expected", "message"),
    [
        ([1, 2, 3, 4, 9, 6], [1, 2, 3, 4, 5, 6], "x: expected 5 at index 4, found 9"),
        ([0] * 1000 + [7], [0] * 1001, "x: expected 0 at index 1000, found 7"),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6], "x: expected 6 values, found 5"),
        ([1, 2], [1, 3], "x: expected [1, 3], found [1, 2]"),
        (list("abcde"), list("abcdf"), "x: expected ['a', 'b', 'c', 'd', 'f'], found ['a', 'b'"),
        ("12345", [1, 2, 3, 4, 5], "x: expected [1, 2, 3, 4, 5], found 12345"),
    ],
)
def test_long_lists_of_numbers_show_one_place(found, expected, message):
    with pytest.raises(check.CheckError) as caught:
        check.equal(found, expected, "x", hint="look")
    assert str(caught.value).startswith(message)
    assert "look" in str(caught.value)


def test_arrays_show_the_worst_place():
    expected = np.arange(10.0).reshape(2, 5)
    found = expected.copy()
    found[1, 2], found[0, 1] = 9.5, 1.1
    with pytest.raises(check.CheckError, match=r"expected 7 at index \(1, 2\), found 9.5;"):
        check.close(found, expected, "h")
    with pytest.raises(check.CheckError, match=r"expected 4 at index 4, found 0;"):
        check.close(np.zeros(5), np.arange(5.0), "h")
    with pytest.raises(check.CheckError, match=r"expected \[0. 1.\], found \[0. 2.\]"):
        check.close([0, 2], [0, 1], "h")
