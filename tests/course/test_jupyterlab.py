"""A student in JupyterLab in a real browser: fetch, open, answer, run, validate, submit."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time

import nbformat
import pytest
from helpers import ASSIGNMENT, REPOSITORY, answers, make_course, stop, wait_for

COURSE = "rnn101"


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    """An exchange with the released assignment, and the folder of a student."""
    folder = tmp_path_factory.mktemp("lab")
    root, home = folder / "exchange", folder / "student"
    for place in (root, home):
        place.mkdir()
        place.chmod(0o777)
    options = [f"--Exchange.root={root}", f"--course={COURSE}"]
    make_course(folder / "course", ("one",)).run("release_assignment", ASSIGNMENT, *options)
    config = (REPOSITORY / "nbgrader_config.py").read_text(encoding="utf-8")
    config += f'\nc.Exchange.root = "{root}"\nc.CourseDirectory.course_id = "{COURSE}"\n'
    (home / "nbgrader_config.py").write_text(config, encoding="utf-8")
    return root, home


@pytest.fixture(scope="module")
def lab(exchange, tmp_path_factory):
    """JupyterLab in the student's folder; its address."""
    _, home = exchange
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1"]
    options += ["--IdentityProvider.token=", "--ServerApp.password="]
    log = tmp_path_factory.mktemp("log") / "lab.txt"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", *options],
            cwd=home,
            env={
                **os.environ,
                "JUPYTER_CONFIG_DIR": str(log.parent),
                "JUPYTER_PREFER_ENV_PATH": "1",
            },
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}/lab"
    try:
        wait_for(lambda: answers(address), log.read_text, seconds=90)
        yield address
    finally:
        stop(process, 15)


@pytest.fixture(scope="module")
def page(chromium, lab):
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(60_000)
    tab.goto(lab)
    tab.wait_for_selector("#jp-MainLogo")
    yield tab
    context.close()


def menu(page, name: str, item: str) -> None:
    """Click an entry of the menu bar."""
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{name}$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{item}")).first.click()


def cell_with(page, text: str):
    """The cell of the open notebook whose source holds a text."""
    cells = page.locator(".jp-NotebookPanel:visible .jp-Cell")
    return cells.filter(has=page.locator(".jp-InputArea", has_text=text)).first


def run_all(page, cell: str, output: str) -> None:
    """Run all cells until a cell shows an output."""
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()
    menu(page, "Run", "Run All Cells")
    cell_with(page, cell).locator(".jp-OutputArea", has_text=output).wait_for()
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()


def write(page, old: str, new: str) -> None:
    """Replace the source of a cell, given by a part of it."""
    cell_with(page, old).locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(new)


def verdict(page) -> str:
    """What the button Validate says; it saves the notebook first."""
    page.locator(".jp-NotebookPanel:visible button, .jp-NotebookPanel:visible jp-button").filter(
        has_text="Validate"
    ).first.click()
    dialog = page.locator(".jp-Dialog")
    dialog.filter(has_text=re.compile("pass|fail", re.IGNORECASE)).wait_for()
    said = dialog.inner_text()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    return said


def test_a_student_fetches_answers_validates_and_submits(page, exchange):
    root, home = exchange
    menu(page, "Nbgrader", "Assignment List")
    page.locator("#released_assignments_list button", has_text="Fetch").click()
    fetched = page.locator("#fetched_assignments_list")
    fetched.locator("a", has_text=ASSIGNMENT).click()
    fetched.locator("a", has_text=re.compile("^one$")).click()
    page.wait_for_selector(".jp-NotebookPanel:visible .jp-Cell")
    run_all(page, "square of 3", "NotImplementedError")
    assert "fail" in verdict(page).lower()

    write(page, "def square", "def square(x):\n    return x * x")
    run_all(page, "square of 0.5", "✓ square of 0.5")
    assert "did not provide a response" in verdict(page)
    page.locator(".jp-MarkdownCell", has_text="YOUR ANSWER HERE").dblclick()
    write(page, "YOUR ANSWER HERE", "Because a number times itself is its square.")
    assert "passes all the tests" in verdict(page)

    menu(page, "Nbgrader", "Assignment List")
    fetched.locator("button", has_text="Submit").click()
    page.locator("#submitted_assignments_list", has_text=ASSIGNMENT).wait_for()
    place, deadline = root / COURSE / "inbound", time.monotonic() + 30
    while not (submitted := [*place.glob(f"*+{ASSIGNMENT}+*/one.ipynb")]):
        assert time.monotonic() < deadline, [*place.rglob("*")]
        page.wait_for_timeout(200)
    (submitted,) = submitted
    answered = nbformat.read(submitted, as_version=4)
    assert any("return x * x" in cell.source for cell in answered.cells)
    assert nbformat.read(home / ASSIGNMENT / "one.ipynb", as_version=4).cells == answered.cells
