"""What installed courses bring: networks, thresholds and how to measure them.

A course's package names one of its modules in the entry-point group `autograder.courses`:

    [project.entry-points."autograder.courses"]
    my-course = "my_course"

and that module may have these attributes (see `rnn_course` in this repository for all of them):

    PACKAGES    names of the packages that its notebooks import next to `autograder`
    ODD_NAMES   dotted names of theirs that raise an alert in an answer, "corpus.read_labels"
    NETWORKS    {name: autograder.reference.Network}, for `check.same_function` and its like
    THRESHOLDS  folder with one <assignment>.json each, for `check.threshold`
    RECIPES     {corpus: autograder.courses.Recipe}, for `autograder calibrate`

A course without a package needs none of it: its test cells can say the numbers themselves, and
bring a Network of their own.
"""

from __future__ import annotations

import functools
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from autograder.reference import Network


class Recipe(NamedTuple):
    """How one corpus measures a trained model of a notebook."""

    fit: str  # the locked cell that trains; it sets the seed to 0 once
    model: str  # the name under which it leaves the model
    measure: str  # code that prints the accuracy of {model} on {examples} fresh ones from {seed}
    tier: str = "cpu"


@functools.cache
def modules() -> list[Any]:
    """The modules of all installed courses."""
    return [point.load() for point in entry_points(group="autograder.courses")]


def code() -> list[str]:
    """The top-level packages of all courses: what notebooks import, and the courses' modules."""
    return sorted({module.__name__.partition(".")[0] for module in modules()}.union(packages()))


def packages() -> list[str]:
    """The packages that notebooks of all courses import."""
    return [name for module in modules() for name in getattr(module, "PACKAGES", ())]


@functools.cache
def odd_names() -> frozenset[str]:
    """Names in these packages that no honest answer uses."""
    return frozenset(name for module in modules() for name in getattr(module, "ODD_NAMES", ()))


def networks() -> dict[str, Network]:
    """The networks of all courses by name."""
    return _merged("NETWORKS")


def thresholds(assignment: str) -> Path:
    """The file with an assignment's thresholds, or its place in the first course.

    ValueError if no course has a folder for them.
    """
    folders = [Path(m.THRESHOLDS) for m in modules() if hasattr(m, "THRESHOLDS")]
    paths = [folder / f"{assignment}.json" for folder in folders]
    if not paths:
        raise ValueError(
            "no installed package has a folder of thresholds: name one as THRESHOLDS in a module "
            "of the entry-point group autograder.courses"
        )
    return next((path for path in paths if path.exists()), paths[0])


def recipes() -> dict[str, Recipe]:
    """The recipes of all courses by the name of their corpus."""
    return _merged("RECIPES")


def _merged(attribute: str) -> dict[str, Any]:
    return {
        name: value
        for module in modules()
        for name, value in getattr(module, attribute, {}).items()
    }
