"""Small automatic mistakes in every reference solution, and whether the tests notice them.

Mutation libraries (mutmut, cosmic-ray) change modules that a suite imports; here the code is in
notebook cells, and the mistakes that matter are those of the field: a wrong axis, a swapped gate,
a missing activation, the other padding side. `mutants_of` makes them from a cell's syntax tree, and
`mutant_runner` runs a notebook with one of them, in the kernel that the notebook names.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
import yaml
from jupyter_client.kernelspec import KernelSpecManager
from nbformat import NotebookNode
from nbgrader.utils import is_solution
from tqdm import tqdm

from autograder import syntax
from autograder.outputs.export import write_atomically
from autograder.quality import HOME, members

RESULTS = HOME / "benchmarks" / "results" / "mutants.json"
LIMIT = 300  # mutants of one notebook, drawn at random where there are more
SECONDS = 90  # for one mutant
REQUIRED = 0.95

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult,
}  # fmt: skip
# One for the other: reductions, activations, padding sides, orders.
TWINS = [
    ("mean", "sum"), ("max", "min"), ("argmax", "argmin"), ("maximum", "minimum"),
    ("sigmoid", "tanh"), ("relu", "tanh"), ("pre", "post"), ("same", "valid"), ("any", "all"),
    ("zeros", "ones"), ("append", "extend"), ("train", "eval"), ("hstack", "vstack"),
]  # fmt: skip
TWIN = dict(TWINS) | {b: a for a, b in reversed(TWINS)}
# Calls that a forgetful student leaves out: f(x) becomes x, x.f(…) becomes x.
FORGETTABLE = {
    "tanh", "sigmoid", "relu", "softmax", "log_softmax", "exp", "log", "sqrt", "abs", "detach",
    "transpose", "permute", "squeeze", "unsqueeze", "flip", "reversed", "sorted", "lower", "strip",
    "copy", "clone", "round", "clip", "cumsum", "item", "asnumpy",
}  # fmt: skip
COMMUTATIVE = {"max", "min", "maximum", "minimum", "transpose", "swapaxes"}
# Arguments on which no result depends: display, and sizes that a Gluon layer finds out by itself.
IDLE = {"verbose", "desc", "leave", "strict", "encoding", "input_size", "in_units"}


@dataclass(frozen=True)
class Mutant:
    """A solution cell with one change in it."""

    notebook: str
    cell: str
    kind: str
    before: str  # the changed statement, as it was
    after: str
    source: str  # of the whole cell


def run(assignments: list[str], limit: int = LIMIT) -> int:
    """Make and run the mutants of assignments, print what survives; 0 if enough are caught.

    Every survivor needs a reason in `classes/<assignment>/survivors.yaml`.
    """
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    good = True
    for assignment in assignments:
        reasons = _reasons(assignment)
        for path in sorted((HOME / "solutions" / assignment).glob("*.ipynb")):
            entry = _run_notebook(path, limit, reasons)
            results[f"{assignment}/{path.stem}"] = entry
            write_atomically(RESULTS, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
            good &= entry["caught"] >= REQUIRED * entry["mutants"]
            good &= all(survivor["reason"] for survivor in entry["survivors"])
    return 0 if good else 1


def _run_notebook(path: Path, limit: int, reasons: dict[tuple[str, ...], str]) -> dict:
    notebook = nbformat.read(path, as_version=4)
    mutants = list(mutants_of(path.stem, notebook))
    made = len(mutants)
    if made > limit:
        mutants = random.Random(0).sample(mutants, limit)
    start = time.monotonic()
    caught_by = _execute(path, notebook, mutants)
    survivors = [
        {
            **{key: value for key, value in asdict(mutant).items() if key != "source"},
            "reason": reasons.get((path.stem, mutant.cell, mutant.before, mutant.after), ""),
        }
        for mutant, test in zip(mutants, caught_by, strict=True)
        if not test
    ]
    caught = len(mutants) - len(survivors)
    print(
        f"{path.parent.name}/{path.stem}: {caught} of {len(mutants)} caught "
        f"({caught / len(mutants):.1%}), {made} possible, {time.monotonic() - start:.0f} s",
        flush=True,
    )
    for survivor in survivors:
        print(f"  {survivor['cell']}: {survivor['kind']}: {survivor['before']}")
        print(f"    -> {survivor['after']}\n    {survivor['reason'] or 'NO REASON GIVEN'}")
    return {"possible": made, "mutants": len(mutants), "caught": caught, "survivors": survivors}


def _execute(path: Path, notebook: NotebookNode, mutants: list[Mutant]) -> list[str]:
    """For each mutant, the test that noticed it; empty if none did.

    First the unchanged notebook runs: once as a whole, and once as for a mutant of each cell, where
    the tests above are left out.
    """
    spec = KernelSpecManager().get_kernel_spec(notebook.metadata.kernelspec.name)
    cells = [
        {
            "id": cell.id,
            "source": members.without_marks(cell.source),
            "points": cell.metadata.nbgrader.points if syntax.is_test(cell) else None,
        }
        for cell in _up_to_the_last_test(notebook)
        if cell.cell_type == "code"
    ]
    sources = {cell["id"]: cell["source"] for cell in cells}
    changed_cells = dict.fromkeys(mutant.cell for mutant in mutants)
    unchanged = [{"cell": name, "source": sources[name]} for name in changed_cells]
    mutated = [{"cell": mutant.cell, "source": mutant.source} for mutant in mutants]
    task = {"cells": cells, "mutants": unchanged + mutated, "seconds": SECONDS}
    total = 1 + len(unchanged) + len(mutated)
    command = [spec.argv[0], str(Path(__file__).with_name("mutant_runner.py"))]
    environment = {**os.environ, **spec.env, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        cwd=path.parent,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None  # it is a pipe
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.close()
        lines = tqdm(process.stdout, total=total, desc=path.stem, leave=False)
        answers = []
        for line in lines:
            answers.append(json.loads(line))
            if answers[-1] and len(answers) <= 1 + len(unchanged):
                process.kill()
                raise RuntimeError(f"{path}: the unchanged solution fails {answers[-1]!r}")
    if process.returncode or len(answers) != total:
        raise RuntimeError(f"{path}: the mutants could not be run")
    return answers[1 + len(unchanged) :]


def mutants_of(name: str, notebook: NotebookNode) -> Iterator[Mutant]:
    """Every change to the notebook's solution regions above its last test."""
    for cell in _up_to_the_last_test(notebook):
        if cell.cell_type == "code" and is_solution(cell):
            for kind, before, after, source in changed(cell.source):
                yield Mutant(name, cell.id, kind, before, after, source)


