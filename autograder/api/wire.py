"""How a test cell and a student's kernel exchange values: JSON text and plain arrays, nothing else.

Plain data is what Python, NumPy and pandas offer to hold values: numbers, strings, bytes, lists,
tuples, sets, dicts, dates, arrays, data frames. It arrives as what compares equal to it. Everything
else stays where it is, and a `Ref` to it crosses. Pickle is never used, and nothing that arrives is
executed. What `decode` returns is well formed and bounded, whoever wrote the text.
"""

from __future__ import annotations

import base64
import datetime
import functools
import json
import re
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

MAX_BYTES = 64 * 2**20  # one message; the weights of every model of the course fit 20 times
MAX_MARKS = 5_000_000  # brackets and commas: bounds the objects that a message turns into
MAX_DEPTH = 100  # lists in lists
MAX_BITS = 2_000_000  # of a whole number
DTYPES = frozenset(
    ["bool", "float16", "float32", "float64", "complex64", "complex128"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)
OTHER_DTYPES = re.compile(
    r"<U[1-9]\d{0,7}|\|S[1-9]\d{0,7}|<[mM]8\[(?:Y|M|W|D|h|m|s|ms|us|ns)\]", re.ASCII
)
FACTORIES = {kind.__name__: kind for kind in (bool, dict, float, int, list, set, str, tuple)}
_SURROGATES = re.compile("[\ud800-\udfff]")


class WireError(ValueError):
    """A value that cannot be exchanged, or a message that is not well formed."""


@dataclass(frozen=True)
class Ref:
    """A reference to an object that stays in the student's kernel."""

    id: int
    kind: str  # what the student's kernel says it is, e.g. "CNNLSTM (torch)"
    callable: bool = False


@dataclass(frozen=True)
class Name:
    """Something that both sides have, e.g. the function `math.sin`; only an agent looks it up."""

    module: str
    path: str


class Packed:
    """A value that is known to be plain data, as what goes into JSON text."""

    def __init__(self, value: Any, refer: Refer | None = None) -> None:
        self.body = _Packer(refer).pack(value)


class Record(tuple):
    """A named tuple as it arrives: a tuple with names for its items."""

    _name: str
    _fields: tuple[str, ...]

    @classmethod
    def make(cls, name: str, fields: list[str], values: list) -> Record:
        """A record; raises ValueError if fields and values do not fit."""
        odd = [field for field in fields if not field.isidentifier() or field[0] == "_"]
        if odd or len(set(fields)) != len(values) or len(fields) != len(values):
            raise ValueError("fields and values do not fit")
        record = cls(values)
        record.__dict__.update(zip(fields, values, strict=True))
        record._name, record._fields = clean(name, 100), tuple(fields)
        return record

    def __repr__(self) -> str:
        items = ", ".join(f"{f}={v!r}" for f, v in zip(self._fields, self, strict=True))
        return f"{self._name}({items})"

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def _replace(self, **changed: Any) -> Record:
        values = (self._asdict() | changed).values()
        return Record.make(self._name, list(self._fields), list(values))


Refer = Callable[[Any], Any]  # what to send in place of a value that is no plain data


def clean(text: str, most: int) -> str:
    """At most `most` characters of a text from a student's side, all of which can be shown.

    Lone surrogates and control characters (but line ends and tabs) become "\ufffd".
    """
    text = text if len(text) <= most else text[:most] + "…"
    return "".join(c if c in "\n\t" or c.isprintable() or c == "\u00a0" else "\ufffd" for c in text)


def encode(value: Any, refer: Refer | None = None) -> str:
    """Turn `value` into JSON text. Raises WireError for anything that is not plain data.

    `refer` gives something else to send for what is not plain data, e.g. a Ref.
    """
    text = json.dumps(_Packer(refer).pack(value), allow_nan=True)
    if len(text) > MAX_BYTES:
        raise WireError(
            f"expected at most {MAX_BYTES:,} bytes in one message, found {len(text):,}; "
            "return less data"
        )
    return text


def decode(text: str, refer: Callable[[Ref | Name], Any] | None = None) -> Any:
    """Turn JSON text from `encode` back into values. Raises WireError if it is not well formed.

    `refer` gives what to put in place of a Ref or Name.
    """
    if not isinstance(text, str) or len(text) > MAX_BYTES:
        raise WireError(f"expected JSON text of at most {MAX_BYTES:,} characters")
    if sum(map(text.count, "[{,")) > MAX_MARKS:
        raise WireError("expected fewer lists and items in one message; return an array")
    try:
        return _Unpacker(refer).unpack(json.loads(text))
    except WireError:
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise WireError(f"expected JSON text, found something else ({error!s:.200})") from None


# ------------------------------------------------------------------ from values to JSON


class _Packer:
    def __init__(self, refer: Refer | None) -> None:
        self.refer = refer

    def pack(self, value: Any, depth: int = 0) -> Any:
        """What `json` can write for `value`."""
        kind = type(value)
        if value is None or kind in (bool, float):
            return value
        if kind is str:
            return value
        if kind is int:
            return value if -(2**64) < value < 2**64 else {"$int": _hexadecimal(value)}
        if depth > MAX_DEPTH:
            raise WireError(
                f"expected lists in lists to be at most {MAX_DEPTH} deep, found more, or a "
                "structure that contains itself"
            )
        if (
            self.refer is not None
            and kind.__module__ == "__main__"
            and not hasattr(kind, "_fields")
        ):
            return self.pack(
                self.refer(value), depth + 1
            )  # a class of the notebook has its methods
        for base, tag, parts in _KINDS:
            if kind is base or (tag in _WITH_SUBCLASSES and isinstance(value, base)):
                body = parts(value, functools.partial(self.pack, depth=depth + 1))
                return body if tag is None else {tag: body}
        if "pandas" in sys.modules and kind.__module__.partition(".")[0] == "pandas":
            packed = _pack_pandas(value, functools.partial(self.pack, depth=depth + 1))
            if packed is not None:
                return packed
        if self.refer is not None:
            other = self.refer(value)
            if other is not value:
                return self.pack(other, depth + 1)
        raise WireError(
            "expected plain data (numbers, strings, lists, dicts, arrays, …), "
            f"found {type(value).__name__}"
        )


def _hexadecimal(number: int) -> str:
    if number.bit_length() > MAX_BITS:
        raise WireError(
            f"expected whole numbers of at most {MAX_BITS:,} bits, found {number.bit_length():,}"
        )
    return hex(number)


def _pack_array(array: np.ndarray, pack: Callable) -> dict:
    if isinstance(array, np.ma.MaskedArray):
        raise WireError("expected a plain array, found a masked one; use .filled()")
    if array.dtype.names is not None:
        raise WireError(
            "expected a plain array, found a structured one; give its fields one by one"
        )
    if array.dtype.kind == "O":
        return {"$objects": [list(array.shape), [pack(item) for item in array.ravel().tolist()]]}
    name = array.dtype.name
    if name not in DTYPES:
        name = array.dtype.newbyteorder("<").str
        if array.dtype.kind in "US" and array.dtype.itemsize == 0:
            name = f"{name[:2]}1"
        if not OTHER_DTYPES.fullmatch(name):
            raise WireError(
                f"expected an array of numbers, strings or dates, found dtype {array.dtype}"
            )
    data = np.ascontiguousarray(array, dtype=np.dtype(name).newbyteorder("<")).tobytes()
    return {"$array": [name, list(array.shape), base64.b64encode(data).decode("ascii")]}


def _pack_scalar(value: np.generic, pack: Callable) -> Any:
    if isinstance(value, np.str_):
        return str(value)
    if isinstance(value, np.bytes_):
        return pack(bytes(value))
    if isinstance(value, np.void | np.object_):
        raise WireError(
            f"expected a plain number, found {type(value).__name__}; give its fields one by one"
        )
    ((_, (name, _, data)),) = _pack_array(np.asarray(value), pack).items()
    return {"$scalar": [name, data]}


def _pack_tuple(value: tuple, pack: Callable) -> dict:
    items, fields = [pack(item) for item in value], getattr(type(value), "_fields", None)
    if isinstance(fields, tuple) and all(type(field) is str for field in fields):
        return {"$record": [type(value).__name__, list(fields), items]}
    return {"$tuple": items}


def _pack_dict(value: dict, pack: Callable) -> Any:
    pairs = [[pack(key), pack(item)] for key, item in value.items()]
    for kind in (Counter, OrderedDict):
        if isinstance(value, kind):
            return {f"${kind.__name__}": pairs}
    if isinstance(value, defaultdict):
        factory = getattr(value.default_factory, "__name__", "")
        known = FACTORIES.get(factory) is value.default_factory
        return {"$defaultdict": [factory if known else None, pairs]}
    return {"$dict": pairs}


def _pack_moment(value: datetime.datetime | datetime.time, pack: Callable) -> str:
    if value.tzinfo is None:
        return value.isoformat()
    offset = value.utcoffset()
    zone = value.tzinfo if offset is None else datetime.timezone(offset)
    return value.replace(tzinfo=zone if offset is not None else None).isoformat()


def _items(value: Iterable, pack: Callable) -> list:
    return [pack(item) for item in value]


# In this order: kind, tag in JSON (None: the body says it), the body's making.
_KINDS: list[tuple[type, str | None, Callable]] = [
    (Packed, None, lambda value, pack: value.body),
    (Ref, "$ref", lambda value, pack: [value.id, value.kind, value.callable]),
    (Name, "$name", lambda value, pack: [value.module, value.path]),
    (np.ndarray, None, _pack_array),
    (np.generic, None, _pack_scalar),
    (list, None, _items),
    (tuple, None, _pack_tuple),
    (dict, None, _pack_dict),
    (set, "$set", _items),
    (frozenset, "$frozenset", _items),
    (deque, "$deque", lambda value, pack: [_items(value, pack), value.maxlen]),
    (complex, "$complex", lambda value, pack: [value.real, value.imag]),
    (bytes, "$bytes", lambda value, pack: base64.b64encode(value).decode("ascii")),
    (bytearray, "$bytearray", lambda value, pack: base64.b64encode(value).decode("ascii")),
    (range, "$range", lambda value, pack: [pack(v) for v in (value.start, value.stop, value.step)]),
    (slice, "$slice", lambda value, pack: [pack(v) for v in (value.start, value.stop, value.step)]),
    (type(...), "$ellipsis", lambda value, pack: None),
    (Fraction, "$fraction", lambda value, pack: [pack(value.numerator), pack(value.denominator)]),
    (Decimal, "$decimal", lambda value, pack: str(value)),
    (datetime.datetime, "$datetime", _pack_moment),
    (datetime.date, "$date", lambda value, pack: value.isoformat()),
    (datetime.time, "$time", _pack_moment),
    (
        datetime.timedelta,
        "$timedelta",
        lambda value, pack: [value.days, value.seconds, value.microseconds],
    ),
]
_WITH_SUBCLASSES = frozenset([None, "$set", "$frozenset", "$deque"])


# ------------------------------------------------------------------ from JSON to values


class _Unpacker:
    def __init__(self, refer: Callable[[Ref | Name], Any] | None) -> None:
        self.refer = refer

    def unpack(self, value: Any, depth: int = 0) -> Any:
        """The value that `pack` wrote down; WireError for whatever it never writes."""
        if isinstance(value, str):
            return value if value.isascii() else _SURROGATES.sub("\ufffd", value)
        if isinstance(value, int):
            if abs(value) >= 2**64:
                raise WireError("malformed number in a message")
            return value
        if not isinstance(value, list | dict):
            return value
        if depth > MAX_DEPTH:
            raise WireError(f"expected lists in lists to be at most {MAX_DEPTH} deep, found more")
        unpack = functools.partial(self.unpack, depth=depth + 1)
        if isinstance(value, list):
            return [unpack(item) for item in value]
        if len(value) == 1:
            ((tag, body),) = value.items()
            try:
                if tag == "$ref":
                    return self._ref(*body)
                if tag == "$name":
                    return self._opened(Name(*(str(part)[:200] for part in body)))
                if tag in _MAKERS:
                    return _MAKERS[tag](body, unpack)
            except WireError:
                raise
            except _MALFORMED as error:
                raise WireError(f"malformed {tag} in a message ({error!s:.200})") from None
        raise WireError("malformed object in a message")

    def _ref(self, key: int, kind: str, is_callable: bool = False) -> Any:
        if type(key) is not int or not 0 <= key < 2**64 or not isinstance(kind, str):
            raise ValueError("odd reference")
        return self._opened(Ref(key, clean(kind, 100).replace("\n", " "), is_callable is True))

    def _opened(self, link: Ref | Name) -> Any:
        return link if self.refer is None else self.refer(link)


_MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,  # pandas and NumPy raise what they like
    NotImplementedError,
)


