"""Upper bounds of buckets, the same for every host of a result, as monitoring systems need them to add hosts up."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from fleettrace.snapshot import Histogram, bucket_bounds
from fleettrace.snapshot.histogram import coarsest, fold

__all__ = ["Bounds", "common_bounds"]

EXACT_BELOW = 1 << 53
"""Readers hold bounds as doubles, which are exact below; buckets beyond go to the one that has no upper bound."""


class Bounds:
    """``upper``: inclusive integers from the first bucket on, ascending. Values are integers: ``<=`` is exact."""

    def __init__(self, scheme: str, last_index: int) -> None:
        bounds = [bucket_bounds(scheme, index)[1] for index in range(last_index + 1)]
        self.upper: Sequence[int] = [bound for bound in bounds if bound < EXACT_BELOW]
        self._scheme = scheme

    def counts(self, histogram: Histogram) -> list[int]:
        """One count for each bound and a last one for what is beyond all of them."""
        counts = [0] * (len(self.upper) + 1)
        for index, count in fold(histogram, self._scheme).counts:
            counts[min(index, len(self.upper))] += count
        return counts

    def cumulative(self, histogram: Histogram) -> list[int]:
        """The same, each with all before it; the last is the total."""
        return list(accumulate(self.counts(histogram)))


def common_bounds(merged: Iterable[Histogram]) -> dict[str, Bounds]:
    """Bounds for the histograms of each unit: those of the coarsest scheme among the merged ones."""
    by_unit: dict[str, list[Histogram]] = {}
    for histogram in merged:
        by_unit.setdefault(histogram.unit, []).append(histogram)
    return {unit: _common(histograms) for unit, histograms in by_unit.items()}


def _common(histograms: Sequence[Histogram]) -> Bounds:
    scheme = coarsest(histogram.scheme for histogram in histograms)
    last = max((index for each in histograms for index, _ in fold(each, scheme).counts), default=0)
    return Bounds(scheme, last)
