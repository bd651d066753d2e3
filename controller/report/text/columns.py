"""Tables that fit: spacious, narrow, in two halves, or as sentences; nothing is ever cut off."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

__all__ = ["Column", "FittingTable"]

_FOLDED_CELLS = 8
"""A column of words keeps at least this width, or that of its longest word."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``words`` may be folded and stand on the left, numbers may not and stand on the right.

    ``second`` columns go to a second table, under the first column again, when one table is too wide.
    """

    header: str
    cells: Sequence[str]
    words: bool = False
    second: bool = False

    @property
    def least_cells(self) -> int:
        """The least width that the column can do with."""
        longest = max(map(cell_len, (self.header, *self.cells)))
        return min(longest, _FOLDED_CELLS) if self.words else longest


@dataclass(frozen=True, slots=True)
class FittingTable:
    """Columns with one style for each row."""

    columns: Sequence[Column]
    styles: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for halves, gap in self._layouts():
            if all(_least_cells(half, gap) <= options.max_width for half in halves):
                yield from (_table(half, self.styles, gap) for half in halves)
                return
        for index, style in enumerate(self.styles):
            cells = [f"{column.header} {column.cells[index]}" for column in self.columns]
            yield Text(", ".join(cells), style, overflow="fold")

    def _layouts(self) -> list[tuple[list[list[Column]], int]]:
        """Tables and the gap between their columns, from the one that reads best to the narrowest."""
        whole = list(self.columns)
        second = [column for column in whole[1:] if column.second]
        halves = [[column for column in whole if not column.second], [whole[0], *second]] if second else [whole]
        return [([whole], 2), ([whole], 1), (halves, 2), (halves, 1)]


def _least_cells(columns: Sequence[Column], gap: int) -> int:
    return sum(column.least_cells + gap for column in columns) - gap


def _table(columns: Sequence[Column], styles: Sequence[str], gap: int) -> Table:
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="dim")
    for column in columns:
        if column.words:
            table.add_column(column.header, overflow="fold", min_width=column.least_cells)
        else:
            table.add_column(column.header, justify="right", no_wrap=True, min_width=column.least_cells)
    for index, style in enumerate(styles):
        table.add_row(*(Text(column.cells[index]) for column in columns), style=style)
    return table
