"""What a test cell can require of an answer, and the sentence a student reads if it fails.

Every check prints one line when it passes. When it fails, it raises CheckError with one sentence:
what was expected, what was found and, if the cause is known, what to do. Checks see only data (see
`student`), so the same test cell runs on a laptop and in the judge. If a hidden test fails,
students read one fixed sentence (see `Hidden`). Whatever a student chose (values, names) appears in
a sentence shortened and in printable characters (see `_cut`).
"""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.api import wire
from autograder.api.student import Model

if TYPE_CHECKING:
    from autograder.reference import Network

RANDOM_DRAWS = 3  # of random weights, to see whether a model's answers come from its weights
CHANCE = 0.35  # correlation with 50 labels that random weights do not reach: 5 standard deviations
FEW = 4  # numbers that a message shows; of more than that it shows the worst
LONG = 200  # characters of a student's value that a message shows
AT_ONCE = 500  # examples: bounds the memory of a forward pass in NumPy
TOLERANCE = 1e-5  # absolute; float32 arithmetic in another order stays below it


NO_ANSWER = "the notebook gave no answer"  # an error of the judge begins so
HIDDEN_FAILED = "✗ a hidden test of this question failed"


class CheckError(AssertionError):
    """A requirement that the answer does not meet; the message is for the student."""

    def _render_traceback_(self) -> list[str]:  # notebooks show the sentence, not our call stack
        return [f"✗ {self}"]


class Points:
    """Partial credit: parts that fail cost their own points only.

    >>> points = Points(2)
    >>> with points.part(1, "embedding"):
    ...     equal(160_000, 160_000, "embedding")
    ✓ embedding: 160,000
    >>> points.total()  # the last line of the test cell
    1
    """

    def __init__(self, available: float) -> None:
        self.available = available
        self.offered = self.earned = 0.0

    @contextmanager
    def part(self, points: float, title: str) -> Iterator[None]:
        """Checks inside the block earn `points` together, or nothing and a printed sentence."""
        self.offered += points
        try:
            yield
        except AssertionError as error:
            worth = f"(0 of {points:g})"
            print(f"✗ {title} {worth}: {error}")
            if _hidden is not None:
                _hidden.part_failed(title, worth)
        else:
            self.earned += points

    def total(self) -> float:
        """The points earned, as a number that nbgrader reads as partial credit."""
        if not math.isclose(self.offered, self.available):
            raise ValueError(f"parts offer {self.offered:g} points, the cell {self.available:g}")
        return Earned(self.earned)


class Earned(float):
    """Points earned in a test. If its visible part ends with them, the whole gives no more."""

    def __repr__(self) -> str:
        return f"{float(self):.12g}"


class Hidden:
    """What students may read about a hidden part that failed: which of its parts, and no more.

    The student's code sees the hidden data and could reveal it in any text that it raises, returns
    or chooses to fail at. So only the author's own `titles` are kept.
    """

    def __init__(self, titles: set[str]) -> None:
        self.titles = titles
        self.lines: list[str] = []

    def part_failed(self, title: str, worth: str) -> None:
        """Note that a part of `Points` failed."""
        shown = title if title in self.titles else "a hidden test"
        self.lines.append(f"✗ {shown} {worth}: not as expected")


_hidden: Hidden | None = None


def hide(hidden: Hidden | None) -> None:
    """Note failed parts in `hidden` from now on; None: stop."""
    global _hidden
    _hidden = hidden


def equal(found: Any, expected: Any, what: str, hint: str = "") -> None:
    """`found` is exactly `expected` (numbers, strings, lists, dicts)."""
    if isinstance(found, np.generic) or (type(found) is np.ndarray and found.ndim == 0):
        found = found.item()
    same_kind = isinstance(found, (int, float)) == isinstance(expected, (int, float))
    if not same_kind or isinstance(found, np.ndarray) or not _is(found, expected):
        _fail_at_first(found, expected, what, hint)
        _fail(what, expected, found, hint)
    _passed(what, found)


