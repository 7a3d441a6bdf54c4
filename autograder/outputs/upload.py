"""`autograder feedback`: the feedback pages as a zip file that Canvas or Moodle takes back.

Both know whose a file is by the name that they gave it in the download, so `autograder collect`
remembers these names. A page that a platform would pass over, or could give to somebody else, is
left out and named. The rules are read from the platforms' importers; no running Canvas or Moodle
was at hand to try them.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps.autogradeapp import AutogradeApp
from nbgrader.coursedir import CourseDirectory

from autograder.api import wire
from autograder.gradebook import journal
from autograder.outputs import export
from autograder.submissions import names, platforms, roster
from autograder.submissions.names import HandedOut

HEADING = re.compile(r"<h4>[^<]*\(Score: ([^/<]*) / ([\d.]+)\)</h4>")  # nbgrader's template
FIXED = (1980, 1, 1, 0, 0, 0)  # as the time of each page: the same pages make the same file


Namer = Callable[[HandedOut, str], str]  # what was given out, and a notebook -> a page's name


class UnfitError(Exception):
    """The platform would not take a page of this name; the message says why."""


def canvas(handed_out: HandedOut, notebook: str) -> str:
    """A page's name for Canvas: all that it gave up to the file's name.

    instructure/canvas-lms, app/models/abstract_assignment.rb, infer_comment_context_from_filename:
    of the parts between `_`, without LATE, the first two that are numbers are the user and the
    attachment (after `anon`, the two parts that follow), and a last part that begins with `link`
    is no file.

    >>> given = HandedOut("Canvas", "turingalan_102", "turingalan_LATE_102_5552_my work-1.ipynb")
    >>> canvas(given, "pipeline")
    'turingalan_LATE_102_5552_pipeline.html'
    """
    _, owner, given = handed_out
    parts = [part for part in given.split("_") if part != "LATE"]
    anonymous = parts[0] == "anon"
    ids = parts[1:3] if anonymous else [p for p in parts if re.fullmatch("[0-9]+", p)][:2]
    found = re.match(rf"(.+_{'_'.join(map(re.escape, ids))}_)", given)
    if len(ids) < 2 or not found:
        raise UnfitError(f"{given!r} is no name that Canvas gives")
    if ids[0] != owner.rpartition("_")[2]:
        raise UnfitError(f"Canvas would take {ids[0]} in {given!r} for the student's number")
    if notebook.rpartition("_")[2].startswith("link"):
        notebook = f"page of {notebook.replace('_', '-')}"
    return f"{found[1]}{notebook}.html"


def moodle(handed_out: HandedOut, notebook: str) -> str:
    """A page's name for Moodle: what it put in front of the file, or the folder that it made.

    moodle/moodle, mod/assign/feedback/file/importziplib.php, is_valid_filename_for_import: of the
    parts between `_`, the second must be the participant's number.

    >>> given = HandedOut("Moodle", "Ada Lovelace_4711", "Ada Lovelace_4711_assignsubmission_file")
    >>> moodle(given, "pipeline")
    'Ada Lovelace_4711_assignsubmission_file/pipeline.html'
    """
    given = handed_out.given
    match = re.match(r"(.+?)_[0-9]+_assignsubmission_file(_?)", given, re.DOTALL)
    if not match:
        raise UnfitError(f"{given!r} is no name that Moodle gives")
    if "_" in match[1]:
        raise UnfitError(f"Moodle would not find the participant's number in {given!r}")
    is_folder = match.end() == len(given)
    return f"{match[0]}{'/' if is_folder else ''}{notebook}.html"


# The option -> the name of the layout, and how it names a page.
PLATFORMS: dict[str, tuple[str, Namer]] = {
    "canvas": (platforms.Canvas.name, canvas),
    "moodle": (platforms.Moodle.name, moodle),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command line of `autograder feedback`; further options go to nbgrader."""
    parser.add_argument("assignment")
    parser.add_argument(
        "--for", dest="platform", choices=PLATFORMS, required=True, help="who takes the zip file"
    )
    parser.add_argument(
        "--to", type=Path, help="the file (default: beside the folder of feedback pages)"
    )


