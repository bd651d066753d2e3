"""How far each host's shares lie from the others', in robust standard deviations.

Shares are made comparable by a = sqrt(c / n), whose sampling variance is about 1/(4n) whatever the share (the square
root that stabilises the variance of counts: Bartlett 1936, Anscombe 1948). The centre is a median and the spread a
median absolute deviation, which a minority of odd hosts cannot move.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import TypeVar

from controller.analysis.samples import Category, Sample

__all__ = ["Score", "score_few_hosts", "score_hosts"]

MAD_TO_SIGMA = 1.4826
"""A normal distribution's standard deviation in units of its median absolute deviation."""

WELL_FILLED_EVENTS = 5
"""Categories where the typical host has at least so many events have a spread worth knowing."""

Value = TypeVar("Value")
Roots = Mapping[Category, float]


@dataclass(frozen=True, slots=True)
class Score:
    """A host's largest deviation and where it is; positive: the host has more of it."""

    z: float
    category: Category


def score_hosts(samples: Sequence[Sample]) -> list[Score]:
    """The scores of many samples, none of them empty, in their order.

    No spread is taken to be less than sampling alone makes it, nor less than what is usual over the well-filled
    categories: estimated from a few numbers it is sometimes far too small by chance, but on this scale it is much
    the same everywhere.
    """
    roots = [_roots(sample) for sample in samples]
    typical_events = median(sample.events for sample in samples)
    centres = _centres(roots)
    spreads = {
        category: MAD_TO_SIGMA * median([abs(own.get(category, 0.0) - centre) for own in roots])
        for category, centre in centres.items()
    }
    own_categories = {category for sample in samples for category in sample.weights}
    filled = [
        spreads[category]
        for category in own_categories & centres.keys()
        if centres[category] ** 2 * typical_events >= WELL_FILLED_EVENTS
    ]
    floor = max(median(filled) ** 2 if filled else 0.0, 1 / (4 * typical_events))
    variances = {category: max(spread**2, floor) for category, spread in spreads.items()}
    return [_largest(own, centres, variances, floor, sample.events) for own, sample in zip(roots, samples, strict=True)]


def score_few_hosts(samples: Sequence[Sample]) -> list[Score]:
    """The scores of two or more samples, each against the others alone, by what sampling would explain.

    Among a few hosts, one that is in the median hides itself. How much the others differ cannot be estimated from so
    few either, so that a high score says that a difference is real, and not that it is unusual.
    """
    roots = [_roots(sample) for sample in samples]
    scores = []
    for host, sample in enumerate(samples):
        typical_events = median([other.events for other in _others(samples, host)])
        scores.append(
            _largest(roots[host], _centres(_others(roots, host)), {}, 1 / (4 * typical_events), sample.events)
        )
    return scores


def _roots(sample: Sample) -> dict[Category, float]:
    weights = chain(sample.weights.items(), sample.tails.items())
    return {category: math.sqrt(weight / sample.total) for category, weight in weights}


def _centres(roots: Sequence[Roots]) -> dict[Category, float]:
    """Medians by category; those that most hosts have nothing of are left out, for theirs is 0 (and so is the MAD)."""
    present: dict[Category, list[float]] = {}
    for own in roots:
        for category, root in own.items():
            present.setdefault(category, []).append(root)
    return {
        category: median(values + [0.0] * (len(roots) - len(values)))
        for category, values in present.items()
        if 2 * len(values) >= len(roots)
    }


def _largest(
    own: Roots, centres: Mapping[Category, float], variances: Mapping[Category, float], floor: float, events: float
) -> Score:
    """The largest deviation; ``floor`` is the variance of the categories that ``variances`` leaves out."""
    sampling = 1 / (4 * events)
    best = Score(0.0, None)
    for category in own.keys() | centres.keys():
        deviation = own.get(category, 0.0) - centres.get(category, 0.0)
        z = deviation / math.sqrt(variances.get(category, floor) + sampling)
        # Sets have no order: of equals the first by name, so that the answer is always the same.
        if abs(z) > abs(best.z) or (abs(z) == abs(best.z) and repr(category) < repr(best.category)):
            best = Score(z, category)
    return best


def _others(values: Sequence[Value], host: int) -> list[Value]:
    return [*values[:host], *values[host + 1 :]]