def _fail_at_first(found: Any, expected: Any, what: str, hint: str) -> None:
    """Say of two long lists of numbers where they first differ; it says nothing of others."""
    lists = type(found) is list and type(expected) is list and len(expected) > FEW
    if not lists or not all(type(value) in (int, float) for value in [*found, *expected]):
        return
    if len(found) != len(expected):
        raise CheckError(
            f"{what}: expected {len(expected):,} values, found {len(found):,}{_then(hint)}"
        )
    for index, (mine, right) in enumerate(zip(found, expected, strict=True)):
        if not _is(mine, right):
            place = f"expected {_show(right)} at index {index}, found {_show(mine)}"
            raise CheckError(f"{what}: {place}{_then(hint)}")


def _is(found: Any, expected: Any) -> bool:
    try:
        return bool(found == expected)
    except (ValueError, TypeError, RecursionError):  # arrays inside lists, for one
        return False


def entry(found: Any, key: str, what: str) -> Any:
    """The value under `key` of `found`, a dict, which may have other keys, too."""
    if not isinstance(found, dict):
        _fail(what, f"a dict with the key {key!r}", type(found).__name__)
    if key not in found:
        raise CheckError(f"{what}: expected the key {key!r}, found {_show(sorted(found, key=str))}")
    return found[key]


def array(found: Any, shape: tuple[int, ...], what: str, hint: str = "") -> np.ndarray:
    """`found` as an array of finite numbers, if it has this shape."""
    numbers = _numbers(found, what)
    if numbers.shape != shape:
        _fail(what, shape, numbers.shape, hint, part="shape")
    return numbers


def close(
    found: Any, expected: Any, what: str, tolerance: float = TOLERANCE, hint: str = ""
) -> None:
    """Numbers or arrays that differ by at most `tolerance` (absolute) and have the same shape."""
    expected = np.asarray(expected, dtype=np.float64)
    found = array(found, expected.shape, what, hint)
    errors = np.abs(found - expected)
    error = float(np.max(errors, initial=0.0))
    if not error <= tolerance:
        raise CheckError(
            f"{what}: {_pair(found, expected, errors)}; the largest difference is {error:.2g}, at "
            f"most {tolerance:g} is allowed{_then(hint)}"
        )
    print(f"✓ {what}: largest difference {error:.1e}, at most {tolerance:g} allowed")


def _pair(found: np.ndarray, expected: np.ndarray, errors: np.ndarray) -> str:
    """Both arrays or, if they are large, the place where they differ most."""
    if found.size <= FEW:
        return f"expected {_show(expected)}, found {_show(found)}"
    worst = tuple(int(i) for i in np.unravel_index(np.argmax(errors), errors.shape))
    where = worst[0] if len(worst) == 1 else worst
    return f"expected {expected[worst]:.6g} at index {where}, found {found[worst]:.6g}"


def parameter_count(model: Model, expected: int) -> None:
    """The number of trainable parameters of `model`."""
    _, arrays = model.weights()
    found = sum(array.size for _, array in arrays)
    if found != expected:
        raise CheckError(
            f"trainable parameters: expected {expected:,}, found {found:,}; by layer: "
            f"{_named(_layers(arrays))}"
        )
    _passed("trainable parameters", found)


def layer_parameters(model: Model, expected: dict[str, int]) -> None:
    """The parameters of each layer; how many arrays it has, and their names, do not matter."""
    _, arrays = model.weights()
    if not _deal_out([array.size for _, array in arrays], list(expected.values())):
        found = _layers(arrays)
        for layer, count in expected.items():
            if count not in found.values():
                raise CheckError(
                    f"expected a layer ({layer}) with {count:,} parameters, found none; "
                    f"you have: {_named(found)}"
                )
        raise CheckError(f"expected {len(expected)} layers, found others: {_named(found)}")
    _passed("layers", _named(expected))


def output_shape(
    model: Model, tokens: tuple[int, ...] | np.ndarray, expected: tuple[int, ...]
) -> None:
    """The shape of the output for inputs of shape `tokens` = (N, T), whose ids are all 1.

    `tokens` may also be an array of inputs. The output must depend on the weights: a constant of
    the right shape is not a network.
    """
    inputs = tokens if isinstance(tokens, np.ndarray) else np.ones(tokens, dtype=np.int32)
    found = model.predict(inputs)
    _expect_shape(found, expected)
    if np.array_equal(found, _with_random_weights(model, inputs)[0], equal_nan=True):
        message = (
            "the output is the same whatever the weights are; does the network use its layers?"
        )
        raise CheckError(message)
    print(f"✓ inputs of shape {inputs.shape} give outputs of shape {expected}")


