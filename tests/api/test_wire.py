"""What crosses between a test and a student's kernel arrives as what it was; nothing else does."""

import base64
import collections
import datetime
import json
import math
import time
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from autograder.api import wire
from autograder.api.wire import WireError, decode, encode

Point = collections.namedtuple("Point", "x y")
UTC = datetime.UTC


def sent(value):
    return decode(encode(value))


@pytest.mark.parametrize(
    "value",
    [
        *(
            1 + 2j,
            complex("nan"),
            np.complex64(3 - 1j),
            np.float32(0.1),
            np.int8(-3),
            np.bool_(True),
        ),
        *(10**6000, -(2**70), 2**64, 2**63, float("inf"), -0.0, 5e-324),
        *("", "é\u200b\x07\x00\n", "😀", "x" * 10_000, b"", b"\0\xff", bytearray(b"q")),
        *(
            {1: 2, 2.5: 3, (1, "a"): 4, None: 5, b"b": 7, "": 8},
            {True: 1},
            {np.str_("a"): np.int64(3)},
        ),
        *({1, "a", (2, 3)}, frozenset("ab"), set(), {frozenset([1]): {2}}),
        *(range(1, 10, 2), range(0), slice(1, None, -1), ..., None, True, [], (), {}),
        *(Decimal("1.50"), Decimal("-Infinity"), Fraction(-1, 3)),
        *(datetime.date(2020, 2, 29), datetime.time(1, 2, 3, 4), datetime.timedelta(-1, 5, 7)),
        *(datetime.datetime(2020, 1, 1, 2, 3), datetime.datetime(2020, 1, 1, tzinfo=UTC)),
        *(collections.OrderedDict(b=1, a=2), collections.Counter("abba")),
        *(collections.defaultdict(list, {1: [2]}), collections.deque([1, 2], 5)),
        *(np.datetime64("2020-01-01"), np.timedelta64(5, "ms")),
        [[1, [2, (3, {"a": {4: [5.0]}})]]],
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_arrive_as_what_they_were(value):
    back = sent(value)
    assert type(back) is type(value)
    assert back == value or repr(back) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.array([1 + 2j, 3]),
        np.array(["ab", "", "😀"]),
        np.array([b"x", b"yy"]),
        np.array("one text"),
        np.array(["2020-01-01", "NaT"], dtype="M8[D]"),
        np.array([1, 2], dtype="m8[ns]"),
        np.array(5),
        np.zeros((0, 3)),
        np.array([], dtype=str),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(12).reshape(3, 4)[::-1, ::2],
        np.arange(3, dtype=">f8"),
        np.array([1, "a", None, [2]], dtype=object),
        np.array([[np.nan, np.inf]]),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_arrive_as_what_they_were(array):
    back = sent(array)
    assert back.shape == array.shape
    assert back.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, array)
    back[...] = back  # the judge's own, to be written to


def test_strings_of_numpy_are_strings():
    words = dict(zip(*np.unique(["a", "b", "a"], return_counts=True), strict=True))
    assert sent(words) == {"a": 2, "b": 1}
    assert isinstance(sent(np.str_("a")), str)
    assert sent([np.str_("a")]) == ["a"]
    assert sent(np.bytes_(b"a")) == b"a"


def test_named_tuples_keep_their_names():
    back = sent([Point(1, [2])])[0]
    assert back == (1, [2]) == Point(1, [2])
    assert (back.x, back.y, back._fields, back._asdict()) == (
        1,
        [2],
        ("x", "y"),
        {"x": 1, "y": [2]},
    )
    assert back._replace(x=5) == (5, [2])
    assert repr(back) == "Point(x=1, y=[2])"


def test_subclasses_of_libraries_arrive_as_what_they_hold():
    class Items(list):
        pass

    assert type(sent(Items([1]))) is list


def test_a_factory_of_python_is_kept_and_no_other():
    assert sent(collections.defaultdict(int))["new"] == 0
    with pytest.raises(KeyError):
        sent(collections.defaultdict(lambda: 3))["new"]


def test_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "a": [1, 2],
            "b": ["x", None],
            "c": pandas.array([1, None], dtype="Int64"),
            "d": pandas.to_datetime(["2020-01-01", "2021-01-01"]),
        },
        index=["r", "s"],
    )
    for part in (frame, frame.set_index(["a", "b"]), frame[["a", "a"]], frame.iloc[:0], frame.T):
        pandas.testing.assert_frame_equal(sent(part), part)
    for series in (frame.a, frame.b, frame.c, frame.d, frame.groupby("a").size()):
        pandas.testing.assert_series_equal(sent(series), series)
    for index in (
        frame.index,
        pandas.RangeIndex(3, name="n"),
        pandas.date_range("2020", periods=2),
    ):
        assert sent(index).equals(index)
    assert sent(pandas.NA) is pandas.NA
    assert sent(pandas.Timestamp("2020-01-01")) == pandas.Timestamp("2020-01-01")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (object(), "found object"),
        (len, "found builtin_function_or_method"),
        (np.array([object()]), "found object"),
        (np.zeros(2, [("a", "i4")]), "found a structured one; give its fields one by one"),
        (np.ma.array([1], mask=[1]), r"found a masked one; use \.filled"),
        (np.longdouble(1), "found dtype"),
        pytest.param(2**3_000_000, "at most 2,000,000 bits, found 3,000,001", id="huge"),
        ((item for item in [1]), "found generator"),
    ],
)
def test_what_does_not_cross_says_so(value, sentence):
    with pytest.raises(WireError, match=sentence):
        encode([value])


