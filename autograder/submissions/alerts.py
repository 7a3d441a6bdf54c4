"""Tells the instructor where to look: traces of tricks in what was handed in and in what happened.

An alert never changes points, and an honest student can raise one; it is a reason to read the
cell. Alerts are kept in `nb.metadata.autograder.alerts` and shown by `report`. Code is read up to a
size and for some time only; what is too long is an alert itself.
"""

from __future__ import annotations

import ast
import builtins
import json
import re
import signal
import stat
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.api import Gradebook, Notebook, SourceCell
from nbgrader.nbgraderformat import SCHEMA_VERSION
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_locked

from autograder import courses, files, syntax
from autograder.api import check, frameworks, wire
from autograder.grading.messages import readable
from autograder.submissions import recovery
from autograder.submissions.notebooks import LARGE_BYTES
from autograder.submissions.recovery import grade_id


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODULES = _words("""
    ast atexit builtins codeop ctypes dis faulthandler gc importlib inspect ipykernel IPython
    jupyter_client jupyter_core linecache marshal mmap multiprocessing nbclient nbformat nbgrader
    pickle resource shutil signal site socket sqlite3 subprocess symtable threading tracemalloc
    unittest urllib weakref zmq http requests aiohttp ftplib ssl""")
HARMLESS = {("IPython.display", "display"), ("IPython.display", "clear_output")}
OURS = _words("autograder api check student")  # what honest code imports of this package
NAMES = _words("""
    In Out _i _ih _oh __builtins__ __import__ breakpoint compile eval exec exit get_ipython globals
    locals quit vars BaseException GeneratorExit KeyboardInterrupt StopIteration SystemExit""")
DOTTED = _words("""
    os._exit os.abort os.chmod os.environ os.execv os.fork os.getppid os.kill os.popen os.setsid
    os.symlink os.system sys._getframe sys.modules sys.path sys.setprofile sys.settrace
    check.secret_seed""")
INSIDE = ("check._", "student._")  # of what test cells may use
ATTRIBUTES = _words("""
    __class__ __code__ __closure__ __globals__ __mro__ __subclasses__ ast_transformers do_execute
    f_back f_globals f_locals get_objects history_manager input_transformer_manager
    input_transformers_cleanup input_transformers_post iopub_socket run_cell run_cell_async
    set_custom_exc showtraceback symlink_to tb_frame rglob""")
# What honest code does not define, and what it defines with a look at its last argument.
STRANGE_METHODS = _words("""
    __array__ __array_function__ __array_interface__ __array_ufunc__ __del__ __getattribute__
    __reduce__ __reduce_ex__ __torch_function__ _render_traceback_ detach dtype load_state_dict
    named_parameters numel numpy parameters shape state_dict""")
BLIND_METHODS = _words("""
    __add__ __bool__ __eq__ __ge__ __gt__ __le__ __len__ __lt__ __ne__ __radd__ __repr__ __rsub__
    __sub__""")
BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_"))
TEXTS = re.compile(
    r"/proc/|/dev/shm|\.ipynb|gradebook|secret_seed|COURSE_|source_cell|submitted/|solutions"
    r"|/etc/|\.ssh|<script|onerror=|javascript:|connection_file"
)
LARGE = 20_000  # characters of one constant or list
SECONDS = 10  # for all code of a notebook
MOST = 100  # alerts that one look at a notebook may give
FEW = 5  # cells that are named one by one if the same is to be said of them
SKIP_TAG = "skip-execution"  # nbclient would heed it
MOST_FILES, LONGEST_NAME = 10_000, 300
STARTUP = {"sitecustomize", "usercustomize", "conftest", "nbgrader_config", "jupyter_config"}
SHADOWED = sys.stdlib_module_names | _words("""
    IPython autograder ipykernel matplotlib numpy pandas scipy sklearn tqdm traitlets zmq""")
EVENTS = {
    "KernelLost": "the kernel stopped or could not be interrupted",
    "CellTimeoutError": "the cell ran longer than allowed",
    "SystemExit": "a cell ended with SystemExit",
}
PHRASES = {
    check.NO_ANSWER: "the kernel did not answer the judge",
    "the notebook's answer could not be read": "a malformed or too large answer to the judge",
    "ended Python (exit": "the cell ended the kernel",
    "the notebook ran longer than": "the notebook ran longer than allowed",
    "bytes was left out": "far too much output",
    "bytes were left out": "far too much output",
    "messages beyond": "far too many messages",
    "a malformed message": "a malformed message to the grader",
    "even with random weights": "answers that do not come from the model's weights",
    "the same whatever the weights are": "an output that does not depend on the model's weights",
    "expected a score from 0 to": "an impossible partial score",
}


