"""A course's folder and the commands that work on it, for programs: tests, benchmarks, scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from autograder.kernels import host
from autograder.outputs import export


class CommandError(RuntimeError):
    """A command failed; the message holds the end of what it printed."""


class Course:
    """A course in `folder`: source/, release/, submitted/, autograded/, feedback/, gradebook.db.

    >>> course = Course("ml101")
    >>> course.run("generate_assignment", "ps1")
    >>> course.hand_in("ada", "ps1", "problem", answered)
    >>> course.run("autograde", "ps1")
    >>> course.rows("ps1")["ada"].score

    `home`: the folder whose `nbgrader_config.py` counts, if the class is elsewhere; it gets the
    class's folder as COURSE_GRADING. `source`: where the sources are, if not in `folder`.
    `environment`: further variables for the commands.
    """

    def __init__(
        self,
        folder: str | Path,
        home: Path | None = None,
        source: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.folder = Path(folder).absolute()
        self.home = home or self.folder
        self.source = source or self.folder / "source"
        variables = {"COURSE_GRADING": str(self.folder), "PATH": host.path_with_tools()}
        self.environment = {**os.environ, **variables, **(environment or {})}

    def command(self, *arguments: str, program: str = "nbgrader") -> list[str]:
        """The command line of `nbgrader …` or `autograder …` for this course."""
        options = [
            f"--CourseDirectory.source_directory={self.source}",
            f"--CourseDirectory.release_directory={self.folder / 'release'}",
        ]
        if self.home == self.folder:
            options.append(f"--CourseDirectory.root={self.folder}")
        return [sys.executable, "-m", program, *arguments, *options]

    def start(
        self, *arguments: str, program: str = "nbgrader", output: IO[Any] | int = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """The running command; what it prints goes to `output`, errors too."""
        return subprocess.Popen(
            self.command(*arguments, program=program),
            cwd=self.home,
            env=self.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(
        self, *arguments: str, program: str = "nbgrader", check: bool = True, **variables: str
    ) -> str:
        """Run a command to its end and return what it printed.

        `check`: raise CommandError if it fails. `variables`: more environment variables.
        """
        done = subprocess.run(
            self.command(*arguments, program=program),
            cwd=self.home,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise CommandError(f"{program} {' '.join(arguments)} failed:\n{done.stdout[-4000:]}")
        return done.stdout

    def released(self, assignment: str, notebook: str) -> NotebookNode:
        """A notebook as students get it."""
        return self._read("release", assignment, notebook)

    def autograded(self, student: str, assignment: str, notebook: str) -> NotebookNode:
        """A student's notebook as it was executed."""
        return self._read("autograded", student, assignment, notebook)

    def _read(self, *parts: str) -> NotebookNode:
        return nbformat.read(f"{self.folder.joinpath(*parts)}.ipynb", as_version=4)

    def hand_in(
        self, student: str, assignment: str, notebook: str, content: NotebookNode | str | bytes
    ) -> Path:
        """Put a notebook among the submissions; returns its path."""
        path = self.folder / "submitted" / student / assignment / f"{notebook}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, NotebookNode):
            content = nbformat.writes(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def rows(self, assignment: str) -> dict[str, export.Row]:
        """Student -> points, notes and alerts."""
        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}") as gradebook:
            folders = self.folder / "submitted", self.folder / "autograded"
            return {row.student: row for row in export.rows(gradebook, assignment, *folders)}
