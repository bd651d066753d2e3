"""What was opened against what was closed: a row for each series, those that grow first."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from controller.analysis.balance import Balance
from controller.report.text.numbers import count_text
from fleettrace.model.names import counted

__all__ = ["MAX_SERIES", "render_balances"]

MAX_SERIES = 20
_CELLS = 24
_LEVELS = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS = "_.-~=+*#"


@dataclass(frozen=True, slots=True)
class Line:
    """A series as high as its cells: the lowest point of it on the ground, the highest at the top."""

    points: Sequence[int]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        levels = _ASCII_LEVELS if options.ascii_only else _LEVELS
        width = min(options.max_width, _CELLS, len(self.points))
        low, high = min(self.points), max(self.points)
        # The last point of each cell's share, so that the line ends where the series does.
        shown = [self.points[(cell + 1) * len(self.points) // width - 1] for cell in range(width)]
        heights = [(point - low) * (len(levels) - 1) // max(high - low, 1) for point in shown]
        yield Text("".join(levels[height] for height in heights), "cyan", no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = min(len(self.points), _CELLS, options.max_width)
        return Measurement(min(8, width), width)


def render_balances(series: Sequence[Balance], whose: str) -> RenderableType:
    """Opened, closed, what is left, how fast it grows, and its course over the run; of one series at least."""
    shown = series[:MAX_SERIES]
    names = list(dict.fromkeys(name for one in shown for name, _ in one.key))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(name, overflow="fold")
    for header in ("opened", "closed", "balance", "per second"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("over time", max_width=_CELLS)
    table.add_column("", no_wrap=True)
    for one in shown:
        values = dict(one.key)
        table.add_row(
            *(values.get(name, "-") for name in names),
            count_text(one.opened),
            count_text(one.closed),
            f"{one.points[-1]:+,}" if one.points[-1] else "0",
            f"{one.per_s:+.1f}" if round(one.per_s, 1) else "0",
            Line(one.points),
            "grows" if one.grows else "",
            style="bold red" if one.grows else "",
        )
    events = sum(one.opened + one.closed for one in series)
    slots = f"{counted(len(series[0].points), 'slot')} of {series[0].slot_s} s"
    title = f"{whose}: {counted(events, 'event')} in {slots}, {counted(len(series), 'key')}, the steepest first"
    parts: list[RenderableType] = [Text(title, "bold"), Padding.indent(table, 2)]
    if len(series) > len(shown):
        parts.append(Text(f"  +{counted(len(series) - len(shown), 'more key')} (--json has all of them)", "dim"))
    return Group(*parts)
