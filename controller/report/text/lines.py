"""Sentences, and labelled lines: a word on the left, what it says wrapped on the right."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.style import StyleType
from rich.table import Table
from rich.text import Text

from controller.report.ranges import RANGE

__all__ = ["LABEL_CELLS", "Sentence", "labelled"]

LABEL_CELLS = 11
_JOINT = "\ue000"
"""Stands for a space at which no line ends; of those that Unicode has for that, rich breaks lines all the same."""


class Sentence:
    """Text that is wrapped between words, and not within a range of numbers: ``[16, 31] us``, ``4.1-32.8 ms``."""

    def __init__(self, text: Text | str, style: StyleType = "") -> None:
        self._text = text if isinstance(text, Text) else Text(text, style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._text)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        whole = self._text.copy()
        whole.plain = RANGE.sub(lambda found: found[0].replace(" ", _JOINT), whole.plain)
        for line in whole.wrap(console, options.max_width, overflow="fold"):
            line.plain = line.plain.replace(_JOINT, " ")
            line.no_wrap = True
            yield line


def labelled(lines: Iterable[tuple[str, Text | str]]) -> Table:
    """One row for each (label, text); a repeated label is said once."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=LABEL_CELLS, no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    previous = ""
    for label, text in lines:
        grid.add_row("" if label == previous else label, Sentence(text))
        previous = label
    return grid
