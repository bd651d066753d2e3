"""Hosts by buckets: how each host's values spread, the odd hosts on top."""

import math

from controller.analysis.wording import share_text
from controller.report.families import Family
from controller.report.html.markup import Markup, picture, tag
from controller.report.names import short_names
from fleettrace.model.names import counted

__all__ = ["LEVELS", "MAX_ROWS", "heat_level", "heatmap"]

MAX_ROWS = 80
LEVELS = 8
"""Steps of colour; ``report.css`` has their colours as ``.heat-1`` and so on."""

_ROW_PX = 17
_NAME_PX = 190
_WIDTH_PX = 900
_FOOT_PX = 58
_MAX_CELL_PX = 62
_NAME_CHARS = 23


def heatmap(family: Family, marked: frozenset[str]) -> Markup:
    """SVG; ``marked`` hosts are suspects. A colour is a part of the host's own values, so that all hosts compare."""
    rows = family.hosts[:MAX_ROWS]
    indexes = family.indexes
    cell = min((_WIDTH_PX - _NAME_PX) / len(indexes), _MAX_CELL_PX)
    height = len(rows) * _ROW_PX + _FOOT_PX
    drawn = []
    short = short_names([host for host, _ in rows], _NAME_CHARS, gap="…")
    for number, ((host, histogram), name) in enumerate(zip(rows, short.names, strict=True)):
        y = number * _ROW_PX
        style = "label suspect" if host in marked else "label"
        drawn.append(
            tag(
                "text",
                *([tag("title", host)] if name != host else []),
                f"{name} !" if host in marked else name,
                x=_NAME_PX - 8,
                y=y + 12.5,
                class_=style,
            )
        )
        counts = dict(histogram.counts)
        for column, index in enumerate(indexes):
            share = counts.get(index, 0) / histogram.total
            title = f"{host}, {family.bounds_text(index)}: {share_text(share)} ({counts.get(index, 0):,})"
            drawn.append(
                tag(
                    "rect",
                    tag("title", title),
                    x=_NAME_PX + column * cell,
                    y=y,
                    width=max(cell - 1, 1),
                    height=_ROW_PX - 1,
                    class_=f"heat-{heat_level(share)}",
                )
            )
    every = math.ceil((6.4 * len(f"≤ {family.upper(indexes[-1]):,}") + 6) / cell)
    for column, index in enumerate(indexes):
        if column % every == 0:
            text = f"≤ {family.upper(index):,}"
            x = min(_NAME_PX + (column + 0.5) * cell, _WIDTH_PX - 3.2 * len(text))
            drawn.append(tag("text", text, x=x, y=height - _FOOT_PX + 16, class_="tick"))
    axis = f"{family.merged.unit}, a column for each bucket; colour: share of the host's own values"
    drawn.append(tag("text", axis, x=_NAME_PX, y=height - _FOOT_PX + 34, class_="axis"))
    drawn += _legend(_NAME_PX, height - _FOOT_PX + 43)
    label = f"Heat map of {counted(len(rows), 'host')}: the share of values in each bucket"
    svg = picture(drawn, _WIDTH_PX, height, label)
    hidden = len(family.hosts) - len(rows)
    notes = [f"names without {short.domain}"] if short.domain else []
    notes += [f"+{counted(hidden, 'more host')}; the table has all of them"] if hidden else []
    more = [tag("p", "; ".join(notes), class_="soft")] if notes else []
    return tag("div", svg, *more, class_="picture")


def heat_level(share: float) -> int:
    """0 for none, then 1 to :data:`LEVELS`. By the square root, so that a tail of one percent can be seen."""
    return 0 if share <= 0 else max(1, min(LEVELS, round(share**0.5 * (LEVELS + 2))))


def _legend(x: float, y: float) -> list[Markup]:
    limits = [next(p for p in range(1, 101) if heat_level(p / 100) >= level) for level in range(2, LEVELS + 1)]
    texts = ["none", f"<{limits[0]}%", *(f"{limit}%+" for limit in limits)]
    found = []
    for level, text in enumerate(texts):
        left = x + level * 70
        found.append(tag("rect", x=left, y=y, width=12, height=12, class_=f"heat-{level}"))
        found.append(tag("text", text, x=left + 17, y=y + 10, class_="axis"))
    return found
