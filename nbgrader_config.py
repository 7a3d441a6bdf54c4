"""What `nbgrader` does in this course; one line per decision."""

import os
import warnings
from pathlib import Path

try:
    from autograder import converter, formgrader, sandbox
except Exception as error:  # nbgrader would go on without this file, and so without the sandbox
    raise SystemExit(
        f"nbgrader_config.py needs this course's environment ({error}): run `make setup`, then "
        "`source .venv/bin/activate`."
    ) from None

c = get_config()  # noqa: F821 (given by traitlets)

# nbgrader 0.9.6 with SQLAlchemy 2 and nbformat 5 warns of things that a grader cannot act upon.
warnings.filterwarnings("ignore", message="Object of type .* not in session")
warnings.filterwarnings("ignore", message="Cell is missing an id field")

# Where things are: exercises are edited in solutions/, the rest of a class lives in one folder.
grading = Path(os.environ.get("COURSE_GRADING", "grading")).absolute()
grading.mkdir(parents=True, exist_ok=True)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = str(grading / "submitted")
c.CourseDirectory.autograded_directory = str(grading / "autograded")
c.CourseDirectory.feedback_directory = str(grading / "feedback")
c.CourseDirectory.db_url = f"sqlite:///{grading / 'gradebook.db'}"
c.ZipCollectApp.downloaded_directory = os.path.relpath(grading / "downloaded")

# Nothing in a student's own files or archives says whose they are, or when they came.
c.ZipCollectApp.extractor_plugin = "autograder.collect.Extractor"
c.ZipCollectApp.collector_plugin = "autograder.collect.Collector"

# A download is one folder per student: downloaded/<assignment>/archive/<student>/<notebook>.ipynb
c.FileNameCollectorPlugin.named_regexp = r".*/(?P<student_id>[^/]+)/(?P<file_id>[^/]+)"

# An exercise that is not solved yet fails with this and nothing else.
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError()"}

# Broken files get a note instead of stopping the class; deleted cells are put back.
c.Autograde.exporter_class = "autograder.submissions.SubmissionExporter"
c.Autograde.sanitize_preprocessors = [
    "autograder.alerts.AlertSubmission",
    "autograder.submissions.MendSubmission",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.DeduplicateIds",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# Nothing is lost when a run is cut short: each submission is saved whole, and a journal is kept.
converter.install()

# Student code runs in the sandbox, test cells in the judge, and only the judge's record counts.
c.Autograde.autograde_preprocessors = [
    "autograder.execute.Execute",
    "autograder.alerts.AlertRun",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "autograder.feedback.CleanOutputs",
]
c.Execute.secret_file = str(grading / "secret_seed")
c.Execute.sandbox = os.environ.get("COURSE_UNSANDBOXED") != "1"

# `nbgrader validate` gives a cell the time that it has when it is graded.
c.ExecutePreprocessor.timeout = sandbox.Limits().cell_seconds

# Feedback shows messages and points, not hidden tests; what nobody has graded does not look like 0.
# No page runs or loads anything of a student's, for students nor in formgrader.
formgrader.install()
c.GenerateFeedback.exporter_class = "autograder.feedback.Page"
c.GenerateFeedback.preprocessors = [
    "autograder.feedback.GetGrades",
    "autograder.feedback.HideTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
