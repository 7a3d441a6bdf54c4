"""Pages of graded notebooks: what a test said and what it was worth, and nothing active."""

from __future__ import annotations

import base64
import copy
import functools
import hashlib
import html
import re
import textwrap
from pathlib import Path
from typing import Any

import nbgrader.preprocessors
from jinja2 import FileSystemLoader, pass_context
from jinja2.filters import do_float, do_round
from jinja2.runtime import Context
from nbconvert.exporters import HTMLExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook, new_output
from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution, is_task
from traitlets import Bool, List, default

from autograder.gradebook import scores
from autograder.outputs.export import EXCUSED, NOT_GRADED, NOT_YET
from autograder.outputs.rendering import (
    PAGE_SECONDS,
    Budget,
    TooLong,
    code,
    colored,
    markdown,
    math,
    output_html,
    preformatted,
    within,
    without_colors,
)


class GetGrades(nbgrader.preprocessors.GetGrades):
    """nbgrader's preprocessor of this name; if there are no points, a word is the score, not 0."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """The notebook with the points of every question, and the sum of those that are known."""
        record = nb.metadata.get("autograder", {})
        self.word = NOT_GRADED if record.get("not_graded") else NOT_YET
        if record.get("missing") == scores.EXCUSED:
            self.word = EXCUSED
        nb, resources = super().preprocess(nb, resources)
        found = [cell.metadata.get("nbgrader", {}).get("score") for cell in nb.cells]
        words = {score for score in found if isinstance(score, str)}
        known = [score for score in found if score is not None and score not in words]
        if words:
            total = resources["nbgrader"]["score"]
            word = NOT_GRADED if NOT_GRADED in words else min(words)
            resources["nbgrader"]["score"] = f"{total:g} so far" if known else word
        return nb, resources

    def _get_score(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        super()._get_score(cell, resources)
        name = cell.metadata.nbgrader["grade_id"]
        place = self.notebook_id, self.assignment_id, self.student_id
        grade = self.gradebook.find_grade(name, *place)
        if grade.manual_score is None and grade.auto_score is None:
            failed = self.word == NOT_YET and not is_solution(cell) and not is_task(cell)
            cell.metadata.nbgrader["score"] = NOT_GRADED if failed else self.word


class HideTests(NbGraderPreprocessor):
    """Removes hidden tests from test cells and puts the score's note in words below them."""

    show_hidden_tests = Bool(False, help="Show the source of hidden tests, as nbgrader does.").tag(
        config=True
    )
    # nbconvert sets it for everything that makes HTML; nbgrader's preprocessors cannot be set so
    display_data_priority: List[str] = List().tag(config=True)

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, cell_index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        """The cell as the page shows it."""
        if not is_grade(cell) or is_solution(cell):
            return cell, resources
        record = cell.metadata.get("autograder", {})
        if not self.show_hidden_tests:
            ClearHiddenTests()._remove_hidden_test_region(cell)
            cell.outputs = _without_hidden(cell.get("outputs", []), record)
            for output in cell.get("outputs", []):
                if output.output_type == "error":  # a traceback quotes the test's source
                    text = f"{output.ename}: {output.evalue}"
                    output.traceback = [textwrap.fill(text[:2000], 100)]
        if record.get("points") is None or record.get("unsandboxed"):
            cell.outputs = [*cell.get("outputs", []), new_output("stream", text=_words(record))]
        return cell, resources


def _without_hidden(outputs: list[NotebookNode], record: dict) -> list[NotebookNode]:
    """The visible part's outputs, then what the hidden part has to say without its data."""
    hidden = record.get("hidden")
    if hidden is None:
        return outputs
    lines = hidden["told"] or ["✓ all hidden tests"]
    text = "\n".join(textwrap.fill(line, 100) for line in lines) + "\n"
    return [*outputs[: hidden["from_output"]], new_output("stream", text=text)]


def _words(record: dict) -> str:
    lines = []
    if record.get("missing"):
        lines.append(f"{record['note'].capitalize()}.")
    elif record.get("points") is None:
        lines.append(f"Not graded: {record.get('note') or 'the cell did not run'}.")
    if record.get("unsandboxed"):
        lines.append("Graded without a sandbox.")
    return "\n".join(lines) + "\n"


