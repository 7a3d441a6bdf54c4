"""Plain asserts on a student's names, by data alone, give what they give in the student's kernel.

Here the student's side is an `Agent` in this process; values cross as the same text as between two
kernels.
"""

import pytest

from autograder import student
from autograder.api import agent
from autograder.kernels import plain
from autograder.kernels.plain import NotByDataError

NOTEBOOK = '''
import math
import numpy as np
from collections import Counter

class Vector:
    """A vector."""
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)
    def __mul__(self, number):
        return Vector(self.x * number, self.y * number)
    def __eq__(self, other):
        return isinstance(other, Vector) and (self.x, self.y) == (other.x, other.y)
    def __lt__(self, other):
        return abs(self) < abs(other)
    def __hash__(self):
        return hash((self.x, self.y))
    def __repr__(self):
        return f"Vector({self.x}, {self.y})"
    def __abs__(self):
        return (self.x**2 + self.y**2) ** 0.5
    def __iter__(self):
        yield self.x
        yield self.y

class TooMuch(ValueError):
    pass

class Account:
    def __init__(self, balance=0):
        self.balance, self.log = balance, []
    def deposit(self, amount):
        if amount < 0:
            raise ValueError("negative")
        self.balance += amount
        self.log.append(amount)
    def withdraw(self, amount):
        if amount > self.balance:
            raise TooMuch(f"only {self.balance}")
    def __enter__(self):
        return self
    def __exit__(self, *_):
        self.balance = None

class Stack(list):
    def push(self, item):
        self.append(item)

class Node:
    def __init__(self, value, next=None):
        self.value, self.next = value, next

class Liar:
    def __eq__(self, other): return True
    __lt__ = __gt__ = __le__ = __ge__ = __contains__ = equals = __eq__
    def __ne__(self, other): return False
    def __sub__(self, other): return 0
    __rsub__ = __add__ = __radd__ = __mul__ = __sub__
    def __abs__(self): return 0
    def __round__(self, digits=None): return 0
    @property
    def __array_interface__(self): raise KeyboardInterrupt
    @property
    def __class__(self): return int

def squares(n):
    if n < 1:
        raise ValueError("n must be at least 1")
    return [i**2 for i in range(1, n + 1)]

def sum_of_squares(n): return sum(squares(n))
def numbers(n): yield from range(n)
def endless():
    while True: yield 1
def breaks():
    yield 1
    raise KeyError("b")
def sort_in_place(items): items.sort()
def double(array): array *= 2
def add(to, key, value=1): to[key] = value; return to
def hello(name): print("hello", name)
def apply(function, value): return function(value)
def same(value): return value
def liar(*_): return Liar()
def increment():
    global counter
    counter += 1
def leave(): raise SystemExit(1)
def looks(name): return globals().get(name)
def options(**kwargs): return kwargs
def stub(): raise NotImplementedError()
def reads(path): return open(path).read()

counter = 0
head = Node(1, Node(2))
vectors = [Vector(1, 2), {"v": Vector(3, 4)}]
'''


@pytest.fixture(autouse=True)
def notebook(monkeypatch):
    """A student's kernel with these names, and a judge that has seen no test yet."""
    namespace = {"__name__": "__main__"}
    exec(NOTEBOOK, namespace)
    monkeypatch.setattr(agent, "_agent", agent.Agent(namespace))
    for state in (plain.names, plain._remotes, plain._exceptions):
        state.clear()
    plain.names["__name__"] = "__main__"
    plain.permit(None)
    return namespace


def run(source):
    return plain.run_plain(source, {})


