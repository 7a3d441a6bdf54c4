"""Whole networks: recognized in a student's arrays, and computed from them.

A course names its networks in the attribute `NETWORKS` of its module (see `autograder.courses`);
a test cell may also bring one of its own:

    >>> softmax_regression = Network(
    ...     "softmax_regression",
    ...     lambda weights, x: dense(x, *weights["output"]),
    ...     {"output": ("dense", "num_features", "num_classes")},
    ... )
    >>> parameter_count(softmax_regression, "torch", {"num_features": 4, "num_classes": 3})
    ({'output': 15}, 15)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from autograder import courses
from autograder.api import frameworks
from autograder.reference.layers import Array
from autograder.reference.layouts import Layout

Weights = Mapping[str, tuple[Array, ...]]  # layer name -> its canonical weights
Layer = tuple[str, *tuple[str | int, ...]]  # its kind and sizes, a size being a name or a number


class Network(NamedTuple):
    """A forward pass and its layers by name.

    `forward` takes canonical weights and the inputs; None if only the weights are needed.
    """

    name: str
    forward: Callable[[Weights, ArrayLike], Array] | None
    layers: dict[str, Layer]


def network(model: str | Network) -> Network:
    """The network with this name among those of the installed courses; a Network is itself."""
    return model if isinstance(model, Network) else _lookup("model", model, courses.networks())


def layer_shapes(
    model: str | Network, framework: str, sizes: Mapping[str, int]
) -> dict[str, dict[str, tuple[int, ...]]]:
    """Layer name -> array name -> shape, for a model in a framework ('torch', 'keras', ...).

    `sizes` gives every size that the model's layers name. ValueError where one is missing, unknown
    or not a positive whole number.
    """
    name, _, layers = network(model)
    layouts = _layouts(framework)
    wanted = {size for _, *dims in layers.values() for size in dims if isinstance(size, str)}
    if set(sizes) != wanted:
        raise ValueError(f"sizes of {name} must be {sorted(wanted)}, found {sorted(sizes)}.")
    for size_name, size in sizes.items():
        if type(size) is not int or size < 1:
            raise ValueError(f"{size_name} must be a positive whole number, found {size!r}.")
    for kind in {kind for kind, *_ in layers.values()} - layouts.keys():
        raise ValueError(f"{framework} has no layout for a layer of kind {kind!r}.")
    return {
        layer: layouts[kind].shapes(*(sizes[d] if isinstance(d, str) else d for d in dims))
        for layer, (kind, *dims) in layers.items()
    }


def parameter_count(
    model: str | Network, framework: str, sizes: Mapping[str, int]
) -> tuple[dict[str, int], int]:
    """Parameters of each layer, and their total."""
    count = {
        layer: sum(math.prod(shape) for shape in arrays.values())
        for layer, arrays in layer_shapes(model, framework, sizes).items()
    }
    return count, sum(count.values())


class WeightsError(ValueError):
    """The arrays are not the weights of the model; the message is for the student."""


def weights_from_arrays(
    model: str | Network,
    framework: str,
    arrays: Sequence[tuple[str, np.ndarray]],
    sizes: Mapping[str, int],
) -> dict[str, tuple[Array, ...]]:
    """Canonical weights from a model's (name, array) pairs, recognized by shape alone.

    Names are free, and appear in messages only. The pairs come in the order in which the framework
    lists a model's trainable arrays; that order matters only between biases of equal shape in one
    layer (the two of a PyTorch or Gluon recurrent layer), which are taken as listed.

    `sizes` (see `layer_shapes`) must therefore give every other array a shape of its own: a
    ValueError names two that share one. Odd, unequal sizes do, such as vocab_size 29,
    embedding_dim 7, num_filters 5, kernel_size 3, hidden_size 11.

    The arrays are not trusted: each must be a plain numpy.ndarray of float32 or float64, of a shape
    in the table, every value a finite float32 number. A WeightsError says in one sentence which
    array is missing, surplus or wrong.
    """
    shapes, layouts = layer_shapes(model, framework, sizes), _layouts(framework)
    places = _places_by_shape(shapes)
    found, surplus = {}, []
    for name, array in arrays:
        label = _label(name)
        _check_dtype(label, array)
        free = [place for place in places.get(array.shape, ()) if place not in found]
        if not free:
            surplus.append(f"{label} {array.shape}")
            continue
        _check_values(label, array)
        found[free[0]] = array
    missing = [
        f"{layer}.{name} {shape}"
        for layer, layer_arrays in shapes.items()
        for name, shape in layer_arrays.items()
        if (layer, name) not in found
    ]
    if missing or surplus:
        raise WeightsError(_difference(network(model).name, missing, surplus))
    return {
        layer: layouts[kind].read(
            *(np.array(found[layer, name], np.float64) for name in shapes[layer])
        )
        for layer, (kind, *_) in network(model).layers.items()
    }


def arrays_from_weights(
    model: str | Network, framework: str, weights: Weights
) -> list[tuple[str, Array]]:
    """Canonical weights -> (name, array) pairs in a framework's layout and order.

    With `weights_from_arrays` this carries a whole model from one framework to another. Names are
    'layer.array', for example 'lstm.weight_ih'.
    """
    layouts, pairs = _layouts(framework), []
    for layer, (kind, *dims) in network(model).layers.items():
        names = layouts[kind].shapes(*(1 for _ in dims))
        arrays = layouts[kind].write(weights[layer])
        pairs += [(f"{layer}.{name}", a) for name, a in zip(names, arrays, strict=True)]
    return pairs


def _lookup(what: str, name: str, table: Mapping[str, Any]) -> Any:
    if name not in table:
        raise ValueError(f"{what} must be one of {sorted(table)}, found {name!r}.")
    return table[name]


def _layouts(framework: str) -> Mapping[str, Layout]:
    return _lookup("framework", framework, frameworks.installed()).layouts()


def _places_by_shape(
    shapes: Mapping[str, Mapping[str, tuple[int, ...]]],
) -> dict[tuple[int, ...], list[tuple[str, str]]]:
    """Shape -> its (layer, array); several only for the biases of one layer."""
    places: dict[tuple[int, ...], list[tuple[str, str]]] = {}
    for layer, arrays in shapes.items():
        for name, shape in arrays.items():
            places.setdefault(shape, []).append((layer, name))
    for shape, (first, *others) in places.items():
        for other in others:
            if len(shape) > 1 or other[0] != first[0]:
                raise ValueError(
                    f"these sizes are ambiguous: {'.'.join(first)} and {'.'.join(other)} both have "
                    f"shape {shape}; choose sizes that differ."
                )
    return places


def _label(name: str) -> str:
    """A student's name for an array, fit for a message."""
    return repr(name[:60]) if type(name) is str else "an array without a name"