class TooLongError(Exception):
    """Reading a student's code took too long."""


class AlertSubmission(NbGraderPreprocessor):
    """Looks at what was handed in, before nbgrader puts the official cells back."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """The same notebook, with alerts in its metadata."""
        if nb.metadata.get("autograder", {}).get("not_graded"):
            return nb, resources
        names = resources["nbgrader"]
        with Gradebook(names["db_url"]) as gradebook:
            notebook = gradebook.find_notebook(names["notebook"], names["assignment"])
            locked = [cell.source for cell in notebook.source_cells if cell.locked]
            keep(nb, in_metadata(nb, notebook))
            cells = student_cells(nb, notebook)
        keep(nb, in_code(cells, locked))
        return nb, resources


class AlertRun(NbGraderPreprocessor):
    """Looks at what happened while the notebook was executed."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """The same notebook, with alerts in its metadata."""
        keep(nb, in_outputs(nb))
        return nb, resources


def keep(nb: NotebookNode, found: Iterable[str]) -> None:
    """Add alerts to the notebook's metadata, each once; a student may have chosen names in them."""
    metadata = nb.metadata.setdefault("autograder", NotebookNode())
    texts = dict.fromkeys(readable(text, 300) for text in found)
    more = len(texts) - MOST
    kept = [*texts][:MOST] + ([f"and {more:,} more of this kind"] if more > 0 else [])
    metadata["alerts"] = list(dict.fromkeys([*metadata.get("alerts", []), *kept]))


def in_files(folder: Path) -> Iterator[str]:
    """Alerts on files of a submission: what Python or nbgrader would take for their own."""
    theirs = {name for framework in frameworks.installed().values() for name in framework.packages}
    shadowed = SHADOWED | theirs | {*courses.packages()}
    for place, (path, mode, size) in enumerate(files.walk(folder)):
        name = wire.clean(path.as_posix(), LONGEST_NAME)
        if place == MOST_FILES:
            yield f"more than {MOST_FILES:,} files and folders: only these were looked at"
            return
        if mode == files.UNREADABLE:
            yield f"{name} cannot be read"
        elif not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            yield f"{name} is a link or not a regular file"
        elif path.stem in STARTUP or path.suffix in (".pth", ".so", ".pyd"):
            yield f"{name} would change how Python or nbgrader start"
        elif path.suffix in (".py", "") and path.stem in shadowed:
            yield f"{name} hides a module of that name"
        elif size > LARGE_BYTES:
            yield f"{name} has {size / 2**20:,.0f} MiB"
        elif path.suffix in (".pkl", ".pickle", ".db", ".sqlite"):
            yield f"{name} is a pickle or a database"


def student_cells(nb: NotebookNode, notebook: Notebook) -> dict[str, str]:
    """Cell -> source of all code that is the student's: answers and cells of their own."""
    official = {cell.name: cell for cell in notebook.source_cells}
    cells = {}
    for index, cell in enumerate(nb.cells, start=1):
        name = grade_id(cell)
        original = official.get(name)
        kind = original.cell_type if original else cell.cell_type
        if kind == "code" and not (original and original.locked):
            cells[original.name if original else f"cell {index}"] = cell.source
    return cells


def in_metadata(nb: NotebookNode, notebook: Notebook) -> Iterator[str]:
    """Alerts on what a student should not edit: locked cells, points, questions' names, kernel."""
    points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    found = {grade_id(cell): cell for cell in nb.cells if grade_id(cell)}
    added = nb.metadata.get("autograder", {}).get("added", [])  # since it was handed out
    yield from _by_kind(
        (official.name, text)
        for official in notebook.source_cells
        if official.name in found or official.name not in added
        for text in _edits(official, found.get(official.name), points)
    )
    kernel = json.loads(notebook.kernelspec or "{}").get("name")
    if nb.metadata.get("kernelspec", {}).get("name") not in (None, kernel):
        yield "the kernel was changed"


