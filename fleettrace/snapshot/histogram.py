"""Histograms: counts by bucket of a named scheme. A commutative monoid per (key, unit, family of schemes).

Schemes are ``log2`` and, with 2^k buckets an octave, ``log2.k`` (k = 1..6). A finer one folds without loss into a
coarser one, each of its buckets lying within one of the other's: where hosts differ, the coarsest is common to all.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from fleettrace.errors import Malformed, SnapshotMismatch
from fleettrace.snapshot.key import Key, check_key

__all__ = [
    "LOG2",
    "MAX_BUCKET_INDEX",
    "Histogram",
    "bucket_bounds",
    "bucket_index",
    "coarsest",
    "fold",
    "merge_histograms",
    "scheme_of",
    "sub_bits",
]

LOG2 = "log2"
"""The scheme of the kernel tools: bucket 0 is [0, 1], bucket i is [2^i, 2^(i+1) - 1]."""

MAX_SUB_BITS = 6
MAX_BUCKET_INDEX = 63
"""Of the scheme ``log2``; finer schemes have as many octaves."""

_SCHEME = re.compile(rf"log2(?:\.([1-{MAX_SUB_BITS}]))?")


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
        last = _last_index(sub_bits(self.scheme))
        if not self.unit:
            raise Malformed("a histogram needs a unit")
        indexes = [index for index, _ in self.counts]
        if indexes != sorted(set(indexes)) or any(not 0 <= index <= last for index in indexes):
            raise Malformed(f"bucket indexes must ascend within 0..{last}")
        if any(count < 1 for _, count in self.counts):
            raise Malformed("a bucket's count must be at least 1")


def sub_bits(scheme: str) -> int:
    """k of a scheme with 2^k buckets an octave; 0 of ``log2``.

    Raises:
        Malformed: no such scheme.
    """
    match = _SCHEME.fullmatch(scheme)
    if match is None:
        raise Malformed(
            f"unknown bucket scheme {scheme!r}; this version knows {LOG2!r} and {LOG2}.1 to .{MAX_SUB_BITS}"
        )
    return int(match[1] or 0)


def scheme_of(bits: int) -> str:
    """The scheme with 2^bits buckets an octave."""
    return f"{LOG2}.{bits}" if bits else LOG2


def bucket_bounds(scheme: str, index: int) -> tuple[int, int]:
    """The lowest and highest integer of a bucket, both inclusive.

    Below 2^(k+1) the buckets of ``log2.k`` are single integers: bucket i is [i, i]. From there on octave o, which is
    [2^o, 2^(o+1) - 1], has 2^k buckets of equal width.
    """
    bits = sub_bits(scheme)
    if not bits:
        return (0, 1) if index == 0 else (1 << index, (1 << (index + 1)) - 1)
    if index < 2 << bits:
        return index, index
    octave, sub = (index >> bits) + bits - 1, index & ((1 << bits) - 1)
    width = 1 << (octave - bits)
    low = (1 << octave) + sub * width
    return low, low + width - 1


def bucket_index(scheme: str, value: int) -> int:
    """The bucket that holds an integer ``value`` >= 0."""
    bits = sub_bits(scheme)
    if not bits:
        return max(value.bit_length() - 1, 0)
    if value < 2 << bits:
        return value
    # The octave's number, with the bits of the value that follow its first as the place within the octave.
    shift = value.bit_length() - 1 - bits
    return (shift << bits) + (value >> shift)


def fold(histogram: Histogram, scheme: str) -> Histogram:
    """The same histogram in a scheme as coarse or coarser; nothing is counted that was not before, and nothing lost.

    Raises:
        SnapshotMismatch: the scheme is finer than the histogram's.
    """
    if scheme == histogram.scheme:
        return histogram
    if sub_bits(scheme) > sub_bits(histogram.scheme):
        raise SnapshotMismatch(f"a histogram in {histogram.scheme} cannot be refined to {scheme}: record it finer")
    counts: Counter[int] = Counter()
    for index, count in histogram.counts:
        counts[bucket_index(scheme, bucket_bounds(histogram.scheme, index)[0])] += count
    return Histogram(histogram.key, histogram.unit, scheme, tuple(sorted(counts.items())))


def coarsest(schemes: Iterable[str]) -> str:
    """The coarsest of some schemes, into which all others fold; ``log2`` of none."""
    return min(schemes, key=sub_bits, default=LOG2)


def merge_histograms(histograms: Iterable[Histogram]) -> tuple[Histogram, ...]:
    """Add histograms up, key by key, each key in its coarsest scheme.

    Associative, commutative, and empty input is the identity.

    Raises :class:`SnapshotMismatch` when one key comes with two units: adding them would draw a wrong picture.
    """
    by_key: dict[Key, list[Histogram]] = {}
    for histogram in histograms:
        own = by_key.setdefault(histogram.key, [])
        if own and own[0].unit != histogram.unit:
            raise SnapshotMismatch(
                f"cannot merge histograms in {own[0].unit!r} and {histogram.unit!r}: "
                f"run the same tool version on all hosts"
            )
        own.append(histogram)
    return tuple(_sum(key, by_key[key]) for key in sorted(by_key))


def _sum(key: Key, histograms: list[Histogram]) -> Histogram:
    scheme = coarsest({histogram.scheme for histogram in histograms})
    counts: Counter[int] = Counter()
    for histogram in histograms:
        counts.update(dict(fold(histogram, scheme).counts))
    return Histogram(key, histograms[0].unit, scheme, tuple(sorted(counts.items())))


def _last_index(bits: int) -> int:
    """The bucket of the largest integer of 64 bits."""
    return bucket_index(scheme_of(bits), (1 << (MAX_BUCKET_INDEX + 1)) - 1)
