"""What `nbgrader` does in this course; the sandbox and the rest are set in autograder."""

import os

try:
    import autograder
except Exception as error:  # nbgrader would go on without this file, and so without the sandbox
    raise SystemExit(
        f"nbgrader_config.py needs this course's environment ({error}): run `make setup`, then "
        "`source .venv/bin/activate`."
    ) from None

c = get_config()  # noqa: F821 (given by traitlets)
autograder.configure(c, os.environ.get("COURSE_GRADING", "grading"))

# Exercises are edited in solutions/, the rest of a class lives in one folder.
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

# A download is one folder per student: downloaded/<assignment>/archive/<student>/<notebook>.ipynb
c.FileNameCollectorPlugin.named_regexp = r".*/(?P<student_id>[^/]+)/(?P<file_id>[^/]+)"

# An exercise that is not solved yet fails with this and nothing else.
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError()"}
