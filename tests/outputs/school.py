"""A class folder that was graded, without the grading; what tests of tables share."""

from __future__ import annotations

import csv
import io
import json

from nbgrader.api import Gradebook
from nbgrader.apps.exportapp import ExportApp
from nbgrader.coursedir import CourseDirectory

from autograder.outputs import export

MAXIMUM = 4 + 2 + 0 + 3 + 1
FULL = {"auto": 4, "written": 2, "bonus": 0, "task": 3, "other": 1}


def notebook(**metadata):
    record = {"autograder": metadata} if metadata else {}
    return json.dumps({"metadata": record, "cells": [], "nbformat": 4, "nbformat_minor": 5})


class School:
    """A class folder that was graded, without the grading."""

    def __init__(self, folder):
        self.folder = folder
        url = f"sqlite:///{folder / 'gradebook.db'}"
        self.course = CourseDirectory(root=str(folder), db_url=url, assignment_id="tiny")
        self.gradebook = Gradebook(url)
        self.gradebook.add_assignment("tiny")
        for name in ("one", "two"):
            self.gradebook.add_notebook(name, "tiny")
        kind = {"cell_type": "code"}
        self.gradebook.add_grade_cell("auto", "one", "tiny", max_score=4, **kind)
        self.gradebook.add_grade_cell("written", "one", "tiny", max_score=2, **kind)
        self.gradebook.add_solution_cell("written", "one", "tiny")
        self.gradebook.add_grade_cell("bonus", "one", "tiny", max_score=0, **kind)
        self.gradebook.add_task_cell("task", "one", "tiny", max_score=3, cell_type="markdown")
        self.gradebook.add_grade_cell("other", "two", "tiny", max_score=1, **kind)

    def hand_in(self, student, names=("one", "two")):
        for place in ("submitted", "autograded"):
            folder = self.folder / place / student / "tiny"
            folder.mkdir(parents=True)
            for name in names:
                (folder / f"{name}.ipynb").write_text(notebook())
        return folder

    def grade(self, student, changes=None, penalty=None, points=FULL):
        self.gradebook.update_or_create_student(student)
        submission = self.gradebook.update_or_create_submission("tiny", student)
        for found in submission.notebooks:
            found.late_submission_penalty = penalty if found.name == "one" else None
            for grade in found.grades:
                grade.auto_score, grade.needs_manual_grade = points.get(grade.name), False
                for attribute, value in (changes or {}).get(grade.name, {}).items():
                    setattr(grade, attribute, value)
        self.gradebook.db.commit()

    def rows(self):
        return {row.student: row for row in export.read(self.course)}

    def export(self, plugin, **options):
        app = ExportApp()
        app.coursedir = self.course
        target = self.folder / "export.csv"
        plugin(parent=app, **{"to": str(target), **options}).export(self.gradebook)
        return list(csv.reader(io.StringIO(target.read_text(encoding="utf-8-sig"))))


def named(lines):
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
