"""Histograms as block bars: a row for each bucket between the first and the last that holds something."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from controller.analysis.buckets import quantile_index
from controller.analysis.wording import share_text
from controller.report.text.numbers import bar, count_text
from fleettrace.model.names import counted
from fleettrace.snapshot import LOG2, Histogram, bucket_bounds, key_text
from fleettrace.snapshot.histogram import fold

__all__ = ["MAX_HISTOGRAMS", "render_histograms"]

MAX_HISTOGRAMS = 6
"""More keys than this are counted and not drawn."""

MAX_BARS = 40
_MARKS = (50, 90, 99)
_MAX_BAR_CELLS = 60


def render_histograms(histograms: Sequence[Histogram], whose: str) -> RenderableType:
    """The largest histograms, each under its key; ``whose`` says of which hosts they speak."""
    largest = sorted(histograms, key=lambda histogram: (-histogram.total, histogram.key))
    parts: list[RenderableType] = []
    for histogram in largest[:MAX_HISTOGRAMS]:
        name = f"{whose}, {key_text(histogram.key)}" if histogram.key else whose
        parts += [Text()] if parts else []
        drawn = _drawable(histogram)
        parts += [Text(f"{name}: {counted(histogram.total, 'event')}, in {histogram.unit}", "bold"), Chart(drawn)]
        if drawn is not histogram:
            parts.append(Text("  drawn in whole octaves (--json has the finer buckets)", "dim"))
    if len(largest) > MAX_HISTOGRAMS:
        parts.append(Text(f"+{len(largest) - MAX_HISTOGRAMS} more histograms (--json has all)", "dim"))
    return Group(*parts)


def _drawable(histogram: Histogram) -> Histogram:
    """In whole octaves where its own buckets would fill a screen."""
    indexes = [index for index, _ in histogram.counts]
    if not indexes or indexes[-1] - indexes[0] < MAX_BARS:
        return histogram
    return fold(histogram, LOG2)


@dataclass(frozen=True, slots=True)
class Chart:
    """One histogram over the whole width: ``[ low, high]  count  share  bar  percentiles``."""

    histogram: Histogram

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        counts = dict(self.histogram.counts)
        if not counts:
            return
        total, most = self.histogram.total, max(counts.values())
        rows = range(min(counts), max(counts) + 1)
        marks = _marks(self.histogram)
        digits = len(str(bucket_bounds(self.histogram.scheme, rows[-1])[1]))
        count_width = len(count_text(most))
        # What is left of the line, with room for the longest mark, is the longest bar.
        fixed = 2 * digits + len("  [, ]  ") + count_width + len("  <99.9%  ") + 1
        width = min(max(options.max_width - fixed - max(map(len, marks.values())), 8), _MAX_BAR_CELLS)
        for index in rows:
            low, high = bucket_bounds(self.histogram.scheme, index)
            count = counts.get(index, 0)
            drawn = bar(count / most, width, ascii_only=options.ascii_only)
            line = Text(no_wrap=True, overflow="ignore")
            line.append(f"  [{low:>{digits}}, {high:>{digits}}]  {count_text(count):>{count_width}}  ")
            line.append(f"{share_text(count, total):>6}  ", "dim")
            line.append(drawn, "cyan")
            if index in marks:
                line.append(f"{' ' if drawn else ''}{marks[index]}", "bold")
            yield line


def _marks(histogram: Histogram) -> dict[int, str]:
    """Bucket index -> the percentiles that lie in it, such as ``p50 p90``."""
    marks: dict[int, str] = {}
    for percent in _MARKS:
        index = quantile_index(dict(histogram.counts), percent / 100)
        marks[index] = f"{marks[index]} p{percent}" if index in marks else f"p{percent}"
    return marks
