"""What can be said of a histogram, and nothing finer than its buckets."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction

from fleettrace.errors import BadInput
from fleettrace.snapshot import Histogram, bucket_bounds

__all__ = ["add_up", "bucket_text", "quantile_index"]

MAX_DENOMINATOR = 10**6
"""0.99 is not exactly 99/100 in binary; as the nearest fraction of at most this denominator it is."""


def quantile_index(weights: Mapping[int, float], q: float) -> int:
    """The index of the bucket that holds the q-quantile: the ceil(q n)-th smallest of n values.

    ``weights`` are counts by index, or shares.

    Raises:
        BadInput: ``q`` is not within 0 < q <= 1, or there are no values.
    """
    total = sum(weights.values())
    if not 0 < q <= 1 or not total:
        raise BadInput(f"a quantile needs 0 < q <= 1 and at least one value, not q = {q:g} of {total:g} values")
    rank = Fraction(q).limit_denominator(MAX_DENOMINATOR) * total
    seen: float = 0
    for index in sorted(weights):
        seen += weights[index]
        # Sums of shares are a few rounding errors off; whole counts are compared exactly below 10^12.
        if seen >= rank or math.isclose(seen, rank, rel_tol=1e-13):
            return index
    return max(weights)


def add_up(histograms: Iterable[Histogram]) -> Counter[int]:
    """Counts by bucket index over all keys."""
    total: Counter[int] = Counter()
    for histogram in histograms:
        total.update(dict(histogram.counts))
    return total


def bucket_text(scheme: str, index: int) -> str:
    """``[16, 31]``."""
    low, high = bucket_bounds(scheme, index)
    return f"[{low}, {high}]"
