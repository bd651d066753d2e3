"""Numbers and ranges as people read them."""

from collections.abc import Iterable

from controller.analysis.buckets import add_up, bucket_text, quantile_index
from controller.report.times import utc
from fleettrace.snapshot import Histogram

__all__ = [
    "bar",
    "bytes_text",
    "count_text",
    "percentile_text",
    "rate_text",
    "short_text",
    "time_text",
]

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def count_text(count: int) -> str:
    """``12,345``."""
    return f"{count:,}"


def rate_text(per_s: float) -> str:
    """``2,310``, and a decimal where a whole number would hide it: ``3.4``."""
    return f"{per_s:,.0f}" if per_s >= 10 or per_s == int(per_s) else f"{per_s:.1f}"


def short_text(number: int) -> str:
    """``512``, ``4k`` of 4096, ``1M`` of 1048576: powers of two as people call them, in at most four cells."""
    for unit, size in (("E", 60), ("P", 50), ("T", 40), ("G", 30), ("M", 20), ("k", 10)):
        if number >= 1 << size:
            return f"{number >> size}{unit}" if number % (1 << size) == 0 else f"{number / (1 << size):.3g}{unit}"
    return str(number)


def bytes_text(count: int) -> str:
    """``260 KiB``."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if size < 100 else f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"


def time_text(at_ms: int) -> str:
    """``2026-01-02 02:13:20 UTC``."""
    at = utc(at_ms)
    return "-" if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")


def bar(share: float, width: int, *, ascii_only: bool) -> str:
    """``share`` (0..1) of ``width`` cells in eighths of a cell; what is not nothing shows at least one eighth."""
    if ascii_only:
        return "#" * max(round(share * width), 1 if share > 0 else 0)
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


def percentile_text(histograms: Iterable[Histogram], percent: int) -> str:
    """The bucket of the percentile over all histograms together, ``[32, 63]``; never finer than what was measured."""
    known = [histogram for histogram in histograms if histogram.counts]
    if len({(histogram.unit, histogram.scheme) for histogram in known}) != 1:
        return "-"
    return bucket_text(known[0].scheme, quantile_index(add_up(known), percent / 100))