def _by_kind(found: Iterable[tuple[str, str]]) -> Iterator[str]:
    """One alert per cell, but only one of a kind that many cells raise."""
    said: dict[str, list[str]] = {}
    for name, text in found:
        said.setdefault(text, []).append(name)
    for text, names in said.items():
        if len(names) <= FEW:
            yield from (f"{name}: {text}" for name in names)
        else:
            yield f"{names[0]} and {len(names) - 1} more cells: {text}"


def _edits(
    official: SourceCell, cell: NotebookNode | None, points: dict[str, float]
) -> Iterator[str]:
    if cell is None:
        yield "the cell is missing"
        return
    metadata = cell.metadata.nbgrader
    if official.locked and cell.source.split() != syntax.released(official.source).split():
        yield "a locked cell was edited"
    if official.locked != is_locked(cell) or (official.name in points) != is_grade(cell):
        yield "the cell's role was edited"
    if official.cell_type != cell.cell_type:
        yield "the cell's type was edited"
    if metadata.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        yield "the version of the cell's metadata was edited"
    if official.name in points and metadata.get("points") != points[official.name]:
        yield "the points were edited"
    if SKIP_TAG in cell.metadata.get("tags", []):
        yield f"the tag {SKIP_TAG} would keep the cell from being run"


def in_code(cells: dict[str, str], locked: Iterable[str] = ()) -> list[str]:
    """Alerts on suspicious code.

    `cells` maps a cell's name to its source; `locked` are the sources of the assignment's own
    cells, whose imports must not be replaced any more than the student's.
    """
    found: list[str] = []
    try:
        with time_limit(SECONDS):
            _read_code(cells, locked, found)
    except TooLongError:
        found.append(f"the code took longer than {SECONDS} seconds to be read")
    return found


def _read_code(cells: dict[str, str], locked: Iterable[str], found: list[str]) -> None:
    code = recovery.Code()
    trees = {name: code.tree(source) for name, source in cells.items()}
    found += [
        f"{name}: the code is too long to be read"
        for name, source in cells.items()
        if source in code.too_long
    ]
    official = [tree for source in locked if (tree := recovery.parse(source))]
    imported = _imported([*trees.values(), *official])
    corpora = _corpora(official)
    for name, tree in trees.items():
        if tree is not None:
            found += _once(name, _in_tree(tree, imported, corpora))


def _imported(trees: Iterable[ast.Module | None]) -> set[str]:
    return {
        (alias.asname or alias.name).partition(".")[0]
        for tree in trees
        if tree is not None
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def _corpora(official: Iterable[ast.Module]) -> set[str]:
    """What the assignment's own cells call the modules of the course's packages."""
    packages = {*courses.packages()}
    return {
        alias.asname or alias.name.rpartition(".")[2]
        for tree in official
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).partition(".")[0] in packages
    }


def _in_tree(tree: ast.Module, imported: set[str], corpora: set[str]) -> Iterator[tuple[int, str]]:
    docstrings = {id(text) for text in _docstrings(tree)}
    for node in ast.walk(tree):
        if id(node) not in docstrings:
            for text in [*_suspicions(node, corpora), *_replacements(node, imported)]:
                yield getattr(node, "lineno", 1), text


def _once(name: str, found: Iterable[tuple[int, str]]) -> Iterator[str]:
    """One alert for all lines of a cell that say the same."""
    lines: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for line, text in found:
        lines.setdefault(text, line)
        counts[text] += 1
    for text, line in lines.items():
        more = f" (and {counts[text] - 1:,} times more)" if counts[text] > 1 else ""
        yield f"{name}, line {line}: {text}{more}"


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TooLongError in what is done inside; only a main thread can be interrupted so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TooLongError

    handler = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


def in_outputs(nb: NotebookNode) -> Iterator[str]:
    """Alerts on events of the run that left a mark in a cell's outputs or record."""
    yield from _by_kind(_events(nb))


def _events(nb: NotebookNode) -> Iterator[tuple[str, str]]:
    for index, cell in enumerate(nb.cells, start=1):
        record, outputs = cell.metadata.get("autograder", {}), cell.get("outputs", [])
        texts = [str(record.get(key, "")) for key in ("note", "hidden")]
        texts += [str(output.get(key, "")) for output in outputs for key in ("text", "evalue")]
        errors = [output.get("ename") for output in outputs]
        events = [EVENTS[error] for error in errors if error in EVENTS]
        events += [PHRASES[words] for words in PHRASES if any(words in text for text in texts)]
        for event in dict.fromkeys(events):
            yield grade_id(cell) or f"cell {index}", event


