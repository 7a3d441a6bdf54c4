"""What belongs to this course: its networks, its thresholds and how to measure them.

The autograder finds it by the entry point `autograder.courses` in `pyproject.toml`.
"""

from pathlib import Path

from rnn_course.calibration import RECIPES as RECIPES
from rnn_course.networks import NETWORKS as NETWORKS

PACKAGES = ["data"]
ODD_NAMES = ["longmemory.read_grammar"]
THRESHOLDS = Path(__file__).parent / "thresholds"
