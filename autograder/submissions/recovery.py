"""Finds the assignment's cells in what a student handed in, and puts back what is missing.

Editors and converters drop nbgrader's metadata; students merge, split, retype, move and delete
cells. A cell is found by the name in its metadata, else by its id, else by its text (a locked cell)
or by what it defines (an answer). What a student has defined is never overwritten.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from nbformat import NotebookNode
from nbgrader.api import Notebook

from autograder import syntax

MAX_CODE = 40_000  # characters of one cell that are parsed: some code takes the square of its size
MAX_CODE_IN_ALL = 200_000
TRANSPARENT = {"capture", "prun", "time", "timeit"}  # cell magics that run what follows as it is
DEFINES_ANYTHING = re.compile(
    r"%run\b|%load\b|(?<![.\w])(?:exec|eval|globals|setattr)\(|\bimport[ (]+\*"
)
USUAL_MAGICS = {*TRANSPARENT, "autoreload", "config", "load_ext", "matplotlib"}
DEFINED_ELSEWHERE = (
    "# The notebook was handed in without this cell; its answer may be in another one."
)
WRITTEN_ELSEWHERE = (
    "*The notebook was handed in without this cell; the answer may be in another one.*"
)


@dataclass(frozen=True)
class Official:
    """A cell of the assignment as the gradebook knows it."""

    name: str
    cell_type: str
    source: str
    metadata: dict  # nbgrader's
    locked: bool

    @property
    def is_answer(self) -> bool:
        """Whether a student writes it."""
        return self.metadata["solution"]

    @property
    def is_test(self) -> bool:
        """Whether it gives points by being run."""
        return self.metadata["grade"] and not self.is_answer

    @cached_property
    def released(self) -> str:
        """Its source as students get it."""
        return syntax.released(self.source)

    @cached_property
    def names(self) -> set[str]:
        """What it defines; imports only if there is nothing else."""
        tree = parse(self.source) if self.cell_type == "code" else None
        if tree is None:
            return set()
        imports: list[ast.stmt] = [
            n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)
        ]
        others = [node for node in tree.body if node not in imports]
        return bound_names(others) or bound_names(imports)


def official_cells(notebook: Notebook, cell_ids: dict[str, str]) -> dict[str, Official]:
    """Name -> cell, in the order of `cell_ids` (id -> name) where it names all of them."""
    points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    answers = {cell.name for cell in notebook.solution_cells}
    tasks = {cell.name: cell.max_score for cell in notebook.task_cells}
    cells = {}
    for cell in notebook.source_cells:
        metadata = {
            "grade": cell.name in points,
            "grade_id": cell.name,
            "locked": cell.locked,
            "schema_version": 3,
            "solution": cell.name in answers,
            "task": cell.name in tasks,
            "cell_type": cell.cell_type,
            "checksum": cell.checksum,
        }
        if cell.name in points | tasks:
            metadata["points"] = (points | tasks)[cell.name]
        source = cell.source or ""
        cells[cell.name] = Official(cell.name, cell.cell_type, source, metadata, cell.locked)
    order = [name for name in cell_ids.values() if name in cells]
    return {name: cells[name] for name in order} if set(order) == cells.keys() else cells


def grade_id(cell: NotebookNode) -> str | None:
    """The name that a cell's metadata gives it."""
    metadata = cell.metadata.get("nbgrader")
    name = metadata.get("grade_id") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else None


def official_of(cell: NotebookNode, official: dict[str, Official]) -> Official | None:
    """The assignment's cell with the name that `cell` has; None if it has none of them."""
    name = grade_id(cell)
    return None if name is None else official.get(name)


# ------------------------------------------------------------------ names that were lost