RIGHT = {
    "lists": "assert squares(3) == [1, 4, 9] and type(squares(1)) is list",
    "expected error": """
try:
    squares(0)
except ValueError as error:
    assert str(error) == "n must be at least 1" and error.args == ("n must be at least 1",)
else:
    raise AssertionError("did not raise")
""",
    "pytest.raises": "import pytest\nwith pytest.raises(ValueError, match='^n must'): squares(0)",
    "unittest": """
import unittest
case = unittest.TestCase()
case.assertEqual(squares(2), [1, 4])
with case.assertRaises(ValueError): squares(0)
""",
    "KeyError": "try: same({})['a']\nexcept KeyError: pass",
    "deleting a name": """
original = squares
del squares
try:
    sum_of_squares(1)
except NameError:
    pass
else:
    raise AssertionError("sum_of_squares does not use squares")
finally:
    squares = original
assert sum_of_squares(3) == 14
""",
    "sorting in place": "items = [3, 1]; sort_in_place(items); assert items == [1, 3]",
    "nested in place": "inner = []; data = {'a': inner}; add(data, 'b'); assert data['a'] is inner",
    "arrays in place": "import numpy\na = numpy.ones(2); double(a); assert a.tolist() == [2, 2]",
    "arguments by name": "d = {}; add(value=5, to=d, key=(1, 2)); assert d == {(1, 2): 5}",
    "the same object": "d = {}; assert add(d, 1) is d and same(d) is d and same([1]) is not d",
    "generators": "assert list(numbers(50)) == list(range(50)) and sum(numbers(3)) == 3",
    "next": """
found = numbers(2)
assert next(found) == 0 and next(found) == 1
try:
    next(found)
except StopIteration:
    pass
else:
    raise AssertionError
""",
    "an endless generator": """
from itertools import islice
assert list(islice(endless(), 3)) == [1] * 3
""",
    "a generator that breaks": """
found = breaks()
assert next(found) == 1
try:
    list(found)
except KeyError as error:
    assert error.args == ("b",)
else:
    raise AssertionError
""",
    "in a generator": "assert 2 in numbers(5) and 7 not in numbers(5)",
    "printed text": """
import contextlib, io
text = io.StringIO()
with contextlib.redirect_stdout(text): hello("you")
assert text.getvalue() == "hello you\\n"
""",
    "functions as arguments": """
import math
assert apply(len, "ab") == 2 and apply(str.upper, "a") == "A" and apply(int, "3") == 3
assert apply(math.sqrt, 4) == 2 and apply(np.sin, 0) == 0 and apply(np.mean, [1, 3]) == 2
assert apply(squares, 2) == [1, 4]
""",
    "objects": """
v = Vector(1, 2) + Vector(3, 4)
assert v == Vector(4, 6) and v != Vector(1, 1) and not v != v and Vector(1, 1) < v
assert v.x == 4 and list(v) == [4, 6] and abs(Vector(3, 4)) == 5
assert str(v) == repr(v) == f"{v}" == "Vector(4, 6)"
assert isinstance(v, Vector) and not isinstance(3, Vector) and issubclass(Vector, Vector)
assert len({Vector(1, 2), Vector(1, 2)}) == 1 and Vector(1, 2) in [v, Vector(1, 2)]
assert sorted([Vector(3, 4), Vector(0, 1)]) == [Vector(0, 1), Vector(3, 4)]
x, y = v
assert vectors[0] == Vector(1, 2) and vectors[1]["v"].y == 4
assert Vector.__name__ == "Vector" and Vector.__doc__ == "A vector."
""",
    "attributes and methods": """
account = Account()
account.deposit(5)
assert account.balance == 5 and account.log == [5] and account.__dict__["balance"] == 5
account.balance = 7
assert account.balance == 7 and hasattr(account, "log") and not hasattr(account, "other")
assert getattr(account, "other", 3) == 3 and callable(account.deposit) and not callable(account)
with Account(3) as inside: assert inside.balance == 3
assert inside.balance is None
""",
    "exceptions of the notebook": """
account = Account()
try:
    account.withdraw(1)
except TooMuch as error:
    assert str(error) == "only 0"
else:
    raise AssertionError
try: account.withdraw(1)
except ValueError: pass
assert issubclass(TooMuch, ValueError)
""",
    "linked objects": """
values, node = [], head
while node:
    values.append(node.value)
    node = node.next
assert values == [1, 2] and head.next is head.next and head.next.next is None
""",
    "a list with methods": "s = Stack(); s.push(3); assert len(s) == 1 and list(s) == [3]",
    "setting items": "s = Stack(); s.push(3); s[0] = 4; assert s.pop() == 4 and not s",
    "copies": "import copy\nassert copy.deepcopy(head).next.value == 2",
    "variables that change": "assert counter == 0; increment(); assert counter == 1",
    "globals()": "assert 'counter' in globals() and 'other' not in globals()\nglobals()['counter']",
    "libraries are the judge's": "assert isinstance(Counter('ab'), dict) and np.all(same(1.0))",
    "own functions": """
def helper(n):
    def inner():
        return squares(n)
    return inner()
assert [helper(n)[-1] for n in (1, 2)] == [1, 4] and all(helper(n) for n in (1, 2))
total = 0
def count():
    global total
    total += len(squares(2))
count()
assert total == 2
class Case:
    def check(self): return squares(2)
assert Case().check() == [1, 4]
""",
    "decorators": """
def twice(f):
    return lambda n: f(f(n)[-1])
@twice
def last(n):
    return squares(n)
assert last(2) == [1, 4, 9, 16]
""",
    "star imports": "from math import *\nassert sqrt(squares(2)[1]) == 2",
    "%matplotlib": "%matplotlib inline\nassert squares(1) == [1]",
    "numpy.testing": "import numpy.testing as t\nt.assert_allclose(squares(2), [1, 4])",
    "pytest.approx": "import pytest\nassert squares(2) == pytest.approx([1, 4])",
    "annotations": "n: int = 3\nassert squares(n)[-1] == 9",
    "arguments of any name": """
assert options(action=1, function=2, self=3, args=[4]) == {
    "action": 1, "function": 2, "self": 3, "args": [4]
}
""",
    "f-strings": 'assert f"{squares(1)}" == "[1]" and f"{counter:03d}" == "000"',
    "lambda and walrus": "assert (lambda n: squares(n))(1) == [1] and (n := squares(1)) == n",
}


