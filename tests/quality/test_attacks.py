"""Attackers of the sample class, graded by us: no point, an alert, no trace.

`make test` runs some of each kind, `make test-all` all of them; `make attacks` puts the scores of
stock nbgrader and of the sandbox alone beside these.
"""

from __future__ import annotations

import base64
import re
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import nbformat
import pytest
from bs4 import BeautifulSoup
from helpers import EVERYTHING, run_forked, some
from nbformat.v4 import new_code_cell, new_notebook, new_output

from autograder.kernels import sandbox
from autograder.quality import attacks, members
from autograder.submissions import alerts

pytest.importorskip("torch")  # and the sample classes, which lie beside the package
REASON = sandbox.unavailable_reason()
needs_sandbox = pytest.mark.skipif(REASON is not None, reason=str(REASON))
pytestmark = pytest.mark.timeout(3600)  # the first test waits for all gradings
ATTACKERS = [(name, member) for name in attacks.SOURCES for member in members.attackers(name)]
# Courses made to be attacked; the honest student of a real assignment takes minutes.
QUICK = {name for name, source in attacks.SOURCES.items() if "solutions" not in source.parts}
KINDS = sorted({(name, m.kind) for name, m in ATTACKERS if EVERYTHING or name in QUICK})
PAGE = "html_in_output"  # its page is looked at
NAMES = [
    f"{assignment}/{member.name}"
    for assignment, kind in KINDS
    for member in some(
        (m for name, m in ATTACKERS if (name, m.kind) == (assignment, kind)),
        lambda member: member.name == PAGE,
    )
]


as_it_is = attacks._nbgrader


def faster(folder, how, *arguments):
    """The same command; in a fork unless it grades, whose memory is watched."""
    if arguments[0] == "autograde":
        return as_it_is(folder, how, *arguments)
    _, output = run_forked(attacks.course_of(folder, how), *arguments)
    with open(folder / "nbgrader.log", "a") as log:
        log.write(output)
    return 0


@pytest.fixture(scope="module")
def graded():
    """(outcomes by name, traces, folder of the courses)."""
    # Not in pytest's own folder, whose path leaves too little room for those of sockets.
    with (
        tempfile.TemporaryDirectory(prefix="attacks-") as folder,
        mock.patch.object(attacks, "_nbgrader", faster),
    ):
        outcomes, traces, _ = attacks.attack(Path(folder), ["ours"], only=NAMES)
        yield {outcome.name: outcome for outcome in outcomes}, traces, Path(folder)


@needs_sandbox
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_earned_leaked_or_run_and_there_is_an_alert(graded, name):
    assert attacks.find_problems([graded[0][name]], []) == []


@needs_sandbox
def test_nothing_is_left_outside_and_the_honest_student_gets_all(graded):
    assert graded[1] == []


@needs_sandbox
def test_feedback_runs_no_script_of_an_attacker(graded):
    (page,) = graded[2].glob(f"*/feedback/{PAGE}/plain/plain.html")
    text = page.read_text()
    body = text[text.index("<body") :]
    for script in ("<script>fetch", "<script>alert", 'href="javascript'):
        assert script not in body
    assert not re.search(r"<[^>]*(onerror|onload)=", body)  # escaped in the source it may stand


def test_the_suite_is_large_and_says_what_it_knows():
    assert len(ATTACKERS) >= 140
    for _, member in ATTACKERS:
        assert member.note
        assert member.known_from


@pytest.mark.parametrize("kind", members.KINDS)
def test_there_are_several_attackers_of_each_kind(kind):
    assert sum(member.kind == kind for _, member in ATTACKERS) >= 3