def main(options: argparse.Namespace, further: list[str]) -> int:
    """Write the file; 1 if a page is missing in it."""
    app = AutogradeApp()
    app.initialize(["--log-level=ERROR", *further])
    course = app.coursedir
    course.assignment_id = options.assignment
    platform, name_of = PLATFORMS[options.platform]
    pages = found_pages(course)
    if not pages:
        return _refuse(
            "there are no feedback pages: "
            f"`nbgrader generate_feedback {course.assignment_id}` first"
        )
    known = names.known(course)
    layouts = {each.layout for own in known.values() for each in own.values()}
    if not layouts & _usable(platform):
        return _refuse(
            f"the names that {platform} gave are not known: `autograder collect "
            f"{course.assignment_id} DOWNLOAD` with {platform}'s download first; "
            "submissions that are there already stay as they are"
        )
    unfit = outdated(course, pages)
    packed, left_out = plan(pages, known, platform, name_of, unfit)
    feedback = Path(course.root, course.feedback_directory)
    target = (
        options.to or feedback.parent / f"feedback-{course.assignment_id}-{options.platform}.zip"
    )
    if packed:
        try:
            write(target, packed)
        except OSError as error:
            return _refuse(f"{target} cannot be written: {error.strerror}")
        students = len({student for student, _ in packed.values()})
        print(f"{target}: {len(packed)} pages of {students} students, for {platform}")
    for reason, people in left_out.items():
        print(f"Left out: {', '.join(people)}: {reason}")
    if left_out:
        print(f"Pages that are there can be given back by hand: they are in {feedback}")
    return 1 if left_out else 0


def _refuse(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 1


def _usable(platform: str) -> set[str]:
    """The layouts whose names can be the platform's."""
    return {platform, platforms.Pattern.name}


def found_pages(course: CourseDirectory) -> dict[str, dict[str, Path]]:
    """Student -> notebook -> page."""
    top = Path(course.root, course.feedback_directory)
    pages: dict[str, dict[str, Path]] = defaultdict(dict)
    for student in sorted(os.listdir(top)) if top.is_dir() else ():
        folder = Path(course.format_path(course.feedback_directory, student, course.assignment_id))
        for page in sorted(folder.glob("*.html")):
            pages[student][page.stem] = page
    return pages


def outdated(
    course: CourseDirectory, pages: dict[str, dict[str, Path]]
) -> dict[tuple[str, str], str]:
    """Student and notebook -> why the page says something else than the gradebook."""
    unfit: dict[tuple[str, str], str] = {}
    if not roster.is_there(course.db_url):
        return unfit
    last_run = journal.read(journal.place(export.folders(course)[1], course.assignment_id))
    with Gradebook(course.db_url, course.course_id) as gradebook:
        try:
            entry = gradebook.find_assignment(course.assignment_id)
        except MissingEntry:
            return unfit
        people = {person.id for person in gradebook.students}
        grades = {
            (submission.student.id, book.name): (book.score, book.max_score)
            for submission in entry.submissions
            for book in submission.notebooks
        }
        for student, own in pages.items():
            left = journal.has_left(last_run.get(student, {}), entry.id, student in people)
            for notebook, page in own.items():
                if left:
                    unfit[student, notebook] = "no longer in the gradebook"
                elif not _says(page, *grades.get((student, notebook), (0.0, 0.0))):
                    unfit[student, notebook] = (
                        "the page has other points than the gradebook: "
                        f"`nbgrader generate_feedback {course.assignment_id} --force` first"
                    )
    return unfit


def _says(page: Path, score: float, max_score: float) -> bool:
    """Whether a page has these points in its heading; a word there stands for none."""
    shown = HEADING.search(page.read_text(encoding="utf-8", errors="replace"))
    if not shown:
        return True  # a template of the course's own
    number = re.match(r"[\d.]+", shown[1])
    points = float(number[0]) if number else 0.0
    return abs(points - score) < 0.01 and abs(float(shown[2]) - max_score) < 0.01


def plan(
    pages: dict[str, dict[str, Path]],
    known: names.Names,
    platform: str,
    name_of: Namer,
    unfit: dict[tuple[str, str], str],
) -> tuple[dict[str, tuple[str, Path]], dict[str, list[str]]]:
    """Name in the zip file -> student and page; and reason -> who is left out.

    `unfit`: student and notebook -> why a page must not be given back.
    """
    packed: dict[str, tuple[str, Path]] = {}
    left_out: dict[str, list[str]] = defaultdict(list)
    for student in sorted(known.keys() | pages.keys()):
        shown = wire.clean(student, 100)
        if student not in pages:
            left_out["there is no feedback page"].append(shown)
        for notebook, page in pages.get(student, {}).items():
            handed_out = known.get(student, {}).get(notebook)
            try:
                if (student, notebook) in unfit:
                    raise UnfitError(unfit[student, notebook])
                if not handed_out or handed_out.layout not in _usable(platform):
                    raise UnfitError(f"{notebook} did not come in a download of {platform}'s")
                name = name_of(handed_out, notebook)
                if name in packed or not _is_text(name):
                    raise UnfitError(f"{wire.clean(name, 200)!r} cannot be a name in the file")
                packed[name] = student, page
            except UnfitError as error:
                left_out[wire.clean(str(error), 300)].append(shown)
    return packed, left_out


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not {"", ".", ".."} & set(name.split("/"))


def write(target: Path, packed: dict[str, tuple[str, Path]]) -> None:
    """The zip file, whole or not at all."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(temporary, "w") as file:
            for name, (_, page) in packed.items():
                entry = zipfile.ZipInfo(name, FIXED)
                file.writestr(entry, page.read_bytes(), zipfile.ZIP_DEFLATED)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
