"""Beside the score, whose place is one category: how far a host is from the others over all of them together."""

import math
from collections.abc import Sequence
from statistics import median

from controller.analysis.samples import Category, Sample
from controller.analysis.table import evenly

__all__ = ["TRIM", "ChiSquare", "trimmed_shares"]

TRIM = 0.1
"""Of the hosts' shares, so many at each end are left out of the mean: busy or odd hosts must not make it."""
LEAST_EXPECTED = 1.0
"""Categories where the typical host expects fewer events are taken together, as is usual for chi-square."""


def trimmed_shares(samples: Sequence[Sample]) -> dict[Category, float]:
    """The trimmed mean of the hosts' shares by category, which add up to 1.

    The mean of shares and never the share of the sum, which the busiest hosts would dominate.
    """
    shares: dict[Category, list[float]] = {}
    for sample in samples:
        for category, weight in sample.weights.items():
            shares.setdefault(category, []).append(weight / sample.total)
    cut = int(TRIM * len(samples))
    means = {}
    for category, own in shares.items():
        if len(own) > cut:
            ordered = [0.0] * (len(samples) - len(own)) + sorted(own)
            means[category] = sum(ordered[cut : len(ordered) - cut])
    total = sum(means.values())
    return {category: mean / total for category, mean in means.items() if mean}


class ChiSquare:
    """Each host's chi-square against the trimmed mean, in units of the hosts' usual one, as a normal deviate.

    Counts of real hosts vary more than those of dice; the chi-square is divided by how much more (the median of the
    hosts' chi-squares over their degrees of freedom, and at least 1), and made a normal deviate by Wilson and Hilferty
    (1931).
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        chosen = evenly(samples)
        events = median(sample.events for sample in chosen)
        self._kept = {
            category: share for category, share in trimmed_shares(chosen).items() if share * events >= LEAST_EXPECTED
        }
        self._freedom = max(len(self._kept), 1)
        squares = [_chi_square(sample, self._kept) for sample in chosen]
        self._dispersion = max(1.0, median(squares) / self._freedom)

    def z(self, sample: Sample) -> float:
        """Of one of the hosts."""
        return _normal_deviate(_chi_square(sample, self._kept) / self._dispersion, self._freedom)


def _chi_square(sample: Sample, kept: dict[Category, float]) -> float:
    square = 0.0
    rest, rest_share = sample.total, 1.0
    for category, share in kept.items():
        weight = sample.weights.get(category, 0)
        square += (weight / sample.total - share) ** 2 / share
        rest -= weight
        rest_share -= share
    floor = LEAST_EXPECTED / sample.events
    square += max(abs(rest / sample.total - rest_share), 0.0) ** 2 / max(rest_share, floor)
    return square * sample.events


def _normal_deviate(square: float, freedom: int) -> float:
    part = 2 / (9 * freedom)
    return float(((square / freedom) ** (1 / 3) - (1 - part)) / math.sqrt(part))
