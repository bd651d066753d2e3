"""What is drawn again and again is no higher than the terminal: what has scrolled away cannot be drawn over."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

__all__ = ["Fitting"]


@dataclass(frozen=True, slots=True)
class Fitting:
    """The first form that fits; each is lower than the one before. The last one is cut where not even that fits."""

    forms: Sequence[RenderableType]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        def lines_of(form: RenderableType) -> list[list[Segment]]:
            lines = console.render_lines(form, options, pad=False)
            while lines and not any(segment.text.strip() for segment in lines[-1]):
                lines.pop()
            return lines

        first = bisect_left(self.forms, True, key=lambda form: len(lines_of(form)) <= console.height)
        lines = lines_of(self.forms[min(first, len(self.forms) - 1)])
        fits = len(lines) <= console.height
        for line in lines if fits else lines[: console.height - 1]:
            yield from line
            yield Segment.line()
        if not fits:
            yield Text("(the terminal is too low for the rest)", "dim", no_wrap=True, overflow="crop")