def _up_to_the_last_test(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that a test can judge; figures and essays below are graded by hand."""
    tests = [place for place, cell in enumerate(notebook.cells) if syntax.is_test(cell)]
    return notebook.cells[: tests[-1] + 1] if tests else []


def changed(source: str) -> Iterator[tuple[str, str, str, str]]:
    """Kind, statement before and after, and source of the cell, for every change to make."""
    tree = syntax.parse_cell(source)
    inside = _lines_of_solution(source)
    seen = {ast.unparse(tree)}
    statements = _statements(tree)
    for index, node in enumerate(ast.walk(tree)):
        statement = statements.get(id(node))
        if (
            statement is None
            or getattr(node, "lineno", 0) not in inside
            or _is_setting(statement, tree)
        ):
            continue
        for kind, change in changes(node):
            mutated = copy.deepcopy(tree)
            target = list(ast.walk(mutated))[index]
            place = _statements(mutated)[id(target)]
            replaced = _Replace(target, change(target)).visit(mutated)
            text = ast.unparse(ast.fix_missing_locations(replaced))
            if text not in seen:
                seen.add(text)
                after = "(deleted)" if place is target else _first_line(place)
                yield kind, _first_line(statement), after, text


def changes(node: ast.AST) -> Iterator[tuple[str, Callable]]:
    """The changes that can be made to one node: a kind, and what puts another in its place."""
    match node:
        case ast.Constant(value=bool()):
            yield "truth", lambda n: ast.Constant(not n.value)
        case ast.Constant(value=int()):
            yield "off by one", lambda n: ast.Constant(n.value + 1)
            yield "off by one", lambda n: ast.Constant(n.value - 1)
        case ast.Constant(value=str()) if node.value in TWIN:
            yield "other setting", lambda n: ast.Constant(TWIN[n.value])
        case ast.Compare(ops=[op]):
            yield "comparison", lambda n: _set(n, ops=[COMPARISONS[type(op)]()])
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield "and, or", lambda n: _set(n, op=other)
        case ast.BinOp(op=ast.MatMult()):
            yield "swapped factors", lambda n: _set(n, left=n.right, right=n.left)
        case ast.BinOp() if type(node.op) in ARITHMETIC:
            yield "arithmetic", lambda n: _set(n, op=ARITHMETIC[type(n.op)]())
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            yield "lost sign", lambda n: n.operand
        case ast.AugAssign():
            yield "lost sum", lambda n: ast.Assign([n.target], n.value)
        case ast.Expr(value=ast.Call()):
            yield "lost statement", lambda n: ast.Pass()
        case ast.If() | ast.IfExp():
            yield "condition", lambda n: _set(n, test=ast.UnaryOp(ast.Not(), n.test))
        case ast.Attribute(attr="T" | "mT"):
            yield "not transposed", lambda n: n.value
        case ast.Tuple(elts=[_, _, *_]):
            yield "swapped items", lambda n: _set(n, elts=[n.elts[1], n.elts[0], *n.elts[2:]])
        case ast.Slice():
            if node.lower is not None:
                yield "open slice", lambda n: _set(n, lower=None)
            if node.upper is not None:
                yield "open slice", lambda n: _set(n, upper=None)
        case ast.Call():
            yield from _changes_to_call(node)


def _changes_to_call(node: ast.Call) -> Iterator[tuple[str, Callable]]:
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name in TWIN and isinstance(node.func, ast.Attribute):
        yield "other function", lambda n: _set(n, func=_set(n.func, attr=TWIN[name]))
    elif name in TWIN:
        yield "other function", lambda n: _set(n, func=ast.Name(TWIN[name]))
    if name in FORGETTABLE:
        of_argument = node.args and not _is_method_of_value(node)
        yield "lost call", lambda n: n.args[0] if of_argument else n.func.value
    starred = any(isinstance(arg, ast.Starred) for arg in node.args)
    if len(node.args) > 1 and not starred and name not in COMMUTATIVE:
        swapped = lambda n: _set(n, args=[n.args[1], n.args[0], *n.args[2:]])  # noqa: E731
        yield "swapped arguments", swapped
    for place, keyword in enumerate(node.keywords):
        if keyword.arg not in {None, *IDLE}:
            left = lambda n, k=place: _set(n, keywords=n.keywords[:k] + n.keywords[k + 1 :])  # noqa: E731
            yield "lost argument", left


def _is_method_of_value(node: ast.Call) -> bool:
    """x.squeeze(1), but not torch.tanh(x): modules have short lower-case names."""
    if not isinstance(node.func, ast.Attribute):
        return False
    modules = {"np", "torch", "nn", "nd", "npx", "math", "F", "functional", "ops", "tf", "keras"}
    value = node.func.value
    return getattr(value, "id", getattr(value, "attr", "")) not in modules


def _set(node: ast.AST, **fields: object) -> ast.AST:
    for name, value in fields.items():
        setattr(node, name, value)
    return node


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, new: ast.AST) -> None:
        self.target, self.new = target, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.target else self.generic_visit(node)


def _statements(tree: ast.Module) -> dict[int, ast.stmt]:
    """The innermost statement around each node; none for docstrings and annotations."""
    found: dict[int, ast.stmt] = {}

    def visit(node: ast.AST, statement: ast.stmt | None) -> None:
        if isinstance(node, ast.stmt):
            statement = node
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                return
        if isinstance(node, ast.keyword) and node.arg in IDLE:
            return
        if statement is not None and hasattr(node, "lineno"):
            found[id(node)] = statement
        for child in ast.iter_child_nodes(node):
            visit(child, statement)

    visit(tree, None)
    return found


def _lines_of_solution(source: str) -> set[int]:
    inside, lines = False, set()
    for number, line in enumerate(source.split("\n"), start=1):
        if "### BEGIN SOLUTION" in line or "### END SOLUTION" in line:
            inside = "BEGIN" in line
        elif inside:
            lines.add(number)
    return lines


def _is_setting(statement: ast.stmt, tree: ast.Module) -> bool:
    """NAME = constant (or several) at the top of a cell: a choice, where others are right, too."""
    if statement not in tree.body or not isinstance(statement, ast.Assign):
        return False
    values = getattr(statement.value, "elts", [statement.value])
    return all(isinstance(value, ast.Constant) for value in values)


def _first_line(statement: ast.stmt) -> str:
    return ast.unparse(statement).partition("\n")[0]


def _reasons(assignment: str) -> dict[tuple[str, ...], str]:
    path = members.CLASSES / assignment / "survivors.yaml"
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else []
    keys = ("notebook", "cell", "before", "after")
    return {tuple(entry[key] for key in keys): entry["reason"] for entry in entries}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of `autograder mutants`."""
    parser.add_argument("assignment", nargs="+")
    parser.add_argument("--limit", type=int, default=LIMIT, help="for each notebook")


def main(options: argparse.Namespace, _: list[str]) -> int:
    """Run the command; the exit code."""
    return run(options.assignment, options.limit)
