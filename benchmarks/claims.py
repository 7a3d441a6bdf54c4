"""Are the lectures' claims true for every seed on file? `make claims`; it runs no lecture.

A claim is a call of `claim(…)` in a lecture (see rnn_course/claims.py). Each must be on record for
at least three seeds, for five where it is about two accuracies less than two points apart, and hold
in all of them. A claim without a record fails.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat

from rnn_course.claims import KEY

REPOSITORY = Path(__file__).parent.parent
LECTURES = REPOSITORY / "lectures"
RESULTS = REPOSITORY / "benchmarks" / "results" / "lectures"
SEEDS, SEEDS_IF_CLOSE, CLOSE = 3, 5, 0.02


def claimed(path: Path) -> Iterator[str]:
    """The names of the claims in a notebook. Raises ValueError for one that is no literal."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code" or "claim" not in cell.source:
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called not in ("claim", "claim.above"):
                continue
            name = node.args[0] if node.args else None
            if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
                raise ValueError(f"{path.name}, cell {cell.id}: expected a claim's name as a text")
            yield name.value


def problems(names: list[str], seeds: dict[str, dict]) -> list[str]:
    """A sentence for each claim that is not proved by the results of these seeds."""
    found = []
    for name in names:
        records = {seed: entry.get(KEY, {}).get(name) for seed, entry in seeds.items()}
        for seed, record in records.items():
            if record is None:
                found.append(f"seed {seed} has no record of: {name}")
            elif record.get("holds") is not True:
                found.append(f"seed {seed} contradicts: {name}: {record.get('shown')}")
        needed = SEEDS_IF_CLOSE if _close(records.values()) else SEEDS
        if len(seeds) < needed:
            found.append(f"{needed} seeds needed, {len(seeds)} on file for: {name}")
    made = {name for entry in seeds.values() for name in entry.get(KEY, {})}
    found += [f"no lecture makes this claim any more: {name}" for name in sorted(made - {*names})]
    return found


def _close(records: object) -> bool:
    pairs = [record for record in records if record and "higher" in record]
    if not pairs:
        return False
    return sum(each["higher"] - each["lower"] for each in pairs) / len(pairs) < CLOSE


def main() -> int:
    """Print the number of claims of each lecture and what is wrong; 1 if anything is."""
    failed = 0
    for path in sorted(LECTURES.glob("[0-9]*.ipynb")):
        names, results = list(claimed(path)), RESULTS / f"{path.stem}.json"
        seeds = json.loads(results.read_text(encoding="utf-8"))["seeds"] if results.exists() else {}
        wrong = problems(names, seeds)
        print(f"{path.stem}: {len(names)} claims, {len(seeds)} seeds, {len(wrong)} problems")
        for sentence in wrong:
            print(f"  {sentence}")
        failed += len(wrong)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
