"""Test cells with plain asserts, run in the judge on the student's names by data alone.

A test cell's own names live here. Every other name that it reads is asked of the student's kernel
at that moment: plain data comes as it is (see `wire`), anything else as a `Remote`, whose uses are
carried out over there. Nothing of the student's is ever run here.

What a student's object says to a value that the test gives it proves little: an object can claim to
equal everything. So an object is compared with data, computed with data, and asked by methods only
where the trial with the source's own solution did that, too (see `permit`).
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import linecache
import operator
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, SupportsIndex

import numpy as np

from autograder import syntax
from autograder.api import agent, student, wire
from autograder.api.student import StudentError

MOST_VALUES = 1_000_000  # of an iterator
ALL = "everything"  # see `permit`
ALIASES = {
    "np": "numpy",
    "pd": "pandas",
    "sp": "scipy",
    "plt": "matplotlib.pyplot",
    "dt": "datetime",
    "sns": "seaborn",
    "nx": "networkx",
    "sy": "sympy",
}
CLASSES = {  # of libraries, which mean the judge's own when a notebook has imported them
    **dict.fromkeys(["Counter", "OrderedDict", "defaultdict", "deque"], "collections"),
    **dict.fromkeys(["date", "datetime", "time", "timedelta"], "datetime"),
    **{"Decimal": "decimal", "Fraction": "fractions", "ndarray": "numpy"},
    **dict.fromkeys(["DataFrame", "Series"], "pandas"),
}


class NotByDataError(StudentError):
    """A test wants something that does not cross, or what came back cannot be read."""


# ------------------------------------------------------------------ running a test


class Names(dict):
    """What test cells have defined; every other name is the student's, asked for when read."""

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name) or name.startswith("__"):
            raise KeyError(name)  # Python knows where to look
        if name not in _fetched:
            _fetched[name] = _own(name, _use("name", name))
        return _fetched[name]

    def __contains__(self, name: object) -> bool:  # `"name" in globals()`
        return super().__contains__(name) or (
            isinstance(name, str) and _use("has name", name) is True
        )

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, also of the student's."""
        try:
            return self[name]
        except (KeyError, NameError):
            return default

    def __delitem__(self, name: str) -> None:
        if super().__contains__(name):
            super().__delitem__(name)
        else:
            _fetched.pop(name, None)
            _use("delete name", name)

    def __setitem__(self, name: str, value: Any) -> None:
        """A test's own variable, which the student's code does not get to see.

        But an object of the student's that is put back under its name is put back over there.
        """
        if _name_of(value) == name and _use("has name", name) is False:
            _use("bind name", name, value)
        else:
            super().__setitem__(name, value)


names = Names(__name__="__main__")  # of all test cells so far
_fetched: dict[str, Any] = {}  # the student's variables as they were last seen in this test
_remotes: dict[int, Remote] = {}  # by id, so that the same object over there is the same here
_exceptions: dict[str, type[Exception]] = {}  # of the student's, by name
_names_of_refs: dict[int, str] = {}
_problems: list[StudentError] = []  # a test that met one fails, even if it expects an error
_parts = 0
_permitted: frozenset[str] | str | None = None
used: set[str] = set()  # what the last test did with objects of the student's, see `permit`


def permit(uses: Iterable[str] | None) -> None:
    """What the next tests may do with objects and data together: `used` of the trial, or ALL.

    None, where there was no trial: call methods, and no more.
    """
    global _permitted
    _permitted = uses if uses is None or uses == ALL else frozenset(uses)


def prepare(source: str, known: dict[str, Any]) -> None:
    """Define what tests read of the course's own cells (see `trial.prelude`)."""
    with contextlib.suppress(Exception):  # what is missing then is asked of the student's kernel
        run_plain(source, known)