# -- What a page shows -----------------------------------------------------------------------------

CELLS = 1000  # of a student's own; official cells are always shown
OUTPUTS = 1000  # of one cell, or lines of a traceback
WIDGET = "application/vnd.jupyter.widget-view+json"  # a page shows no more than its first state
# Markdown and LaTeX are recorded as they are only where no viewer could make them active.
_ACTIVE_MARKDOWN = re.compile(r"<[a-z/!?]|&[#a-z]|script\s*\\?:|data\s*\\?:", re.I)
_ACTIVE_LATEX = re.compile(
    r"\\(href|require|class|cssId|style|data|html|unicode|def|newcommand|let)"
)


def clean_outputs(outputs: Any, budget: Budget) -> list[NotebookNode]:
    """Outputs without anything active, in the same order: records count them."""
    outputs = _list(outputs)
    clean = [clean_output(output, budget) for output in outputs[:OUTPUTS]]
    if len(outputs) > OUTPUTS:
        note = f"[{len(outputs) - OUTPUTS:,} more outputs are left out.]\n"
        clean.append(new_output("stream", text=note))
    return clean


def clean_output(output: NotebookNode, budget: Budget) -> NotebookNode:
    """An output without anything active: text, a table, a picture; always exactly one output."""
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return new_output("stream", name=name, text=budget.text(output.get("text", "")))
    if kind == "error":
        lines = [budget.text(line) for line in _list(output.get("traceback"))[:OUTPUTS]]
        ename, evalue = budget.text(output.get("ename")), budget.text(output.get("evalue"))
        return new_output("error", ename=ename, evalue=evalue, traceback=lines)
    if kind not in ("execute_result", "display_data"):
        return new_output("stream", text="")
    data = output.get("data")
    data, text = _clean_data(data if isinstance(data, dict) else {}, budget)
    metadata = _sizes(output.get("metadata"), data)
    if text is not None:
        data["text/plain"] = text
    count = {"execution_count": _count(output)} if kind == "execute_result" else {}
    return new_output(kind, data, metadata=metadata, **count)


def _clean_data(data: dict, budget: Budget) -> tuple[dict, str | None]:
    """The best harmless representation, and the text that stands for it elsewhere."""
    if WIDGET in data or not data:
        return {}, None
    text = budget.text(data["text/plain"]) if isinstance(data.get("text/plain"), str) else None
    for kind in ("text/html", "text/markdown", "text/latex", "image/png", "image/jpeg"):
        value = data.get(kind)
        if not isinstance(value, str):
            continue
        if kind == "text/html":
            styled = "<style" in value and 'class="dataframe"' not in value
            if styled and text and not text.startswith("<"):
                continue  # little without its style: a diagram of scikit-learn
            page = budget.render(value, output_html, lambda _: "")
            if page.strip():
                return {kind: page}, text
        elif kind.startswith("image/"):
            if budget.picture(value):
                return {kind: value}, text
        elif (_ACTIVE_LATEX if kind == "text/latex" else _ACTIVE_MARKDOWN).search(value):
            return {}, budget.text(value)
        else:
            return {kind: budget.text(value)}, text
    left_out = sorted(str(kind)[:60] for kind in data if kind != "text/plain")
    return {}, text or f"[left out: {', '.join(left_out)[:200]}]"


def _sizes(metadata: Any, data: dict) -> dict:
    """Width and height of a picture, where they are numbers."""
    for kind in data:
        sizes = metadata.get(kind) if isinstance(metadata, dict) else None
        if kind.startswith("image/") and isinstance(sizes, dict):
            return {
                kind: {
                    name: sizes[name]
                    for name in ("width", "height")
                    if type(sizes.get(name)) is int and 0 < sizes[name] < 10_000
                }
            }
    return {}


def _list(value: Any) -> list:
    return value if isinstance(value, list) else []


