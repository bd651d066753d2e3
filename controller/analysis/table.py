"""Shares of all hosts by category, on the scale on which they are compared: a = sqrt(c / n).

Its sampling variance is about 1/(4n) whatever the share (the square root that stabilises the variance of counts:
Bartlett 1936, Anscombe 1948). Categories that less than half of the hosts have anything of are kept apart: the others'
0 are their median. Loops over cells are left to ``map``: ten thousand hosts have a million.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise, repeat
from operator import mul
from typing import NamedTuple

from controller.analysis.samples import Category, Sample

__all__ = ["MOST_MEASURED", "Table", "Tail", "evenly", "tabulate"]

MOST_MEASURED = 1001
"""What is typical of more hosts is typical of so many of them, evenly taken: more would tell no more."""


class Tail(NamedTuple):
    """All values in buckets below a bucket (``side`` "below"), or in it and above it ("from")."""

    side: str
    bucket: int


@dataclass(frozen=True, slots=True)
class Table:
    """``rows`` has the roots of each host, in the order of ``categories``.

    ``sparse`` has (host's place, root) by category, for categories that less than half of the hosts have.
    """

    categories: tuple[Category, ...]
    rows: list[list[float]]
    sparse: dict[Category, list[tuple[int, float]]]


def evenly(hosts: Sequence[Sample]) -> Sequence[Sample]:
    """At most 1,001 of them, evenly taken."""
    return hosts[:: max(1, -(-len(hosts) // MOST_MEASURED))]


def tabulate(samples: Sequence[Sample]) -> Table:
    """The roots of samples, none of them empty."""
    present = Counter(chain.from_iterable(sample.weights for sample in samples))
    dense = [category for category, hosts in present.items() if 2 * hosts >= len(samples)]
    rows = []
    for sample in samples:
        counts = map(sample.weights.get, dense, repeat(0))
        rows.append([*map(math.sqrt, map(mul, counts, repeat(1 / sample.total)))])
    sparse: dict[Category, list[tuple[int, float]]] = {}
    if len(dense) < len(present):
        known = frozenset(dense)
        for place, sample in enumerate(samples):
            for category in sample.weights.keys() - known:
                root = math.sqrt(sample.weights[category] / sample.total)
                sparse.setdefault(category, []).append((place, root))
    return Table((*dense, *_add_tails(rows, samples)), rows, sparse)


def _add_tails(rows: list[list[float]], samples: Sequence[Sample]) -> list[Tail]:
    """Slowness spreads over many buckets, each of which tells little; what they have in common is their side.

    Of the two sides of a bound the one that most hosts have less of tells more; it is the lower one up to some bound.
    """
    indexes = sorted(set(chain.from_iterable(sample.buckets for sample in samples)))
    if len(indexes) < 2:
        return []
    measured = evenly(samples)
    halves = sorted(
        next(index for index, seen in _below(sample, indexes) if 2 * seen > sample.total) for sample in measured
    )
    # Of most hosts at least half lies below what follows this bucket.
    turn = indexes.index(halves[(len(halves) - 1) // 2])
    for row, sample in zip(rows, samples, strict=True):
        below = [*accumulate(map(sample.buckets.get, indexes, repeat(0)))]
        part = 1 / sample.total
        row.extend(map(math.sqrt, map(mul, below[:turn], repeat(part))))
        row.extend([math.sqrt((sample.total - count) * part) for count in below[turn:-1]])
    return [
        Tail("below" if place < turn else "from", following) for place, (_, following) in enumerate(pairwise(indexes))
    ]


def _below(sample: Sample, indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip(indexes, accumulate(map(sample.buckets.get, indexes, repeat(0))), strict=True)
