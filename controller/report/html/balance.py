"""What was opened against what was closed: a row for each series, with its course drawn."""

from collections.abc import Sequence

from controller.analysis.balance import Balance
from controller.report.html.markup import Markup, picture, tag
from fleettrace.model.names import counted
from fleettrace.snapshot import key_text

__all__ = ["MAX_SERIES", "balance_section"]

MAX_SERIES = 30
_WIDTH_PX, _HEIGHT_PX = 220, 28
_MARGIN_PX = 2


def balance_section(series: Sequence[Balance]) -> Markup:
    """A table, those that grow first; there is one series at least."""
    head = tag(
        "tr",
        tag("th", " ".join(name for name, _ in series[0].key)),
        *(tag("th", name, class_="num") for name in ("opened", "closed", "balance", "per second")),
        tag("th", f"over {counted(len(series[0].points), 'slot')} of {series[0].slot_s} s"),
        tag("th", ""),
    )
    rows = [
        tag(
            "tr",
            tag("td", key_text(one.key) or "(all)", class_="mono"),
            *(tag("td", f"{number:,}", class_="num") for number in (one.opened, one.closed)),
            tag("td", f"{one.points[-1]:+,}", class_="num"),
            tag("td", f"{one.per_s:+.1f}", class_="num"),
            tag("td", _course(one.points)),
            tag("td", tag("b", "grows") if one.grows else "", class_="bad"),
        )
        for one in series[:MAX_SERIES]
    ]
    table = tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), class_="wide")
    parts = [tag("h2", "Opened against closed, all hosts"), table]
    if len(series) > MAX_SERIES:
        more = counted(len(series) - MAX_SERIES, "more key")
        parts.append(tag("p", f"+{more}: 'fleettrace export' has all of them", class_="soft"))
    return tag("section", *parts)


def _course(points: Sequence[int]) -> Markup:
    """From the lowest point at the bottom to the highest at the top, and from the beginning, where the balance is 0."""
    course = (0, *points)
    low, high = min(course), max(course)
    step = (_WIDTH_PX - 2 * _MARGIN_PX) / (len(course) - 1)
    height = _HEIGHT_PX - 2 * _MARGIN_PX
    drawn = " L".join(
        f"{_MARGIN_PX + at * step:.1f} {_MARGIN_PX + height * (high - point) / max(high - low, 1):.1f}"
        for at, point in enumerate(course)
    )
    line = tag("path", d=f"M{drawn}", class_="line line-0")
    return picture([line], _WIDTH_PX, _HEIGHT_PX, f"from 0 to {points[-1]:+,}")