def _unpack_array(dtype: str, shape: list, data: str) -> np.ndarray:
    if not isinstance(dtype, str) or not (dtype in DTYPES or OTHER_DTYPES.fullmatch(dtype)):
        raise WireError(f"expected a plain dtype, found {dtype!r:.50}")
    if len(shape) > 8 or not all(type(n) is int and 0 <= n <= MAX_BYTES for n in shape):
        raise WireError(f"malformed array shape {shape!r:.50}")
    raw = base64.b64decode(data, validate=True)
    kind = np.dtype(dtype).newbyteorder("<")
    expected = int(np.prod(shape, dtype=object)) * kind.itemsize
    if len(raw) != expected:
        raise WireError(f"an array of shape {shape} needs {expected} bytes, found {len(raw)}")
    if kind.kind == "U":
        raw = _clean_letters(raw)
    elif dtype == "bool":
        raw = (np.frombuffer(raw, "u1") != 0).tobytes()
    return np.frombuffer(raw, dtype=kind).reshape(shape).astype(kind.newbyteorder("="))


def _clean_letters(raw: bytes) -> bytes:
    letters = np.frombuffer(raw, "<u4").copy()
    letters[(letters > 0x10FFFF) | ((letters >= 0xD800) & (letters < 0xE000))] = 0xFFFD
    return letters.tobytes()


