"""What is recorded of outputs, how texts are rendered, and within which limits."""

from __future__ import annotations

import base64
import importlib.util
import io
import re
import signal
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from helpers import REPOSITORY
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.apps import NbGrader
from nbgrader.preprocessors import Execute
from nbgrader.validator import Validator
from PIL import Image
from traitlets.config import Config

import autograder
from autograder.kernels.sandbox import Limits
from autograder.outputs import feedback, rendering

FORMGRADER = Path(feedback.nbgrader.__file__).parent / "server_extensions/formgrader"
OFFICIAL = {"grade_id": "last", "grade": True, "solution": True, "points": 1, "schema_version": 3}
SLACK = 3.0  # seconds, for a busy machine


def picture(width: int = 2, height: int = 2, kind: str = "PNG") -> str:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


def page(*cells: NotebookNode, template: str = "formgrade") -> str:
    config = Config()
    config.HTMLExporter.template_name = template
    config.HTMLExporter.extra_template_basedirs = [str(FORMGRADER / "templates")]
    styles = FORMGRADER / "static/node_modules/bootstrap/dist/css"
    config.HTMLExporter.extra_template_paths = [str(styles)]
    grades = {"notebook": "one", "score": 0, "max_score": 0, "late_penalty": 0}
    resources = {"index": 0, "total": 1, "submission_id": "x", "student": "<b>", "nbgrader": grades}
    exporter = feedback.Page(config=config)
    nb = new_notebook()
    nb.cells = list(cells)
    return exporter.from_notebook_node(nb, resources)[0]


def recorded(data: dict | NotebookNode) -> NotebookNode:
    """What `nbgrader autograde` keeps of an output."""
    output = data if isinstance(data, NotebookNode) else new_output("display_data", data)
    nb = new_notebook(cells=[new_code_cell("1", outputs=[output])])
    nb.metadata.widgets = {"state": 1}
    nb, _ = feedback.CleanOutputs().preprocess(nb, {})
    assert "widgets" not in nb.metadata
    nbformat.validate(nb)
    (kept,) = nb.cells[0].outputs  # records count the outputs
    return kept


# -- What is recorded ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ({"application/javascript": "e()"}, {"text/plain": "[left out: application/javascript]"}),
        ({"application/javascript": "e()", "text/plain": "t"}, {"text/plain": "t"}),
        ({"image/svg+xml": "<svg onload=e()>"}, {"text/plain": "[left out: image/svg+xml]"}),
        ({"text/html": "<script>e()</script>", "text/plain": "t"}, {"text/plain": "t"}),
        ({"text/html": "<b onclick=e()>x</b>"}, {"text/html": "<b>x</b>"}),
        ({"text/html": "<a href=javascript:e()>x</a>"}, {"text/html": "<a>x</a>"}),
        ({"text/html": "<iframe src=//x></iframe>"}, {"text/plain": "[left out: text/html]"}),
        ({"text/html": "<base href=//x><p style='top:0'>x"}, {"text/html": "<p>x</p>"}),
        ({"text/html": "<style>x</style>y", "text/plain": "t"}, {"text/plain": "t"}),
        (
            {"text/html": "<style>x</style>y", "text/plain": "<Object>"},
            {"text/html": "y", "text/plain": "<Object>"},
        ),
        ({"image/png": 'x"><script>'}, {"text/plain": "[left out: image/png]"}),
        (
            {"image/png": base64.b64encode(b"<svg>").decode()},
            {"text/plain": "[left out: image/png]"},
        ),
        ({"image/png": picture(9000, 9000)}, {"text/plain": "[left out: image/png]"}),
        ({"image/png": picture(), "text/plain": "t"}, {"image/png": picture(), "text/plain": "t"}),
        ({"image/jpeg": picture(kind="JPEG")}, {"image/jpeg": picture(kind="JPEG")}),
        ({"text/markdown": "**b** $x$"}, {"text/markdown": "**b** $x$"}),
        ({"text/markdown": "<b>b</b>"}, {"text/plain": "<b>b</b>"}),
        ({"text/markdown": "[a](javascript:e())"}, {"text/plain": "[a](javascript:e())"}),
        ({"text/markdown": "[a](java&#115;cript:e())"}, {"text/plain": "[a](java&#115;cript:e())"}),
        ({"text/markdown": "[a](javascript\\:e())"}, {"text/plain": "[a](javascript\\:e())"}),
        ({"text/latex": "$x^2$"}, {"text/latex": "$x^2$"}),
        ({"text/latex": "$\\href{x}{y}$"}, {"text/plain": "$\\href{x}{y}$"}),
        ({"application/vnd.jupyter.widget-view+json": {}, "text/plain": "0%"}, {}),
        ({"application/vnd.plotly.v1+json": {}, "text/plain": "t"}, {"text/plain": "t"}),
        ({"text/vnd.mermaid": "x"}, {"text/plain": "[left out: text/vnd.mermaid]"}),
        ({}, {}),
    ],
)
def test_outputs_are_recorded_without_anything_active(data, kept):
    assert recorded(data).data == kept


