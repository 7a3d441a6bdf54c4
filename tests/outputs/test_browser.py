"""What a submission brings stays inert in a real browser: in formgrader and on feedback pages.

The same notebook shows in stock nbgrader that each of its tricks works, or the test proves nothing.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import nbgrader
import pytest
import websocket
from bs4 import BeautifulSoup
from helpers import CHROMIUM, REPOSITORY, answers, stop, wait_for
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output, new_raw_cell
from nbgrader.api import Gradebook
from traitlets.config import Config

from autograder.outputs import feedback

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (apt-get install chromium)")


class Beacon(http.server.BaseHTTPRequestHandler):
    """Notes which addresses are asked for."""

    seen: set[str] = set()  # noqa: RUF012

    def do_GET(self) -> None:
        self.seen.add(self.path.strip("/"))
        self.send_response(204)
        self.end_headers()

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class Browser:
    """Chromium without a window, driven through its DevTools."""

    def __init__(self, folder: Path) -> None:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        options += [f"--user-data-dir={folder}", "--remote-allow-origins=*", "--no-first-run"]
        options += ["--disable-background-networking", "--window-size=1200,1600", "about:blank"]
        self.process = subprocess.Popen(
            [CHROMIUM, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ready = folder / "DevToolsActivePort"
        wait_for(lambda: ready.exists() and "\n" in ready.read_text(), lambda: "Chromium")
        port, path = ready.read_text().split("\n")[:2]
        self.connection = websocket.create_connection(
            f"ws://127.0.0.1:{port}{path}", timeout=60, suppress_origin=True
        )
        self.number, self.events = 0, []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    session = None

    def send(self, method: str, **parameters: object) -> dict:
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.connection.send(json.dumps(message))
        while True:
            answer = json.loads(self.connection.recv())
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def run(self, script: str) -> object:
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def open(self, address: str, seconds: float = 1.5) -> None:
        """Open a page and give what is active in it time to act."""
        self.events.clear()
        self.send("Page.navigate", url=address)
        wait_for(lambda: self.run("document.readyState") == "complete", lambda: address)
        time.sleep(seconds)
        self.run("0")

    def errors(self) -> list[str]:
        """Exceptions that no script caught."""
        thrown = [e["params"]["exceptionDetails"] for e in self.named("Runtime.exceptionThrown")]
        return [json.dumps(error)[:500] for error in thrown]

    def refused(self) -> list[str]:
        """What the page's policy refused."""
        entries = [event["params"]["entry"] for event in self.named("Log.entryAdded")]
        return [entry["text"] for entry in entries if "Content Security Policy" in entry["text"]]

    def loads(self) -> list[str]:
        requests = [e["params"]["request"]["url"] for e in self.named("Network.requestWillBeSent")]
        return [url for url in requests if not url.startswith("data:")]

    def named(self, method: str) -> list[dict]:
        return [event for event in self.events if event.get("method") == method]

    def picture(self, file: Path) -> None:
        data = self.send("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        file.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.session = None
            self.send("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()


# -- The submission --------------------------------------------------------------------------------

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def fire(beacon: str, name: str) -> str:
    """A script that can be seen to have run, in the page and from outside."""
    return f"(window.fired=window.fired||[]).push('{name}');new Image().src='{beacon}/{name}'"


def tricks(beacon: str, prefix: str) -> dict[str, str]:
    """Name -> HTML that acts by itself or when it is clicked on."""

    def act(kind: str) -> str:
        return fire(beacon, f"{prefix}_{kind}")

    def load(kind: str) -> str:
        return f"{beacon}/{prefix}_{kind}"

    return {
        "script": f"<script>{act('script')}</script>",
        "img": f'<img src=x onerror="{act("img")}">',
        "svg": f'<svg onload="{act("svg")}"><rect/></svg>',
        "iframe": f'<iframe src="{load("iframe")}"></iframe>',
        "srcdoc": f"<iframe srcdoc=\"<img src='{load('srcdoc')}'>\"></iframe>",
        "object": f'<object data="{load("object")}"></object>',
        "embed": f'<embed src="{load("embed")}">',
        "video": f'<video src="{load("video")}" autoplay></video>',
        "remote": f'<img src="{load("remote")}">',
        "srcset": f'<img srcset="{load("srcset")} 1x">',
        "import": f"<style>@import url({load('import')});</style>",
        "url": f'<div style="background:url({load("url")})">.</div>',
        "link": f'<link rel="stylesheet" href="{load("link")}">',
        "details": f'<details open ontoggle="{act("details")}">.</details>',
        "animation": "<style>@keyframes k{}</style><p style='animation:k 1s'"
        f' onanimationstart="{act("animation")}">.</p>',
        "form": f'<form action="{load("form")}"><button class=clickme>x</button></form>',
        "click": f'<a class=clickme href="javascript:{act("click")}">x</a>',
        "entity": f'<a class=clickme href="java&#115;cript:{act("entity")}">x</a>',
        "tab": f'<a class=clickme href="java\tscript:{act("tab")}">x</a>',
        "target": f'<a class=clickme target=here href="{load("target")}">x</a>'
        "<iframe name=here></iframe>",
        "broken": f'<div title="\n\n$x$ "><img src=x onerror="{act("broken")}">',
        "refresh": f'<meta http-equiv="refresh" content="300;url={load("refresh")}">',
        "overlay": '<div class="modal in" style="position:fixed;top:0;left:0;width:99em">.</div>',
        "credit": '<button class="full-credit clickme">x</button>',
    }


def shows(data: dict) -> nbformat.NotebookNode:
    return new_code_cell("show()", outputs=[new_output("display_data", data)])


def hostile_notebook(released: nbformat.NotebookNode, beacon: str) -> nbformat.NotebookNode:
    """The released notebook with all the tricks in it, as if autograding had left them alone."""
    nb = released.copy()
    answer = next(cell for cell in nb.cells if cell.id == "essay")
    answer.source = "\n\n".join(tricks(beacon, "answer").values())
    nb.cells = list(nb.cells)
    markdown = tricks(beacon, "markdown")
    markdown["md_link"] = f"[x](javascript:{fire(beacon, 'md_link')})".replace(" ", "%20")
    markdown["md_image"] = f"![x]({beacon}/md_image)"
    nb.cells += [new_markdown_cell(source) for source in markdown.values()]
    for kind in ("text/html", "text/markdown"):
        for source in tricks(beacon, kind.replace("/", "_")).values():
            nb.cells.append(
                new_code_cell("1", outputs=[new_output("display_data", {kind: source})])
            )
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{fire(beacon, "svg")}"><rect/></svg>'
    widget = f"</script><script>{fire(beacon, 'widget')}</script>"
    for data in (
        {"application/javascript": fire(beacon, "javascript")},
        {"image/svg+xml": svg},
        {"application/vnd.jupyter.widget-view+json": {"model_id": widget}},
        {"image/png": f'x"><img src=y onerror="{fire(beacon, "png")}">'},
        {"text/latex": f"$\\href{{javascript:{fire(beacon, 'latex')}}}{{x}}$"},
        {"text/latex": f"<img src={beacon}/tex>"},
        {"application/vnd.unknown": "<b>"},
    ):
        nb.cells.append(shows(data))
    picture = new_output("display_data", {"image/png": PIXEL})
    onload = f"1 onload={fire(beacon, 'width')}".replace(" Image", "/**/Image")
    picture.metadata = {"image/png": {"width": onload}}
    isolated = new_output("display_data", {"text/html": f"<img src='{beacon}/isolated'>"})
    isolated.metadata = {"text/html": {"isolated": True}}
    error = new_output(
        "error", ename="E", evalue="<b>", traceback=[tricks(beacon, "error")["script"]]
    )
    nb.cells.append(new_code_cell("3", outputs=[picture, isolated, error]))
    nb.cells[-1].metadata.tags = [f'"><img src="{beacon}/tags">']
    nb.cells[-1].metadata.transient = {"remove_source": True}
    nb.cells.append(new_raw_cell(tricks(beacon, "raw")["remote"]))
    nb.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": {"x": widget}}}
    nb.metadata.language_info = {"name": "html", "pygments_lexer": "html"}
    return nb


def honest_notebook(released: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """What a student shows: a table, a plot, formulas, an attachment, links, an error."""
    table = """<div><style scoped>.dataframe tbody tr th {vertical-align: top;}</style>
<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th><th>loss</th>
</tr></thead><tbody><tr><th>0</th><td>0.25</td></tr></tbody></table>
<p>1 rows × 1 columns</p></div>"""
    text = r"""## What I found
The gate is $f_t = \sigma(W_f x_t + b_f)$, in **one** line:

$$C_t = f_t \odot C_{t-1} + \frac{1}{2}\begin{pmatrix}1 & 0\\0 & 1\end{pmatrix}$$

\begin{align*}a &= b\\ c &< d\end{align*}

| network | accuracy |
|:--|--:|
| LSTM | 0.87 |

- [x] done, see [the paper](https://www.bioinf.jku.at/publications/older/2604.pdf)
- a price of 5$ & <pad> and `x < y`

![my sketch](attachment:sketch.png)

```python
def f(x): return x + 1
```"""
    nb = released.copy()
    next(cell for cell in nb.cells if cell.id == "essay").source = text
    next(cell for cell in nb.cells if cell.id == "essay").attachments = {
        "sketch.png": {"image/png": PIXEL}
    }
    picture = new_output("display_data", {"image/png": PIXEL, "text/plain": "<Figure>"})
    picture.metadata = {"image/png": {"width": 60, "height": 40}}
    red = "\x1b[0;31mValueError\x1b[0m: no"
    nb.cells = [
        *nb.cells,
        new_code_cell("frame", outputs=[new_output("execute_result", {"text/html": table})]),
        new_code_cell("plot()", outputs=[picture]),
        shows({"text/latex": "$\\alpha^2$"}),
        new_code_cell("1", outputs=[new_output("error", ename="E", evalue="", traceback=[red])]),
    ]
    return nb


# -- The servers -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beacon():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Beacon)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium = Browser(tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def course(tiny_course_factory, beacon):
    """A course with submissions as autograding would have left them without any cleaning."""
    made = tiny_course_factory()
    pages = {
        "hostile": hostile_notebook(made.released(), beacon),
        "honest": honest_notebook(made.released()),
    }
    with Gradebook(f"sqlite:///{made.folder / 'gradebook.db'}") as gradebook:
        for name in (*pages, NAME, "missing" + NAME):
            gradebook.add_student(name, first_name=name, last_name="x")
            gradebook.add_submission("tiny", name)
    for name, notebook in (*pages.items(), (NAME, made.released())):
        for file in ("one", "two"):
            path = made.folder / "autograded" / name / "tiny" / f"{file}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, path)
    page = f"<script>{fire(beacon, 'file')}</script><img src={beacon}/file>"
    (made.folder / "autograded/hostile/tiny/page.html").write_text(page)
    config = "from pathlib import Path; Path(__file__).with_name('ran').touch()"
    (made.folder / "autograded/hostile/tiny/nbgrader_config.py").write_text(config)
    return made


NAME = "<img src=x onerror=(window.fired=window.fired||[]).push('name')>"


@contextlib.contextmanager
def jupyter(folder: Path, config: str):
    """A Jupyter server with formgrader for a course's folder; its address."""
    (folder / "nbgrader_config.py").write_text(config)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", f"--port={port}", "--ip=127.0.0.1", "--allow-root"]
    options += ["--IdentityProvider.token=", "--ServerApp.password="]
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "server", *options],
        cwd=folder,
        env={**os.environ, "COURSE_GRADING": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    reader = threading.Thread(target=lines.extend, args=[process.stdout], daemon=True)
    reader.start()
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(
            lambda: answers(f"{address}/formgrader/gradebook"),
            lambda: "the server:\n" + "".join(lines),
        )
        yield address
    finally:
        stop(process, 10)


REFLECTED = "%3C%2Fscript%3E%3Cscript%3E(window.fired%3D%5B%5D).push('reflected')%3C%2Fscript%3E"


def submission(course, student: str, notebook: str = "one") -> str:
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        return gradebook.find_submission_notebook(notebook, "tiny", student).id


def act(browser: Browser, address: str) -> set[str]:
    """Look at a page, click on everything in it; what was active in it."""
    Beacon.seen.clear()
    browser.open(address)
    browser.run("document.querySelectorAll('.clickme').forEach(e => e.click())")
    browser.run(
        "document.querySelectorAll('#notebook a').forEach(a => a.href.startsWith('http')"
        " || a.click())"
    )
    time.sleep(0.5)
    return set(browser.run("window.fired || []")) | set(Beacon.seen)


@pytest.fixture(scope="module")
def formgrader(course):
    with jupyter(course.folder, (REPOSITORY / "nbgrader_config.py").read_text()) as address:
        yield f"{address}/formgrader"


# -- Tests -----------------------------------------------------------------------------------------


def test_the_tricks_work_where_nothing_is_cleaned(course, browser, tmp_path):
    folder = tmp_path / "stock"
    shutil.copytree(course.folder, folder)
    with jupyter(folder, "c = get_config()") as address:
        pages = f"{address}/formgrader"
        fired = act(browser, f"{pages}/submissions/{submission(course, 'hostile')}/")
        fired |= act(browser, f"{pages}/submissions/{submission(course, 'hostile')}/page.html")
        fired |= act(browser, f"{pages}/manage_students/{REFLECTED}")
        fired |= act(browser, f"{pages}/submissions/{submission(course, NAME)}/")
        fired |= act(browser, f"{pages}/submissions/{submission(course, 'missing' + NAME)}/")
        assert status(f"{pages}?path={folder}/autograded/hostile/tiny") == 200
    assert len(fired) > 60
    assert fired >= {"answer_script", "text_html_svg", "javascript", "width", "isolated"}
    assert fired >= {"text_markdown_img", "file", "reflected", "name"}
    assert (folder / "autograded/hostile/tiny/ran").exists()


@pytest.mark.parametrize("policy", ["with the page's policy", "by sanitizing alone"])
def test_formgrader_shows_nothing_active(course, browser, formgrader, policy):
    browser.send("Page.setBypassCSP", enabled=policy == "by sanitizing alone")
    try:
        address = f"{formgrader}/submissions/{submission(course, 'hostile')}/"
        assert act(browser, address) == set()
        elsewhere = [url for url in browser.loads() if not url.startswith(formgrader)]
        assert [url for url in elsewhere if not url.endswith("/favicon.ico")] == []
        assert (
            browser.run(
                "[...document.querySelectorAll('*')].filter(e => e.matches('#notebook *') && ("
                "e.matches('script, iframe, object, embed, form, style, link, meta, svg, base') ||"
                " e.getAttributeNames().some(a => a.startsWith('on')) ||"
                " getComputedStyle(e).position === 'fixed')).map(e => e.outerHTML)"
            )
            == []
        )
        # a click on an answer is no click on one of formgrader's buttons
        buttons = "document.querySelectorAll('.rendered_html .full-credit, .output .full-credit')"
        assert browser.run(f"{buttons}.length") == 0
    finally:
        browser.send("Page.setBypassCSP", enabled=False)


def test_the_policy_alone_stops_what_sanitizing_would_miss(
    course, browser, beacon, tmp_path, monkeypatch
):
    def unclean(source: str, **_: object) -> str:
        return MarkdownWithMath(renderer=IPythonRenderer(escape=False)).render(source)

    monkeypatch.setattr(feedback, "markdown", unclean)
    monkeypatch.setattr(feedback, "output_html", lambda source: source)
    config = Config()
    config.HTMLExporter.template_name = "formgrade"
    templates = Path(nbgrader.__file__).parent / "server_extensions/formgrader/templates"
    config.HTMLExporter.extra_template_basedirs = [str(templates)]
    notebook = hostile_notebook(course.released(), beacon)
    text, _ = feedback.Page(config=config).from_notebook_node(notebook, {"index": 0, "total": 1})
    page = tmp_path / "page.html"
    page.write_text(text)
    assert act(browser, page.as_uri()) == set()
    browser.send("Page.setBypassCSP", enabled=True)
    try:
        assert len(act(browser, page.as_uri())) > 40
    finally:
        browser.send("Page.setBypassCSP", enabled=False)


def test_formgrader_works_with_an_honest_submission(course, browser, formgrader):
    browser.open(f"{formgrader}/submissions/{submission(course, 'honest')}/")
    assert browser.errors() == []
    assert browser.refused() == []
    text = browser.run("document.querySelector('#notebook').innerText")
    assert "What I found" in text
    assert "1 rows × 1 columns" in text
    assert browser.run("document.querySelectorAll('math').length") == 4
    images = "[...document.querySelectorAll('#notebook img')]"
    assert browser.run(f"{images}.map(i => [i.naturalWidth, i.width, i.height])") == [
        [1, 1, 1],
        [1, 60, 40],
    ]
    # the grader's own tools: names, points, comments
    browser.run("document.querySelector('.glyphicon-eye-open').click()")
    assert browser.run("$('.name-shown').first().is(':visible')")
    browser.run("$('#essay').parents('.nbgrader_cell').find('.full-credit').click()")
    browser.run("$('#essay-comment').val('Good: $x^2$').trigger('change')")
    time.sleep(1)
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        assert gradebook.find_grade("essay", "one", "tiny", "honest").manual_score == 2
        comment = gradebook.find_comment("essay", "one", "tiny", "honest")
        assert comment.manual_comment == "Good: $x^2$"


GIVEN = {  # what a grader types: points and extra credit
    "one": {"integers": (3, 0.25), "fractions": (2.5, None), "essay": (1.5, 1)},
    "two": {"integers": (0, None), "fractions": (4, None), "essay": (0.1, 0.2)},
}
TOTAL = 3.25 + 2.5 + 2.5 + 0 + 4 + 0.3


def type_in(browser, field, value):
    """Type into a field of formgrader, and wait until it is saved, as nobody types faster."""
    browser.run(f"$('#{field}').val('{value}').trigger('change')")
    deadline = time.monotonic() + 20
    while browser.run("$.active"):
        assert time.monotonic() < deadline, field
        time.sleep(0.1)


def test_points_from_formgrader_to_the_exports(course, browser, formgrader):
    """One student: points, extra credit and a comment, typed into formgrader, and all exports."""
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_student("honest", email="honest@x.org", lms_user_id="17")
    for notebook, questions in GIVEN.items():
        browser.open(f"{formgrader}/submissions/{submission(course, 'honest', notebook)}/")
        for question, (points, extra) in questions.items():
            type_in(browser, question, points)
            if extra is not None:
                type_in(browser, f"{question}_extra_credit", extra)
        type_in(browser, "essay-comment", f"About {notebook}")
        assert browser.errors() == []
        assert browser.run("$('.score').toArray().map(i => i.value)") == [
            str(points) for points, _ in questions.values()
        ]
    for name in GIVEN:  # what was handed in is what was graded
        course.hand_in("honest", course.autograded("honest", name), name)
    tables = {}
    for plugin in ("Canvas", "Moodle", "Brightspace", "Gradescope", "Tidy", "Questions"):
        file = course.folder / f"{plugin}.csv"
        exporter = f"--exporter=autograder.outputs.export.{plugin}ExportPlugin"
        course.run("export", exporter, f"--to={file}")
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        tables[plugin] = [row for row in csv.DictReader(lines) if "honest" in row.values()]
    assert float(tables["Canvas"][0]["tiny"]) == pytest.approx(TOTAL)
    assert tables["Canvas"][0]["ID"] == "17"
    assert float(tables["Moodle"][0]["tiny"]) == pytest.approx(TOTAL)
    assert float(tables["Brightspace"][0]["tiny Points Grade"]) == pytest.approx(TOTAL)
    assert float(tables["Gradescope"][0]["tiny"]) == pytest.approx(TOTAL)
    assert float(tables["Questions"][0]["score"]) == pytest.approx(TOTAL)
    cells = {(row["notebook"], row["question"]): float(row["points"]) for row in tables["Tidy"]}
    assert cells == {
        (notebook, question): pytest.approx(points + (extra or 0))
        for notebook, questions in GIVEN.items()
        for question, (points, extra) in questions.items()
    }
    course.run("generate_feedback", "tiny", "--student=honest", "--force")
    page = (course.folder / "feedback/honest/tiny/two.html").read_text(encoding="utf-8")
    assert "About two" in page
    assert "two (Score: 4.3 / 9.0)" in page


def test_names_are_names(course, browser, formgrader):
    for address in (
        f"submissions/{submission(course, NAME)}/",
        f"submissions/{submission(course, 'missing' + NAME)}/",
        f"manage_students/{REFLECTED}",
        f"manage_submissions/{REFLECTED}",
        f"gradebook/{REFLECTED}/{REFLECTED}",
        "manage_submissions/tiny",
        "gradebook/tiny/one",
        "manage_students",
    ):
        assert act(browser, f"{formgrader}/{address}") == set(), address
    browser.open(f"{formgrader}/manage_students")
    assert NAME in browser.run("document.body.innerText")


def test_files_of_a_submission_run_nothing(course, browser, formgrader):
    address = f"{formgrader}/submissions/{submission(course, 'hostile')}/page.html"
    assert act(browser, address) == set()
    assert browser.run("document.documentElement.outerHTML.includes('<img')")


def test_no_link_makes_formgrader_run_a_configuration(course, formgrader):
    folder = course.folder / "autograded" / "hostile" / "tiny"
    (folder / "ran").unlink(missing_ok=True)
    assert status(f"{formgrader}?path={folder}") == 403
    assert not (folder / "ran").exists()
    assert status(f"{formgrader}?path={course.folder}") == 200


def status(address: str) -> int:
    try:
        return urllib.request.urlopen(address, timeout=60).status
    except urllib.error.HTTPError as error:
        return error.code


def loads(page: str) -> list[str]:
    """What a page would fetch from elsewhere."""
    elements = BeautifulSoup(page, "html.parser").find_all(True)
    assert len(elements) > 50
    found = [e.text for e in elements if e.name == "style"]
    for element in elements:
        found += [
            f"url({element[a]})" for a in ("src", "srcset", "data", "poster") if a in element.attrs
        ]
        found += [f"url({element['href']})"] if element.name in ("link", "base", "image") else []
        found += [element.get("style", "")]
    return [f for f in found if re.search(r"""(url\(|@import)["'\s]*((https?|ftp):)?//""", f)]


def test_feedback_pages_run_and_load_nothing(course, browser):
    course.run("generate_feedback", "tiny", "--student=ho*")
    for student in ("hostile", "honest"):
        page = course.folder / "feedback" / student / "tiny" / "one.html"
        for bypass in (False, True):
            browser.send("Page.setBypassCSP", enabled=bypass)
            assert act(browser, page.as_uri()) == set()
            assert [url for url in browser.loads() if not url.startswith("file:")] == []
        text = page.read_text()
        assert "<script" not in text
        assert loads(text) == []
    assert browser.run("document.querySelectorAll('math').length") >= 4
    assert browser.errors() == []