def _unpack_objects(body: list, unpack: Callable) -> np.ndarray:
    shape, items = body
    if len(shape) > 8 or not all(type(n) is int and 0 <= n <= MAX_BYTES for n in shape):
        raise WireError(f"malformed array shape {shape!r:.50}")
    if int(np.prod(shape, dtype=object)) != len(items):
        raise ValueError("as many items as the shape says")
    array = np.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        array[place] = unpack(item)
    return array.reshape(shape)


def _unpack_int(text: str) -> int:
    if not re.fullmatch(r"-?0x[0-9a-f]+", text) or len(text) > MAX_BITS // 4 + 8:
        raise ValueError("odd number")
    return int(text, 16)


def _unpack_pairs(pairs: list, unpack: Callable) -> list[tuple]:
    found = [(unpack(key), unpack(item)) for key, item in pairs]
    _unique(key for key, _ in found)
    return found


def _unpack_unique(items: list, unpack: Callable) -> list:
    found = [unpack(item) for item in items]
    _unique(found)
    return found


def _unique(keys: Iterable) -> None:
    """Keys are what can be found again: hashable, different, and equal to themselves."""
    seen = set()
    for key in keys:
        is_number = isinstance(key, float | complex | Decimal | np.generic)
        if (is_number and bool(key != key)) or key in seen:
            raise ValueError("a key twice, or one that is not equal to itself")
        seen.add(key)


