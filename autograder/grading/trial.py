"""Can an assignment's plain tests run in the judge? Its own solution shows it.

Plain tests (those that do not use `student` and `check`) run in the student's kernel, as in stock
nbgrader, where whoever controls the kernel can forge points; or in the judge, by data alone, where
nobody can, but where not everything is to be had (see `plain`). A trial runs the source's solution
and a blank notebook both ways. Where the solution gets full marks by data, and the blank notebook
no more than in the kernel, the judge runs these tests from then on. What came out is kept beside
the gradebook, and holds for the assignment's cells as they were.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import copy
import hashlib
import json
import os
import pickle
import re
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import ClearSolutions
from nbgrader.utils import is_locked, is_solution
from sqlalchemy import make_url

from autograder import syntax
from autograder.gradebook.journal import explain
from autograder.grading import package, supervise
from autograder.grading.execute import Execute
from autograder.grading.messages import Assignment, Graded, Submission
from autograder.kernels import cores, plain

if TYPE_CHECKING:
    from autograder.grading.autograde import Autograde

AUTO, JUDGE, IN_KERNEL = "auto", "judge", "in-kernel"
RULES = 1  # a record is of no use once tests are run by other rules than it was made by
SOLUTION, BLANK = "solution", "blank"
SECONDS = 120  # beyond those of its notebooks

# What a test's source says about why it cannot run by data.
CAUSES = {
    r"\binput\b|\bmock\b|\bpatch\b|monkeypatch|setattr\(": "it replaces a part of the notebook's "
    "kernel, such as input()",
    r"getsource|__code__|\bast\.|signature\(": "it looks into the student's code",
    r"get_ipython|\bIn\b|\bOut\b|\b_i?\d+\b|%%|^\s*[%!]": "it uses IPython's own ways",
    r"\bseed\(|manual_seed|default_rng\(\)": "random numbers are drawn in the notebook's kernel, "
    "not where the test sets their seed",
    r"\bplt\b|matplotlib|\bfig\b|\bax\b": "figures stay in the notebook's kernel",
    r"\bopen\(|os\.path|Path\(|listdir|glob\(": "files stay beside the notebook's kernel",
    r"\btorch\b|\btf\b|tensorflow|keras": "tensors arrive as NumPy's arrays",
    r"\btype\(|__class__|getmembers": "objects of the student's have no type over here",
    r"lambda|\bdef ": "functions of the test cannot be given to the student's code",
    r"capsys|%%capture|stdout|stderr": "only what is printed within redirect_stdout is seen",
}


# ------------------------------------------------------------------ for a grading run


def settle(converter: Autograde, assignment: Assignment) -> Assignment:
    """The assignment with the decision where its plain tests run; what it takes goes with it.

    A course that says it in its configuration is followed. Otherwise the trial's record decides; if
    there is none yet, the trial is made now. Whatever goes wrong with that, grading goes on, with
    the tests in the student's kernel.
    """
    try:
        found = _settled(converter, assignment)
    except Exception as error:
        converter.log.warning(
            "Plain tests of %s run in the student's kernel: the trial failed (%s)",
            assignment.name,
            explain(error),
        )
        found = {"where": IN_KERNEL}
    return _told(assignment, found["where"], found.get("notebooks", {}))


def _settled(converter: Autograde, assignment: Assignment) -> dict[str, Any]:
    execute, chosen = Execute(parent=converter), configured(converter, assignment.name)
    if not execute.enabled or chosen == IN_KERNEL:
        return {"where": IN_KERNEL}
    if not _official(converter, assignment.name).has_plain_tests:
        return {"where": IN_KERNEL if chosen == AUTO else chosen}
    found = read(converter, assignment.name)
    if chosen == JUDGE:
        prelude = {name: {"prelude": text} for name, text in _preludes(converter).items()}
        return {"where": JUDGE, "notebooks": (found or {}).get("notebooks") or prelude}
    if found is None:
        converter.log.info(
            "%s: trying, by its own solution, whether its plain tests run by data …",
            assignment.name,
        )
        found = Trial(converter, assignment).run()
        write(converter, assignment.name, found)
        converter.log.info("%s: %s", assignment.name, found["sentence"])
        for line in _lines(found):
            converter.log.info("%s", line)
    return found


def configured(converter: Autograde, assignment: str) -> str:
    """What the configuration says: 'auto', 'judge' or 'in-kernel'."""
    said = Execute(parent=converter).plain_tests
    return said.get(assignment, said.get("*", AUTO))


def _told(assignment: Assignment, place: str, notebooks: dict[str, dict]) -> Assignment:
    """The assignment with this said in its configuration."""
    config = copy.deepcopy(assignment.config)
    config.Execute.plain_tests = {assignment.name: place}
    config.Execute.plain_trial = notebooks
    return replace(assignment, config=config)


# ------------------------------------------------------------------ the record


def record_path(converter: Autograde, assignment: str) -> Path:
    """Where a trial's outcome is kept: beside the gradebook."""
    url = make_url(converter.coursedir.db_url)
    file = url.database if url.get_backend_name() == "sqlite" else None
    folder = Path(file).parent if file and file != ":memory:" else Path(converter.coursedir.root)
    return folder / "trial" / f"{assignment}.json"