def test_what_contains_itself_does_not_cross():
    inside: list = []
    inside.append({"again": inside})
    with pytest.raises(
        WireError, match="at most 100 deep, found more, or a structure that contains"
    ):
        encode(inside)


def array(dtype, shape, data):
    return {"$array": [dtype, shape, base64.b64encode(data).decode()]}


HOSTILE = {
    "object array": array("object", [1], b""),
    "an array larger than its bytes": array("float64", [10**6, 10**6], b""),
    "a dimension beyond all memory": array("float64", [0, 2**60], b""),
    "a letter of 400 MB": array("<U99999999", [1], b""),
    "a dtype that is not text": array(["f8"], [1], b""),
    "a structured dtype": array("f8,f8", [1], b"x" * 16),
    "a date of an odd unit": array("<M8[7D]", [1], b"x" * 8),
    "a shape of truth": array("uint8", [True], b"x"),
    "a set that holds a list": {"$set": [[1]]},
    "a key twice": {"$dict": [["a", 1], ["a", 2]]},
    "a key that is another as a number": {"$dict": [[1, 1], [{"$scalar": ["int8", "AQ=="]}, 2]]},
    "a key that is not itself": {"$dict": [[math.nan, 1]]},
    "keys that are one when cleaned": {"$dict": [["\ud800", 1], ["\udfff", 2]]},
    "a list as a key": {"$dict": [[[1], 2]]},
    "an array as a key": {"$dict": [[array("uint8", [1], b"x"), 2]]},
    "a number as text": {"$int": "1_000"},
    "a number of 40 million bits": {"$int": "0x" + "f" * 10_000_000},
    "a long number in JSON": 10**400,
    "endless counting": {"$range": [0, 2**62, 1]},
    "no step": {"$range": [0, 1, 0]},
    "a range of floats": {"$range": [0.5, 1, 1]},
    "a number that would fill the memory": {"$decimal": "1e999999999"},
    "a Decimal of a million digits": {"$decimal": "1" * 10**6},
    "divided by nothing": {"$fraction": [1, 0]},
    "a fraction of texts": {"$fraction": ["1", "2"]},
    "a complex of texts": {"$complex": ["1", "2"]},
    "an attribute of Python's": {"$record": ["P", ["__class__"], [1]]},
    "a field twice": {"$record": ["P", ["a", "a"], [1, 2]]},
    "fewer fields": {"$record": ["P", ["a"], [1, 2]]},
    "no field": {"$record": ["P", ["import os"], [1]]},
    "a date that is none": {"$date": "2020-02-31"},
    "a day beyond the calendar": {"$timedelta": [10**12, 0, 0]},
    "an id that is no number": {"$ref": ["1", "x", False]},
    "a negative id": {"$ref": [-1, "x", False]},
    "an infinite id": {"$ref": [math.inf, "x", False]},
    "an unknown tag": {"$eval": "1"},
    "two tags": {"$tuple": [], "$set": []},
    "no tag": {"a": 1},
    "an empty object": {},
    "no base64": {"$bytes": "a"},
    "bytes of a list": {"$bytes": [1]},
    "a deque of negative length": {"$deque": [[1], -1]},
    "objects without a shape": {"$objects": [[3], [1]]},
    "objects of a huge shape": {"$objects": [[2**50], []]},
    "depth": json.loads("[" * 150 + "]" * 150),
    "depth in tuples": json.loads('{"$tuple": [' * 150 + "]}" * 150),
}


@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_messages_are_refused_at_once(message):
    text = json.dumps(message)
    start = time.monotonic()
    with pytest.raises(WireError):
        decode(text)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[1", "\ud800", "[" * 100_000, '{"$set":' * 5000, "1" * 5000]
)
def test_what_is_no_message_is_refused(text):
    with pytest.raises(WireError):
        decode(text)


def test_many_small_things_are_refused(monkeypatch):
    monkeypatch.setattr(wire, "MAX_MARKS", 1000)
    with pytest.raises(WireError, match="fewer lists and items in one message; return an array"):
        decode(json.dumps([[]] * 1001))


def test_texts_are_cleaned_of_half_letters_and_of_nothing_else():
    assert decode(json.dumps("a\ud800b")) == "a\ufffdb"
    assert decode(json.dumps({"$dict": [["\udc00", ["\ud83d"]]]})) == {"\ufffd": ["\ufffd"]}
    assert decode(json.dumps("\ud83d\ude00")) == "😀"
    letters = np.array([0x110000, 0xD800, 65, 0xFFFFFFFF], dtype="<u4").tobytes()
    assert decode(json.dumps(array("<U1", [4], letters))).tolist() == [
        "\ufffd",
        "\ufffd",
        "A",
        "\ufffd",
    ]
    for text in ("\u202e", "\x1b[31m", "<script>", "a\r\n\tb", "\u00a0"):
        assert sent(text) == text


def test_a_truth_value_is_true_or_false():
    found = decode(json.dumps(array("bool", [3], b"\0\1\7")))
    assert found.view("u1").tolist() == [0, 1, 1]


def test_what_a_reference_says_of_itself_is_fit_to_be_shown():
    ref = decode(json.dumps({"$ref": [7, "\x1b[2J" + "x" * 500 + "\n", 1]}))
    assert ref.id == 7
    assert len(ref.kind) == 101
    assert ref.kind.isprintable()
    assert ref.callable is False


def test_named_tuples_have_no_way_to_pythons_attributes():
    record = decode(json.dumps({"$record": ["P", ["count", "mro"], [1, 2]]}))
    assert record == (1, 2)
    assert type(record) is wire.Record