def same_function(
    model: Model,
    reference: str | Network,
    sizes: dict[str, int],
    output: str = "logits",
    tokens: tuple[int, int] | np.ndarray = (5, 21),
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> None:
    """`model` computes what the NumPy `reference` computes with the same weights.

    Compared twice: with the weights that the model has, and with random ones that are put into it,
    which reveals a model whose weights hide a wrong step. `reference` is the name of a course's
    network or a `autograder.reference.Network`, `sizes` are the arguments that the model was built
    with, `output` is 'logits' or 'probability'. `tokens` are the inputs, or the shape (N, T) of ids
    that are drawn below `sizes["vocab_size"]`.
    """
    rng = np.random.default_rng(seed)
    inputs = _inputs(tokens, sizes, rng)
    framework, arrays = model.weights()
    compare = functools.partial(_compare, model, reference, sizes, output, inputs, tolerance)
    compare(framework, arrays, "your weights")
    random = _random_like(arrays, rng)
    model.load(random)
    names = [name for name, _ in arrays]
    # What was put in, not what the model then says that it has.
    compare(framework, list(zip(names, random, strict=True)), "random weights")


def _inputs(tokens: tuple[int, int] | np.ndarray, sizes: dict[str, int], rng: Any) -> np.ndarray:
    if isinstance(tokens, np.ndarray):
        return tokens
    return rng.integers(0, sizes["vocab_size"], size=tokens)


def _compare(
    model: Model,
    reference: str | Network,
    sizes: dict[str, int],
    output: str,
    inputs: np.ndarray,
    tolerance: float,
    framework: str,
    arrays: list[tuple[str, np.ndarray]],
    weights_name: str,
) -> None:
    expected = _in_numpy(reference, sizes, framework, arrays, inputs, output)
    found = model.predict(inputs)
    _expect_shape(found, expected.shape)
    what = f"{output} for inputs of shape {inputs.shape}, {weights_name}"
    hint = (
        "the layers fit, but they are not connected correctly: compare axes, padding, activation, "
        "pooling and which step is classified"
    )
    close(found, expected, what, tolerance, hint)


def _in_numpy(
    reference: str | Network,
    sizes: dict[str, int],
    framework: str,
    arrays: list[tuple[str, np.ndarray]],
    inputs: np.ndarray,
    output: str = "logits",
) -> np.ndarray:
    """The outputs of the network `reference` with these weights for `inputs` (N, ...): (N, C)."""
    # Here, because a student's kernel does not have it: it answers questions of some assignments.
    from autograder import reference as networks

    try:
        weights = networks.weights_from_arrays(reference, framework, arrays, sizes)
    except networks.WeightsError as error:
        raise CheckError(f"the weights do not fit the network asked for: {error}") from None
    name, forward, _ = networks.network(reference)
    if forward is None:
        raise ValueError(f"{name} has no forward pass to compare with: give its Network one")
    starts = range(0, max(1, len(inputs)), AT_ONCE)
    logits = np.concatenate([forward(weights, inputs[k : k + AT_ONCE]) for k in starts])
    if output == "logits":
        return logits
    return networks.sigmoid(logits) if logits.shape[-1] == 1 else networks.softmax(logits)


def known(
    model: Model,
    reference: str | Network,
    sizes: dict[str, int],
    output: str = "logits",
    tokens: tuple[int, int] | np.ndarray = (5, 21),
) -> dict[str, Any]:
    """`reference` and `sizes` for `cross_entropy` if `model` computes that network; else nothing.

    So a test can judge a training loop even if the network is not the required one.
    """
    inputs = _inputs(tokens, sizes, np.random.default_rng(0))
    try:
        expected = _in_numpy(reference, sizes, *model.weights(), inputs, output)
        close(model.predict(inputs), expected, "outputs before training")
    except CheckError:
        return {}
    return {"reference": reference, "sizes": sizes}


def _random_like(arrays: list[tuple[str, np.ndarray]], rng: Any) -> list[np.ndarray]:
    """Random weights that keep the size of the signal, so that every step shows in the output."""
    return [
        (rng.normal(size=array.shape) / max(1, min(array.shape, default=1)) ** 0.5).astype("f4")
        for _, array in arrays
    ]


def _with_random_weights(model: Model, tokens: np.ndarray, draws: int = 1) -> list[np.ndarray]:
    """What `model` answers with random weights, several times; then its own weights come back."""
    rng = np.random.default_rng(0)
    _, arrays = model.weights()
    outputs = []
    for _ in range(draws):
        model.load(_random_like(arrays, rng))
        outputs.append(model.predict(tokens))
    model.load([array for _, array in arrays])
    return outputs


def cross_entropy(
    model: Model,
    tokens: np.ndarray,
    labels: np.ndarray,
    output: str = "logits",
    reference: str | Network = "",
    sizes: dict[str, int] | None = None,
    num_classes: int = 1,
) -> float:
    """The mean cross-entropy of `model` (nats per example), computed here in float64.

    For the other arguments see `accuracy`.
    """
    scores = _scores(model, tokens, labels, output, reference, sizes, num_classes)
    labels = np.asarray(labels)
    if num_classes == 1:
        margins = scores[:, 0] * (2 * labels.astype(np.float64) - 1)
        return float(np.mean(np.logaddexp(0.0, -margins)))
    right = scores[np.arange(len(labels)), labels.astype(int)]
    return float(np.mean(np.logaddexp.reduce(scores, axis=1) - right))


def one_step(before: list, after: list, learning_rate: float) -> None:
    """The arrays `before` and `after` training are at most one step of Adam apart.

    Adam's first step moves no weight further than the learning rate (Kingma and Ba, 2015, section
    2.1), so more than that shows that a single batch was cut into several.
    """
    moved = max(float(np.max(np.abs(b - a), initial=0)) for b, a in zip(before, after, strict=True))
    if not moved <= 1.001 * learning_rate + 1e-6:
        message = (
            f"with one batch of all examples, one epoch is one step of the optimizer; the weights "
            f"moved as far as {moved / learning_rate:.1f} steps; is batch_size used?"
        )
        raise CheckError(message)
    print("✓ one batch is one step of the optimizer")


def shuffled(first: list, second: list) -> None:
    """Two training runs from the same weights end differently, because their batches differ."""
    if all(np.array_equal(a, b) for a, b in zip(first, second, strict=True)):
        message = (
            "two training runs from the same weights end with exactly the same weights; "
            "shuffle the examples in every epoch"
        )
        raise CheckError(message)
    print("✓ batches are shuffled")


def falls(before: float, after: float, what: str, by: float) -> None:
    """`after` is below `before` by at least the fraction `by`."""
    if not after <= (1 - by) * before:
        message = (
            f"expected it to fall by at least {by:.0%}, found {before:.4f} before and "
            f"{after:.4f} after; does every batch take a step of the optimizer?"
        )
        raise CheckError(f"{what}: {message}")
    print(f"✓ {what} falls from {before:.3f} to {after:.3f}")


def accuracy(
    model: Model,
    tokens: np.ndarray,
    labels: np.ndarray,
    at_least: float,
    output: str = "logits",
    reference: str | Network = "",
    sizes: dict[str, int] | None = None,
    num_classes: int = 1,
) -> None:
    """The share of correctly classified examples is at least `at_least` (see `threshold`).

    `tokens` are the inputs (N, ...), `labels` (N,) whole numbers from 0. `num_classes` is the
    number of outputs per example: 1 if there are two classes and the model gives one logit or the
    probability of class 1. If the network is known, give `reference` and `sizes` (see
    `same_function`): then its outputs are computed here from the model's weights, and the model is
    not asked, because its answers could come from elsewhere.
    """
    scores = _scores(model, tokens, labels, output, reference, sizes, num_classes)
    chosen = scores[:, 0] > 0 if num_classes == 1 else np.argmax(scores, axis=1)
    expected = np.asarray(labels) > 0.5 if num_classes == 1 else np.asarray(labels)
    found = float(np.mean(chosen == expected))
    if not found >= at_least:
        hint = (
            "the network asked for was computed with your weights, so it must be the one you "
            "trained; then look at the training curve"
            if reference
            else "look at the training curve first"
        )
        raise CheckError(
            f"expected an accuracy of at least {at_least:.2f} on {len(tokens):,} examples the "
            f"model has not seen, found {found:.3f}; {hint}"
        )
    print(f"✓ accuracy {found:.3f} on {len(tokens):,} unseen examples, {at_least:.2f} required")


def threshold(name: str, corpus: str) -> float:
    """The calibrated threshold of '<assignment>/<notebook>', as `autograder calibrate` stored it.

    It is the mean accuracy of seeded runs minus four standard deviations. `corpus`: a recipe of the
    course (see `autograder.courses`).
    """
    from autograder import courses  # here: a student's kernel does not have it

    assignment, notebook = name.split("/")
    path = courses.thresholds(assignment)
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if corpus not in results.get(notebook, {}):
        raise ValueError(
            f"expected a calibrated threshold for {name} on {corpus}, found none; run "
            f"`python -m autograder calibrate {assignment} --corpus {corpus}`"
        )
    return results[notebook][corpus]["threshold"]


def secret_seed() -> str:
    """A seed that only the grader knows; without one (on a laptop), a public seed."""
    path = os.environ.get("COURSE_SECRET_FILE")
    return Path(path).read_text(encoding="utf-8").strip() if path else "public"


def tier() -> str:
    """'cpu' (small data, the default) or 'gpu' (real data, too), from COURSE_TIER."""
    value = os.environ.get("COURSE_TIER", "cpu")
    if value not in ("cpu", "gpu"):
        raise ValueError(f"expected COURSE_TIER to be cpu or gpu, found {value!r}")
    return value


def _expect_learning(
    model: Model, tokens: np.ndarray, labels: np.ndarray, output: str, num_classes: int
) -> None:
    """With random weights, the answers of `model` must have nothing to do with the labels.

    Otherwise they come from somewhere else: memorized labels, rules, a look at the tests.
    """
    some = slice(None, None, max(1, len(tokens) // 200))
    tokens, labels = tokens[some], np.asarray(labels, dtype=np.float64)[some]
    if num_classes > 1:
        labels = np.eye(num_classes)[labels.astype(int)]
    found = 0.0
    guesses = _with_random_weights(model, tokens, RANDOM_DRAWS)
    for guess in guesses:
        logits = _logits(guess, len(tokens), output, num_classes)
        logits = logits - logits.mean(axis=1, keepdims=True) if num_classes > 1 else logits
        if np.std(logits) > 0 and np.std(labels) > 0:
            correlation = np.corrcoef(logits.ravel(), labels.ravel())[0, 1]
            found += abs(float(correlation)) / len(guesses)
    if not found <= CHANCE:
        raise CheckError(
            "the model finds the right labels even with random weights; its answers must come from "
            "the weights that were trained"
        )


def _scores(
    model: Model,
    tokens: np.ndarray,
    labels: np.ndarray,
    output: str,
    reference: str | Network,
    sizes: dict[str, int] | None,
    num_classes: int,
) -> np.ndarray:
    """Logits (N, C) in float64: of the known network with the model's weights, or the model's."""
    if reference:
        return _in_numpy(reference, sizes or {}, *model.weights(), np.asarray(tokens))
    _expect_learning(model, tokens, labels, output, num_classes)
    return _logits(model.predict(tokens), len(tokens), output, num_classes)


def _logits(found: np.ndarray, num_examples: int, output: str, num_classes: int) -> np.ndarray:
    _expect_shape(found, (num_examples, num_classes))
    values = _numbers(found, "the model's outputs")
    if output == "logits":
        return values
    if values.min() < 0 or values.max() > 1:
        missing = "sigmoid" if num_classes == 1 else "softmax"
        raise CheckError(
            f"expected probabilities between 0 and 1, found {values.min():.3g} to "
            f"{values.max():.3g}; is the {missing} missing?"
        )
    values = np.clip(values, 1e-7, 1 - 1e-7)
    return np.log(values) - np.log1p(-values) if num_classes == 1 else np.log(values)


def _layers(arrays: list[tuple[str, np.ndarray]]) -> dict[str, int]:
    """Parameters per layer; a layer is what the arrays' dotted or slashed names share."""
    counts: dict[str, int] = {}
    for name, array in arrays:
        layer = name.replace("/", ".").rpartition(".")[0] or name
        counts[layer] = counts.get(layer, 0) + array.size
    return counts


def _named(layers: dict[str, int]) -> str:
    shown = [f"{_cut(name, 60)} {count:,}" for name, count in layers.items()][:12]
    return ", ".join(shown) + (f" and {len(layers) - 12} more" if len(layers) > 12 else "")


def _deal_out(sizes: list[int], totals: list[int]) -> bool:
    """Whether arrays of these sizes make up layers with these totals.

    A layer can be one module, several (an LSTM with one linear layer per gate) or bare arrays, so
    every way to combine arrays counts. After many tries without success, the answer is no.
    """
    sizes, left, tries = sorted(sizes, reverse=True), list(totals), 0

    def deal(k: int) -> bool:
        nonlocal tries
        tries += 1
        if k == len(sizes):
            return not any(left)
        for place in {total: i for i, total in enumerate(left) if total >= sizes[k]}.values():
            left[place] -= sizes[k]
            if tries < 20_000 and deal(k + 1):
                return True
            left[place] += sizes[k]
        return False

    return sum(sizes) == sum(totals) and len(sizes) < 200 and deal(0)


def _expect_shape(outputs: np.ndarray, expected: tuple[int, ...]) -> None:
    if outputs.shape != expected:
        hint = _shape_hint(outputs.shape, expected)
        raise CheckError(f"expected {expected}, got {outputs.shape}: {hint}")


def _shape_hint(found: tuple, expected: tuple) -> str:
    if len(found) == 3 and found[0] == expected[0] and found[-1] == expected[-1]:
        return "the classifier is applied to every time step; take the last one"
    if len(found) == len(expected) - 1:
        return "an axis is missing; keep the last axis of size 1 (no squeeze)"
    if found[:1] != expected[:1]:
        return "the first axis must be the example; is an axis swapped (batch_first, transpose)?"
    return "check the size of the last layer and the axis it works on"


def _numbers(value: Any, what: str) -> np.ndarray:
    if value is None:
        raise CheckError(
            f"{what}: expected numbers, found None; does the function end with a return?"
        )
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biufO":
            raise TypeError
        array = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise CheckError(f"{what}: expected numbers, found {_show(value)}") from None
    if not np.all(np.isfinite(array)):
        raise CheckError(f"{what}: expected finite numbers, found NaN or infinity")
    return array


def _fail(what: str, expected: Any, found: Any, hint: str = "", part: str = "") -> None:
    message = f"{what}: expected {_show(expected)}, found {_show(found)}{_then(hint)}"
    raise CheckError(f"{part} of {message}" if part else message)


def _passed(what: str, found: Any) -> None:
    print(f"✓ {what}: {_show(found)}")


def _then(hint: str) -> str:
    return f"; {hint}" if hint else ""


def _show(value: Any) -> str:
    """A short text for a value, with thousands separated and long text cut."""
    if isinstance(value, str):
        return _cut(value)
    if type(value) is int and value.bit_length() < 100:
        return f"{value:,}"
    if isinstance(value, np.ndarray):
        return _cut(" ".join(np.array2string(value, precision=6, threshold=6, edgeitems=2).split()))
    if isinstance(value, Model):
        return _cut(repr(value))
    if isinstance(value, wire.Ref):
        return _cut(value.kind)
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > LONG:
            break
    return _cut(text)


def _pieces(value: Any) -> Iterator[str]:
    """The text of plain data in pieces, so that a long value need not be written out in full."""
    if type(value) is int and value.bit_length() >= 100:  # Python refuses to write very long ones
        yield f"a number of {value.bit_length():,} bits"
    elif type(value) in (list, tuple):
        yield "[" if type(value) is list else "("
        for place, item in enumerate(value):
            yield ", " if place else ""
            yield from _pieces(item)
        yield "]" if type(value) is list else ",)" if len(value) == 1 else ")"
    elif type(value) is dict:
        for place, (key, item) in enumerate(value.items()):
            yield ", " if place else "{"
            yield from _pieces(key)
            yield ": "
            yield from _pieces(item)
        yield "}" if value else "{}"
    elif isinstance(value, str):
        yield repr(value[: LONG + 1])
    elif isinstance(value, (np.ndarray, Model, wire.Ref)):
        yield _show(value)
    else:
        yield repr(value)[: LONG + 1]


def _cut(text: str, longest: int = LONG) -> str:
    """Text that a student may have chosen, made fit for a message: printable, and not long."""
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text[:longest]
    )
    return shown if len(text) <= longest else shown + "…"
