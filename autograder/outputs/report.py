"""What a grading run tells at its end: a table, and a report as JSON and as one HTML page."""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from nbgrader.coursedir import CourseDirectory

from autograder.api import wire
from autograder.grading.messages import Graded
from autograder.outputs import export, terminal
from autograder.outputs.export import Row

SLOWEST = 10
BINS = 10  # of the score distribution
NAMES, LINES = 5, 20  # so many are named in a sentence, and with the reason in the terminal
LONGEST = 2000  # characters of a text

TEMPLATES = Path(__file__).with_name("templates")
NOT_COMPLETE = {  # entry of the report -> in words
    "graded_in_part": "graded in part",
    "not_graded": "could not be graded",
    "not_graded_yet": "not graded yet",
}
REASONS = {  # title of a table -> the entry of the report
    "Submissions that need a person": "needs_a_person",
    "Missing, and settled by the course's policy": "settled",
    "Given to another worker": "given_again",
}


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
        "kernels": graded.kernels,
        "given_again": failures,
        "alerts": alerts,
    }


def collect(run: dict, course: CourseDirectory) -> dict:
    """The report of a run: `run` says how it went, the gradebook who has how many points."""
    table = export.read(course)
    records = run.pop("records")
    not_graded = {row.student: row.not_graded for row in table if row.status == export.NOT_GRADED}
    not_graded = run["failures"] | not_graded  # a full disk keeps failures out of the journal
    not_yet = {row.student: row.not_graded for row in table if row.status == export.NOT_YET}
    not_yet = {student: why for student, why in not_yet.items() if student not in not_graded}
    in_part = {row.student: row.not_graded for row in table if row.status == export.IN_PART}
    counted = [row for row in table if row.student not in not_graded | not_yet | in_part]
    counted = [row for row in counted if row.status != export.EXCUSED]
    alerts = {entry["student"]: entry["alerts"] for entry in records}
    alerts |= {row.student: list(dict.fromkeys(row.alerts)) for row in table if row.alerts}
    alerts = {student: texts for student, texts in alerts.items() if texts}
    kinds = {"not_graded": not_graded, "not_graded_yet": not_yet, "graded_in_part": in_part}
    shares = [row.score / row.max_score for row in counted if row.max_score]
    bins = Counter(min(max(int(share * BINS), 0), BINS - 1) for share in shares)
    stages: Counter[str] = Counter()
    kernels: Counter[str] = Counter()
    for entry in records:
        stages.update(entry["stages"])
        kernels.update(entry["kernels"])
    return {
        "assignment": course.assignment_id,
        **run,
        "graded": sum(entry["student"] not in not_graded for entry in records),
        **kinds,
        "needs_a_person": _needs_a_person(kinds, alerts),
        "settled": {row.student: _settled(row) for row in table if row.settled},
        "excused": sum(row.status == export.EXCUSED for row in table),
        "to_be_graded_by_hand": sum(row.status == export.BY_HAND for row in counted),
        "questions": questions(table),
        "students": len(table),
        "counted": len(counted),
        "mean": round(statistics.mean(row.score for row in counted), 2) if counted else None,
        "max_score": max((row.max_score for row in table), default=0),
        "distribution": [bins[n] for n in range(BINS)],
        "stages": {stage: round(seconds, 1) for stage, seconds in stages.items()},
        "kernels": dict(kernels),
        "memory": max((entry["memory"] for entry in records), default=0),
        "slowest": sorted(records, key=lambda entry: -entry["seconds"])[:SLOWEST],
        "alerts": alerts,
        "given_again": {e["student"]: e["given_again"] for e in records if e["given_again"]},
    }


def _needs_a_person(
    kinds: dict[str, dict[str, str]], alerts: dict[str, list[str]]
) -> dict[str, list[str]]:
    """Student -> why somebody has to look, all in one place."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, students in kinds.items():
        for student, why in students.items():
            found[student].append(f"{NOT_COMPLETE[key]}: {why}")
    for student, texts in alerts.items():
        found[student].append(f"to be read: {'; '.join(texts)}")
    return {student: found[student] for student in sorted(found)}


def _settled(row: Row) -> list[str]:
    return [f"{notebook}.ipynb: {text}" for notebook, text in sorted(row.settled.items())]


def questions(table: list[Row]) -> list[dict]:
    """Per question or task: how many have how much of its points."""
    found: dict[tuple, list[tuple[float | None, bool]]] = defaultdict(list)
    for row in table:
        for score in row.scores:
            if score.notebook in row.excused:
                continue
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
    heads = ["question", "mean", "of", "full", "none", "by hand", "not graded"]
    counts = ("full_points", "no_points", "by_hand", "not_graded")
    rows = [
        [
            f"{row['notebook']}.{row['question']}",
            "·" if row["mean"] is None else f"{row['mean']:.2f}",
            f"{row['max_score']:g}",
            *(str(row[count]) for count in counts),
        ]
        for row in found["questions"]
    ]
    lines = [terminal.table(heads, rows), ""]
    for key, title in NOT_COMPLETE.items():
        named = [f"{title}: {_one_line(s)}: {_one_line(why)}" for s, why in found[key].items()]
        lines += named[:LINES] + [f"… and {len(named) - LINES} more"] * (len(named) > LINES)
    return "\n".join([*lines, _sentence(found)])


def _sentence(found: dict) -> str:
    counts = f"{found['graded']} graded in {found['seconds']:.0f} s on tier {found['tier']!r}"
    others = [
        f"{len(found[key])} {words} ({_names(found[key])})"
        for key, words in NOT_COMPLETE.items()
        if found[key]
    ]
    by_hand = found["to_be_graded_by_hand"]
    others += [f"{by_hand} to be graded by hand"] if by_hand else []
    others += [f"{found['excused']} excused"] if found["excused"] else []
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
    pages = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    pages.filters.update(columns=_columns, clean=_clean)
    return pages.get_template("report.html.j2").render(
        found,
        sentence=_sentence(found),
        slowest=[
            {"student": entry["student"], "seconds": entry["seconds"], **entry["stages"]}
            for entry in found["slowest"]
        ],
        reasons=[(title, _what(found[key])) for title, key in REASONS.items()],
        kernels=[{"kernel": kind, "started": n} for kind, n in found["kernels"].items()],
        workers=[{"worker": address, "submissions": n} for address, n in found["workers"].items()],
    )


def _what(texts: dict[str, str | list[str]]) -> list[dict]:
    """A row per student."""
    joined = {s: text if isinstance(text, str) else "; ".join(text) for s, text in texts.items()}
    return [{"student": student, "what": text} for student, text in joined.items()]


def _columns(rows: list[dict]) -> list[str]:
    """What some of the rows have: the stages differ."""
    return list(dict.fromkeys(key for row in rows for key in row))


def _clean(text: str) -> str:
    return wire.clean(text, LONGEST)


def now() -> str:
    """The time as the journal writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