def recover(nb: NotebookNode, official: dict[str, Official], cell_ids: dict[str, str]) -> None:
    """Give every cell of the assignment its name; what was done about it becomes a note.

    If too little is recognized to tell what the answers are, the notebook is not graded.
    """
    record = nb.metadata.autograder
    record.notes += _name_once(nb, official)
    code = Code()
    ways = {
        "by cell id": _find_by_id(nb, official, cell_ids),
        "by text": _find_by_text(nb, official),
    }
    lost, named = any(ways.values()), len(_places(nb))
    others = [cell.source for cell in nb.cells if not grade_id(cell) and cell.source.strip()]
    answers = _find_answers(nb, official, code, by_place=lost)
    if 2 * named < len(official) and others and _unknown(nb, official, code):
        reason = (
            f"only {named} of the assignment's {len(official)} cells were recognized: they were "
            "deleted, or a program dropped nbgrader's metadata; copy the answers into a fresh "
            "copy of the assignment and hand it in again"
        )
        record.update({"not_graded": reason, "notes": [reason], "alerts": [reason]})
    elif lost or (answers and not named):
        ways["by an answer's content or place"] = answers
        found = ", ".join(f"{way} ({_count(names)})" for way, names in ways.items() if names)
        record["lost"] = True
        record["alerts"] = [f"nbgrader's metadata was lost and recovered {found}"]
        record.notes += record.alerts
    elif answers:
        record.notes.append(f"no cell had this name, found by content or place: {_few(answers)}")


def _name_once(nb: NotebookNode, official: dict[str, Official]) -> list[str]:
    """Drop all names but those of the assignment; if a cell occurs twice, the last one counts."""
    counts: Counter[str] = Counter()
    for cell in reversed(nb.cells):
        name = grade_id(cell)
        if name not in official or name in counts:
            cell.metadata.pop("nbgrader", None)
        if name in official:
            counts[name] += 1
    return [
        f"'{name}' stands {counts[name]} times in the notebook; the last one was graded"
        for name in official
        if counts[name] > 1
    ]


def _find_by_id(
    nb: NotebookNode, official: dict[str, Official], cell_ids: dict[str, str]
) -> list[str]:
    missing = set(_missing(nb, official))
    known = cell_ids or {name: name for name in official}
    found = []
    for cell in nb.cells:
        name = known.get(cell.id)
        if name in missing and not grade_id(cell):
            _give_name(cell, official[name])
            found.append(name)
    return found


def _find_by_text(nb: NotebookNode, official: dict[str, Official]) -> list[str]:
    """Find locked cells that are as they were released, but for white space."""
    unnamed = defaultdict(list)
    longest = 1000 + 2 * max((len(cell.released) for cell in official.values()), default=0)
    for place, cell in enumerate(nb.cells):
        if not grade_id(cell) and len(cell.source) < longest:
            unnamed[_letters(cell.source)].append(place)
    found, last = [], -1
    places = _places(nb)
    for name, cell in official.items():
        here = unnamed.get(_letters(cell.released))
        if name not in places and cell.locked and here:
            place = next((place for place in here if place > last), here[0])
            here.remove(place)
            _give_name(nb.cells[place], cell)
            places[name] = place
            found.append(name)
        last = places.get(name, last)
    return found


def _find_answers(
    nb: NotebookNode, official: dict[str, Official], code: Code, by_place: bool
) -> list[str]:
    """Find answers in cells without a name, between the cells around them.

    An answer is what defines the same names. An answer without names is what is left, if there are
    as many cells as answers; with `by_place` any other answer, too.
    """
    gaps = defaultdict(list)
    for name, gap in _gaps(nb, official).items():
        if official[name].is_answer:
            gaps[gap].append(official[name])
    found = {}
    has_places = bool(_places(nb))
    added = nb.metadata.autograder.get("added", [])  # what the student never had
    for (start, end), answers in gaps.items():
        cells = [cell for cell in nb.cells[start:end] if cell.source.strip()]
        for answer in answers:
            same = [cell for cell in cells if code.defines(cell.source, answer.names)]
            same = [cell for cell in same if not grade_id(cell)]
            if same:
                _give_name(same[-1], answer)
                found[answer.name] = answer
        for is_code in (True, False) if has_places else ():
            left = [answer for answer in answers if answer.name not in [*found, *added]]
            left = [answer for answer in left if by_place or not answer.names]
            left = [answer for answer in left if (answer.cell_type == "code") == is_code]
            unnamed = [cell for cell in cells if not grade_id(cell)]
            unnamed = [cell for cell in unnamed if (cell.cell_type == "code") == is_code]
            if len(left) == len(unnamed):
                for cell, answer in zip(unnamed, left, strict=True):
                    _give_name(cell, answer)
                    found[answer.name] = answer
    return list(found)


