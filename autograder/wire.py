"""How a test cell and a student's kernel exchange values: JSON text and plain arrays, nothing else.

Values are numbers, strings, booleans, None, lists, tuples, dicts with string keys, NumPy arrays of
plain dtypes, and references to objects that stay in the student's kernel. Pickle is never used.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_BYTES = 64 * 2**20  # one message; the weights of every model of the course fit 20 times
MAX_MARKS = 5_000_000  # brackets and commas: bounds the objects that a message turns into
DTYPES = frozenset(
    ["bool", "float16", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)


class WireError(ValueError):
    """A value that cannot be exchanged, or a message that is not well formed."""


@dataclass(frozen=True)
class Ref:
    """A reference to an object that stays in the student's kernel."""

    id: int
    kind: str  # what the student's kernel says it is, e.g. "CNNLSTM (torch)"


def clean(text: str, most: int) -> str:
    """At most `most` characters of a text from a student's side, all of which can be shown.

    Lone surrogates and control characters (but line ends and tabs) become "\ufffd".
    """
    text = text if len(text) <= most else text[:most] + "…"
    return "".join(c if c in "\n\t" or c.isprintable() or c == "\u00a0" else "\ufffd" for c in text)


def encode(value: Any) -> str:
    """Turn `value` into JSON text. Raises WireError for anything that is not plain data."""
    try:
        text = json.dumps(_pack(value), allow_nan=True)
    except RecursionError:
        raise WireError("expected plain data, found a structure that contains itself") from None
    if len(text) > MAX_BYTES:
        raise WireError(
            f"expected at most {MAX_BYTES:,} bytes in one message, found {len(text):,}; "
            "return less data"
        )
    return text


def decode(text: str) -> Any:
    """Turn JSON text from `encode` back into values. Raises WireError if it is not well formed."""
    if not isinstance(text, str) or len(text) > MAX_BYTES:
        raise WireError(f"expected JSON text of at most {MAX_BYTES:,} characters")
    if sum(map(text.count, "[{,")) > MAX_MARKS:
        raise WireError("expected fewer lists and items in one message; return an array")
    try:
        return _unpack(json.loads(text))
    except WireError:
        raise
    except (ValueError, RecursionError) as error:
        raise WireError(f"expected JSON text, found something else ({error})") from None


def _pack(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Ref):
        return {"$ref": [value.id, value.kind]}
    if isinstance(value, (np.ndarray, np.generic)):
        return _pack_array(np.asarray(value))
    if isinstance(value, list):
        return [_pack(item) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [_pack(item) for item in value]}
    if isinstance(value, dict):
        if not all(type(key) is str for key in value):
            raise WireError("expected a dict whose keys are strings")
        return {"$dict": [[key, _pack(item)] for key, item in value.items()]}
    raise WireError(
        f"expected numbers, strings, lists, dicts or arrays, found {type(value).__name__}"
    )


def _pack_array(array: np.ndarray) -> dict:
    name = array.dtype.name
    if name not in DTYPES:
        raise WireError(f"expected an array of numbers, found dtype {array.dtype}")
    data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
    return {"$array": [name, list(array.shape), base64.b64encode(data).decode("ascii")]}


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (tag, body), *_ = value.items()
        try:
            if tag == "$ref":
                return Ref(int(body[0]), str(body[1])[:200])
            if tag == "$array":
                return _unpack_array(*body)
            if tag == "$tuple":
                return tuple(_unpack(item) for item in body)
            if tag == "$dict":
                return {str(key): _unpack(item) for key, item in body}
        except (ArithmeticError, TypeError, ValueError, IndexError) as error:
            raise WireError(f"malformed {tag} in a message ({error})") from None
    raise WireError("malformed object in a message")


def _unpack_array(dtype: str, shape: list, data: str) -> np.ndarray:
    if dtype not in DTYPES:
        raise WireError(f"expected a plain number dtype, found {dtype!r:.50}")
    if len(shape) > 8 or not all(type(n) is int and n >= 0 for n in shape):
        raise WireError(f"malformed array shape {shape!r:.50}")
    raw = base64.b64decode(data, validate=True)
    expected = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
    if len(raw) != expected:
        raise WireError(f"an array of shape {shape} needs {expected} bytes, found {len(raw)}")
    return np.frombuffer(raw, dtype=np.dtype(dtype).newbyteorder("<")).reshape(shape).copy()
