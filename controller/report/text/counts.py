"""Counts as a table of the most frequent keys, and events in the order of time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from controller.analysis.wording import share_text
from controller.report.text.numbers import bar, count_text
from controller.report.times import utc
from fleettrace.model.names import counted
from fleettrace.snapshot import Count, Key
from fleettrace.snapshot.counts import Event

__all__ = ["MAX_COUNTS", "MAX_EVENTS", "render_counts", "render_events"]

MAX_COUNTS = 20
MAX_EVENTS = 20
_BAR_CELLS = 16
MAP_LABEL = "map"
"""The first label of what a one-liner with several results counts."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a table, as wide as its column; ``share`` is of the longest one."""

    share: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(bar(self.share, options.max_width, ascii_only=options.ascii_only), "cyan", no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, min(_BAR_CELLS, options.max_width))


def render_counts(counts: Sequence[Count], whose: str) -> RenderableType:
    """The most frequent keys first; of a program with several maps, a table for each map, on its own scale."""
    by_map: dict[str, list[Count]] = {}
    for count in counts:
        is_labelled = bool(count.key) and count.key[0][0] == MAP_LABEL
        by_map.setdefault(count.key[0][1] if is_labelled else "", []).append(count)
    if list(by_map) == [""]:
        return _render_counts(counts, whose)
    tables = []
    for name, own in sorted(by_map.items()):
        unlabelled = [replace(count, key=count.key[1:]) for count in own] if name else own
        tables.append(_render_counts(unlabelled, f"{whose}, {name}" if name else whose))
    return Group(tables[0], *(item for table in tables[1:] for item in (Text(), table)))


def _render_counts(counts: Sequence[Count], whose: str) -> RenderableType:
    total = sum(count.count for count in counts)
    top = sorted(counts, key=lambda count: (-count.count, count.key))[:MAX_COUNTS]
    names = _names(count.key for count in top)
    units = list(dict.fromkeys(unit for count in top for unit, _ in count.sums))
    table = _table(names)
    for unit in units:
        table.add_column(unit, justify="right", no_wrap=True)
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True, style="dim")
    table.add_column("", max_width=_BAR_CELLS)
    for count in top:
        values = dict(count.key)
        cells = (Text(values.get(name, "-"), overflow="fold") for name in names)
        sums = (count_text(dict(count.sums).get(unit, 0)) for unit in units)
        table.add_row(
            *cells, *sums, count_text(count.count), share_text(count.count, total), Bar(count.count / top[0].count)
        )
    parts: list[RenderableType] = [Text(f"{whose}: {counted(total, 'event')}, {counted(len(counts), 'key')}", "bold")]
    parts.append(Padding.indent(table, 2))
    if len(counts) > len(top):
        rest = total - sum(count.count for count in top)
        more = (
            f"  +{counted(len(counts) - len(top), 'more key')} with {share_text(rest, total)} (--json has all of them)"
        )
        parts.append(Text(more, "dim"))
    return Group(*parts)


def render_events(events: Sequence[Event], whose: str) -> RenderableType:
    """The last events, in the order of time."""
    last = events[-MAX_EVENTS:]
    names = _names(event.fields for event in last)
    table = _table(["at (UTC)", *names])
    for event in last:
        at, values = utc(event.at_ms), dict(event.fields)
        when = "-" if at is None else at.strftime("%H:%M:%S.") + f"{at.microsecond // 1000:03}"
        table.add_row(when, *(Text(values.get(name, "-"), overflow="fold") for name in names))
    parts: list[RenderableType] = [Text(f"{whose}: {counted(len(events), 'event')}", "bold"), Padding.indent(table, 2)]
    if len(events) > len(last):
        parts.append(Text(f"  +{counted(len(events) - len(last), 'earlier event')} (--json has all of them)", "dim"))
    return Group(*parts)


def _names(keys: Iterable[Key]) -> list[str]:
    """The names of all keys, in the order in which they first come."""
    return list(dict.fromkeys(name for key in keys for name, _ in key))


def _table(names: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(name, overflow="fold")
    return table