def _unpack_defaultdict(body: list, unpack: Callable) -> defaultdict:
    factory, pairs = body
    return defaultdict(FACTORIES.get(factory), _unpack_pairs(pairs, unpack))


def _unpack_deque(body: list, unpack: Callable) -> deque:
    items, maxlen = body
    return deque([unpack(item) for item in items], maxlen)


def _unpack_counter(body: list, unpack: Callable) -> Counter:
    return Counter(dict(_unpack_pairs(body, unpack)))


def _unpack_range(body: list, unpack: Callable) -> range:
    values = range(*_whole(body, unpack))
    if max(abs(values.start), abs(values.stop)) >= 2**63 or len(values) > MAX_MARKS:
        raise WireError(f"expected a range of at most {MAX_MARKS:,} numbers")
    return values


def _unpack_slice(body: list, unpack: Callable) -> slice:
    return slice(*(None if part is None else _whole([part], unpack)[0] for part in body))


def _whole(body: list, unpack: Callable) -> list[int]:
    numbers = [unpack(part) for part in body]
    if not all(type(number) is int for number in numbers):
        raise ValueError("a whole number expected")
    return numbers


def _unpack_complex(body: list, unpack: Callable) -> complex:
    real, imaginary = body
    if not all(type(part) is float for part in (real, imaginary)):
        raise ValueError("odd number")
    return complex(real, imaginary)