def _unknown(nb: NotebookNode, official: dict[str, Official], code: Code) -> list[str]:
    """Answers to be graded by tests that are neither there nor defined anywhere."""
    missing = [official[name] for name in _missing(nb, official) if official[name].is_answer]
    return [
        answer.name
        for answer in missing
        if not answer.metadata["grade"]
        if not any(code.defines(cell.source, answer.names) for cell in nb.cells)
    ]


# ------------------------------------------------------------------ cells that are missing


def put_back(nb: NotebookNode, official: dict[str, Official]) -> list[str]:
    """Insert every missing cell of the assignment, and return what to say about it.

    A test comes as late as its place allows, so that it finds an answer that was moved or retyped;
    everything else comes as early as possible. An answer comes back as it was released. If the
    student's own cells may define or say the same, it comes back empty and overwrites nothing.
    """
    code = Code()
    apart = _take_apart(nb, official, code)
    missing = _missing(nb, official)
    emptied = []
    new = {}
    for name in missing:
        source = _source_to_put_back(nb, official, official[name], code)
        if source != official[name].source:
            emptied.append(name)
        new[name] = NotebookNode(cell_type=official[name].cell_type, source=source, metadata={})
        _give_name(new[name], official[name])
    _insert(nb, official, new)
    added = nb.metadata.autograder.get("added", [])
    notes = {
        "merged with another cell and taken apart": apart,
        "added to the assignment after it was handed out": [n for n in missing if n in added],
        "missing and put back": [name for name in missing if name not in added],
        "put back empty, because it may be answered elsewhere": emptied,
    }
    return [f"{what}: {_few(names)}" for what, names in notes.items() if names]


def _take_apart(nb: NotebookNode, official: dict[str, Official], code: Code) -> list[str]:
    """Undo the merging of an answer with locked cells, whose text is known.

    If an answer is missing, what a student wrote into a locked cell becomes a cell of its own next
    to it. Then answers are searched for once more; returns the names of those that are found.
    """
    missing = [official[name] for name in _missing(nb, official)]
    answers = [cell for cell in missing if cell.is_answer]
    texts = [cell.released.strip() for cell in missing if cell.locked and cell.released.strip()]
    cells = []
    for cell in nb.cells:
        original = official_of(cell, official)
        before = behind = ""
        if original is not None and original.locked:
            if answers:
                before, behind = _around(cell, original, answers, code)
        elif texts and _is_code(cell, official):
            _drop_merged_texts(cell, texts, code)
        cells += _piece(_without(before, texts), cell, answers, code)
        cells.append(cell)
        cells += _piece(_without(behind, texts), cell, answers, code)
    found = len(cells) > len(nb.cells)
    nb.cells = cells
    return _find_answers(nb, official, code, by_place=found)


def _around(
    cell: NotebookNode, original: Official, answers: list[Official], code: Code
) -> tuple[str, str]:
    """What a student wrote in front of a locked cell's text, and behind it."""
    text = original.released.strip()
    if _letters(cell.source) == _letters(text):
        return "", ""
    if text and text in cell.source:
        before, _, behind = cell.source.partition(text)
        return before, behind
    prose = any(answer.cell_type != "code" for answer in answers) and cell.cell_type != "code"
    keep = prose or any(code.defines(cell.source, answer.names) for answer in answers)
    return cell.source if keep else "", ""