def run_plain(source: str, known: dict[str, Any]) -> Any:
    """Run a test cell with plain asserts on the student's names, by data alone.

    `known` are further names of the judge, which stay known, as do those that the cell defines
    (see `names`). Returns the value of the last expression, nbgrader's partial credit.
    """
    global _parts
    _parts += 1
    place = f"<test {_parts}>"
    tree = _parse(source)
    lines = [f"{line}\n" for line in source.split("\n")]
    linecache.cache[place] = len(source), None, lines, place  # tracebacks show the lines
    names.update(known)
    _fetched.clear()
    _problems.clear()
    used.clear()
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        del tree.body[-1]
    value = None
    try:
        exec(compile(tree, place, "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), place, "eval"), names)
    except AssertionError as error:
        if not _problems:
            raise _with_its_line(error, source, place) from None
    except SystemExit:
        raise RuntimeError("the test ended Python (exit, quit or the like)") from None
    if _problems:
        raise _problems[0]
    return f"<{_kind(value)}>" if isinstance(value, Remote) else value  # no display of theirs


def _parse(source: str) -> ast.Module:
    tree = syntax.parse_cell(source)
    tree.body = [node for node in tree.body if "'matplotlib'" not in _magic(node)]
    for node in ast.walk(tree):
        if _magic(node):
            raise NotByDataError(
                "the test uses a line that begins with % or !, which runs in the notebook's own "
                f"kernel only: write it in Python (found {_magic(node):.60})"
            )
    return tree


def _magic(node: ast.AST) -> str:
    """The call that a line with a magic or a shell command has become; empty for other lines."""
    if not isinstance(node, ast.Expr | ast.Assign) or not isinstance(node.value, ast.Call):
        return ""
    text = ast.unparse(node.value)
    return text if re.match(r"get_ipython\(\)\.(run_|system|getoutput)", text) else ""


def _with_its_line(error: AssertionError, source: str, place: str) -> AssertionError:
    """The error of an assert without a message says what was asserted."""
    if type(error) is not AssertionError or str(error):
        return error
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == place:
            line = trace.tb_lineno
        trace = trace.tb_next
    for node in ast.walk(_parse(source)):
        if isinstance(node, ast.Assert) and node.lineno <= line <= (node.end_lineno or 0):
            return AssertionError(f"not true: {ast.unparse(node.test):.300}").with_traceback(
                error.__traceback__
            )
    return error


def _own(name: str, value: Any) -> Any:
    """What a name means here: a library is the judge's own, whatever the student's does."""
    kind = _kind(value) if isinstance(value, Remote) else ""
    if kind in (f"module {name}", f"module {ALIASES.get(name)}"):
        try:
            return importlib.import_module(kind.partition(" ")[2])
        except ImportError:
            return value
    if kind == f"class {name}" and name in CLASSES:
        return getattr(importlib.import_module(CLASSES[name]), name)
    if isinstance(value, Remote):
        _names_of_refs[_ref(value).id] = name
    return value


def _name_of(value: Any) -> str | None:
    """The name under which an object of the student's was found."""
    return _names_of_refs.get(_ref(value).id) if isinstance(value, Remote) else None


def _ref(remote: Remote) -> wire.Ref:
    return object.__getattribute__(remote, "_ref")


def _kind(remote: Remote) -> str:
    return _ref(remote).kind


# ------------------------------------------------------------------ asking the student's kernel


def _use(action: str, /, *args: Any, **kwargs: Any) -> Any:
    """Have something done in the student's kernel (see `agent.ACTIONS`); the value it gives."""
    request = {"op": "use", "action": action, "args": list(args), "kwargs": kwargs}
    try:
        text = wire.encode(request, _refer)
        answer = wire.decode((student._transport or agent.agent().handle)(text), _remote)
    except wire.WireError as error:
        raise _problem(str(error)) from None
    except StudentError as error:  # no answer
        _problems.append(error)
        raise
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), dict):
        reported = answer.get("error") if isinstance(answer, dict) else None
        message = student._student_error(reported if isinstance(reported, dict) else {})
        raise _problem(str(message) or "the notebook's answer could not be read")
    answer = answer["ok"]
    if action in ("call", "special", "next", "set attribute", "set item", "delete item"):
        for name in [n for n, value in _fetched.items() if not isinstance(value, Remote)]:
            del _fetched[name]  # it may have changed
    given: dict[int | str, Any] = dict([*enumerate(args), *kwargs.items()])
    for key, value in _pairs(answer.get("changed")):
        _renew(given.get(key), value)
    printed = answer.get("printed")
    if isinstance(printed, str) and not type(sys.stdout).__module__.startswith("ipykernel"):
        sys.stdout.write(printed)  # the test has put something in the place of the output
    if "raised" in answer:
        raise _error(answer["raised"], action)
    same = answer.get("same")
    if isinstance(same, list) and len(same) == 1 and isinstance(same[0], int | str):
        return given.get(same[0], answer.get("value"))
    return answer.get("value")