def _suspicions(node: ast.AST, corpora: set[str]) -> Iterator[str]:
    """What one node of a syntax tree gives away."""
    if isinstance(node, ast.Import):
        yield from (f"imports {name.name:.60}" for name in node.names if _is_odd(name.name, ""))
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
        yield from (
            f"imports {module:.60}.{name.name:.60}"
            for name in node.names
            if _is_odd(module, name.name)
        )
    elif isinstance(node, ast.Name) and node.id in NAMES:
        yield f"uses {node.id}"
    elif isinstance(node, ast.Attribute):
        dotted = _dotted(node)
        if (
            node.attr in ATTRIBUTES
            or dotted in DOTTED | courses.odd_names()
            or dotted.startswith(INSIDE)
        ):
            yield f"uses {dotted}"
    elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        yield from _suspicious_text(node.value)
    elif isinstance(node, ast.ClassDef):
        yield from _suspicious_class(node, corpora)
    elif isinstance(node, ast.keyword) and node.arg == "raw":
        yield "displays data that it says is output"
    elif isinstance(node, ast.FunctionDef) and node.name in BUILTINS:
        yield f"defines a function named {node.name} like Python's own"
    elif isinstance(node, ast.List | ast.Dict | ast.Set | ast.Tuple) and _length(node) > LARGE:
        yield "holds a large table of constants"


def _replacements(node: ast.AST, imported: set[str]) -> Iterator[str]:
    """What is put in the place of something imported; a plain value is a setting of a library."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Constant):
        targets = [target for target in node.targets if isinstance(target, ast.Attribute)]
    elif isinstance(node, ast.Call) and _dotted(node.func) in ("setattr", "delattr"):
        targets = node.args[:1]
    elif isinstance(node, ast.Delete):
        targets = [target for target in node.targets if isinstance(target, ast.Attribute)]
    for target in targets:
        if _root(target) in imported:
            yield f"replaces {_dotted(target)}"


def _is_odd(module: str, name: str) -> bool:
    top = module.partition(".")[0]
    own = top == "autograder" and not {*module.split("."), name or top} <= OURS
    return own or (top in MODULES and (module, name) not in HARMLESS)


def _suspicious_text(value: str | bytes) -> Iterator[str]:
    text = value if isinstance(value, str) else value.decode(errors="replace")
    found = TEXTS.search(text)
    if found:
        yield f"names {found[0]!r} in a text"
    if len(text) > LARGE:
        yield "holds a large table of constants"


def _suspicious_class(node: ast.ClassDef, corpora: set[str]) -> Iterator[str]:
    for item in node.body:
        targets = item.targets if isinstance(item, ast.Assign) else [item]
        for name in (getattr(target, "id", getattr(target, "name", "")) for target in targets):
            blind = name in BLIND_METHODS and isinstance(item, ast.FunctionDef) and _is_blind(item)
            if name in STRANGE_METHODS or blind:
                yield f"class {node.name:.60} defines {name}{' without a look' if blind else ''}"
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id in corpora:
            yield f"class {node.name:.60} looks into the corpus"


def _is_blind(function: ast.FunctionDef) -> bool:
    """Whether a method never looks at its last argument."""
    last = function.args.args[-1].arg if function.args.args else ""
    return not any(isinstance(n, ast.Name) and n.id == last for n in ast.walk(function))


def _length(node: ast.expr) -> int:
    return (node.end_col_offset or 0) + 80 * ((node.end_lineno or 0) - node.lineno)


def _docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and node.body and isinstance(node.body[0], ast.Expr):
            value = node.body[0].value
            if isinstance(value, ast.Constant):
                yield value


def _dotted(node: ast.expr) -> str:
    """`np.linalg.norm`; for a long chain the last names, and `…` for what is not a name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute) and len(names) < 4:
        names.append(node.attr[:40])
        node = node.value
    names.append(node.id[:40] if isinstance(node, ast.Name) else "…")
    return ".".join(reversed(names))


def _root(node: ast.expr) -> str:
    """The name that an attribute hangs on: `np` of `np.linalg.norm`."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