def _drop_merged_texts(cell: NotebookNode, texts: list[str], code: Code) -> None:
    """Make code that was merged with Markdown of the assignment code again."""
    if code.tree(cell.source) is None:
        rest = _without(cell.source, texts)
        if code.tree(rest) is not None:
            cell["source"] = rest


def _without(text: str, others: Iterable[str]) -> str:
    for other in others:
        text = text.replace(other, "", 1)
    return text.strip("\n")


def _piece(
    text: str, beside: NotebookNode, answers: list[Official], code: Code
) -> list[NotebookNode]:
    """A student's cell with text that was part of another one; none for no text."""
    if not text.strip():
        return []
    is_code = any(code.defines(text, answer.names) for answer in answers)
    if not is_code and beside.cell_type == "code":
        written = any(answer.cell_type != "code" for answer in answers)
        is_code = not written or code.tree(text) is not None
    kind = "code" if is_code else "markdown"
    return [NotebookNode(cell_type=kind, source=text, metadata=NotebookNode())]


def _source_to_put_back(
    nb: NotebookNode, official: dict[str, Official], cell: Official, code: Code
) -> str:
    if not cell.is_answer:
        return cell.source
    by_hand = cell.metadata["grade"]
    lost = by_hand and nb.metadata.autograder.get("lost", False)
    own = [other for other in nb.cells if not grade_id(other) and other.source.strip()]
    if cell.cell_type != "code":
        written = any(other.cell_type != "code" for other in own) or any(
            here.source != other.source
            for here in nb.cells
            if (other := official_of(here, official)) and other.is_answer
            if other.cell_type != "code"
        )
        has_had_it = cell.name not in nb.metadata.autograder.get("added", [])
        return WRITTEN_ELSEWHERE if has_had_it and (written or lost) else cell.source
    theirs = [other for other in nb.cells if _is_code(other, official)]
    theirs = [other.source for other in theirs if not _is_locked(other, official)]
    shown = by_hand and not cell.names and any(other.cell_type == "code" for other in own)
    elsewhere = lost or shown or code.defined(theirs, cell.names)
    return DEFINED_ELSEWHERE if elsewhere else cell.source


def _insert(nb: NotebookNode, official: dict[str, Official], new: dict[str, NotebookNode]) -> None:
    places = _places(nb)
    in_front_of: dict[int, list[str]] = defaultdict(list)
    run: list[str] = []
    previous = -1
    for name in [*official, None]:
        if name in new:
            run.append(name)
            continue
        here = len(nb.cells) if name is None else places[name]
        tests = [place for place, missing in enumerate(run) if official[missing].is_test]
        early = tests[0] if tests else len(run)
        in_front_of[previous + 1] += run[:early]
        in_front_of[here if here > previous else previous + 1] += run[early:]
        previous, run = here, []
    cells = []
    for place, cell in enumerate([*nb.cells, None]):
        cells += [new[name] for name in in_front_of[place]]
        cells += [cell] if cell is not None else []
    nb.cells = cells


# ------------------------------------------------------------------ where cells are


def _places(nb: NotebookNode) -> dict[str, int]:
    return {name: place for place, cell in enumerate(nb.cells) if (name := grade_id(cell))}


def _missing(nb: NotebookNode, official: dict[str, Official]) -> list[str]:
    places = _places(nb)
    return [name for name in official if name not in places]


def _gaps(nb: NotebookNode, official: dict[str, Official]) -> dict[str, tuple[int, int]]:
    """Missing cell -> from where to where it may be: up to the next cell that has a name."""
    places = _places(nb)
    taken = sorted(places.values())
    following = dict(zip([-1, *taken], [*taken, len(nb.cells)], strict=True))
    gaps, previous = {}, -1
    for name in official:
        if name in places:
            previous = places[name]
        else:
            gaps[name] = previous + 1, following[previous]
    return gaps


