"""What `nbgrader` does in a course that uses the autograder; one line per decision."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from traitlets.config import Config

from autograder.gradebook import versions
from autograder.grading import autograde
from autograder.kernels import sandbox
from autograder.outputs import formgrader
from autograder.submissions import roster


def configure(c: Config, grading: str | Path | None = None) -> None:
    """See `autograder.configure`."""
    # nbgrader 0.9.6 with SQLAlchemy 2 and nbformat 5 warns of things that no grader can act upon.
    warnings.filterwarnings("ignore", message="Object of type .* not in session")
    warnings.filterwarnings("ignore", message="Cell is missing an id field")

    folder = Path(grading or ".").absolute()
    if grading is not None:
        folder.mkdir(parents=True, exist_ok=True)
        c.CourseDirectory.submitted_directory = str(folder / "submitted")
        c.CourseDirectory.autograded_directory = str(folder / "autograded")
        c.CourseDirectory.feedback_directory = str(folder / "feedback")
        c.CourseDirectory.db_url = f"sqlite:///{folder / 'gradebook.db'}"
        c.ZipCollectApp.downloaded_directory = os.path.relpath(folder / "downloaded")

    # A roster is what Excel writes: with a mark in front, semicolons, empty rows.
    roster.install()

    # Nothing in a student's own files or archives says whose they are, or when they came.
    c.ZipCollectApp.extractor_plugin = "autograder.submissions.collect.Extractor"
    c.ZipCollectApp.collector_plugin = "autograder.submissions.collect.Collector"

    # The time of a submission in the exchange is the one in the name that the exchange gave it.
    c.ExchangeFactory.collect = "autograder.submissions.collect.ExchangeCollect"

    # Questions may come and go after somebody has handed in; what was released is remembered.
    c.GenerateAssignment.preprocessors = versions.preprocessors()

    # Broken files get a note instead of stopping the class; deleted cells are put back.
    c.Autograde.exporter_class = "autograder.submissions.notebooks.SubmissionExporter"
    c.Autograde.sanitize_preprocessors = [
        "autograder.submissions.alerts.AlertSubmission",
        "autograder.submissions.notebooks.MendSubmission",
        "nbgrader.preprocessors.ClearOutput",
        "nbgrader.preprocessors.DeduplicateIds",
        "nbgrader.preprocessors.OverwriteKernelspec",
        "nbgrader.preprocessors.OverwriteCells",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]

    # Nothing is lost when a run is cut short: each submission is saved whole, with a journal.
    autograde.install()

    # Student code runs in the sandbox, test cells in the judge, and only the judge's record counts.
    c.Autograde.autograde_preprocessors = [
        "autograder.grading.execute.Execute",
        "autograder.submissions.alerts.AlertRun",
        "nbgrader.preprocessors.LimitOutput",
        "nbgrader.preprocessors.CheckCellMetadata",
        "autograder.outputs.feedback.CleanOutputs",
    ]
    c.Execute.secret_file = str(folder / "secret_seed")
    c.Execute.sandbox = os.environ.get("COURSE_UNSANDBOXED") != "1"

    # `nbgrader validate` gives a cell the time that it has when it is graded.
    c.ExecutePreprocessor.timeout = sandbox.Limits().cell_seconds

    # Feedback shows messages and points, not hidden tests; what nobody has graded does not look
    # like 0. No page runs or loads anything of a student's, for students nor in formgrader.
    formgrader.install()
    c.GenerateFeedback.exporter_class = "autograder.outputs.feedback.Page"
    c.GenerateFeedback.preprocessors = [
        "autograder.outputs.feedback.GetGrades",
        "autograder.outputs.feedback.HideTests",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