@pytest.mark.parametrize("source", RIGHT.values(), ids=RIGHT.keys())
def test_tests_that_a_right_answer_passes(source):
    assert run(source) in (None, 0)


@pytest.mark.parametrize(
    ("source", "kind", "sentence"),
    [
        ("assert squares(2) == [1, 5]", AssertionError, r"not true: squares\(2\) == \[1, 5\]"),
        ("assert squares(2) == [1], 'four'", AssertionError, "^four$"),
        ("squares(0)", ValueError, "^n must be at least 1$"),
        ("Account().withdraw(3)", ValueError, "^only 0$"),
        ("other(3)", NameError, "other does not exist yet: complete and run the cells above"),
        ("stub()", NotImplementedError, "still to be written"),
        ("leave()", student.StudentError, "your code raised SystemExit: 1"),
        (
            "apply(lambda x: x, 3)",
            NotByDataError,
            "a function or class of the test cannot be given",
        ),
        ("def own(x): return x\napply(own, 3)", NotByDataError, r"\(found own\)"),
        ("same(iter([1]))", NotByDataError, "of type list_iterator, which cannot cross"),
        ("%timeit squares(1)", NotByDataError, "begins with % or !"),
        ("!ls", NotByDataError, "begins with % or !"),
        ("files = !ls", NotByDataError, "begins with % or !"),
        ("raise SystemExit", RuntimeError, "ended Python"),
        ("same(10**700_000)", NotByDataError, "at most 2,000,000 bits"),
        ("list(endless())", NotByDataError, "gives more than 1,000 values"),
    ],
)
def test_what_fails_says_why(source, kind, sentence, monkeypatch):
    monkeypatch.setattr(plain, "MOST_VALUES", 1000)
    with pytest.raises(kind, match=sentence):
        run(source)


@pytest.mark.parametrize(
    "asserted",
    [
        *("liar(3) == 9", "9 == liar(3)", "not liar(3) != 9", "liar(3) > 2", "2 < liar(3) < 4"),
        *("abs(liar(3) - 3) < 0.1", "abs(3 - liar(3)) < 0.1", "round(liar(3) - 3, 5) == 0"),
        *("9 in liar(3)", "liar(3) in [9]", "liar(3) in {9}", "[liar(3)] == [9]", "liar(3) == [9]"),
        *("{'a': liar()} == {'a': 1}", "sum([liar(), liar()]) == 0", "isinstance(liar(), int)"),
        *("np.allclose(liar(3), 3)", "np.array_equal(liar(3), 3)", "np.array(3) == liar(3)"),
        *("(liar(3) == np.arange(3)).all()", "np.all(liar(3) == 9)", "max(liar(3), 5) == 5"),
        *("math.isclose(liar(3), 3)", "(liar(3) - np.ones(3)).sum() == 0", "type(liar()) is int"),
        *("liar() is True", "str(liar()) == '9'", "sorted([9, liar()]) == [9, 9]"),
    ],
)
def test_an_object_that_claims_to_equal_everything_passes_nothing(asserted):
    for source in (
        f"assert {asserted}",
        f"try:\n    ok = {asserted}\nexcept Exception:\n    ok = 0\nassert ok",
    ):
        with pytest.raises((AssertionError, TypeError, AttributeError)):
            run(source)


def test_what_cannot_cross_fails_even_if_the_test_expects_an_error():
    for source in ("apply(lambda x: x, 3)", "liar(3) > 2"):
        with pytest.raises(NotByDataError):
            run(f"try:\n    {source}\nexcept:\n    pass")


def test_objects_meet_data_only_where_they_did_in_the_trial():
    source = "assert Vector(1, 2) * 3 == Vector(3, 6)"
    with pytest.raises(NotByDataError, match="expected plain data to compare or compute with"):
        run(source)
    plain.permit(plain.ALL)
    run(source)
    assert plain.used == {"mul"}
    plain.permit(plain.used)
    run(source)
    with pytest.raises(NotByDataError):
        run("liar(3) - 3")


def test_methods_get_data_only_where_they_did_in_the_trial():
    run("assert liar(3).equals(3)")  # without a trial
    plain.permit([".deposit()"])
    run("account = Account(); account.deposit(5)")
    with pytest.raises(NotByDataError, match=r"expected plain data to call \.equals\(\) of"):
        run("assert liar(3).equals(3)")


