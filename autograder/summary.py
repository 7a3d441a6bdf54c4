"""What a grading run tells at its end: a table, and a report as JSON and as one HTML page."""

from __future__ import annotations

import html
import json
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Assignment as AssignmentRow
from nbgrader.api import (
    BaseCell,
    Grade,
    GradeCell,
    Notebook,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy import create_engine, select

from autograder import report
from autograder.parcel import Graded

SLOWEST = 10
BINS = 10  # of the score distribution

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .2rem .8rem; text-align: left }
th { border-bottom: 1px solid } td.number { text-align: right } svg text { font-size: 12px }
"""


def record(student: str, graded: Graded, failures: list[str]) -> dict:
    """What the report keeps of one graded submission."""
    alerts = []
    for name, content in graded.notebooks.items():
        metadata = nbformat.reads(content.decode(), as_version=4).metadata.get("autograder", {})
        alerts += [f"{name}: {text}" for text in metadata.get("alerts", [])]
    return {
        "student": student,
        "seconds": round(graded.took, 2),
        "stages": {stage: round(value, 2) for stage, value in graded.seconds.items()},
        "worker": graded.where,
        "memory": graded.memory,
        "given_again": failures,
        "alerts": alerts,
    }


def collect(run: dict, db_url: str, course_id: str, assignment: str) -> dict:
    """The report of a run: `run` says how it went, the gradebook who has how many points."""
    scores = read_scores(db_url, course_id, assignment)
    totals, maximum = defaultdict(float), defaultdict(float)
    for student, _, _, points, possible in scores:
        totals[student] += points or 0.0
        maximum[student] += possible
    shares = [totals[s] / maximum[s] for s in totals if maximum[s]]
    bins = Counter(min(int(share * BINS), BINS - 1) for share in shares)
    records = run.pop("records")
    stages = Counter()
    for entry in records:
        stages.update(entry["stages"])
    return {
        "assignment": assignment,
        **run,
        "questions": questions(scores),
        "students": len(totals),
        "mean": round(sum(totals.values()) / len(totals), 2) if totals else None,
        "maximum": max(maximum.values(), default=0),
        "distribution": [bins[n] for n in range(BINS)],
        "stages": {stage: round(seconds, 1) for stage, seconds in stages.items()},
        "memory": max((entry["memory"] for entry in records), default=0),
        "slowest": sorted(records, key=lambda entry: -entry["seconds"])[:SLOWEST],
        "alerts": {entry["student"]: entry["alerts"] for entry in records if entry["alerts"]},
        "given_again": {e["student"]: e["given_again"] for e in records if e["given_again"]},
    }


def read_scores(db_url: str, course_id: str, assignment: str) -> list[tuple]:
    """(student, notebook, question, points or None, maximum) of everything in the gradebook."""
    grade, cell, submission = Grade.__table__, BaseCell.__table__, SubmittedAssignment.__table__
    graded, notebook = GradeCell.__table__, Notebook.__table__
    handed_in, owner = SubmittedNotebook.__table__, AssignmentRow.__table__
    query = (
        select(
            submission.c.student_id,
            notebook.c.name,
            cell.c.name,
            grade.c.auto_score,
            grade.c.manual_score,
            graded.c.max_score,
        )
        .join(handed_in, handed_in.c.id == grade.c.notebook_id)
        .join(notebook, notebook.c.id == handed_in.c.notebook_id)
        .join(submission, submission.c.id == handed_in.c.assignment_id)
        .join(owner, owner.c.id == submission.c.assignment_id)
        .join(cell, cell.c.id == grade.c.cell_id)
        .join(graded, graded.c.id == cell.c.id)
        .where(owner.c.name == assignment, owner.c.course_id == course_id)
        .order_by(submission.c.student_id, notebook.c.name, cell.c.name)
    )
    engine = create_engine(db_url)
    with engine.connect() as connection:
        found = connection.execute(query).all()
    engine.dispose()
    return [(s, n, q, m if m is not None else a, possible) for s, n, q, a, m, possible in found]


def questions(scores: list[tuple]) -> list[dict]:
    """Per question: how many have how much of its points."""
    points: dict[tuple, list] = defaultdict(list)
    possible = {}
    for _, notebook, question, found, maximum in scores:
        points[notebook, question].append(found)
        possible[notebook, question] = maximum
    table = []
    for (notebook, question), found in points.items():
        known = [value for value in found if value is not None]
        full = sum(value >= possible[notebook, question] for value in known)
        table.append(
            {
                "notebook": notebook,
                "question": question,
                "maximum": possible[notebook, question],
                "mean": round(sum(known) / len(known), 2) if known else None,
                "full_points": full,
                "no_points": sum(value == 0 for value in known),
                "not_graded": len(found) - len(known),
            }
        )
    return table


def write(folder: Path, found: dict) -> Path:
    """Write <assignment>.json and <assignment>.html into `folder`; the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{found['assignment']}.html"
    report.write_atomically(page.with_suffix(".json"), json.dumps(found, indent=1) + "\n")
    report.write_atomically(page, to_html(found))
    return page


