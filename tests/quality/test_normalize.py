"""The notebook normalizer: what goes, what stays to the byte, and that a second pass is idle."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from autograder.quality import normalize

COURSE = normalize.COURSE
KERNELSPEC = {"display_name": "Gluon (MXNet 1.9.1)", "language": "python", "name": "gluon"}
NBGRADER = {
    "grade": True,
    "grade_id": "q1-shape",
    "locked": True,
    "points": 2.0,
    "schema_version": 3,
    "solution": False,
    "task": False,
    "note": "/home/ada/keep this",
}


def messy_notebook() -> dict:
    """Version 4.4, run by Ada on her machine: cells without ids, outputs full of places."""
    code = new_code_cell("print(1)", execution_count=7)
    code.metadata.update(nbgrader=NBGRADER, execution={"iopub.execute_input": "2026-01-01"})
    code.outputs = [
        new_output("stream", text=f"reading {COURSE}/data/x.txt and /home/ada/aclImdb\n"),
        new_output(
            "display_data",
            data={
                "text/plain": "epochs:   0%",
                "application/vnd.jupyter.widget-view+json": {"model_id": "2"},
            },
        ),
        new_output("stream", name="stderr", text="/tmp/ipykernel_77/123.py:1: Warning: old\n"),
        new_output(
            "execute_result",
            data={
                "text/plain": "WindowsPath('C:\\Users\\ada\\x')",
                "image/png": "/home/ada/",
                "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
            },
            execution_count=7,
        ),
        new_output(
            "error", ename="E", evalue="/Users/ada/x", traceback=["File \x1b[1m/root/y.py", "in f"]
        ),
    ]
    notebook = new_notebook(cells=[new_markdown_cell("# Täxt"), code, new_markdown_cell("# Täxt")])
    notebook.metadata = {
        "kernelspec": KERNELSPEC,
        "language_info": {"name": "python", "version": "3.11.7"},
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}},
        "vscode": {"interpreter": {"hash": "abc"}},
    }
    notebook = json.loads(json.dumps(notebook))
    notebook["nbformat_minor"] = 4
    for cell in notebook["cells"]:
        del cell["id"]
    return notebook


@pytest.fixture
def clean() -> dict:
    return json.loads(normalize.normalize_text(json.dumps(messy_notebook())))


def test_run_numbers_are_places(clean):
    code = clean["cells"][1]
    assert code["execution_count"] == 1  # it was run as number 7
    assert code["outputs"][2]["execution_count"] is None
    assert set(code["metadata"]) == {"nbgrader"}


def test_places_become_the_same_on_every_machine(clean):
    stream, warning, result, error = clean["cells"][1]["outputs"]
    assert stream["text"] == ["reading ./data/x.txt and ~/aclImdb\n"]
    assert warning["text"] == ["cell.py:1: Warning: old\n"]
    assert result["data"] == {"image/png": "/home/ada/", "text/plain": ["WindowsPath('~\\x')"]}
    assert (error["evalue"], error["traceback"]) == ("~/x", ["File \x1b[1m~/y.py", "in f"])


@pytest.mark.parametrize(
    "text",
    ["the root/leaf ratio", "https://example.org/home/page", "a/root/b", "n/home", "0.5 /root"],
)
def test_words_that_only_look_like_places_stay(text):
    assert normalize.without_places(text) == text


def test_nbgrader_metadata_and_sources_stay_to_the_byte(clean):
    assert json.dumps(clean["cells"][1]["metadata"]["nbgrader"]) == json.dumps(
        NBGRADER, sort_keys=True
    )
    assert [cell["source"] for cell in clean["cells"]] == [["# Täxt"], ["print(1)"], ["# Täxt"]]


def test_kernelspec_stays_and_session_metadata_goes(clean):
    assert clean["metadata"] == {
        "kernelspec": KERNELSPEC,
        "language_info": {"name": "python"},
    }


def test_ids_come_from_grade_ids_and_sources(clean):
    first, code, third = (cell["id"] for cell in clean["cells"])
    assert code == "q1-shape"
    assert third == f"{first}-2"
    again = json.loads(normalize.normalize_text(json.dumps(messy_notebook())))
    assert [cell["id"] for cell in again["cells"]] == [first, code, third]


def test_a_good_id_stays_and_a_duplicate_gets_a_number():
    notebook = json.loads(json.dumps(new_notebook(cells=[new_markdown_cell(s) for s in "abc"])))
    for cell in notebook["cells"]:
        cell["id"] = "intro"
    cells = normalize.normalize(notebook)["cells"]
    assert [cell["id"] for cell in cells] == ["intro", "intro-2", "intro-3"]


def test_what_was_printed_in_a_row_is_one_output():
    outputs = [
        {"output_type": "stream", "name": name, "text": text}
        for name, text in [
            ("stdout", ["a\n", "b"]),
            ("stdout", "c\n"),
            ("stderr", "d"),
            ("stdout", "e"),
        ]
    ]
    cell = {"cell_type": "code", "metadata": {}, "source": "", "outputs": outputs, "id": "x"}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    found = normalize.normalize(notebook)["cells"][0]["outputs"]
    assert [(o["name"], "".join(o["text"])) for o in found] == [
        ("stdout", "a\nbc\n"),
        ("stderr", "d"),
        ("stdout", "e"),
    ]


def test_twice_is_once_and_the_layout_is_nbformats_own():
    once = normalize.normalize_text(json.dumps(messy_notebook()))
    assert normalize.normalize_text(once) == once
    notebook = nbformat.reads(once, as_version=4)
    assert nbformat.writes(notebook) + "\n" == once


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"cells": [', r"expected JSON, found an error in line 1"),
        ('{"nbformat": 3}', r"expected notebook format 4, found 3"),
        ('{"nbformat": 4}', r"found JSON without 'cells'"),
        ("[]", r"expected a notebook"),
        (
            '{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "song", "source": ""}]}',
            r"expected a valid notebook",
        ),
    ],
)
def test_a_broken_notebook_is_one_sentence(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        normalize.normalize_text(text)


def test_the_command_rewrites_and_says_so(tmp_path, capsys):
    file = tmp_path / "lecture.ipynb"
    messy = json.dumps(messy_notebook())
    file.write_text(messy)
    assert normalize.main(["--check", str(file)]) == 1
    assert file.read_text() == messy
    assert "not normalized; run" in capsys.readouterr().out
    assert normalize.main([str(file)]) == 1
    assert file.read_text() == normalize.normalize_text(messy)
    assert normalize.main(["--check", str(file)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["lecture.ipynb"]


def test_the_command_leaves_a_broken_file_alone(tmp_path, capsys):
    file = tmp_path / "broken.ipynb"
    file.write_text('{"cells": [')
    assert normalize.main([str(file)]) == 1
    assert file.read_text() == '{"cells": ['
    assert "broken.ipynb: expected JSON" in capsys.readouterr().err