def read(converter: Autograde, assignment: str) -> dict[str, Any] | None:
    """The outcome of the last trial, if there is one that fits the assignment's cells."""
    try:
        found = json.loads(record_path(converter, assignment).read_text(encoding="utf-8"))
        fits = found["digest"] == _official(converter, assignment).digest
        known = found["where"] in (JUDGE, IN_KERNEL) and isinstance(found["notebooks"], dict)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if fits and known else None


def write(converter: Autograde, assignment: str, found: dict[str, Any]) -> None:
    """Keep the outcome of a trial; where that is impossible, the next run makes another trial."""
    path = record_path(converter, assignment)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        converter.log.warning("%s could not be written: %s", path, explain(error))


@dataclass(frozen=True)
class Official:
    """The cells of an assignment as the gradebook has them."""

    digest: str
    has_plain_tests: bool


def _official(converter: Autograde, assignment: str) -> Official:
    course, rows, plain_ones = converter.coursedir, [], []
    with Gradebook(course.db_url, course.course_id) as gradebook:
        for notebook in gradebook.find_assignment(assignment).notebooks:
            locked = []
            for cell in notebook.source_cells:
                rows.append([notebook.name, cell.name, cell.cell_type, cell.source, cell.locked])
                if cell.locked and cell.cell_type == "code":
                    locked.append(cell.source or "")
            rows += [[notebook.name, cell.name, cell.max_score] for cell in notebook.grade_cells]
            answers = {cell.name for cell in notebook.solution_cells}
            tests = {c.name for c in notebook.grade_cells if c.cell_type == "code"} - answers
            plain_ones.append(bool(tests) and _are_plain(locked))
    text = json.dumps([RULES, sorted(map(json.dumps, rows))])
    return Official(hashlib.sha256(text.encode()).hexdigest(), any(plain_ones))


def _are_plain(sources: list[str]) -> bool:
    """As `execute.imports_for_judge` finds it."""
    return not any(re.search(r"^\s*(import|from)\s+autograder\b", s, re.M) for s in sources)


# ------------------------------------------------------------------ the trial


