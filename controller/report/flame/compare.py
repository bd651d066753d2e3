"""Whose values a picture shows, and how a frame's share differs from the same frame's elsewhere.

The page's script compares in the same way (``js/compare.js``) and is given the limits from here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from controller.analysis.wording import factor_text
from controller.report.flame.graph import REST, FlameGraph
from controller.report.flame.series import Series, SeriesKind

__all__ = ["NEUTRAL_RATIO", "SIGNIFICANT_Z", "Difference", "View", "difference", "opening_views", "ratio_text"]

NEUTRAL_RATIO = 1.15
"""Shares within this ratio of each other are alike."""
SIGNIFICANT_Z = 3.0
"""Below, a difference of two proportions may be chance."""
_NOISE = 1e-9
"""Shares are whole numbers of 10^-12; what is smaller comes from their rounding."""


class Difference(StrEnum):
    """What a picture says of a frame."""

    ALIKE = "alike"
    CHANCE = "chance"
    MORE = "more"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class View:
    """Shares of a whole by node; ``samples`` are behind it, 0: not known. ``total`` is in the unit, 0 of shares."""

    label: str
    total: int
    samples: int
    own: Sequence[float]
    shares: Sequence[float]
    """With callees."""


def opening_views(graph: FlameGraph) -> tuple[View, View | None]:
    """What the graph opens on, and what it is compared with."""
    mine = _view(graph, graph.series[graph.show])
    if graph.against is None:
        return mine, None
    return mine, _rest(graph) if graph.against == REST else _view(graph, graph.series[graph.against])


def difference(mine: float, mine_samples: int, other: float, other_samples: int) -> Difference:
    """Of two shares. Where a number of samples is 0, that is not known, nothing is called chance."""
    if mine == other or other / NEUTRAL_RATIO <= mine <= other * NEUTRAL_RATIO:
        return Difference.ALIKE
    if (
        mine_samples
        and other_samples
        and abs(_two_proportions(mine, mine_samples, other, other_samples)) < SIGNIFICANT_Z
    ):
        return Difference.CHANCE
    return Difference.MORE if mine > other else Difference.LESS


def ratio_text(mine: float, other: float) -> str:
    """``2.3x``, ``>100x``."""
    if not other:
        return "only here"
    if not mine:
        return "not here"
    return f"{factor_text(mine / other)}x"


def _two_proportions(mine: float, mine_samples: int, other: float, other_samples: int) -> float:
    """z with a pooled variance. It takes samples for independent, which those of one host are not quite."""
    pooled = (mine * mine_samples + other * other_samples) / (mine_samples + other_samples)
    variance = pooled * (1 - pooled) * (1 / mine_samples + 1 / other_samples)
    return (mine - other) / math.sqrt(variance) if variance > 0 else 0.0


def _view(graph: FlameGraph, series: Series) -> View:
    own = [0.0] * len(graph.tree)
    for node, value in series.own.items():
        own[node] = value / series.total
    total = 0 if series.kind is SeriesKind.MEAN else series.total
    return View(series.label, total, series.samples, own, graph.tree.inclusive(own))


def _rest(graph: FlameGraph) -> View:
    """The fleet without the host that is shown; every other host weighs the same."""
    host = graph.series[graph.show]
    mean = next(series for series in graph.series if series.kind is SeriesKind.MEAN)
    others = mean.hosts - 1
    whole, mine = _view(graph, mean).own, _view(graph, host).own
    shares = ((mean.hosts * each - one) / others for each, one in zip(whole, mine, strict=True))
    own = [share if share > _NOISE else 0.0 for share in shares]
    label = "the other host" if others == 1 else f"the other {others:,} hosts (mean of shares)"
    return View(label, 0, max(mean.samples - host.samples, 1) if host.samples else 0, own, graph.tree.inclusive(own))