def _count(node: NotebookNode) -> int | None:
    return node.get("execution_count") if type(node.get("execution_count")) is int else None


class CleanOutputs(NbGraderPreprocessor):
    """The last step of autograding: what is recorded in the notebook is harmless in any viewer."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """The notebook with clean outputs in every code cell, and no widgets."""
        budget = Budget()
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs = clean_outputs(cell.get("outputs"), budget)
        nb.metadata.pop("widgets", None)
        return nb, resources


def shown(nb: NotebookNode, budget: Budget) -> NotebookNode:
    """A notebook with what a page shows of it, and nothing else."""
    official = {place: _official(cell) for place, cell in enumerate(nb.cells)}
    own = [place for place, record in official.items() if record is None]
    places = [place for place in official if official[place] is not None] + own[:CELLS]
    cells = {p: _shown_cell(p, nb.cells[p], official[p], budget) for p in places}
    if own[CELLS:]:
        note = f"[{len(own) - CELLS:,} more cells are left out.]"
        cells[len(nb.cells)] = new_markdown_cell(note)
    record = nb.get("metadata", {}).get("autograder", {})
    made = new_notebook()
    made.metadata.autograder = NotebookNode(
        not_graded=bool(record.get("not_graded")),
        missing=record.get("missing") if record.get("missing") in scores.WHAT_IT_MEANS else "",
    )
    made.cells = [cells[place] for place in sorted(cells)]
    return made


def _official(cell: NotebookNode) -> NotebookNode | None:
    """nbgrader's metadata of a cell that has a name."""
    record = cell.get("metadata", {}).get("nbgrader")
    name = record.get("grade_id") if isinstance(record, dict) else None
    return record if isinstance(name, str) and not re.search("[<>\"'&]", name) else None


def _shown_cell(
    place: int, cell: NotebookNode, official: NotebookNode | None, budget: Budget
) -> NotebookNode:
    metadata = NotebookNode()
    if official is not None:
        metadata.nbgrader = official
        metadata.autograder = cell.metadata.get("autograder", NotebookNode())
    kind = cell.get("cell_type")
    made = NotebookNode(
        id=f"cell-{place}",
        cell_type="code" if kind == "code" else "markdown",
        metadata=metadata,
        source=budget.text(cell.get("source", "")),
    )
    if kind == "code":
        made.execution_count = _count(cell)
        outputs = clean_outputs(cell.get("outputs"), budget)
        made.outputs = [_for_page(output, budget) for output in outputs]
    elif kind == "markdown":
        made.attachments = _pictures(cell.get("attachments"), budget)
    else:
        metadata.raw = True
    return made


def _for_page(output: NotebookNode, budget: Budget) -> NotebookNode:
    """A clean output with what the page's template does not do: formulas, a text for pictures."""
    data = output.get("data", {"text": ""})
    if not data:
        return new_output("stream", text="")
    if "text/latex" in data:
        data["text/html"] = budget.render(data.pop("text/latex"), math, preformatted)
    for kind in data:
        if kind.startswith("image/"):
            output.metadata = {kind: {**output.metadata.get(kind, {}), "alt": "a picture"}}
    return output


def _pictures(attachments: Any, budget: Budget) -> dict:
    """Attached pictures: name -> format -> data."""
    pictures: dict = {}
    for name, bundle in attachments.items() if isinstance(attachments, dict) else ():
        for kind in ("image/png", "image/jpeg", "image/gif"):
            data = bundle.get(kind) if isinstance(bundle, dict) else None
            if isinstance(data, str) and budget.picture(data):
                pictures[name] = {kind: re.sub(r"\s", "", data)}
    return pictures


# -- The page --------------------------------------------------------------------------------------

TEMPLATES = Path(__file__).with_name("templates")


def script_hashes(template: str) -> str:
    """The scripts in one of formgrader's templates, as a Content-Security-Policy names them."""
    folder = Path(nbgrader.__file__).parent / "server_extensions/formgrader/templates/formgrade"
    text = (folder / template).read_text(encoding="utf-8")
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", text, re.S)
    scripts += re.findall(r'onclick="([^"]*)"', text)
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts if script)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def points(value: Any, default: float = 0.0) -> float | str:
    """The filter `float` of nbgrader's pages: no score is said in words, for it is not 0."""
    if value is None or isinstance(value, str):
        return value or NOT_YET
    return do_float(value, default)