def test_a_data_frame_stays_a_table():
    source = """<div><style scoped>.dataframe td {color: red}</style>
    <table border="1" class="dataframe"><tr style="text-align: right;"><td colspan="2">1 < 2</td>
    </tr></table></div>"""
    table = recorded({"text/html": source, "text/plain": "t"}).data
    assert '<td colspan="2">1 &lt; 2</td>' in table["text/html"]
    assert "red" not in table["text/html"]
    assert table["text/plain"] == "t"


def test_metadata_of_outputs_is_a_size_or_nothing():
    for size in ('1 onload="e()"', -1, 10**6, True, None, {"a": 1}):
        output = new_output("display_data", {"image/png": picture()})
        output.metadata = {
            "image/png": {"width": size, "height": 40},
            "filenames": {"image/png": "x"},
        }
        assert recorded(output).metadata == {"image/png": {"height": 40}}


def test_texts_are_recorded_as_they_are():
    stream = new_output("stream", name="stderr", text="<b>\x1b[31mred")
    assert recorded(stream) == stream
    error = new_output("error", ename="E", evalue="<b>", traceback=["\x1b[31m<b>"])
    assert recorded(error) == error


def test_every_autograded_notebook_is_cleaned_last():
    config = Config()
    autograder.configure(config)
    assert (
        config.Autograde.autograde_preprocessors[-1] == "autograder.outputs.feedback.CleanOutputs"
    )


# -- Markdown and formulas -------------------------------------------------------------------------


def test_markdown_is_shown_as_written_and_runs_nothing():
    text = "# A & b <pad>\n`<unk>` $x & y < z$\n\n"
    links = "[a](javascript:e()) [b](data:text/html,c) <img src=x onerror=e()>\n\n"
    shown = rendering.markdown(f"{text}{links}<script>e()</script>")
    assert "A &amp; b &lt;pad&gt;" in shown
    assert "<code>&lt;unk&gt;</code> $x &amp; y &lt; z$" in shown
    for harmful in ("javascript", "onerror", "<script", "data:text"):
        assert harmful not in shown
    image = f"data:image/png;base64,{picture()}"
    assert f'src="{image}"' in rendering.markdown(f"![plot]({image})")
    assert "src" not in rendering.markdown("![plot](data:image/png;base64,AAAA)")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("![a](fig/a.png)", '<p><img src="fig/a.png" alt="a"></p>\n'),
        ("![a](../a.png)", "<p>[a picture that is not shown]</p>\n"),
        ("![a](http://x/a.png)", "<p>[a picture that is not shown]</p>\n"),
        ("![a](//x/a.png)", "<p>[a picture that is not shown]</p>\n"),
        ("![a](a.svg)", "<p>[a picture that is not shown]</p>\n"),
        ("[a](#b)", '<p><a href="#b">a</a></p>\n'),
        ("[a](/formgrader?path=x)", "<p><a>a</a></p>\n"),
        ("[a](page.html)", "<p><a>a</a></p>\n"),
        ("[a](//x)", "<p><a>a</a></p>\n"),
        ("[a](vbscript:x)", "<p><a>a</a></p>\n"),
        ("<b class='full-credit k'>a</b>", "<p><b>a</b></p>\n"),
        ("<b class='k'>a</b>", '<p><b class="k">a</b></p>\n'),
        ("<b id=score data-link=x style='position:fixed'>a</b>", "<p><b>a</b></p>\n"),
    ],
)
def test_links_and_attributes(source, shown):
    assert rendering.markdown(source) == shown


