"""What is made of submissions before they are graded: reading, recovering, mending, alerts."""

from __future__ import annotations

import copy
import json
import logging
import threading
import time
from pathlib import Path

import nbformat
import pytest
from helpers import REPOSITORY
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config.loader import PyFileConfigLoader

from autograder.grading import messages, worker
from autograder.submissions import alerts, notebooks, recovery

# ------------------------------------------------------------------ a small assignment

STUB = "def {}():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n"
ANSWERS = {
    "f-answer": "def f():\n    return 1",
    "g-answer": "def g():\n    return 1",
    "settings": "size = 4\nsteps = 10",
    "essay": "My own words.",
    "plot": "draw(3)",
}


def marked(name, role, source, kind="code", points=None):
    metadata = {
        "grade": role in ("test", "by hand"),
        "grade_id": name,
        "locked": role in ("test", "locked"),
        "schema_version": 3,
        "solution": role in ("answer", "by hand"),
        "task": False,
    }
    if points is not None:
        metadata["points"] = points
    make = new_code_cell if kind == "code" else new_markdown_cell
    return make(source, metadata={"nbgrader": metadata})  # with an id that is not its name


def assignment():
    hidden = "\n### BEGIN HIDDEN TESTS\ncheck.equal(student.call('f'), 1, '')\n### END HIDDEN TESTS"
    marks = "### BEGIN SOLUTION\nsize = 4\n### END SOLUTION"
    cells = [
        marked("title", "locked", "# A small course\n\nSome text.", "markdown"),
        marked("setup", "locked", "import math\nfrom autograder import check, student"),
        marked("f-text", "locked", "## Question 1\nWrite f.", "markdown"),
        marked("f-answer", "answer", STUB.format("f")),
        marked("f-test", "test", f"check.equal(student.call('f'), 1, 'f'){hidden}", points=2),
        marked("g-text", "locked", "## Question 2\nWrite g.", "markdown"),
        marked("g-answer", "answer", STUB.format("g")),
        marked("g-test", "test", "check.equal(student.call('g'), 1, 'g')", points=2),
        marked("settings", "answer", f"size = 3\n{marks}\nsteps = 10"),
        marked("size", "test", "check.equal(student.get('size'), 4, 'size')", points=1),
        marked("essay-text", "locked", "## Question 4\nExplain.", "markdown"),
        marked("essay", "by hand", "### BEGIN SOLUTION\nSo.\n### END SOLUTION", "markdown", 3),
        marked("plot", "by hand", "### BEGIN SOLUTION\ndraw()\n### END SOLUTION", points=3),
        marked("end", "locked", "The end.", "markdown"),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


class Reader:
    """An assignment, and nbgrader's first pass over what is handed in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        source = folder / "source" / "tiny"
        source.mkdir(parents=True)
        nbformat.write(assignment(), source / "one.ipynb")
        loader = PyFileConfigLoader("nbgrader_config.py", path=str(REPOSITORY))
        config = loader.load_config()
        config.CourseDirectory.source_directory = str(folder / "source")
        config.CourseDirectory.release_directory = str(folder / "release")
        config.CourseDirectory.assignment_id = "tiny"
        GenerateAssignment(coursedir=CourseDirectory(config=config), config=config).start()
        cells = worker.cells_of(config.CourseDirectory.db_url, "default_course", "tiny")
        ids = {"one": notebooks.cell_ids(source / "one.ipynb")}
        assigned = messages.Assignment("tiny", config, cells, {}, cell_ids=ids)
        self.grader = worker.Grader(assigned, logging.getLogger(__name__))

    def released(self):
        return json.loads((self.folder / "release/tiny/one.ipynb").read_text())

    def read(self, content):
        """What becomes of a submission: bytes, or what is written as JSON."""
        path = self.folder / "one.ipynb"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        converter = self.grader._converter(messages.ALL)
        converter._sanitizing = True
        converter._init_preprocessors()
        resources = self.grader._resources("student", "one", [])
        text, _ = converter.exporter.from_filename(str(path), resources=resources)
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
        return notebook


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_GRADING", str(folder))
        reader = Reader(folder)
    with reader.grader:
        yield reader


@pytest.fixture
def good(reader):
    """A submission with right answers."""
    return answered(reader.released())


def answered(notebook):
    for name, source in ANSWERS.items():
        cell(notebook, name)["source"] = source
    return notebook


def name_of(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def place(notebook, name):
    return [name_of(cell) for cell in notebook["cells"]].index(name)


def cell(notebook, name):
    return notebook["cells"][place(notebook, name)]


def own(source, kind="code", **more):
    code = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "source": source, "metadata": {}, **code, **more}


def without(notebook, *names):
    notebook["cells"] = [cell for cell in notebook["cells"] if name_of(cell) not in names]
    return notebook


def before(notebook, name, *cells):
    notebook["cells"][place(notebook, name) : place(notebook, name)] = cells
    return notebook


def merged(notebook, *names, into):
    texts = ["".join(cell(notebook, name)["source"]) for name in names]
    cell(notebook, into)["source"] = "\n\n".join(texts)
    return without(notebook, *(name for name in names if name != into))


def stripped(notebook, ids=False):
    """As a program leaves it that knows nothing of nbgrader."""
    for part in notebook["cells"]:
        part["metadata"] = {}
        if not ids:
            part.pop("id", None)
    return notebook | ({} if ids else {"nbformat_minor": 4})


def record(notebook):
    return notebook.metadata.autograder


def answers_of(notebook):
    """What stands in the cells of the answers, and in the student's own."""
    found = {}
    for part in notebook.cells:
        name = name_of(part)
        if name in ANSWERS:
            found[name] = part.source
        elif not name and not part.source.startswith("**Notes"):
            found[f"own {len(found.keys() - ANSWERS.keys()) + 1}"] = part.source
    return found


def is_complete(notebook):
    return [name_of(part) for part in notebook.cells if name_of(part)] == NAMES


NAMES = [name_of(part) for part in assignment().cells]


# ------------------------------------------------------------------ what is the gradebook's


def test_cells_of_the_assignment_are_the_gradebooks(reader, good):
    official = {name_of(part): part for part in reader.read(reader.released()).cells}
    for part in good["cells"]:
        part["metadata"]["tags"] = ["skip-execution", "raises-exception", "mine"]
        part["metadata"]["editable"] = False
        part["cell_type"] = "raw"
        marks = part["metadata"]["nbgrader"]
        marks.update(points=100, locked=False, solution=True, grade=True, task=True, checksum="0")
        part["metadata"]["autograder"] = {"points": 100, "note": "", "where": "judge"}
        part["attachments"] = {"a.png": {"image/png": "AAAA"}}
    good["cells"].append(own("1", metadata={"tags": ["skip-execution"], "deletable": False}))
    good["metadata"] = {
        "kernelspec": {"name": "bash", "argv": ["rm"]},
        "language_info": {"name": "bash"},
        "autograder": {"notes": ["full marks"], "alerts": []},
        "widgets": {"state": {}},
    }
    notebook = reader.read(good)
    for part in notebook.cells[1:]:  # behind the notes
        assert "attachments" not in part
        if not name_of(part):
            assert part.metadata == {}
            continue
        expected = official[name_of(part)]
        assert (part.metadata, part.cell_type) == (expected.metadata, expected.cell_type)
        assert part.source == ANSWERS.get(name_of(part), expected.source)
    assert notebook.metadata.keys() == {"autograder", "kernelspec"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert record(notebook).notes == [
        "made for the kernel 'bash', graded with 'python3', the assignment's"
    ]
    said = "\n".join(record(notebook).alerts)
    for text in ("role was edited", "type was edited", "tag skip-execution", "kernel was changed"):
        assert text in said
    assert len(record(notebook).alerts) == 9  # and not one per cell


def test_pictures_of_a_written_answer_stay(reader, good):
    cell(good, "essay")["attachments"] = {
        "a.png": {"image/png": "AAAA", "text/html": "<script>"},
        "half \ud83d.png": {"image/png": ["AA", "AA"]},
        "b.png": 5,
    }
    cell(good, "f-text")["attachments"] = {"a.png": {"image/png": "AAAA"}}
    notebook = reader.read(good)
    assert cell(notebook, "essay").attachments == {
        "a.png": {"image/png": "AAAA"},
        "half \ufffd.png": {"image/png": "AAAA"},
    }
    assert "attachments" not in cell(notebook, "f-text")


# ------------------------------------------------------------------ what Jupyter opens


def in_format_3(notebook):
    cells = []
    for part in notebook["cells"]:
        cells.append({key: part[key] for key in ("cell_type", "metadata")})
        if part["cell_type"] == "code":
            output = {"output_type": "pyout", "text": "1", "prompt_number": 1}
            cells[-1] |= {"input": part["source"], "language": "python", "outputs": [output]}
        else:
            cells[-1]["source"] = part["source"]
    cells.append({"cell_type": "heading", "level": 2, "source": ["Mine"], "metadata": {}})
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]}