def test_problems_are_found():
    member = members.Attacker("sly", "cheats")
    lucky = attacks.Outcome(member, "plain", due=0, maximum=11, points={"ours": 2.0})
    lucky.leaked, lucky.seconds, lucky.problems = 16, 999, ["a page holds <script>"]
    lucky.points |= {"stock": 0.0, "sandbox_only": 7.0}
    assert attacks.find_problems([lucky], ["/tmp/canary exists"]) == [
        "/tmp/canary exists",
        "plain/sly: 2.0 points, 0 were its due",
        "plain/sly: no alert",
        "plain/sly: 16 bytes of hidden tests leaked",
        "plain/sly: in-kernel gives 7.0, stock nbgrader 0.0",
        "plain/sly: 999 s, 180 s are allowed",
        "plain/sly: a page holds <script>",
    ]


def test_an_alert_may_be_more_than_can_be_expected():
    member = members.Attacker("quiet", "prints", no_alert="a print is everyday")
    outcome = attacks.Outcome(member, "plain", due=0, maximum=11, points={"ours": 0.0})
    assert attacks.find_problems([outcome], []) == []
    outcome.points["ours"], outcome.not_graded = None, "the disk is full"
    assert attacks.find_problems([outcome], []) == [
        "plain/quiet: not graded, and no alert says why (the disk is full)"
    ]


def encoded(word):
    data = f"x{word}".encode()
    return [str([word]), word[::-1], data.hex(), base64.b64encode(data).decode(), str(list(data))]


@pytest.mark.parametrize("text", encoded("7b0c51f3a9e2d468"))
def test_leaks_are_found(text):
    assert attacks.leaks(f"a page\n{text}\n", ["7b0c51f3a9e2d468"]) == ["7b0c51f3a9e2d468"]
    assert attacks.leaks(f"a page\n{text}\n", ["d7bb01e25c7a1f30"]) == []


def test_differences_are_words():
    assert attacks.differences("<f at 0x7f01> no\nno, yes", "<f at 0x7f02> no") == {"yes"}
    assert attacks.differences("it was 4", "it was 4, it was 4") == set()


def test_what_is_hidden_is_known():
    words = attacks.hidden_words(attacks.SOURCES["judged"], "seed")
    assert attacks.hidden_words(attacks.SOURCES["judged"], "other")[:8] != words[:8]
    assert 'check.equal(student.call("longest", []), "", "the longest of none")' in words
    assert not any("the longest of three" in word for word in words)


@pytest.mark.parametrize(
    ("html", "found"),
    [
        (f"<script>{attacks.CANARY}</script>", True),
        ("<script>the page's own</script>", False),
        (f"<p onclick='{attacks.CANARY}'>", True),
        (f"<a href='java\nscript:{attacks.CANARY}'>", True),
        (f"<img src='https://{attacks.CANARY}.example/x.png'>", True),
        (f"<p style='background:url(//{attacks.CANARY}.example)'>", True),
        (f"<a href='https://{attacks.CANARY}.example'>a link</a>", False),
        (f"<p>&lt;script&gt;{attacks.CANARY}&lt;/script&gt;</p>", False),
    ],
)
def test_active_content_is_found(html, found):
    assert bool(attacks.active(BeautifulSoup(html, "html.parser"))) == found


# ------------------------------------------------------------------ alerts


@pytest.mark.parametrize("member", members.members("cnn_lstm"), ids=lambda member: member.name)
def test_honest_code_raises_no_alert(member):
    for path in attacks.SOURCES["cnn_lstm"].glob("*.ipynb"):
        source = nbformat.read(path, as_version=4)
        official = official_notebook(source)
        submitted = member.submission(path.stem, source, source)
        cells = alerts.student_cells(submitted, official)
        locked = [cell.source for cell in official.source_cells if cell.locked]
        assert list(alerts.in_code(cells, locked)) == []