def _is_locked(cell: NotebookNode, official: dict[str, Official]) -> bool:
    original = official_of(cell, official)
    return original is not None and original.locked


def _is_code(cell: NotebookNode, official: dict[str, Official]) -> bool:
    original = official_of(cell, official) or cell
    return original.cell_type == "code"


def _give_name(cell: NotebookNode, official: Official) -> None:
    cell.metadata = NotebookNode({"nbgrader": NotebookNode(official.metadata)})


def _letters(text: str) -> str:
    return "".join(text.split())


def _count(names: list[str]) -> str:
    return f"{len(names)} cell" + ("s" if len(names) != 1 else "")


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more


# ------------------------------------------------------------------ what students' code defines


class Code:
    """The cells of one notebook as code: each is parsed once, and only so much in total."""

    def __init__(self) -> None:
        self._left = MAX_CODE_IN_ALL
        self._trees: dict[str, ast.Module | None] = {}
        self.too_long: set[str] = set()  # sources that were not parsed

    def tree(self, source: str) -> ast.Module | None:
        """The syntax tree; None if it is not Python, or too long."""
        if source not in self._trees:
            if len(source) > min(MAX_CODE, self._left):
                self.too_long.add(source)
                return None
            self._left -= len(source)
            self._trees[source] = parse(source)
        return self._trees[source]

    def defines(self, source: str, names: set[str]) -> bool:
        """Whether a cell defines one of the names."""
        tree = self.tree(source)
        return tree is not None and not names.isdisjoint(bound_names(tree.body))

    def defined(self, sources: Iterable[str], names: set[str]) -> bool:
        """Whether one of the names may be defined, also where code cannot be understood."""
        return any(self._may_define(source, names) for source in sources) if names else False

    def _may_define(self, source: str, names: set[str]) -> bool:
        if self.defines(source, names) or DEFINES_ANYTHING.search(source):
            return True
        is_python = self.tree(source) is not None and not source.lstrip().startswith("%%")
        return not is_python and any(name in source for name in names)


def parse(source: str) -> ast.Module | None:
    """The syntax tree of a student's cell, with magics as calls; None if it is not Python.

    IPython's own way to read magics takes minutes for some texts.
    """
    lines = source.split("\n")
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        words = lines[first][2:].split(maxsplit=1)
        if not words or words[0] not in TRANSPARENT:
            lines = lines[: first + 1]
        lines[first] = _without_magic(lines[first])
    tree = _parse("\n".join(lines))
    return tree or _parse("\n".join(map(_without_magic, lines)))


def _parse(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():  # of the student's code: nobody would read them
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
        return None


def _without_magic(line: str) -> str:
    """A line of a cell in Python; a magic that is not a usual one becomes a visible call."""
    text = line.strip()
    indent = line[: len(line) - len(line.lstrip())]
    if text.startswith("%") and text.lstrip("%").partition(" ")[0] in USUAL_MAGICS:
        return f"{indent}pass"
    if text.startswith(("%", "!", "?")) or text.endswith("?"):
        return f"{indent}get_ipython()"
    target, sign, value = line.partition("=")
    return f"{target}= get_ipython()" if sign and value.lstrip()[:1] in ("%", "!") else line


def bound_names(body: list[ast.stmt]) -> set[str]:
    """All names that statements bind in the notebook."""
    names = set()
    for node in _outside_functions(body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            names |= _root(node)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Global):
            names.update(node.names)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
    return names


def _outside_functions(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """All nodes that are run with the cell, and `global` lines of functions."""
    nodes: list[ast.AST] = list(body)
    while nodes:
        node = nodes.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from (inner for inner in ast.walk(node) if isinstance(inner, ast.Global))
        else:
            nodes += ast.iter_child_nodes(node)


def _root(node: ast.expr) -> set[str]:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()