def _unpack_decimal(body: str, unpack: Callable) -> Decimal:
    if len(body) > 10_000:
        raise ValueError("a long number")
    number = Decimal(body)
    if number.is_finite() and abs(number.adjusted()) > 10_000:  # as a whole number it would be huge
        raise WireError("expected a Decimal of at most 10,000 digits")
    return number


def _record(body: list, unpack: Callable) -> Record:
    name, fields, values = body
    return Record.make(str(name)[:100], [str(f)[:100] for f in fields], [unpack(v) for v in values])


_MAKERS: dict[str, Callable[[Any, Callable], Any]] = {
    "$array": lambda body, unpack: _unpack_array(*body),
    "$scalar": lambda body, unpack: _unpack_array(body[0], [], body[1])[()],
    "$objects": _unpack_objects,
    "$int": lambda body, unpack: _unpack_int(body),
    "$complex": _unpack_complex,
    "$tuple": lambda body, unpack: tuple(unpack(item) for item in body),
    "$record": _record,
    "$dict": lambda body, unpack: dict(_unpack_pairs(body, unpack)),
    "$Counter": _unpack_counter,
    "$OrderedDict": lambda body, unpack: OrderedDict(_unpack_pairs(body, unpack)),
    "$defaultdict": _unpack_defaultdict,
    "$set": lambda body, unpack: set(_unpack_unique(body, unpack)),
    "$frozenset": lambda body, unpack: frozenset(_unpack_unique(body, unpack)),
    "$deque": _unpack_deque,
    "$bytes": lambda body, unpack: base64.b64decode(body, validate=True),
    "$bytearray": lambda body, unpack: bytearray(base64.b64decode(body, validate=True)),
    "$range": _unpack_range,
    "$slice": _unpack_slice,
    "$ellipsis": lambda body, unpack: ...,
    "$fraction": lambda body, unpack: Fraction(*_whole(body, unpack)),
    "$decimal": _unpack_decimal,
    "$datetime": lambda body, unpack: datetime.datetime.fromisoformat(body),
    "$date": lambda body, unpack: datetime.date.fromisoformat(body),
    "$time": lambda body, unpack: datetime.time.fromisoformat(body),
    "$timedelta": lambda body, unpack: datetime.timedelta(*_whole(body, unpack)),
    "$missing": lambda body, unpack: _pandas().NA if body == "NA" else _pandas().NaT,
    "$index": lambda body, unpack: _unpack_index(body, unpack),
    "$series": lambda body, unpack: _unpack_series(body, unpack),
    "$frame": lambda body, unpack: _unpack_frame(body, unpack),
}


