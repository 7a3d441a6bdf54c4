"""Checks that a course and its grader are right: sample classes, attackers, mutants, thresholds.

All of it works on the course in the current folder: `nbgrader_config.py`, `solutions/<assignment>`,
`classes/<assignment>` (see `members`) and, for the results, `benchmarks/results`.
"""

from pathlib import Path

HOME = Path.cwd()