def every(**changes):
    """Every cell with these keys."""
    return lambda notebook: [part.update(copy.deepcopy(changes)) for part in notebook["cells"]]


def lose(key):
    return lambda notebook: notebook.pop(key)


ODD_IDS = [1, None, "a b", "", [1], {}, "x" * 99, True, "cell-0", "cell-1", "cell-1", "\ud800", 0.5]
CHANGES = {
    "unchanged": lambda notebook: None,
    "4.4 with ids": lambda notebook: notebook.update(nbformat_minor=4),
    "4.0 with ids": lambda notebook: notebook.update(nbformat_minor=0),
    "4.99": lambda notebook: notebook.update(nbformat_minor=99),
    "no minor version": lose("nbformat_minor"),
    "no version": lose("nbformat"),
    "odd version": lambda notebook: notebook.update(nbformat="4", nbformat_minor=[5]),
    "no notebook metadata": lose("metadata"),
    "odd notebook metadata": lambda notebook: notebook.update(metadata=[{"kernelspec": 5}]),
    "odd kernel": lambda notebook: notebook["metadata"].update(kernelspec={"name": ["a"]}),
    "outputs everywhere": every(outputs=[{"output_type": "stream"}], execution_count=3),
    "odd outputs": every(outputs={"a": [None]}, execution_count="x"),
    "no outputs": lambda notebook: [part.pop("outputs", 0) for part in notebook["cells"]],
    "unknown keys": lambda notebook: (every(color={"a": [1]})(notebook), notebook.update(more=1)),
    "same id": every(id="same"),
    "odd ids": lambda notebook: [
        part.update(id=id_) for part, id_ in zip(notebook["cells"], ODD_IDS, strict=False)
    ],
    "lines": lambda notebook: [
        part.update(source="".join(part["source"]).splitlines(keepends=True))
        for part in notebook["cells"]
    ],
    "Windows": lambda notebook: [
        part.update(source="".join(part["source"]).replace("\n", "\r\n"))
        for part in notebook["cells"]
    ],
    "half an emoji": lambda notebook: (
        notebook["metadata"].update({"\ud83d": "\ude00"}),
        [part["metadata"].update({"\ud83d": ["\ude00"]}) for part in notebook["cells"]],
    ),
    "huge number": lambda notebook: notebook.update(more=10**4000),
    "nested": lambda notebook: notebook.update(more=json.loads("[" * 500 + "]" * 500)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_jupyter_opens_is_graded(reader, good, name):
    CHANGES[name](good)
    notebook = reader.read(good)
    assert answers_of(notebook) == ANSWERS
    assert is_complete(notebook)
    assert record(notebook).notes == record(notebook).alerts == []
    ids = [part.id for part in notebook.cells]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("version", [2, 3])
def test_old_formats(reader, good, version):
    notebook = reader.read(in_format_3(good) | {"nbformat": version})
    assert is_complete(notebook)
    assert answers_of(notebook) == ANSWERS | {"own 1": "## Mine"}


def test_bytes_that_only_some_programs_write(reader, good):
    content = json.dumps(good).encode()
    for odd in (b"\xef\xbb\xbf" + content, content[:-1] + b', "x": "\xed\xa0\xbd"}'):
        assert answers_of(reader.read(odd)) == ANSWERS


def test_sources(reader, good):
    for source, text in {
        None: "",
        "return 1  # \ud83d": "return 1  # \ufffd",
        "# \ud83d\ude00 \ud83d x": "# \U0001f600 \ufffd x",
        "\x00": "\x00",
    }.items():
        cell(good, "f-answer")["source"] = source
        assert answers_of(reader.read(good))["f-answer"] == text
    cell(good, "f-answer").pop("source")
    assert answers_of(reader.read(good))["f-answer"] == ""


UNREADABLE = {
    "nothing": (b"", "JSONDecodeError"),
    "text": (b"print(1)", "JSONDecodeError"),
    "half a file": (lambda content: content[:500], "JSONDecodeError"),
    "Latin-1": (lambda content: content[:-1] + b', "x": "\xe9"}', "UnicodeDecodeError"),
    "number": (b"5", "it holds no notebook"),
    "list": (b"[]", "it holds no notebook"),
    "no cells": (b"{}", "it has no list of cells"),
    "cells are a dict": (b'{"cells": {}}', "it has no list of cells"),
    "no cell": (b'{"cells": [null]}', "cell 1 is no cell"),
    "no text": (b'{"cells": [{"cell_type": "code", "source": 5}]}', "the source of cell 1 is"),
    "lines are none": (b'{"cells": [{"source": ["a", null]}]}', "the source of cell 1 is"),
    "format 5": (b'{"nbformat": 5, "cells": []}', "its format is 5"),
    "deep": (b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    "many cells": (b'{"cells": [' + b"{}," * 100_000 + b"{}]}", "it has 100,001 cells"),
    "much text": (b'{"cells": [{"source": "' + b"x" * 50_000_000 + b'"}]}', "hold 48 MiB of text"),
    "many values": (b'{"x": [' + b"1," * 10_000_001 + b"1]}", "more than 10,000,000 values"),
    "another notebook": (
        json.dumps({"cells": [own("import torch"), own("f is fine", "markdown")]}).encode(),
        "only 0 of the assignment's 14 cells were recognized",
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_not_graded_and_says_why(reader, good, name):
    content, reason = UNREADABLE[name]
    start = time.process_time()
    notebook = reader.read(content(json.dumps(good).encode()) if callable(content) else content)
    assert time.process_time() - start < 10
    (note,) = record(notebook).notes
    assert record(notebook).not_graded == note
    assert reason in note
    assert len(note) < 300
    assert is_complete(notebook)


def test_a_notebook_without_a_cell_is_blank(reader, good):
    notebook = reader.read(good | {"cells": []})
    assert "not_graded" not in record(notebook)
    assert is_complete(notebook)
    assert record(notebook).alerts == ["title and 13 more cells: the cell is missing"]


def test_names_that_a_student_chose_are_cut_and_clean(reader, good):
    name = "\ud83d\x00\n<b>![x](http://x.example/)" * 1000
    good["metadata"]["kernelspec"]["name"] = name
    notebook = reader.read(good)
    (note,) = record(notebook).notes
    assert len(note) < 200
    assert note.isprintable()
    page = notebook.cells[0].source
    assert "<b>" not in page.replace("\\<", "")
    assert "![" not in page


# ------------------------------------------------------------------ merged, retyped, moved

EMPTY, BY_HAND = recovery.DEFINED_ELSEWHERE, recovery.WRITTEN_ELSEWHERE
F, G, SETTINGS = (ANSWERS[name] for name in ("f-answer", "g-answer", "settings"))
MENDED = {
    "two answers in one": (
        lambda nb: merged(nb, "f-answer", "g-answer", into="f-answer"),
        {"f-answer": f"{F}\n\n{G}", "g-answer": EMPTY},
    ),
    "three answers in the second": (
        lambda nb: merged(nb, "f-answer", "g-answer", "settings", into="g-answer"),
        {"f-answer": EMPTY, "g-answer": f"{F}\n\n{G}\n\n{SETTINGS}", "settings": EMPTY},
    ),
    "with the test behind": (lambda nb: merged(nb, "f-answer", "f-test", into="f-test"), {}),
    "with the text before": (lambda nb: merged(nb, "f-text", "f-answer", into="f-text"), {}),
    "text became code": (lambda nb: merged(nb, "f-text", "f-answer", into="f-answer"), {}),
    "with all of its question": (
        lambda nb: merged(nb, "f-text", "f-answer", "f-test", into="f-text"),
        {},
    ),
    "with what stands before": (
        lambda nb: merged(nb, "f-test", "g-text", "g-answer", into="f-test"),
        {},
    ),
    "an essay with its question": (
        lambda nb: merged(nb, "essay-text", "essay", into="essay-text"),
        {},
    ),
    "retyped at its place": (
        lambda nb: without(before(nb, "f-test", own("x = 1"), own(F)), "f-answer"),
        {"own 1": "x = 1"},
    ),
    "retyped far below": (
        lambda nb: without(before(nb, "end", own(F)), "f-answer"),
        {"f-answer": EMPTY, "own 1": F},
    ),
    "retyped with a magic": (
        lambda nb: without(before(nb, "end", own(f"%%time\n{F}")), "f-answer"),
        {"f-answer": EMPTY, "own 1": f"%%time\n{F}"},
    ),
    "imported": (
        lambda nb: without(before(nb, "end", own("from mine import *")), "f-answer"),
        {"f-answer": EMPTY, "own 1": "from mine import *"},
    ),
    "deleted": (
        lambda nb: without(nb, "settings"),
        {"settings": "size = 3\nraise NotImplementedError()\nsteps = 10"},
    ),
    "an essay deleted": (lambda nb: without(nb, "essay"), {"essay": "YOUR ANSWER HERE"}),
    "an essay in a cell of its own": (
        lambda nb: without(before(nb, "end", own("My words.", "markdown")), "essay"),
        {"essay": BY_HAND, "own 1": "My words."},
    ),
    "an essay at its place": (
        lambda nb: without(before(nb, "plot", own("My words.", "markdown")), "essay"),
        {"essay": "My words."},
    ),
    "a plot in a cell of its own": (
        lambda nb: without(before(nb, "end", own("draw(4)")), "plot"),
        {"plot": "draw(4)"},
    ),
}


@pytest.mark.parametrize("name", MENDED)
def test_an_answer_is_never_overwritten_or_lost(reader, good, name):
    change, expected = MENDED[name]
    notebook = reader.read(change(good))
    assert is_complete(notebook)
    assert answers_of(notebook) == ANSWERS | expected


def test_a_test_that_was_deleted_comes_behind_the_answer(reader, good):
    moved = without(before(good, "g-text", own("x = 1"), own(F)), "f-answer", "f-test", "end")
    sources = [part.source for part in reader.read(moved).cells]
    test = next(place for place, source in enumerate(sources) if "HIDDEN" in source)
    assert sources.index(F) < test


def test_split_and_moved_answers_stay_as_they_are(reader, good):
    second = copy.deepcopy(cell(good, "f-answer"))  # JupyterLab gives both parts the metadata
    second["source"] = "def helper():\n    return 1"
    cell(good, "f-answer")["source"] = "def f():\n    return helper()"
    before(good, "f-test", second)
    good["cells"].append(good["cells"].pop(place(good, "g-answer")))
    notebook = reader.read(good)
    assert record(notebook).notes == [
        "'f-answer' stands 2 times in the notebook; the last one was graded"
    ]
    sources = [part.source for part in notebook.cells]
    assert sources.index("def f():\n    return helper()") + 1 == sources.index(second["source"])
    assert sources[-1] == G


# ------------------------------------------------------------------ nbgrader's metadata is lost

LOST = {
    "cell ids are left": (lambda nb: stripped(nb, ids=True), "by cell id (14 cells)"),
    "text is left": (
        stripped,
        "by text (9 cells), by an answer's content or place (5 cells)",
    ),
    "one pasted answer": (
        lambda nb: (cell(nb, "f-answer").update(metadata={}), nb)[1],
        "by cell id (1 cell)",
    ),
    "every second one": (
        lambda nb: ([part.update(metadata={}) for part in nb["cells"][::2]], nb)[1],
        "by cell id (7 cells)",
    ),
    "names of another course": (
        lambda nb: (
            [part["metadata"]["nbgrader"].update(grade_id="cell-1") for part in nb["cells"]],
            nb,
        )[1],
        "by cell id (14 cells)",
    ),
    "white space changed": (
        lambda nb: stripped(
            nb | {"cells": [c | {"source": "".join(c["source"]) + " \n\n"} for c in nb["cells"]]}
        ),
        "by text (9 cells)",
    ),
    "own cells between": (
        lambda nb: stripped(before(nb, "f-answer", own("x = 1"), own("Mine", "markdown"))),
        "by text (9 cells), by an answer's content",
    ),
}


@pytest.mark.parametrize("name", LOST)
def test_lost_metadata_is_recovered(reader, good, name):
    change, way = LOST[name]
    notebook = reader.read(change(good))
    assert is_complete(notebook)
    found = {key: text.strip() for key, text in answers_of(notebook).items() if key in ANSWERS}
    assert found == ANSWERS
    (alert,) = record(notebook).alerts
    assert alert.startswith("nbgrader's metadata was lost and recovered ")
    assert way in alert
    assert alert in record(notebook).notes


def test_answers_alone_are_enough(reader):
    cells = [own(ANSWERS[name]) for name in ("f-answer", "g-answer", "settings")]
    notebook = reader.read({"cells": [own("\n\n".join(part["source"] for part in cells))]})
    assert is_complete(notebook)
    assert "not_graded" not in record(notebook)
    found = answers_of(notebook)
    assert found["essay"] == BY_HAND  # waits for a person
    assert found["plot"] == EMPTY


def test_a_wrong_zero_is_never_final(reader, good):
    code = stripped(good)
    code["cells"] = [part for part in code["cells"] if part["cell_type"] == "code"]
    assert answers_of(reader.read(code))["essay"] == BY_HAND
    some = stripped(answered(reader.released()))
    some["cells"] = [*some["cells"][:3], own("def answer_1():\n    return 1")]
    assert "only 3 of the assignment's 14" in record(reader.read(some)).not_graded


def test_ids_of_a_source_are_known(tmp_path):
    path = tmp_path / "one.ipynb"
    notebook = assignment()
    nbformat.write(notebook, path)
    assert notebooks.cell_ids(path) == {part.id: name_of(part) for part in notebook.cells}


# ------------------------------------------------------------------ alerts have an end

N = recovery.MAX_CODE
LONG = {
    "attributes": "a" + ".a" * (N // 2 - 1),
    "deep attributes": ("a" + ".a" * 900 + " = f\n") * (N // 1810),
    "calls": ("a" + "()" * 400 + "\n") * (N // 802),
    "parentheses": "(" * N,
    "magics": "%a\n" * (N // 3),
    "shell": "x = !a\n" * (N // 7),
    "open texts": "'\n" * (N // 2),
    "one open text": "x = '''" + "a\n" * (N // 2 - 9),
    "spaces": (" " * 499 + "=\n") * (N // 501),
    "digits": "1" * N,
    "zeros": "\0" * N,
    "dotted import": "import " + "a." * (N // 2 - 4) + "a",
    "names": "In\n" * (N // 3),
    "texts": "'/proc/'\n" * (N // 9),
    "classes": "".join("  " * n + f"class A{n}:\n" for n in range(99)) + "  " * 99 + "pass",
    "f-string": "f'" + "{a}" * (N // 3 - 2) + "'",
    "statements": "a;" * (N // 2),
    "escapes": "'\\d'\n" * (N // 5),
    "minus": "-" * N + "1",
    "long name": "import gc" + "x" * (N - 9),
}


@pytest.mark.parametrize("name", LONG)
def test_reading_code_takes_little_time(name):
    start = time.process_time()
    found = alerts.in_code({"answer": LONG[name], "other": "import gc"}, ["import a"])
    recovery.Code().defined([LONG[name]], {"name"})
    assert time.process_time() - start < 8
    assert "other, line 1: imports gc" in found
    assert len(found) < 10
    assert all(len(text) < 300 for text in found)


def test_what_is_too_long_is_an_alert(reader, good):
    long = "x = 1\n" * N
    many = [own(f"# {n}\n" + "x = 1\n" * 5000) for n in range(20)]
    notebook = reader.read(before(good, "end", own(long), *many))
    assert "cell 14: the code is too long to be read" in record(notebook).alerts
    assert len([text for text in record(notebook).alerts if "too long" in text]) > 10
    assert answers_of(notebook).items() >= ANSWERS.items()


def test_alerts_take_so_long_and_no_longer(monkeypatch):
    monkeypatch.setattr(alerts, "SECONDS", 0.2)
    monkeypatch.setattr(alerts, "_suspicions", lambda *_: iter(lambda: time.sleep(0.01), 1))
    found = alerts.in_code({"a": "import gc"})
    assert found == ["the code took longer than 0.2 seconds to be read"]


def test_alerts_of_another_thread():
    found = []
    thread = threading.Thread(target=lambda: found.extend(alerts.in_code({"a": "import gc"})))
    thread.start()
    thread.join()
    assert found == ["a, line 1: imports gc"]


def test_a_notebook_full_of_such_code_is_graded(reader, good):
    without(before(good, "f-text", *map(own, LONG.values())), "f-answer", "f-test", "end")
    start = time.process_time()
    notebook = reader.read(good)
    assert time.process_time() - start < 60
    assert is_complete(notebook)
    assert len(record(notebook).alerts) <= 2 * alerts.MOST


def test_many_cells_take_little_time(reader, good):
    cells = [own(f"x{n} = 1") for n in range(notebooks.MAX_CELLS - len(NAMES))]
    lost = stripped(without(good, "f-answer", "f-test"))
    start = time.process_time()
    notebook = reader.read(lost | {"cells": [*lost["cells"], *cells]})
    assert time.process_time() - start < 20
    assert is_complete(notebook)


def test_the_same_is_said_once():
    assert alerts.in_code({"a": "In\nIn\nOut\nIn"}) == [
        "a, line 1: uses In (and 2 times more)",
        "a, line 3: uses Out",
    ]
    notebook = new_notebook()
    alerts.keep(notebook, (f"alert {n}\ud800\n" for n in range(1000)))
    assert len(notebook.metadata.autograder.alerts) == alerts.MOST + 1
    assert notebook.metadata.autograder.alerts[0] == "alert 0��"
    assert notebook.metadata.autograder.alerts[-1] == "and 900 more of this kind"


def test_what_happened_to_a_cell_is_an_alert():
    late = new_output("error", ename="CellTimeoutError", evalue="too long", traceback=[])
    lost = new_output(
        "error", ename="KernelLost", evalue="it ended Python (exit, quit)", traceback=[]
    )
    much = new_output("stream", text="[messages beyond 10,000 were left out]")
    cells = [new_code_cell("1", outputs=[output]) for output in (late, lost, much)]
    cells.append(new_code_cell("1"))
    cells[-1].metadata["autograder"] = {
        "points": 0.0,
        "note": None,
        "hidden": {"told": ["✗ a malformed message was left out"]},
    }
    assert list(alerts.in_outputs(new_notebook(cells=cells))) == [
        "cell 1: the cell ran longer than allowed",
        "cell 2: the kernel stopped or could not be interrupted",
        "cell 2: the cell ended the kernel",
        "cell 3: far too many messages",
        "cell 4: a malformed message to the grader",
    ]
    many = new_notebook(cells=[new_code_cell("1", outputs=[late]) for _ in range(50)])
    assert list(alerts.in_outputs(many)) == [
        "cell 1 and 49 more cells: the cell ran longer than allowed"
    ]
