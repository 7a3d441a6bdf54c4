"""Feedback pages: what a test said and what it was worth, without the test's hidden part."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import nbgrader.preprocessors
from bleach import clean
from bleach.css_sanitizer import CSSSanitizer
from jinja2 import pass_context
from jinja2.filters import do_float
from jinja2.runtime import Context
from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Bool, List, Set


class NotGradedYet(str):
    """Stands where nbgrader's page shows points: nobody has graded this, which is not 0."""

    def __round__(self, digits: int = 0) -> NotGradedYet:
        return self


def points_or_words(value: Any, default: float = 0.0) -> float | NotGradedYet:
    """The filter `float` of nbgrader's feedback template, which is given points only there."""
    return value if isinstance(value, NotGradedYet) else do_float(value, default)


class GetGrades(nbgrader.preprocessors.GetGrades):
    """nbgrader's preprocessor of this name; where there is no score, it says so."""

    def _get_score(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        super()._get_score(cell, resources)
        name = cell.metadata.nbgrader["grade_id"]
        place = self.notebook_id, self.assignment_id, self.student_id
        grade = self.gradebook.find_grade(name, *place)
        if grade.manual_score is None and grade.auto_score is None:
            cell.metadata.nbgrader["score"] = NotGradedYet("not graded yet")


class HideTests(NbGraderPreprocessor):
    """Removes hidden tests from test cells and puts the score's note in words below them."""

    show_hidden_tests = Bool(False, help="Show the source of hidden tests, as nbgrader does.").tag(
        config=True
    )
    # nbconvert sets it for everything that makes HTML; nbgrader's preprocessors cannot be set so
    display_data_priority = List().tag(config=True)

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, cell_index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        if not is_grade(cell) or is_solution(cell):
            return cell, resources
        record = cell.metadata.get("autograder", {})
        if not self.show_hidden_tests:
            ClearHiddenTests()._remove_hidden_test_region(cell)
            cell.outputs = _without_hidden(cell.get("outputs", []), record)
            for output in cell.get("outputs", []):
                if output.output_type == "error":  # a traceback quotes the test's source
                    output.traceback = [textwrap.fill(f"{output.ename}: {output.evalue}", 100)]
        if record.get("points") is None or record.get("unsandboxed"):
            cell.outputs = [*cell.get("outputs", []), new_output("stream", text=_words(record))]
        return cell, resources


@pass_context
def markdown(context: Context, source: str) -> str:
    """Markdown as nbconvert's HTML, in which only harmless tags and attributes are left.

    To sanitise what was rendered, not the source, keeps formulas and code as they were written.
    """
    attachments = context.get("cell", {}).get("attachments", {})
    options = {"attachments": attachments, "exclude_anchor_links": True}
    renderer = IPythonRenderer(escape=False, **options)
    page = MarkdownWithMath(renderer=renderer).render(source)
    css = CSSSanitizer(allowed_css_properties=["text-align"])  # what tables use
    page = clean(page, TAGS, _is_harmless, ["http", "https", "mailto", "data"], css_sanitizer=css)
    return page.replace("<table>", '<table class="table table-condensed">')  # the page's own style


TAGS = [
    *(
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "a",
        "em",
        "strong",
        "del",
        "sub",
        "sup",
        "br",
        "hr",
    ),
    *("ul", "ol", "li", "blockquote", "pre", "code", "span", "div", "img"),
    *("table", "thead", "tbody", "tr", "th", "td"),
]


def _is_harmless(tag: str, name: str, value: str) -> bool:
    """No image is fetched and no link runs anything."""
    if name == "src":
        return re.match(r"data:image/(png|jpeg|gif);base64,", value) is not None
    if name == "href":
        return not value.strip().lower().startswith("data:")
    return name in ("alt", "class", "style", "title")


class Sanitize(SanitizeHTML):
    """nbconvert's HTML sanitiser, switched on: no script of a submission reaches a browser.

    It trusts images and output metadata, which templates write into attributes; here they are
    checked as well. Markdown is sanitised when it has been rendered, see `markdown`.
    """

    enabled = True
    safe_output_keys = Set(
        {"text/plain", "text/latex", "text/markdown", "image/png", "image/jpeg", "metadata"}
    )

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, cell_index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        if cell.cell_type == "markdown":
            return cell, resources
        return super().preprocess_cell(cell, resources, cell_index)

    def sanitize_code_outputs(self, outputs: list[NotebookNode]) -> list[NotebookNode]:
        """Outputs without scripts, metadata and progress bars, and with real images only."""
        outputs = [output for output in outputs if WIDGET not in output.get("data", {})]
        for output in outputs:
            if "metadata" in output:
                output.metadata = {}
            for kind in ("image/png", "image/jpeg"):
                if not _BASE64.fullmatch(output.get("data", {}).get(kind, "")):
                    output.get("data", {}).pop(kind, None)
        return super().sanitize_code_outputs(outputs)


WIDGET = "application/vnd.jupyter.widget-view+json"  # a page shows no more than its first state
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")


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
    if record.get("points") is None:
        lines.append(f"Not graded: {record.get('note') or 'the cell did not run'}.")
    if record.get("unsandboxed"):
        lines.append("Graded without a sandbox.")
    return "\n".join(lines) + "\n"