def test_names_of_earlier_tests_are_known_to_later_ones():
    run(
        "import math\nfrom math import *\nexpected = [1, 4]\ndef helper(): return squares(2), later"
    )
    run("later = 1\nassert helper() == (expected, 1) and math.pi == pi")
    assert plain.names["expected"] == [1, 4]
    kept = dict(plain.names)
    run("expected = 5")
    plain.names.clear()
    plain.names.update(kept)
    run("assert expected == [1, 4] and helper()[1] == 1")


def test_what_cannot_be_prepared_is_asked_of_the_student():
    prelude = "try:\n    @apply\n    def given(): pass\nexcept Exception:\n    pass\nnumber = 3"
    plain.prepare(prelude, {})
    assert run("number + counter") == 3
    plain.prepare("1 +", {})


def test_names_of_the_test_are_not_the_students_to_change(notebook):
    notebook.update(expected=[0], helper=lambda: True)
    run("expected = squares(2)\ndef helper(): return expected == [1, 4]")
    notebook.update(expected=[1], helper=lambda: False)
    run("assert helper() and expected == [1, 4]")


def test_a_tests_variables_stay_with_the_test():
    assert run("secret = 42\nlooks('secret')") is None
    assert run("counter = 42\nlooks('counter')") == 0


def test_the_last_expression_is_partial_credit():
    assert run("points = len(squares(3))\npoints / 2") == 1.5
    assert run("points = 3") is None
    assert run("Vector(1, 2)") == "<Vector>"
    assert run("") is None


def test_a_student_who_prints_says_nothing_to_a_test_that_does_not_listen(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout", type("OutStream", (), {"__module__": "ipykernel.iostream"})())
    run("hello('you')")


def test_errors_name_no_files(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        run("reads('/nowhere/at/all')")
    assert error.value.filename is None
    with pytest.raises(SyntaxError) as error:
        run("apply(exec, 'a b')")
    assert error.value.filename is None


@pytest.mark.parametrize(
    "answer",
    [
        *("", "null", "[]", '{"ok": 1}', '{"$dict": []}', '{"$dict": [["ok", 3]]}'),
        '{"$dict": [["ok", {"$dict": [["raised", 5]]}]]}',
        '{"$dict": [["ok", {"$dict": [["raised", {"$dict": [["kinds", [[1, 2], "x"]]]}]]}]]}',
        '{"$dict": [["ok", {"$dict": [["changed", [[0, 1], 5, [[], 3]]]]}]]}',
        '{"$dict": [["ok", {"$dict": [["printed", 3], ["same", [[]]]]}]]}',
        '{"$dict": [["error", {"$dict": [["type", 3], ["message", [1]]]}]]}',
        '{"$name": ["os", "system"]}',
        '{"$dict": [["ok", {"$dict": [["value", {"$name": ["os", "system"]}]]}]]}',
    ],
)
def test_forged_answers_pass_nothing(answer, monkeypatch):
    monkeypatch.setattr(student, "_transport", lambda request: answer)
    for source in (
        "assert squares(2) == [1, 4]",
        "try:\n    squares(2)\nexcept Exception:\n    pass\nassert x == 1",
    ):
        with pytest.raises((AssertionError, TypeError, AttributeError)):
            run(source)


@pytest.mark.parametrize(
    "kinds",
    [
        [["builtins", "SystemExit"], ["builtins", "BaseException"]],
        [["builtins", "KeyboardInterrupt"]],
        [["builtins", "StopIteration"], ["builtins", "Exception"]],
        [["builtins", "print"]],
        [["os", "system"]],
        [["numpy", "__loader__"], ["builtins", "Exception"]],
        [["autograder.kernels.plain", "NotByDataError"], ["builtins", "Exception"]],
        [["x" * 10_000, "y" * 10_000], ["builtins", "ValueError"]],
        [],
    ],
)
def test_forged_exceptions_are_errors_like_others(kinds):
    error = plain._error({"kinds": kinds, "message": "m" * 5000, "args": [[1], 2]}, "call")
    assert isinstance(error, Exception)
    assert not isinstance(error, StopIteration | NotByDataError)
    assert len(str(error)) < 2300


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    agent.agent().namespace["pd"] = pandas
    run(
        "frame = pd.DataFrame({'a': [1, 2]})\n"
        "def fill(f): pass\n"
        "assert same(frame) is frame and isinstance(frame, pd.DataFrame)\n"
        "add(frame, 'b', [3, 4])\n"
        "assert frame.b.tolist() == [3, 4]\n"
        "assert apply(len, frame) == 2 and same([frame.a])[0].equals(frame.a)"
    )
