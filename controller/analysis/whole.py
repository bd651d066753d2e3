"""Beside the score, whose place is one category: how far a host is from the others over all of them together."""

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from controller.analysis.samples import Category, Sample
from controller.analysis.table import Cells, cells_of, evenly

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ChiSquare", "trimmed_shares"]

TRIM = 0.1
"""Of the hosts' shares, so many at each end are left out of the mean: busy or odd hosts must not make it."""
LEAST_EXPECTED = 1.0
"""Categories where the typical host expects fewer events are taken together, as is usual for chi-square."""


def trimmed_shares(cells: Cells, hosts: int) -> "NDArray[Any]":
    """The trimmed mean of the hosts' shares, which add up to 1, by place of the category; ``hosts``: how many.

    The mean of shares and never the share of the sum, which the busiest hosts would dominate.
    """
    import numpy as np  # noqa: PLC0415

    order = np.argsort(cells.category + cells.share / 2)  # by category and then by share, in one sort
    category, share = cells.category[order], cells.share[order]
    having = np.bincount(category, minlength=len(cells.categories))
    # Hosts that have nothing of a category come first.
    place = np.arange(len(order)) - (np.cumsum(having) - having)[category] + (hosts - having)[category]
    cut = int(TRIM * hosts)
    kept = (place >= cut) & (place < hosts - cut)
    sums: NDArray[Any] = np.bincount(category[kept], share[kept], minlength=len(cells.categories))
    whole = float(sums.sum())
    return sums * (1 / whole) if whole else sums


class ChiSquare:
    """Each host's chi-square against the trimmed mean, in units of the hosts' usual one, as a normal deviate.

    Counts of real hosts vary more than those of dice; the chi-square is divided by how much more (the median of the
    hosts' chi-squares over their degrees of freedom, and at least 1), and made a normal deviate by Wilson and Hilferty
    (1931).
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        import numpy as np  # noqa: PLC0415

        chosen = evenly(samples)
        events = np.array([sample.events for sample in chosen])
        cells = cells_of(chosen)
        means = trimmed_shares(cells, len(chosen))
        enough = means * median(events.tolist()) >= LEAST_EXPECTED
        self._kept = {cells.categories[place]: float(means[place]) for place in np.flatnonzero(enough).tolist()}
        self._freedom = max(len(self._kept), 1)
        # The same as _chi_square of each host: where one has nothing of a category, its part is the usual share.
        own = enough[cells.category]
        host, share, usual = cells.host[own], cells.share[own], means[cells.category[own]]
        parts = np.bincount(host, (share - usual) ** 2 / usual - usual, minlength=len(chosen))
        rest = 1 - np.bincount(host, share, minlength=len(chosen))
        rest_usual = 1 - means[enough].sum()
        squares = parts + means[enough].sum()
        squares = squares + (rest - rest_usual) ** 2 / np.maximum(rest_usual, LEAST_EXPECTED / events)
        self._dispersion = max(1.0, median((squares * events).tolist()) / self._freedom)

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
    square += (rest / sample.total - rest_share) ** 2 / max(rest_share, floor)
    return square * sample.events


def _normal_deviate(square: float, freedom: int) -> float:
    part = 2 / (9 * freedom)
    return float(((square / freedom) ** (1 / 3) - (1 - part)) / math.sqrt(part))