def official_notebook(source):
    """What the gradebook knows of an assignment's notebook."""
    cells = [cell for cell in source.cells if "nbgrader" in cell.metadata]
    return SimpleNamespace(
        kernelspec='{"name": "python3"}',
        source_cells=[
            SimpleNamespace(
                name=cell.metadata.nbgrader.grade_id,
                locked=cell.metadata.nbgrader.locked,
                cell_type=cell.cell_type,
                source=cell.source,
            )
            for cell in cells
        ],
        grade_cells=[
            SimpleNamespace(
                name=cell.metadata.nbgrader.grade_id, max_score=cell.metadata.nbgrader.points
            )
            for cell in cells
            if cell.metadata.nbgrader.grade
        ],
    )


@pytest.mark.parametrize(
    ("code", "alert"),
    [
        ("import gc", "imports gc"),
        ("from autograder.api import agent", "imports autograder.api.agent"),
        ("!ls", "uses get_ipython"),
        ("import numpy as np\nnp.max = len", "replaces np.max"),
        ("setattr(torch, 'x', 1)", "replaces torch"),
        ("sys.modules.clear()", "uses sys.modules"),
        ("class A:\n    def __eq__(self, other):\n        return True", "class A defines __eq__"),
        ("class A:\n    def __reduce__(self):\n        return f()", "class A defines __reduce__"),
        ("open('/proc/1/environ')", "names '/proc/' in a text"),
        ("def sum(x):\n    return 1", "a function named sum"),
        ("x = [" + "1, " * 10_000 + "]", "a large table"),
    ],
)
def test_suspicious_code(code, alert):
    (found, *_) = alerts.in_code({"answer": code}, ["import torch"])
    assert found.startswith("answer, line ")
    assert alert in found


@pytest.mark.parametrize(
    "code",
    [
        "import torch\ntorch.backends.cudnn.deterministic = True",
        "%matplotlib inline",
        '"""See /proc/cpuinfo."""',
        "from torch import nn\nclass Data:\n    def __len__(self):\n        return len(self.x)",
        "for module in model.modules():\n    module.weight = None",
        "def broken(:",
    ],
)
def test_usual_code(code):
    assert list(alerts.in_code({"answer": code})) == []


def test_files(tmp_path):
    for name in ("torch.py", "words.csv", "sitecustomize.py", "x.pth", "model.pkl"):
        (tmp_path / name).write_text("")
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert [text.split()[0] for text in alerts.in_files(tmp_path)] == [
        "link",
        "model.pkl",
        "sitecustomize.py",
        "torch.py",
        "x.pth",
    ]


def test_edited_metadata():
    source = nbformat.read(attacks.SOURCES["plain"] / "plain.ipynb", as_version=4)
    official = official_notebook(source)
    cells = {cell.id: cell for cell in source.cells}
    cells["squares"].metadata.nbgrader.points = 100
    cells["mean"].metadata.nbgrader.locked = False
    cells["mean"].metadata.nbgrader.grade = False
    cells["primes"].source = "pass"
    source.cells.remove(cells["fibonacci"])
    source.metadata.kernelspec.name = "bash"
    visible = {"squares", "mean", "primes", "fibonacci", "the"}
    found = [text for text in alerts.in_metadata(source, official) if "sentiment" not in text]
    assert {text.split(":")[0].split()[0] for text in found} <= visible
    for text in (
        "squares: the points were edited",
        "mean: the cell's role was edited",
        "primes: a locked cell was edited",
        "fibonacci: the cell is missing",
        "the kernel was changed",
    ):
        assert text in found


def test_events():
    error = new_output("error", ename="KernelLost", evalue="dead", traceback=[])
    much = new_output("stream", text="[output beyond 5 bytes was left out]")
    late = new_output(
        "stream", text="✗ part (0 of 1): the notebook gave no answer within 6 seconds"
    )
    outputs = ([error], [much], [late], [])
    cells = [new_code_cell("1", outputs=part) for part in outputs]
    assert list(alerts.in_outputs(new_notebook(cells=cells))) == [
        "cell 1: the kernel stopped or could not be interrupted",
        "cell 2: far too much output",
        "cell 3: the kernel did not answer the judge",
    ]
