"""Labelled lines: a word on the left, what it says wrapped on the right."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

__all__ = ["LABEL_CELLS", "labelled"]

LABEL_CELLS = 11


def labelled(lines: Iterable[tuple[str, Text | str]]) -> Table:
    """One row for each (label, text); a repeated label is said once."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=LABEL_CELLS, no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    previous = ""
    for label, text in lines:
        grid.add_row("" if label == previous else label, text)
        previous = label
    return grid