def _problem(message: str) -> NotByDataError:
    problem = NotByDataError(message)
    _problems.append(problem)
    return problem


def _refer(value: Any) -> wire.Ref | wire.Name:
    """What crosses in place of something that a test gives to the student's code."""
    if isinstance(value, Remote):
        return _ref(value)
    if not callable(value):
        raise _problem(
            f"the test gives the student's code a value of type {type(value).__name__}, which "
            "cannot cross: give numbers, strings, lists, dicts, arrays or data frames"
        )
    own = "numpy" if isinstance(value, np.ufunc) else getattr(value, "__module__", "")
    for module in (own, "builtins"):
        path = getattr(value, "__qualname__", "") or getattr(value, "__name__", "")
        with contextlib.suppress(AttributeError, KeyError, TypeError):
            found = operator.attrgetter(path)(sys.modules[module])
            if found is value and module not in ("__main__", __name__):
                return wire.Name(module, path)
    raise _problem(
        "a function or class of the test cannot be given to the student's code, which runs "
        f"elsewhere (found {getattr(value, '__name__', type(value).__name__)}): let the test give "
        "values, or functions of Python's and NumPy's"
    )


def _remote(link: wire.Ref | wire.Name) -> Any:
    if not isinstance(link, wire.Ref):
        raise wire.WireError("malformed reference in a message")
    kind, _, rest = link.kind.partition(" ")
    if kind == "exception":
        return _exception(*rest.partition(" ")[::2])
    if link.id not in _remotes:
        _remotes[link.id] = (RemoteFunction if link.callable else Remote)(link)
    return _remotes[link.id]


def _exception(name: str, base: str) -> type[Exception]:
    """A class for the student's exceptions of this name, so that a test can expect them."""
    name = wire.clean(name, 100)
    if name not in _exceptions and len(_exceptions) < 1000:
        _exceptions[name] = type(name, (_built_in(base) or Exception,), {})
    return _exceptions.get(name, Exception)


def _built_in(name: str) -> type[Exception] | None:
    """The built-in exception of this name, if the student's code may raise it in a test."""
    kind = getattr(builtins, name, None)
    if not isinstance(kind, type) or not issubclass(kind, Exception):
        return None
    # StopIteration would end a loop of the test, and the test with it.
    misleading = (AssertionError, StopIteration, StopAsyncIteration)
    return None if issubclass(kind, misleading) else kind


def _error(raised: Any, action: str) -> Exception:
    """What the student's code raised: as the built-in exception that it is, or StudentError."""
    raised = raised if isinstance(raised, dict) else {}
    kinds = [pair for pair in _pairs(raised.get("kinds")) if {type(v) for v in pair} == {str}]
    message = wire.clean(str(raised.get("message", "")), 2000)
    where = wire.clean(str(raised.get("where", "")), 300)
    first = kinds[0] if kinds else ["", "an error"]
    if first == ["builtins", "NotImplementedError"] and action == "name":
        return NameError(message)
    kind = _kind_of_error(kinds)
    if kind is not None:
        return _made(kind, _items(raised.get("args")), message)
    cause = wire.clean(first[1], 100)
    error = StudentError(f"your code raised {cause}: {message}{f'  [in {where}]' if where else ''}")
    error.cause = cause
    return error


def _kind_of_error(kinds: list[list[str]]) -> type[Exception] | None:
    """The exception that these classes (module and name, the first of them raised) are here."""
    base = next((name for module, name in kinds if module == "builtins" and _built_in(name)), "")
    if not base:
        return None
    module, name = kinds[0]
    if module == "builtins":
        return _built_in(name)
    if module.partition(".")[0] in ("decimal", "json", "numpy", "pandas"):
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            return kind
    return _exception(name, base)