class Trial:
    """Grades the source's solution, and the notebooks without it, in both ways."""

    def __init__(self, converter: Autograde, assignment: Assignment) -> None:
        self.converter, self.assignment, self.log = converter, assignment, converter.log
        self.sources = dict(_sources(converter))

    def run(self) -> dict[str, Any]:
        """The outcome, as it is kept."""
        found: dict[str, Any] = {
            "digest": _official(self.converter, self.assignment.name).digest,
            "where": IN_KERNEL,
            "notebooks": {},
            "tests": [],
        }
        if not self.sources:
            found["sentence"] = (
                "Plain tests run in the student's kernel: the source notebooks, whose solution "
                "would show whether they can run by data, are not here"
            )
            return found
        preludes = {name: prelude(nb) for name, nb in self.sources.items()}
        everything = {n: {"prelude": t, "uses": plain.ALL} for n, t in preludes.items()}
        stock = self._grade(_told(self.assignment, IN_KERNEL, {}))
        judged = self._grade(_told(self.assignment, JUDGE, everything))
        for name, notebook in self.sources.items():
            odd = odd_names(notebook)
            for cell in filter(syntax.is_test, notebook.cells):
                test = self._compare(name, cell, stock, judged, odd)
                found["tests"] += [test] if test else []
            found["notebooks"][name] = {
                "prelude": preludes[name],
                "uses": {t["test"]: t.pop("uses") for t in found["tests"] if t["notebook"] == name},
            }
        failed = [test for test in found["tests"] if test["why"]]
        many = f"{len(failed)} of {len(found['tests'])} plain tests"
        if not found["tests"]:
            found["sentence"] = "no plain test was run, so nothing is known about them"
        elif failed:
            found["sentence"] = f"{many} cannot run by data: they stay in the student's kernel"
        else:
            found["where"] = JUDGE
            found["sentence"] = (
                f"all {len(found['tests'])} plain tests run by data: the judge runs them from now "
                "on"
            )
        return found

    def _grade(self, assignment: Assignment) -> dict[tuple[str, str, str], dict]:
        """The records of all test cells, by whose notebook it was, notebook and cell."""
        shares = cores.shares(cores.available(), 1)
        memory = assignment.memory or supervise.share_of_memory(1)
        pickled = pickle.dumps(assignment)
        records = {}
        with supervise.Workers(pickled, shares, memory, assignment.process_bytes) as workers:
            for who in (SOLUTION, BLANK):
                graded = workers.grade(self._submission(who))
                for name, cell in _cells(graded):
                    key = who, name, cell.metadata.nbgrader.grade_id
                    records[key] = cell.metadata.get("autograder", {})
        return records

    def _submission(self, who: str) -> Submission:
        notebooks = {}
        for name, source in self.sources.items():
            notebook = nbformat.from_dict(source)
            if who == BLANK:
                notebook, _ = ClearSolutions(parent=self.converter).preprocess(notebook, {})
            notebooks[f"{name}.ipynb"] = nbformat.writes(notebook).encode()
        seconds = SECONDS + len(notebooks) * self.assignment.notebook_seconds
        return Submission(who, notebooks, {}, seconds=seconds)

    def _compare(
        self, notebook: str, cell: NotebookNode, stock: dict, judged: dict, odd: dict[str, str]
    ) -> dict[str, Any] | None:
        name, source = cell.metadata.nbgrader.grade_id, cell.source
        maximum = float(cell.metadata.nbgrader.get("points", 0))
        in_kernel, by_data = stock[SOLUTION, notebook, name], judged[SOLUTION, notebook, name]
        if by_data.get("where") != JUDGE or in_kernel.get("where") != IN_KERNEL:
            return None  # the tests of this notebook are not plain: the judge runs them anyway
        blank = [found[BLANK, notebook, name].get("points") or 0 for found in (stock, judged)]
        names = sorted(odd.keys() & _names_in(source))
        why = ""
        if (in_kernel.get("points") or 0) < maximum:
            why = f"the solution itself fails: {in_kernel.get('note')}"
        elif (by_data.get("points") or 0) < maximum:
            why = explanation(source, by_data.get("note") or "not as expected")
        elif names:
            why = f"{names[0]} {odd[names[0]]}"
        elif blank[1] > blank[0]:
            why = (
                f"a blank notebook would get {blank[1]:g} points by data, and {blank[0]:g} without"
            )
        return {
            "notebook": notebook,
            "test": name,
            "points": maximum,
            "in-kernel": in_kernel.get("points"),
            "by data": by_data.get("points"),
            "why": why,
            "uses": by_data.get("used", []),
        }


def explanation(source: str, note: str) -> str:
    """One sentence on why a test fails by data, from what it does and from how it ended."""
    note = re.sub(r"^NotByDataError: ", "", note.partition("\n")[0])[:300]
    cause = next((why for signs, why in CAUSES.items() if re.search(signs, source, re.M)), "")
    return f"{cause} (it ends with: {note})" if cause else note


def _cells(graded: Graded) -> Iterator[tuple[str, NotebookNode]]:
    for file, content in graded.notebooks.items():
        for cell in nbformat.reads(content.decode(), as_version=4).cells:
            if syntax.is_test(cell):
                yield Path(file).stem, cell


