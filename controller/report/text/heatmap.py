"""Hosts by buckets in a terminal: a row a host, the odd ones on top; a colour is a part of the host's own values."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.color import Color, ColorSystem
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from controller.report.families import Family
from controller.report.names import short_names
from controller.report.text.numbers import short_text
from fleettrace.model.names import counted, natural_order
from fleettrace.snapshot import Histogram, bucket_bounds

__all__ = ["MAX_ROWS", "HeatMap"]

MAX_ROWS = 24
_MAX_NAME_CELLS = 20
_MAX_CELL = 4
_INDENT = 2

_COLOURS = (
    (68, 1, 84),
    (70, 50, 126),
    (54, 92, 141),
    (39, 127, 142),
    (31, 161, 135),
    (74, 193, 109),
    (160, 218, 57),
    (253, 231, 37),
)
"""Viridis: as bright as it is much, also for those who do not tell red from green."""
_GLYPHS, _ASCII_GLYPHS = "·:░▒▓█", ".:-=*#"
_LEGEND = (0.01, 0.05, 0.10, 0.25, 0.50)
_PLAIN_SYSTEMS = frozenset({None, "standard", "windows"})
"""Where eight shades would come out as two or three colours, they are drawn as glyphs."""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """One histogram of each host; ``marked`` hosts stand out. Of more than ``rows`` hosts the odd ones are drawn.

    ``steady``: below the marked ones hosts stand by name, so that they keep their places where it is drawn again.
    """

    family: Family
    marked: frozenset[str]
    rows: int = MAX_ROWS
    steady: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        family = self.family
        hosts = [host for host, _ in family.hosts[: self.rows]]
        if self.steady:
            hosts.sort(key=lambda host: (host not in self.marked, natural_order(host)))
        short = short_names(hosts, _MAX_NAME_CELLS)
        names = [f"{name} !" if host in self.marked else name for host, name in zip(hosts, short.names, strict=True)]
        name_cells = max(map(len, names), default=0)
        room = max(options.max_width - _INDENT - name_cells - 2, 1)
        family = family.coarse(room)
        indexes = family.indexes
        width = max(1, min(_MAX_CELL, room // len(indexes)))
        shown = range(indexes[0], min(indexes[-1] + 1, indexes[0] + room // width))
        paint = _Paint(console, options, width)
        about = f", {family.name}" if family.name else ""
        yield Text(f"Host by host{about}: the share of its values in each bucket, in {family.merged.unit}", "bold")
        histograms = dict(family.hosts)
        for name, host in zip(names, hosts, strict=True):
            row = Text(" " * _INDENT, no_wrap=True, overflow="crop")
            row.append(f"{name:<{name_cells}}  ", "bold red" if host in self.marked else "")
            yield row.append_text(_row(histograms[host], shown, paint))
        yield Text(" " * (_INDENT + name_cells + 2) + _axis(family, shown, width), "dim", no_wrap=True, overflow="crop")
        yield _legend(_Paint(console, options, 2), _INDENT + name_cells + 2)
        notes = [f"names without {short.domain}"] if short.domain else []
        if len(family.hosts) > len(hosts):
            more = counted(len(family.hosts) - len(hosts), "more host")
            notes.append(f"+{more}, less apart (fleettrace report draws 80)")
        if family is not self.family:
            notes.append("drawn in whole octaves (--json has the finer buckets)")
        if len(shown) < len(indexes):
            notes.append("too narrow for the largest buckets: widen the terminal")
        for note in notes:
            yield Text(" " * _INDENT + note, "dim", overflow="fold")


class _Paint:
    """How a share becomes a cell on this console."""

    def __init__(self, console: Console, options: ConsoleOptions, width: int) -> None:
        self._width = width
        self._glyphs = ""
        self._colours = [Color.from_rgb(*colour) for colour in _COLOURS]
        if console.color_system == "256":
            self._colours = [colour.downgrade(ColorSystem.EIGHT_BIT) for colour in self._colours]
        if console.no_color or console.color_system in _PLAIN_SYSTEMS:
            self._glyphs = _ASCII_GLYPHS if options.ascii_only else _GLYPHS

    def cell(self, share: float) -> Text:
        """By the square root, so that a tail of one percent can be seen; nothing stays empty."""
        if share <= 0:
            return Text(" " * self._width)
        shades = len(self._glyphs or _COLOURS)
        level = min(int(share**0.5 * (shades + 2)), shades - 1)
        if self._glyphs:
            return Text(self._glyphs[level] * self._width)
        return Text(" " * self._width, Style(bgcolor=self._colours[level]))


def _row(histogram: Histogram, indexes: Sequence[int], paint: _Paint) -> Text:
    counts, total = dict(histogram.counts), histogram.total
    return Text().join(paint.cell(counts.get(index, 0) / total) for index in indexes)


def _axis(family: Family, indexes: Sequence[int], width: int) -> str:
    """The lower bounds, where there is room for them."""
    line = ""
    for place, index in enumerate(indexes):
        bound = short_text(bucket_bounds(family.merged.scheme, index)[0])
        free = place * width >= len(line) + (1 if line else 0)
        # Half of a number is another number.
        if free and place * width + len(bound) <= len(indexes) * width:
            line = line.ljust(place * width) + bound
    return line


def _legend(paint: _Paint, indent: int) -> Text:
    text = Text(" " * indent, no_wrap=True, overflow="crop")
    less, least = paint.cell(_LEGEND[0] / 2), paint.cell(_LEGEND[0])
    if (less.plain, less.style) != (least.plain, least.style):
        text.append_text(less).append(f" <{100 * _LEGEND[0]:g}% ", "dim")
    for share in _LEGEND:
        text.append_text(paint.cell(share)).append(f" {100 * share:g}% ", "dim")
    return text
