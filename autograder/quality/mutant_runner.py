"""Runs a notebook with one changed cell after the other; see `mutants`.

A program for the notebook's own kernel (also the old one of MXNet), so it needs IPython only. The
frameworks are imported once; each mutant runs in a fork of that process, from the first cell on,
until a test fails. Reads one JSON object from stdin; writes one JSON string per mutant, the name of
the test that failed or "" if none did; the first one is for the unchanged notebook.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import select
import signal
import sys
import time

from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell


def main() -> None:
    """Run the unchanged notebook, then every mutant of it."""
    task = json.loads(sys.stdin.readline())
    cells = task["cells"]
    for cell in cells:
        import_what(cell["source"])
    print(json.dumps(in_a_fork(cells, None, task["seconds"])), flush=True)
    for mutant in task["mutants"]:
        print(json.dumps(in_a_fork(cells, mutant, task["seconds"])), flush=True)


def import_what(source: str) -> None:
    """Import what a cell imports, and do nothing else: a fork after real work can hang."""
    for node in ast.parse(TransformerManager().transform_cell(source)).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            with contextlib.suppress(ImportError):
                exec(compile(ast.Module([node], []), "<imports>", "exec"), {})


def define_what(source: str, namespace: dict) -> None:
    """Run the definitions of a test, which tests below may use, and none of its checks."""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign)
    for node in ast.parse(source).body:
        if isinstance(node, kinds):
            exec(compile(ast.Module([node], []), "<definitions>", "exec"), namespace)


def in_a_fork(cells: list, mutant: dict | None, seconds: int) -> str:
    """The result of `failed_test` in a separate process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        try:
            os.write(writer, failed_test(cells, mutant).encode() or b"\n")
        finally:
            os._exit(0)
    os.close(writer)
    deadline, text = time.monotonic() + seconds, b""
    while select.select([reader], [], [], max(0, deadline - time.monotonic()))[0]:
        part = os.read(reader, 1000)
        text += part
        if not part:
            break
    os.close(reader)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return text.decode().strip("\n") if text else "(no answer in time)"


def failed_test(cells: list, mutant: dict | None) -> str:
    """The first test that does not give full points; empty if there is none."""
    shell = InteractiveShell.instance()
    reached = mutant is None
    for cell in cells:
        source = cell["source"]
        if mutant is not None and cell["id"] == mutant["cell"]:
            source, reached = mutant["source"], True
        if cell["points"] is not None and not reached:
            define_what(source, shell.user_ns)  # it would pass
            continue
        result = shell.run_cell(source)
        if cell["points"] is None:
            continue
        if not result.success or (result.result is not None and result.result < cell["points"]):
            return cell["id"]
    return ""


if __name__ == "__main__":
    main()