def test_attachments_are_pictures_or_absent():
    attachments = {"a.png": {"image/png": picture()}, "b": {"text/html": "eA=="}}
    source = "![a](attachment:a.png) ![b](attachment:b) ![c](attachment:c)"
    cell = new_markdown_cell(source, attachments=attachments)
    shown = page(cell)
    assert f'src="data:image/png;base64,{picture()}"' in shown
    assert shown.count("[a picture that is not shown]") == 2


@pytest.mark.parametrize(
    ("tex", "start"),
    [
        ("$x^2$", '<math display="inline">'),
        ("$$x^2$$", '<math display="block">'),
        ("\\begin{aligned}a&=b\\\\c&=d\\end{aligned}", '<math display="block"><mrow><mtable'),
        ("$a < b$", '<math display="inline"><mrow><mi>a</mi><mo>&lt;</mo>'),
        ("$\\text{<script>}$", '<math display="inline"><mrow><mtext>&lt;script&gt;</mtext>'),
        ("$\\href{javascript:e()}{x}$", '<math display="inline"><mrow><mrow><mrow><mi>x</mi>'),
        ("$\\style{position:fixed}{x}$", '<math display="inline"><mrow><mrow><mi>x</mi>'),
        ("$\\class{full-credit}{x}$", '<math display="inline"><mrow><mrow><mi>x</mi>'),
        ("$\\require{x}$", "$\\require{x}$"),
        ("$\\frac{1}{$", "$\\frac{1}{$"),
        ("$\\def\\x{\\x\\x}\\x$", "$\\def\\x{\\x\\x}\\x$"),
        ("$x & y$", "$x &amp; y$"),
    ],
)
def test_formulas_become_mathml_or_stay_tex(tex, start):
    assert rendering.math(tex).startswith(start)
    assert not re.search(r"\b(href|style|class)=|<script", rendering.math(tex))


