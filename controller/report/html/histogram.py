"""One histogram as bars: a row for each bucket, with percentiles where they lie."""

from controller.analysis.buckets import quantile_index
from controller.analysis.wording import share_text
from controller.report.families import Family
from controller.report.html.markup import Markup, tag

__all__ = ["MAX_ROWS", "histogram_table"]

MAX_ROWS = 64
"""Of finer buckets than fit so many rows, whole octaves are drawn."""

_BAR_PX = 420
_PERCENTS = (50, 90, 99)


def histogram_table(family: Family) -> Markup:
    """A table, which a screen reader can read, with a bar in each row."""
    drawn = family.coarse(MAX_ROWS)
    if drawn is not family:
        note = tag("p", "Drawn in whole octaves; 'fleettrace export' has the finer buckets.", class_="soft")
        return tag("div", histogram_table(drawn), note)
    counts = dict(family.merged.counts)
    total, most = family.merged.total, max(counts.values())
    marks: dict[int, list[str]] = {}
    for percent in _PERCENTS:
        marks.setdefault(quantile_index(counts, percent / 100), []).append(f"p{percent}")
    rows = [
        tag(
            "tr",
            tag("td", family.bounds_text(index), class_="num mono"),
            tag("td", f"{counts.get(index, 0):,}", class_="num"),
            tag("td", share_text(counts.get(index, 0) / total), class_="num soft"),
            tag("td", _bar(counts.get(index, 0) / most), tag("b", " ".join(marks.get(index, [])))),
        )
        for index in family.indexes
    ]
    head = tag(
        "tr", *(tag("th", name, class_="num", scope="col") for name in ("values in", "count", "share")), tag("th")
    )
    table = tag("table", tag("thead", head), tag("tbody", *rows), class_="bars")
    return tag("div", table, class_="wide")


def _bar(share: float) -> Markup:
    width = max(share * _BAR_PX, 1.0) if share else 0.0
    return tag(
        "svg",
        tag("rect", width=width, height="13", rx="2", class_="bar"),
        width=width + 8,
        height="13",
        aria_hidden="true",
    )