def _made(kind: type[Exception], args: list, message: str) -> Exception:
    """An exception with what it had; of several arguments (a file's name, for one) the message."""
    if kind is NotImplementedError:
        message = message or "this part of the notebook is still to be written"
    simple = len(args) == 1 and isinstance(args[0], int | float | str)
    try:
        return kind(args[0] if simple and len(message) < 2000 else message)
    except TypeError:  # such as UnicodeDecodeError, which needs five
        return ValueError(message)


def _items(value: Any) -> list:
    return value if isinstance(value, list) else []


def _pairs(value: Any) -> list:
    return [pair for pair in _items(value) if isinstance(pair, list) and len(pair) == 2]


def _renew(old: Any, new: Any) -> Any:
    """Change `old`, which the test gave to the student's code, into `new`, as that code has done.

    Returns what then stands in its place: itself, where it is something that can be changed.
    """
    if type(old) is not type(new):
        return new
    if isinstance(old, list):
        old[:] = [_renew(*pair) for pair in zip(old, new, strict=False)] + new[len(old) :]
    elif isinstance(old, dict):
        renewed = {key: _renew(old.get(key), value) for key, value in new.items()}
        old.clear()
        old.update(renewed)
    elif isinstance(old, set):
        old.clear()
        old.update(new)
    elif isinstance(old, bytearray):
        old[:] = new
    elif isinstance(old, deque):
        old.clear()
        old.extend(new)
    elif isinstance(old, np.ndarray) and old.shape == new.shape and old.dtype == new.dtype:
        old[...] = new
    elif hasattr(old, "_update_inplace"):  # of pandas
        old._update_inplace(new)
    elif isinstance(old, np.ndarray):
        raise _problem("your code changed the shape or type of an array that the test gave it")
    else:
        return new
    return old


# ------------------------------------------------------------------ the student's objects


class Remote:
    """An object that stays in the student's kernel; what is done with it is done there."""

    __slots__ = ("_ref", "_values")
    __array_ufunc__ = None  # NumPy leaves it to us what an operator means

    def __init__(self, ref: wire.Ref) -> None:
        object.__setattr__(self, "_ref", ref)
        object.__setattr__(self, "_values", ([], False))

    def __getattribute__(self, name: str) -> Any:
        # NumPy, for one, would read memory wherever an `__array_interface__` points.
        if name[:2] == "__" and name[-2:] == "__":
            if name in ("__name__", "__qualname__", "__doc__", "__dict__"):
                return _plain(_use("attribute", self, name), f"{name} of the student's object")
            return object.__getattribute__(self, name)
        return _method(self, name, _use("attribute", self, name))

    def __setattr__(self, name: str, value: Any) -> None:
        _use("set attribute", self, name, value)

    def __delattr__(self, name: str) -> None:
        _use("delete attribute", self, name)

    def __repr__(self) -> str:
        if _ref(self).callable or _kind(self).startswith("module"):
            return f"<the student's {_kind(self)}>"
        return _text(_use("repr", self))

    def __str__(self) -> str:
        return _text(_use("str", self))

    def __format__(self, spec: str) -> str:
        return _text(_use("format", self, spec))

    def __bool__(self) -> bool:
        return _plain(_use("bool", self), "bool() of the student's object", bool)

    def __int__(self) -> int:
        return _plain(_use("int", self), "int() of the student's object", int)

    def __index__(self) -> int:
        return _plain(_use("index", self), "the student's object as an index", int)

    def __float__(self) -> float:
        return _plain(_use("float", self), "float() of the student's object", float)

    def __hash__(self) -> int:
        return hash(_plain(_use("hash", self), "hash() of the student's object", int))

    def __len__(self) -> int:
        length = _plain(_use("len", self), "len() of the student's object", int)
        if not 0 <= length < 2**62:
            raise ValueError("__len__() should return a number from 0 on")
        return length

    def __round__(self, digits: int | None = None) -> Any:
        return _use("round", self, digits)

    def __getitem__(self, key: Any) -> Any:
        return _use("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _use("set item", self, key, value)

    def __delitem__(self, key: Any) -> None:
        _use("delete item", self, key)

    def __iter__(self) -> Iterator:
        return _values(_use("iterate", self))

    def __next__(self) -> Any:
        return next(_values(self))

    def __contains__(self, value: Any) -> bool:
        if isinstance(value, Remote) or _may("contains", default=False):
            return _plain(_use("contains", self, value), "`in` of the student's object", bool)
        return any(found == value for found in self)

    def __enter__(self) -> Any:
        return _use("special", self, "__enter__")

    def __exit__(self, *_: Any) -> None:
        _use("special", self, "__exit__", None, None, None)

    def __copy__(self) -> Any:
        return _use("call", wire.Name("copy", "copy"), self)

    def __deepcopy__(self, memo: dict) -> Any:
        return _use("call", wire.Name("copy", "deepcopy"), self)

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, Remote) and _use("instance", value, self) is True

    def __subclasscheck__(self, kind: Any) -> bool:
        return isinstance(kind, Remote) and _use("subclass", kind, self) is True

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        raise TypeError(f"{self!r} cannot be pickled")