def _check_dtype(label: str, array: np.ndarray) -> None:
    if type(array) is not np.ndarray:
        raise WeightsError(f"{label} must be a numpy.ndarray, found {type(array).__name__[:60]}.")
    if array.dtype not in (np.float32, np.float64):
        raise WeightsError(
            f"{label} must hold float32 or float64 numbers, found {str(array.dtype)[:60]}."
        )


def _check_values(label: str, array: np.ndarray) -> None:
    # One comparison refuses NaN, infinity, and numbers whose products could overflow float64.
    if not (np.abs(array) <= np.finfo(np.float32).max).all():
        raise WeightsError(f"{label} {array.shape} holds NaN, infinity or numbers beyond float32.")


def _difference(model: str, missing: Sequence[str], surplus: Sequence[str]) -> str:
    """One sentence on arrays that found no place, and places that found no array."""
    if not missing:
        return f"{model} has no such arrays: {_listed(surplus)}; remove the layers that add them."
    if not surplus:
        return f"{model} needs {_listed(missing)}, which the model does not have."
    return f"{model} expects {_listed(missing)} but found {_listed(surplus)}: check these shapes."


def _listed(items: Sequence[str]) -> str:
    shown = ", ".join(items[:4])
    return shown if len(items) <= 4 else f"{shown} and {len(items) - 4} more"