def _sources(converter: Autograde) -> Iterator[tuple[str, NotebookNode]]:
    """The assignment's source notebooks, as far as they are here and the gradebook knows them."""
    course = converter.coursedir
    folder = Path(course.format_path(course.source_directory, ".", course.assignment_id))
    for path in sorted(folder.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if any(syntax.is_test(cell) for cell in notebook.cells):
            yield path.stem, notebook


def _preludes(converter: Autograde) -> dict[str, str]:
    return {name: prelude(notebook) for name, notebook in _sources(converter)}


def prelude(notebook: NotebookNode) -> str:
    """What the course's own cells say about names that tests read.

    That is imports and, of locked cells, functions and written-out values that no answer uses.

    By data the tests mean these, whatever a student's kernel has under their names.
    """
    tests = "\n".join(cell.source for cell in notebook.cells if syntax.is_test(cell))
    own = list(_given(notebook))
    functions = {n.name: n for n, locked in own if locked and isinstance(n, ast.FunctionDef)}
    read, unread = _names_in(tests), set(functions)
    while needed := unread & read:
        unread -= needed
        for name in needed:
            read |= _names_in(ast.unparse(functions[name]))
    answers = "\n".join(cell.source for cell in filter(is_solution, notebook.cells))
    touched = set(re.findall(r"\w+", answers))
    found: list[ast.stmt] = [
        ast.Try([node], [_ignored()], [], [])
        for node, locked in own
        if node in functions.values()
        or isinstance(node, ast.Import | ast.ImportFrom)
        or (locked and _is_literal(node) and _bound_by(node).isdisjoint(touched))
        if _named_by(node) & (read | {"*"})
    ]
    return ast.unparse(ast.fix_missing_locations(ast.Module(found, [])))


def _is_literal(node: ast.stmt) -> bool:
    """Whether a statement gives a name a value that is written out."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
        return False
    try:
        ast.literal_eval(node.value)
    except ValueError:
        return False
    return len(node.targets) == 1


def _named_by(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return _bound_by(node)


def _ignored() -> ast.ExceptHandler:
    return ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [ast.Pass()])


def _given(notebook: NotebookNode) -> Iterator[tuple[ast.stmt, bool]]:
    """The statements that are neither answer nor test, and whether students cannot change them."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and not is_solution(cell) and not syntax.is_test(cell):
            for node in _statements(cell.source):
                yield node, is_locked(cell)


def odd_names(notebook: NotebookNode) -> dict[str, str]:
    """Names that must not be read in a test that is to run by data, and why."""
    odd = {}
    for node, locked in _given(notebook):
        if isinstance(node, ast.FunctionDef) and not locked:
            odd[node.name] = "is defined in a cell that students can change: lock that cell"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for name in _named_by(node) if not _is_installed(node) else ():
                odd[name] = "comes from a file beside the notebook: define it in a locked cell"
    for cell in filter(is_solution, notebook.cells):
        for node in _statements(cell.source) if cell.cell_type == "code" else ():
            for name in _bound_by(node):
                odd.pop(name, None)  # an answer
                if hasattr(builtins, name):
                    odd[name] = "is a name of Python's own, which is what it means by data: rename"
    return odd


def _is_installed(node: ast.Import | ast.ImportFrom) -> bool:
    """Whether a library offers this, wherever the notebook lies."""
    if isinstance(node, ast.ImportFrom):
        modules = ["." if node.level else node.module or "."]
    else:
        modules = [alias.name for alias in node.names]
    here = {"", ".", os.getcwd()}
    path = [folder for folder in sys.path if folder not in here]
    roots = [module.partition(".")[0] for module in modules]
    return all(
        root in sys.stdlib_module_names or (root and PathFinder.find_spec(root, path))
        for root in roots
    )


def _bound_by(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - _read(node)
    return set()


def _read(node: ast.AST) -> set[str]:
    loaded = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    return {n.id for n in loaded if isinstance(n.ctx, ast.Load)}


def _names_in(source: str) -> set[str]:
    try:
        tree = syntax.parse_cell(source)
    except SyntaxError:
        return set(re.findall(r"\w+", source))
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _statements(source: str) -> list[ast.stmt]:
    try:
        return syntax.parse_cell(source).body
    except SyntaxError:
        return []


# ------------------------------------------------------------------ the command


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of `autograder trial`; further options go to nbgrader."""
    parser.add_argument("assignment")


def main(options: argparse.Namespace, further: list[str]) -> int:
    """Make the trial, keep and print what came of it; 0 if the judge runs the tests from now on."""
    from nbgrader.apps.autogradeapp import AutogradeApp

    from autograder.grading import autograde

    app = AutogradeApp()
    app.initialize(["--log-level=ERROR", *further])
    app.coursedir.assignment_id = options.assignment
    course = autograde.Autograde(coursedir=app.coursedir, parent=app)
    try:
        return _try(course, options.assignment)
    except MissingEntry:
        reason = f"the gradebook has no assignment {options.assignment!r}: generate it first"
    except Exception as error:
        reason = explain(error)
    print(f"error: {reason}", file=sys.stderr)
    return 1


def _try(course: Autograde, assignment: str) -> int:
    course.check()
    if not _official(course, assignment).has_plain_tests:
        print(f"Nothing to try: the tests of {assignment} use `student` and `check`.")
        return 0
    found = Trial(course, package.pack(course, os.environ.get("COURSE_TIER", "cpu"))).run()
    write(course, assignment, found)
    print("\n".join(_lines(found)))
    print(f"\n{assignment}: {found['sentence']}\n{record_path(course, assignment)}")
    said = configured(course, assignment)
    if said not in (AUTO, found["where"]):
        print(f"The configuration says {said!r} (c.Execute.plain_tests), and is followed.")
    return 0 if found["where"] == JUDGE else 1


def _lines(found: dict[str, Any]) -> list[str]:
    return [
        f"{test['notebook']}, {test['test']}: by data {_points(test, 'by data')}, in the kernel "
        f"{_points(test, 'in-kernel')}{': ' if test['why'] else ''}{test['why']}"
        for test in found["tests"]
    ]


def _points(test: dict[str, Any], which: str) -> str:
    points = test[which]
    return f"{'no' if points is None else format(points, 'g')} of {test['points']:g}"
