"""Histograms: counts by bucket of a named scheme. A commutative monoid per (key, unit, scheme)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from fleettrace.errors import Malformed, SnapshotMismatch
from fleettrace.snapshot.key import Key, check_key

__all__ = ["LOG2", "MAX_BUCKET_INDEX", "Histogram", "bucket_bounds", "bucket_index", "merge_histograms"]

LOG2 = "log2"
"""The scheme of the kernel tools: bucket 0 is [0, 1], bucket i is [2^i, 2^(i+1) - 1]."""

MAX_BUCKET_INDEX = 63


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often a quantity fell into each bucket.

    ``counts`` holds (bucket index, count >= 1), ascending by index; empty buckets are left out.
    """

    key: Key
    unit: str
    scheme: str
    counts: tuple[tuple[int, int], ...]

    @property
    def total(self) -> int:
        """Number of values recorded."""
        return sum(count for _, count in self.counts)

    def check_valid(self) -> None:
        """Raise :class:`Malformed` unless the histogram is canonical."""
        check_key(self.key)
        if self.scheme != LOG2:
            raise Malformed(f"unknown bucket scheme {self.scheme!r}; this version knows {LOG2!r}")
        if not self.unit:
            raise Malformed("a histogram needs a unit")
        indexes = [index for index, _ in self.counts]
        if indexes != sorted(set(indexes)) or any(not 0 <= index <= MAX_BUCKET_INDEX for index in indexes):
            raise Malformed("bucket indexes must ascend within 0..63")
        if any(count < 1 for _, count in self.counts):
            raise Malformed("a bucket's count must be at least 1")


def bucket_bounds(scheme: str, index: int) -> tuple[int, int]:
    """The lowest and highest integer of a bucket, both inclusive."""
    if scheme != LOG2:
        raise Malformed(f"unknown bucket scheme {scheme!r}; this version knows {LOG2!r}")
    return (0, 1) if index == 0 else (1 << index, (1 << (index + 1)) - 1)


def bucket_index(scheme: str, value: int) -> int:
    """The bucket that holds an integer ``value`` >= 0."""
    if scheme != LOG2:
        raise Malformed(f"unknown bucket scheme {scheme!r}; this version knows {LOG2!r}")
    return max(value.bit_length() - 1, 0)


def merge_histograms(histograms: Iterable[Histogram]) -> tuple[Histogram, ...]:
    """Add histograms up, key by key; associative, commutative, and empty input is the identity.

    Raises :class:`SnapshotMismatch` when one key comes with two units or schemes: adding them
    would draw a wrong picture.
    """
    sums: dict[Key, Counter[int]] = {}
    kinds: dict[Key, tuple[str, str]] = {}
    for histogram in histograms:
        kind = (histogram.unit, histogram.scheme)
        if kinds.setdefault(histogram.key, kind) != kind:
            raise SnapshotMismatch(
                f"cannot merge histograms in {kinds[histogram.key]} and {kind}: run the same tool version on all hosts"
            )
        sums.setdefault(histogram.key, Counter()).update(dict(histogram.counts))
    return tuple(Histogram(key, *kinds[key], tuple(sorted(sums[key].items()))) for key in sorted(sums))
