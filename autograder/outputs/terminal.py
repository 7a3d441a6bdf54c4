"""Tables as text, for a terminal and for a file alike: no colors, and no name is cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDEST = 10_000  # columns; a terminal that is narrower wraps the line


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """Columns as wide as their contents, by the width that a terminal gives each character.

    `left`: the columns with words; the others hold numbers and are aligned right.
    """
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(heads))
    for place, head in enumerate(heads):
        made.add_column(Text(head), justify="left" if place in left else "right", no_wrap=True)
    for row in rows:
        made.add_row(*map(Text, row))  # not as markup
    console = Console(width=WIDEST, color_system=None)
    with console.capture() as captured:
        console.print(made)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