def rounded(value: float | str, digits: int = 0) -> float | str:
    """The filter `round` of nbgrader's pages, which leaves words alone."""
    return value if isinstance(value, str) else do_round(value, digits)


class Page(HTMLExporter):
    """nbgrader's pages of a submission, for students and in formgrader, that run and load nothing.

    Of a notebook only what the page shows is kept, each text is rendered within limits, and the
    page's own policy refuses everything active, should something get through.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.budget = Budget()
        self.filters = {
            **self.filters,
            "float": points,
            "round": rounded,
            "script_hashes": script_hashes,
            "markdown2html": self._markdown,
            "highlight_code": self._code,
            "ansi2html": self._terminal,
            "strip_files_prefix": lambda text: text,  # only IPython had one; its pattern can hang
        }

    @default("extra_loaders")
    def _without_mathjax(self) -> list[FileSystemLoader]:
        return [FileSystemLoader([TEMPLATES / self.template_name, TEMPLATES])]

    def from_notebook_node(  # type: ignore[override]  # a text, as all of nbconvert's exporters give
        self, nb: NotebookNode, resources: dict | None = None, **options: Any
    ) -> tuple[str, dict]:
        """A page; if it takes too long or fails, one with all texts as they were written."""

        def make(seconds: float) -> tuple[str, dict]:
            return self._page(nb, resources, seconds, **options)

        try:
            return within(2 * PAGE_SECONDS, make, PAGE_SECONDS)
        except (TooLong, Exception) as error:
            self.log.warning("A page is shown as it was written (%s: %s).", type(error), error)
        return make(0)

    def _page(
        self, nb: NotebookNode, resources: dict | None, seconds: float, **options: Any
    ) -> tuple[str, dict]:
        self.budget = Budget(seconds)
        resources = _without_markup(copy.deepcopy(resources or {}))
        nb = shown(nb, self.budget)
        # past HTMLExporter, which parses the whole page once more to look for texts of pictures
        page, resources = super(HTMLExporter, self).from_notebook_node(nb, resources, **options)
        page = _with_names(page)
        return page.encode(errors="replace").decode(), resources  # half an emoji

    @pass_context
    def _markdown(self, context: Context, source: str) -> str:
        cell = context.get("cell", {})
        if cell.get("metadata", {}).get("raw"):
            return preformatted(source)
        render = functools.partial(markdown, attachments=cell.get("attachments"))
        return self.budget.render(source, render, preformatted)

    def _code(self, source: str, **_: Any) -> str:
        return self.budget.render(source, code, preformatted)

    def _terminal(self, text: str) -> str:
        return self.budget.render(text, colored, without_colors)


KINDS = {
    "Test cell": "",
    "Coding free-response": " (graded by hand)",
    "Written response": " (graded by hand)",
    "Task": " (task)",
    "Comment": " (comment)",
}
_ENTRY = re.compile(rf'<a href="#((?:comment-)?([^"]*))">({"|".join(KINDS)})</a>')


def _with_names(page: str) -> str:
    """A feedback page whose contents name the questions, where nbgrader names the kind of cell."""
    contents, end, rest = page.partition("</ol>")
    before, start, contents = contents.partition('<div id="toc">')
    if not start:  # a page of formgrader
        return page
    named = _ENTRY.sub(r'<a href="#\1">\2 (\3)</a>', contents)
    for kind, shown in KINDS.items():
        named = named.replace(f" ({kind})</a>", f"{shown}</a>")
    return f"{before}{start}{named}{end}{rest}"


def _without_markup(resources: dict) -> dict:
    """Names and paths come from folders that students named; formgrader's template trusts them."""
    for name in ("student", "first_name", "last_name", "notebook_path"):
        if isinstance(resources.get(name), str):
            resources[name] = html.escape(resources[name])
    return resources
