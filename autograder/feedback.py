"""Feedback pages: what a test said and what it was worth, without the test's hidden part."""

from __future__ import annotations

import html
import re
import textwrap
from typing import Any

import nbgrader.preprocessors
from jinja2.filters import do_float
from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Bool


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

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, cell_index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        if not is_grade(cell) or is_solution(cell):
            return cell, resources
        if not self.show_hidden_tests:
            ClearHiddenTests()._remove_hidden_test_region(cell)
            for output in cell.get("outputs", []):
                if output.output_type == "error":  # a traceback quotes the test's source
                    output.traceback = [textwrap.fill(f"{output.ename}: {output.evalue}", 100)]
        record = cell.metadata.get("autograder", {})
        if record.get("points") is None or record.get("unsandboxed"):
            cell.outputs = [*cell.get("outputs", []), new_output("stream", text=_words(record))]
        return cell, resources


class Sanitize(SanitizeHTML):
    """nbconvert's HTML sanitiser, switched on: no script of a submission reaches a browser.

    It trusts images and output metadata, which templates write into attributes; here they are
    checked as well.
    """

    enabled = True

    def sanitize_html_tags(self, html_str: str) -> str:
        """Also no link that runs a script, which Markdown would make after the sanitising."""
        plain = re.sub(r"[\s\x00-\x1f]", "", html.unescape(html_str))
        if re.search(r"(?i)(java|vb)script:", plain):
            html_str = re.sub(r"[\[\]<>]", " ", html_str)
        return super().sanitize_html_tags(html_str)

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


def _words(record: dict) -> str:
    lines = []
    if record.get("points") is None:
        lines.append(f"Not graded: {record.get('note') or 'the cell did not run'}.")
    if record.get("unsandboxed"):
        lines.append("Graded without a sandbox.")
    return "\n".join(lines) + "\n"
