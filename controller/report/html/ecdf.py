"""How much of the values lies below each bound: the fleet's usual range, its median, and those who stand out.

A histogram says this at the ends of its buckets and nowhere else, so that the lines are steps which rise there.
"""

import math
from collections.abc import Sequence

from controller.report.families import Family
from controller.report.html.markup import Markup, picture, tag
from fleettrace.snapshot import Histogram

__all__ = ["MAX_LINES", "MIN_ENVELOPE_HOSTS", "cumulative", "ecdf", "envelope", "step_chart"]

MAX_LINES = 3
"""So many hosts that stand out have a line of their own; ``report.css`` has their colours and dashes."""
MIN_ENVELOPE_HOSTS = 5
"""With fewer hosts each has a thin line: 5% of a few hosts is none of them."""

_WIDTH_PX, _HEIGHT_PX = 900, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 50

Steps = Sequence[float]


def cumulative(histogram: Histogram, indexes: range) -> list[float]:
    """The share of values up to the end of each bucket."""
    counts, total = dict(histogram.counts), histogram.total
    sums, below = [], 0
    for index in indexes:
        below += counts.get(index, 0)
        sums.append(below / total)
    return sums


def envelope(lines: Sequence[Steps], q: float) -> list[float]:
    """The q-quantile of the hosts at each bound, by nearest rank: always a value that a host has."""
    rank = max(math.ceil(q * len(lines)) - 1, 0)
    return [sorted(column)[rank] for column in zip(*lines, strict=True)]


def ecdf(family: Family, marked: Sequence[str], nearest: Sequence[str] = ()) -> Markup:
    """SVG; ``marked`` hosts have a line of their own, most conspicuous first, and so have ``nearest``, whom nobody
    accuses."""
    lines = {host: cumulative(histogram, family.indexes) for host, histogram in family.hosts}
    own = [host for host in (*marked, *nearest) if host in lines][:MAX_LINES]
    named = [(f"{host} (nearest; not clearly apart)" if host in nearest else host, lines[host]) for host in own]
    others = [line for host, line in lines.items() if host not in own]
    return step_chart(family, named, others)


def step_chart(family: Family, own: Sequence[tuple[str, Steps]], others: Sequence[Steps]) -> Markup:
    """Lines with names over the buckets of a family, and what is usual of the others."""
    drawn = [*_axes(family), *_fleet(others)]
    drawn += [
        tag("path", tag("title", name), d=_steps(line), class_=f"line line-{n}") for n, (name, line) in enumerate(own)
    ]
    svg = picture(drawn, _WIDTH_PX, _HEIGHT_PX, "Cumulative shares")
    return tag("div", svg, _key([name for name, _ in own], others), class_="picture")


def _fleet(others: Sequence[Steps]) -> list[Markup]:
    if not others:
        return []
    if len(others) < MIN_ENVELOPE_HOSTS:
        return [tag("path", d=_steps(line), class_="line thin") for line in others]
    low, high = envelope(others, 0.05), envelope(others, 0.95)
    area = f"{_steps(high)} {_steps(low, backwards=True)} Z"
    return [tag("path", d=area, class_="band"), tag("path", d=_steps(envelope(others, 0.5)), class_="line median")]


def _key(own: Sequence[str], others: Sequence[Steps]) -> Markup:
    items = [_item(f"line line-{number}", host) for number, host in enumerate(own)]
    if len(others) >= MIN_ENVELOPE_HOSTS:
        items += [_item("band", f"5-95% of the other {len(others):,} hosts"), _item("line median", "their median")]
    elif others:
        items.append(_item("line thin", "each other host"))
    note = "known at the ends of buckets, where the lines rise; nothing is interpolated between"
    return tag("p", *items, tag("span", note, class_="soft"), class_="key")


def _item(style: str, text: str) -> Markup:
    swatch = tag("svg", tag("path", d="M0 6 H22 V8 H0", class_=style), width="22", height="14", aria_hidden="true")
    return tag("span", swatch, " ", text, class_="key-item")


def _steps(line: Steps, *, backwards: bool = False) -> str:
    """Flat until the end of a bucket, and up there."""
    width = (_WIDTH_PX - _LEFT - _RIGHT) / len(line)
    points = [(float(_LEFT), _y(0.0))]
    for number, share in enumerate(line, 1):
        x = _LEFT + number * width
        points += [(x, points[-1][1]), (x, _y(share))]
    if backwards:
        return "L" + " L".join(f"{x:.1f} {y:.1f}" for x, y in reversed(points))
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _axes(family: Family) -> list[Markup]:
    found = []
    for share in (0.0, 0.25, 0.5, 0.75, 0.9, 1.0):
        y = _y(share)
        found.append(tag("line", x1=_LEFT, x2=_WIDTH_PX - _RIGHT, y1=y, y2=y, class_="grid"))
        found.append(tag("text", f"{100 * share:g}%", x=_LEFT - 8, y=y + 4, class_="label"))
    indexes = family.indexes
    width = (_WIDTH_PX - _LEFT - _RIGHT) / len(indexes)
    every = max(1, math.ceil(74 / width))
    for number, index in enumerate(indexes, 1):
        if number % every == 0 or len(indexes) == 1:
            x = min(_LEFT + number * width, _WIDTH_PX - _RIGHT - 24)
            found.append(tag("text", f"≤ {family.upper(index):,}", x=x, y=_HEIGHT_PX - _BOTTOM + 18, class_="tick"))
    axis = f"{family.merged.unit} (logarithmic); height: share of the host's values up to there"
    return [*found, tag("text", axis, x=_LEFT, y=_HEIGHT_PX - 10, class_="axis")]


def _y(share: float) -> float:
    return _TOP + (1 - share) * (_HEIGHT_PX - _TOP - _BOTTOM)