class RemoteFunction(Remote):
    """A function, class or other object that can be called."""

    __slots__ = ()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return _use("call", self, *args, **kwargs)


class RemoteMethod(RemoteFunction):
    """A function that is an attribute of an object; the object may be no honest one."""

    __slots__ = ("_title",)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        title = object.__getattribute__(self, "_title")
        if (args or kwargs) and not _may(f".{title}()", default=True):
            raise _problem(
                f"expected plain data to call .{title}() of, found an object of the student's; "
                "return numbers, strings, lists, arrays or data frames"
            )
        return _use("call", self, *args, **kwargs)


def _method(owner: Remote, name: str, value: Any) -> Any:
    if not isinstance(value, RemoteFunction) or _kind(owner).startswith("module "):
        return value
    if _kind(value).startswith("class "):
        return value
    method = RemoteMethod(_ref(value))
    object.__setattr__(method, "_title", name)
    return method


def _values(iterator: Any) -> Iterator:
    """The values of an iterator over there, at first one by one, later many at a time."""
    if not isinstance(iterator, Remote):
        yield from iterator
        return
    count = 0
    while True:
        waiting, ended = object.__getattribute__(iterator, "_values")
        if not waiting and not ended:
            answer = _use("next", iterator, 1 if count < 16 else 200)
            if not isinstance(answer, tuple) or len(answer) != 2 or type(answer[0]) is not list:
                raise _problem("the notebook's answer could not be read")
            waiting, ended = answer[0][::-1], answer[1] is True or not answer[0]
            object.__setattr__(iterator, "_values", (waiting, ended))
        if not waiting:
            return
        count += 1
        if count > MOST_VALUES:
            raise _problem(f"an iterator of the student's gives more than {MOST_VALUES:,} values")
        yield waiting.pop()


def _may(use: str, default: bool) -> bool:
    """Whether the test may do this; it is noted, so that a trial can tell what was done."""
    used.add(use)
    if _permitted is None:
        return default
    return _permitted == ALL or use in _permitted


def _plain(value: Any, what: str, kind: type = object) -> Any:
    """`value`, if it is plain data of this kind."""
    if kind is bool and isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Remote) or not isinstance(value, kind):
        raise TypeError(f"expected {what} to be plain data ({kind.__name__})")
    return value


def _text(value: Any) -> str:
    return _plain(value, "the text of the student's object", str)


def _operator(name: str, swapped: bool = False) -> Any:
    def operate(self: Remote, other: Any) -> Any:
        if other is None and name in ("eq", "ne"):
            return name == "ne"
        if not isinstance(other, Remote) and not _may(name, default=False):
            if name in ("eq", "ne"):
                return name == "ne"
            raise _problem(
                "expected plain data to compare or compute with, found an object of the student's "
                f"({_kind(self)}); return numbers, strings, lists, …"
            )
        return _use(name, other, self) if swapped else _use(name, self, other)

    return operate


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _operator(_name))
for _name in (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow"),
    *("lshift", "rshift", "and_", "or_", "xor"),
):
    _title = _name.strip("_")
    setattr(Remote, f"__{_title}__", _operator(_name))
    setattr(Remote, f"__r{_title}__", _operator(_name, swapped=True))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Remote, f"__{_name}__", lambda self, _name=_name: _use(_name, self))