# ------------------------------------------------------------------ for the terminal


def to_text(found: dict) -> str:
    """The summary table."""
    lines = [f"{'question':<34}{'mean':>8}{'of':>6}{'full':>7}{'none':>7}{'waiting':>9}"]
    for row in found["questions"]:
        name = f"{row['notebook']}.{row['question']}"
        mean = "·" if row["mean"] is None else f"{row['mean']:.2f}"
        numbers = f"{mean:>8}{row['maximum']:>6g}{row['full_points']:>7}{row['no_points']:>7}"
        lines.append(f"{name:<34}{numbers}{row['not_graded']:>9}")
    lines += ["", _sentence(found)]
    return "\n".join(lines)


def _sentence(found: dict) -> str:
    counts = f"{found['graded']} graded in {found['seconds']:.0f} s on tier {found['tier']!r}"
    others = [f"{found['failed']} failed"] if found["failed"] else []
    others += [f"{len(found['alerts'])} with alerts"] if found["alerts"] else []
    return ", ".join([counts, *others])


# ------------------------------------------------------------------ for the browser


def to_html(found: dict) -> str:
    """The report as one page without scripts; every text from a submission is escaped."""
    parts = [f"<h1>{html.escape(found['assignment'])}</h1>", f"<p>{html.escape(_sentence(found))}."]
    parts += [f" Mean {found['mean']} of {found['maximum']:g} points.</p>"]
    parts += ["<h2>Scores</h2>", _bars(found["distribution"])]
    parts += ["<h2>Questions</h2>", _table(found["questions"])]
    slow = [
        {"student": entry["student"], "seconds": entry["seconds"], **entry["stages"]}
        for entry in found["slowest"]
    ]
    parts += ["<h2>Slowest submissions</h2>", _table(slow)]
    for title, key in (
        ("Could not be graded", "failures"),
        ("Given to another worker", "given_again"),
        ("Alerts: reasons to read a cell, never points", "alerts"),
    ):
        texts = {s: t if isinstance(t, str) else "; ".join(t) for s, t in found[key].items()}
        rows = [{"student": student, "what": text} for student, text in texts.items()]
        parts += [f"<h2>{title}</h2>", _table(rows)] if rows else []
    workers = [{"worker": address, "submissions": n} for address, n in found["workers"].items()]
    parts += ["<h2>Workers</h2>", _table(workers)]
    title = f"<title>{html.escape(found['assignment'])}</title>"
    head = f'<!doctype html><html lang="en"><meta charset="utf-8">{title}<style>{STYLE}</style>'
    return head + "\n".join(parts) + f"<p>{found['ended']}</p></html>\n"


def _table(rows: list[dict]) -> str:
    if not rows:
        return "<p>None.</p>"
    columns = list(dict.fromkeys(key for row in rows for key in row))
    head = "".join(f"<th>{html.escape(column.replace('_', ' '))}</th>" for column in columns)
    lines = ["".join(_td(row.get(column)) for column in columns) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><tr>{head}</tr>{body}</table>"


def _td(value: Any) -> str:
    if isinstance(value, int | float):
        return f'<td class="number">{value:g}</td>'
    return f"<td>{html.escape('·' if value is None else str(value))}</td>"


def _bars(counts: list[int]) -> str:
    """The score distribution as a drawing: a bar per tenth of the points."""
    most, width, height = max([*counts, 1]), 56, 160
    bars = []
    for place, count in enumerate(counts):
        tall = count / most * height
        x, y = place * width, height - tall + 16
        bars.append(f'<rect x="{x}" y="{y:.0f}" width="{width - 4}" height="{tall:.0f}"/>')
        bars.append(f'<text x="{x}" y="{y - 3:.0f}" fill="black">{count or ""}</text>')
        label = f"{place * 100 // len(counts)}–{(place + 1) * 100 // len(counts)}"
        bars.append(f'<text x="{x}" y="{height + 32}" fill="black">{label}</text>')
    below = f'<text x="0" y="{height + 52}" fill="black">share of the points in %</text>'
    size = f'width="{width * len(counts)}" height="{height + 60}"'
    label = "Number of submissions by share of the points"
    return (
        f'<svg {size} fill="#0072b2" role="img" aria-label="{label}">{"".join(bars)}{below}</svg>'
    )


def now() -> str:
    """The time as the journal writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