# ------------------------------------------------------------------ pandas, where it is installed

_EXTENSION_DTYPES = re.compile(
    r"U?Int(?:8|16|32|64)|Float(?:32|64)|boolean|str|string|object|category", re.ASCII
)


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise WireError("found data of pandas, which is not installed where grading runs") from None
    return pandas


def _pack_pandas(value: Any, pack: Callable) -> dict | None:
    pandas = _pandas()
    if value is pandas.NA or value is pandas.NaT:
        return {"$missing": "NA" if value is pandas.NA else "NaT"}
    if isinstance(value, pandas.Timestamp):
        return pack(value.to_pydatetime(warn=False))
    if isinstance(value, pandas.Timedelta):
        return pack(value.to_pytimedelta())
    if isinstance(value, pandas.DataFrame):
        columns = [_pack_column(value.iloc[:, k], pack) for k in range(value.shape[1])]
        return {"$frame": [pack(value.columns), pack(value.index), columns]}
    if isinstance(value, pandas.Series):
        return {"$series": [pack(value.name), pack(value.index), _pack_column(value, pack)]}
    if isinstance(value, pandas.MultiIndex):
        return {"$index": ["levels", pack(list(value)), pack(list(value.names))]}
    if isinstance(value, pandas.RangeIndex):
        return {"$index": ["range", [value.start, value.stop, value.step], pack(value.name)]}
    if isinstance(value, pandas.Index):
        return {"$index": ["values", _pack_column(value, pack), pack(value.name)]}
    return None


def _pack_column(values: Any, pack: Callable) -> list:
    if isinstance(values.dtype, np.dtype) and values.dtype.kind != "O":
        return ["", pack(values.to_numpy())]
    name = str(values.dtype)
    if not _EXTENSION_DTYPES.fullmatch(name):
        raise WireError(f"expected plain columns, found dtype {name}; use .astype")
    return [name, [pack(item) for item in values]]


def _unpack_column(body: list, unpack: Callable, make: Callable, **names: Any) -> Any:
    dtype, values = body
    values = unpack(values)
    if dtype == "" and isinstance(values, np.ndarray) and values.dtype.kind not in "OUS":
        return make(values, **names)
    if not isinstance(values, list) or not _EXTENSION_DTYPES.fullmatch(dtype):
        raise ValueError("odd column")
    return make(values, dtype=dtype, **names)


def _unpack_index(body: list, unpack: Callable) -> Any:
    kind, values, name = body
    if kind == "range":
        found = _unpack_range(values, unpack)
        return _pandas().RangeIndex(found.start, found.stop, found.step, name=unpack(name))
    if kind == "levels":
        return _pandas().MultiIndex.from_tuples(unpack(values), names=unpack(name))
    return _unpack_column(values, unpack, _pandas().Index, name=unpack(name))


def _expect_index(value: Any) -> Any:
    if not isinstance(value, _pandas().Index):
        raise ValueError("odd index")
    return value


def _unpack_series(body: list, unpack: Callable) -> Any:
    name, index, column = body
    index = _expect_index(unpack(index))
    return _unpack_column(column, unpack, _pandas().Series, index=index, name=unpack(name))


def _unpack_frame(body: list, unpack: Callable) -> Any:
    pandas = _pandas()
    labels, index = (_expect_index(unpack(part)) for part in body[:2])
    make = functools.partial(pandas.Series, index=index)
    columns = {k: _unpack_column(column, unpack, make) for k, column in enumerate(body[2])}
    frame = pandas.DataFrame(columns, index=index)
    frame.columns = labels
    return frame
