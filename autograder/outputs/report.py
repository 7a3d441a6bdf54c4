"""What a grading run tells at its end: a table, and a report as JSON and as one HTML page."""

from __future__ import annotations

import html
import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.coursedir import CourseDirectory

from autograder.api import wire
from autograder.grading.messages import Graded
from autograder.outputs import export
from autograder.outputs.export import Row

SLOWEST = 10
BINS = 10  # of the score distribution
NAMES, LINES = 5, 20  # so many are named in a sentence, and with the reason in the terminal
LONGEST = 2000  # characters of a text

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


def collect(run: dict, course: CourseDirectory) -> dict:
    """The report of a run: `run` says how it went, the gradebook who has how many points."""
    table = export.read(course)
    records = run.pop("records")
    not_graded = {row.student: row.not_graded for row in table if row.status == export.NOT_GRADED}
    not_graded = run["failures"] | not_graded  # a full disk keeps failures out of the journal
    in_part = {row.student: row.not_graded for row in table if row.status == export.IN_PART}
    counted = [row for row in table if row.student not in not_graded | in_part]
    shares = [row.score / row.max_score for row in counted if row.max_score]
    bins = Counter(min(max(int(share * BINS), 0), BINS - 1) for share in shares)
    stages = Counter()
    for entry in records:
        stages.update(entry["stages"])
    return {
        "assignment": course.assignment_id,
        **run,
        "graded": sum(entry["student"] not in not_graded for entry in records),
        "not_graded": not_graded,
        "graded_in_part": in_part,
        "to_be_graded_by_hand": sum(row.status == export.BY_HAND for row in counted),
        "questions": questions(table),
        "students": len(table),
        "counted": len(counted),
        "mean": round(statistics.mean(row.score for row in counted), 2) if counted else None,
        "max_score": max((row.max_score for row in table), default=0),
        "distribution": [bins[n] for n in range(BINS)],
        "stages": {stage: round(seconds, 1) for stage, seconds in stages.items()},
        "memory": max((entry["memory"] for entry in records), default=0),
        "slowest": sorted(records, key=lambda entry: -entry["seconds"])[:SLOWEST],
        "alerts": {entry["student"]: entry["alerts"] for entry in records if entry["alerts"]},
        "given_again": {e["student"]: e["given_again"] for e in records if e["given_again"]},
    }


def questions(table: list[Row]) -> list[dict]:
    """Per question or task: how many have how much of its points."""
    found: dict[tuple, list[tuple[float | None, bool]]] = defaultdict(list)
    for row in table:
        for score in row.scores:
            broken = bool(row.failed) or score.notebook in row.reasons
            found[score.notebook, score.question, score.max_score].append((score.points, broken))
    lines = []
    for (notebook, question, maximum), points in found.items():
        known = [value for value, _ in points if value is not None]
        lines.append(
            {
                "notebook": notebook,
                "question": question,
                "max_score": maximum,
                "mean": round(statistics.mean(known), 2) if known else None,
                "full_points": sum(value >= maximum for value in known),
                "no_points": sum(value == 0 for value in known),
                "by_hand": sum(value is None and not broken for value, broken in points),
                "not_graded": sum(value is None and broken for value, broken in points),
            }
        )
    return lines


def write(folder: Path, found: dict) -> Path:
    """Write <assignment>.json and <assignment>.html into `folder`; the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{found['assignment']}.html"
    text = json.dumps(found, indent=1, ensure_ascii=False).encode(errors="replace").decode()
    export.write_atomically(page.with_suffix(".json"), text + "\n")  # a name may be no UTF-8
    export.write_atomically(page, to_html(found))
    return page


# ------------------------------------------------------------------ for the terminal


def to_text(found: dict) -> str:
    """The summary table, who was not graded and why, and a sentence with the numbers."""
    head = f"{'mean':>8}{'of':>6}{'full':>7}{'none':>7}{'by hand':>9}{'not graded':>12}"
    lines = [f"{'question':<34}{head}"]
    for row in found["questions"]:
        name = f"{row['notebook']}.{row['question']}"
        mean = "·" if row["mean"] is None else f"{row['mean']:.2f}"
        numbers = f"{mean:>8}{row['max_score']:>6g}{row['full_points']:>7}{row['no_points']:>7}"
        lines.append(f"{name:<34}{numbers}{row['by_hand']:>9}{row['not_graded']:>12}")
    lines.append("")
    for title, key in (("not graded", "not_graded"), ("graded in part", "graded_in_part")):
        named = [f"{title}: {_one_line(s)}: {_one_line(why)}" for s, why in found[key].items()]
        lines += named[:LINES] + [f"… and {len(named) - LINES} more"] * (len(named) > LINES)
    return "\n".join([*lines, _sentence(found)])


def _sentence(found: dict) -> str:
    counts = f"{found['graded']} graded in {found['seconds']:.0f} s on tier {found['tier']!r}"
    others = [
        f"{len(found[key])} {words} ({_names(found[key])})"
        for key, words in (("graded_in_part", "graded in part"), ("not_graded", "not graded"))
        if found[key]
    ]
    by_hand = found["to_be_graded_by_hand"]
    others += [f"{by_hand} to be graded by hand"] if by_hand else []
    others += [f"{len(found['alerts'])} with alerts"] if found["alerts"] else []
    return ", ".join([counts, *others])


def _names(students: Iterable[str]) -> str:
    names = [_one_line(student) for student in students]
    more = len(names) - NAMES
    return ", ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")


def _one_line(text: str) -> str:
    return wire.clean(" ".join(text.split()), LONGEST)


# ------------------------------------------------------------------ for the browser


def to_html(found: dict) -> str:
    """The report as one page without scripts; every text from a submission is escaped."""
    parts = [f"<h1>{html.escape(found['assignment'])}</h1>", f"<p>{html.escape(_sentence(found))}."]
    if found["counted"]:
        mean = f" Mean of {found['counted']}: {found['mean']:g} of {found['max_score']:g} points"
        parts += [mean, ", so far." if found["to_be_graded_by_hand"] else "."]
    parts += [" Who was not graded, or only in part, is not counted.</p>"]
    parts += ["<h2>Scores</h2>", _bars(found["distribution"])]
    parts += ["<h2>Questions</h2>", _table(found["questions"])]
    slow = [
        {"student": entry["student"], "seconds": entry["seconds"], **entry["stages"]}
        for entry in found["slowest"]
    ]
    parts += ["<h2>Slowest submissions</h2>", _table(slow)]
    for title, key in (
        ("Not graded, which is not 0 points", "not_graded"),
        ("Graded in part", "graded_in_part"),
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
    text = "·" if value is None else wire.clean(str(value), LONGEST)
    return f"<td>{html.escape(text)}</td>"


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