def test_all_formulas_of_the_course_become_mathml():
    found = 0
    for path in (*REPOSITORY.glob("exercises/*/*.ipynb"), *REPOSITORY.glob("lectures/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                shown = re.sub(
                    r"<(code|pre)>.*?</\1>", "", rendering.markdown(cell.source), flags=re.S
                )
                found += shown.count("<math ")
                assert "\\" not in shown, shown
    assert found > 300


# -- Limits ----------------------------------------------------------------------------------------

LARGE = rendering.SIZE
MARKDOWN = {
    "stars": "*" * LARGE,
    "emphasis": "**a" * (LARGE // 3),
    "brackets": "[" * LARGE,
    "links": "[a](http://b.c)" * (LARGE // 15),
    "images": "![" * (LARGE // 2),
    "angles": "<" * LARGE,
    "quotes": ">" * LARGE,
    "nested quotes": "> " * (LARGE // 2) + "a",
    "nested lists": "".join(" " * depth + "- a\n" for depth in range(400)),
    "backticks": "".join("`" * n + "a" for n in range(440)),
    "fences": "```\n" * (LARGE // 4),
    "pipes": "|" * LARGE,
    "tables": "|a|b|\n|-|-|\n" * (LARGE // 12),
    "tags": "<b>" * (LARGE // 3),
    "boxes": "<div>" * (LARGE // 5),
    "attributes": "<a " * (LARGE // 3),
    "comments": "<!--" * (LARGE // 4),
    "dollars": "$a" * (LARGE // 2),
    "formulas": "$\\frac{1}{2}$" * (LARGE // 13),
    "environments": "\\begin{a}" * (LARGE // 9),
    "references": "".join(f"[{n}]: http://a\n" for n in range(4000)) + "[1]" * 9000,
    "a megabyte": "a *b* " * 200_000,
}
CODE = {
    "one line": "x = '" + "a" * 1_000_000,
    "quotes": '"""\'' * (LARGE // 4),
    "parentheses": "(" * LARGE,
    "HTML": "%%html\n" + "<a " * (LARGE // 3 - 9),
}
HTML = {
    "tags": "<b>" * (LARGE // 3),
    "tables": "<table><tr><td>" * (LARGE // 15),
    "attributes": "<div title='" * (LARGE // 12),
    "styles": "<style>" * (LARGE // 7),
    "anchors": "".join(f"<a id={n}>" for n in range(9000)),
    "foreign": "<svg><style>" * (LARGE // 12),
    # each paragraph opens all of them again: gigabytes, for a parser that nobody can stop
    "reopened": "".join(f"<b title={n}>" for n in range(LARGE // 45)) + "<p>x" * (LARGE // 8),
}
TERMINAL = {
    "colors": "\x1b[31ma" * (LARGE // 6),
    "open": "\x1b[" * (LARGE // 2),
    "semicolons": "\x1b[" + ";" * (LARGE - 2),
}
LATEX = {
    "braces": "{" * LARGE,
    "fractions": "\\frac{" * (LARGE // 6),
    "matrices": "\\begin{matrix}" * (LARGE // 14),
    "letters": "a" * LARGE,
    "ampersands": "&" * LARGE,
}
TEXTS = [
    *((rendering.markdown, name, text) for name, text in MARKDOWN.items()),
    *((rendering.code, name, text) for name, text in CODE.items()),
    *((rendering.output_html, name, text) for name, text in HTML.items()),
    *((rendering.colored, name, text) for name, text in TERMINAL.items()),
    *((rendering.math, name, text) for name, text in LATEX.items()),
]


@pytest.mark.parametrize(
    ("make", "text"),
    [(make, text) for make, _, text in TEXTS],
    ids=[f"{make.__name__}: {name}" for make, name, _ in TEXTS],
)
def test_each_text_is_rendered_within_a_time(make, text):
    start = time.monotonic()
    shown = rendering.Budget().render(text, make, rendering.preformatted)
    assert time.monotonic() - start < rendering.SECONDS + SLACK
    if shown.startswith("<pre>") and ("given up" in shown or len(text) > LARGE):
        assert shown.startswith(f"<pre>{rendering.html.escape(text[:1000])}")
        assert re.search(r"Shown as it was written|more characters are left out", shown)


def test_a_page_is_made_within_a_time_and_can_be_read():
    hostile = [new_markdown_cell(text) for text in MARKDOWN.values()] * 3
    outputs = [new_output("display_data", {"text/html": text}) for text in HTML.values()]
    outputs += [new_output("stream", text=text) for text in TERMINAL.values()]
    hostile += [new_code_cell(text, outputs=outputs) for text in CODE.values()]
    answer = new_markdown_cell("The end.", metadata={"nbgrader": OFFICIAL})
    start = time.monotonic()
    shown = page(*hostile, answer)
    assert time.monotonic() - start < 2 * rendering.PAGE_SECONDS + SLACK
    assert "The end." in shown
    assert len(shown) < 10 * rendering.PAGE_CHARACTERS


def test_many_cells_and_outputs_are_cut_and_official_cells_are_not():
    outputs = [new_output("stream", text=f"{n} ") for n in range(3000)]
    cells = [new_markdown_cell("own") for _ in range(3000)] + [new_code_cell("1", outputs=outputs)]
    cells.append(new_markdown_cell("official", metadata={"nbgrader": OFFICIAL}))
    shown = page(*cells)
    assert shown.count("<p>own</p>") == feedback.CELLS
    assert "[2,001 more cells are left out.]" in shown
    assert "official" in shown
    shown = page(cells[-2])
    assert "[2,000 more outputs are left out.]" in shown


def test_what_fails_is_shown_as_it_was_written(monkeypatch):
    def fail(*_: object, **__: object) -> str:
        raise RecursionError

    monkeypatch.setattr(feedback, "markdown", fail)
    monkeypatch.setattr(feedback, "code", fail)
    shown = page(new_markdown_cell("*a* <b>"), new_code_cell("1 < 2"))
    assert "*a* &lt;b&gt;\n[Shown as it was written" in shown
    assert "1 &lt; 2\n[Shown as it was written" in shown


def test_a_page_that_takes_too_long_as_a_whole_is_a_plain_one(monkeypatch):
    calls = []

    def slow(nb: NotebookNode, budget: rendering.Budget) -> NotebookNode:
        calls.append(budget)
        while len(calls) == 1:
            time.sleep(0.01)
        return nb

    monkeypatch.setattr(feedback, "shown", slow)
    monkeypatch.setattr(feedback, "PAGE_SECONDS", 0.3)
    shown = page(new_markdown_cell("*a*"))
    assert "<pre>*a*\n[Shown as it was written" in shown


def test_nothing_can_be_stopped_in_another_thread_and_so_nothing_is_begun():
    found = []
    thread = threading.Thread(target=lambda: found.append(page(new_markdown_cell("*a*"))))
    thread.start()
    thread.join()
    assert "<pre>*a*\n[Shown as it was written" in found[0]


def test_a_time_limit_leaves_other_timers_alone():
    fired = []
    before = signal.signal(signal.SIGALRM, lambda *_: fired.append(1))
    old = signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(rendering.TooLong):
            rendering.within(0.2, time.sleep, 5)
        assert rendering.within(1, lambda: rendering.within(1, lambda: "inner")) == "inner"
        assert not fired
        time.sleep(0.3)
        assert fired
    finally:
        signal.setitimer(signal.ITIMER_REAL, *old)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("template", ["formgrade", "feedback"])
def test_notebooks_of_any_form_make_a_page(template):
    cells = [
        {
            "cell_type": "code",
            "metadata": {"nbgrader": 7, "tags": 3},
            "source": ["a"],
            "outputs": 3,
        },
        {"cell_type": "code", "metadata": {}, "source": "", "outputs": [{"output_type": "<b>"}]},
        {"cell_type": "<b>", "metadata": {}, "source": "<b>raw"},
        {"cell_type": "markdown", "metadata": {"nbgrader": {"grade_id": '"><b>', "grade": 1}}},
        {"cell_type": "markdown", "metadata": {}, "source": "![](attachment:x)", "attachments": 5},
        {"cell_type": "code", "metadata": {}, "source": "\ud800", "execution_count": "<b>"},
    ]
    bundle = {"output_type": "display_data", "data": {"text/html": ["<b>"]}, "metadata": []}
    cells[1]["outputs"] += [bundle, {"output_type": "error"}, {"output_type": "stream", "text": 3}]
    shown = page(*map(nbformat.from_dict, cells), template=template)
    body = shown[shown.index("<body") :]
    assert "<b>" not in body.replace("&lt;b&gt;", "")
    shown.encode()


# -- A class, and validation -----------------------------------------------------------------------


def test_one_hostile_page_does_not_stop_the_class(tiny_course_factory):
    from nbgrader.api import Gradebook

    course = tiny_course_factory()
    hostile = course.released()
    hostile.cells += [new_markdown_cell(text) for text in MARKDOWN.values()] * 3
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        for name, notebook in (("a", course.released()), ("b", hostile), ("c", course.released())):
            gradebook.add_student(name)
            gradebook.add_submission("tiny", name)
            for file in ("one", "two"):
                path = course.folder / "autograded" / name / "tiny" / f"{file}.ipynb"
                path.parent.mkdir(parents=True, exist_ok=True)
                nbformat.write(notebook if file == "one" else course.released(), path)
    course.run("generate_feedback", "tiny")
    for name in "abc":
        text = (course.folder / "feedback" / name / "tiny" / "one.html").read_text()
        assert "Score: not graded yet / " in text
        assert ("Shown as it was written" in text) == (name == "b")


def test_validation_allows_a_cell_as_long_as_grading_does(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("install", REPOSITORY / "requirements/install.py")
    install = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(install)
    (tmp_path / "nbgrader_config.py").write_text(install.VALIDATION)
    monkeypatch.setenv("COURSE_GRADING", str(tmp_path))
    for folder in (tmp_path, REPOSITORY):
        monkeypatch.chdir(folder)
        app = NbGrader()  # as the Validate button does
        app.load_config_file()
        step = Execute(parent=Validator(config=app.config))
        assert step.timeout == Limits().cell_seconds > 30
    if Path(sys.prefix) == install.MAIN.folder:
        installed = Path(sys.prefix) / "etc/jupyter/nbgrader_config.py"
        assert installed.read_text() == install.VALIDATION


def test_formgrader_opens_only_courses_of_ones_own(tmp_path, monkeypatch):
    from nbgrader.coursedir import CourseDirectory

    from autograder.outputs.formgrader import is_a_course

    course = CourseDirectory(root=str(tmp_path / "course"))
    course.submitted_directory = str(tmp_path / "grading" / "submitted")
    for folder in ("course/autograded/ann/ps1", "grading/submitted/ann/ps1", "other"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "nbgrader_config.py").touch()
    (tmp_path / "link").symlink_to(tmp_path / "grading" / "submitted" / "ann" / "ps1")
    assert is_a_course(str(tmp_path / "course"), course)
    assert is_a_course(str(tmp_path / "other"), course)
    for folder in ("course/autograded/ann/ps1", "grading/submitted/ann/ps1", "link", "absent"):
        assert not is_a_course(str(tmp_path / folder), course), folder
    monkeypatch.setattr("os.getuid", lambda: 12345)
    assert not is_a_course(str(tmp_path / "other"), course)
