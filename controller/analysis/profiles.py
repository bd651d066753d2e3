"""Hosts' results as shares, what is typical of them, and how far a host is from that.

The distance is in a unit that means something: octaves between histograms, parts of the whole between other results.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Generic, TypeVar

from fleettrace.snapshot import LOG2, bucket_bounds

__all__ = ["Gap", "Profiles", "apart_by_octaves", "apart_by_share"]

Item = TypeVar("Item", bound=Hashable)

ROUNDING = 1e-12
"""Shares below this are what is left of a sum after its parts were taken away again."""


@dataclass(frozen=True, slots=True)
class Gap:
    """``size`` >= 0 is the distance; ``shift`` is how much of it points up (or, negative, down)."""

    size: float
    shift: float


class Profiles(Generic[Item]):
    """Shares (0..1, together 1 a host) by item of hosts in a fixed order, from weights by item and their total."""

    def __init__(
        self,
        hosts: Sequence[tuple[Mapping[Item, int], int]],
        apart: Callable[[Mapping[Item, float], Mapping[Item, float]], Gap],
    ) -> None:
        self._hosts = hosts
        self._apart = apart
        self._sum: dict[Item, float] = {}
        sums = self._sum
        for weights, total in hosts:
            for item, weight in weights.items():
                sums[item] = sums.get(item, 0.0) + weight / total

    def shares(self, host: int) -> dict[Item, float]:
        """One host's."""
        weights, total = self._hosts[host]
        return {item: weight / total for item, weight in weights.items()}

    def typical_without(self, *hosts: int) -> dict[Item, float]:
        """The mean of all hosts' shares but these (some must be left).

        Each host counts alike, however busy: the sum of their counts would be the busiest host's.
        """
        left = len(self._hosts) - len(hosts)
        typical = dict(self._sum)
        for host in hosts:
            for item, share in self.shares(host).items():
                typical[item] -= share
        return {item: share / left for item, share in typical.items() if share > ROUNDING}

    def gap(self, host: int, *without: int) -> float:
        """How far a host is from what is typical of the others, ``without`` some."""
        return self._apart(self.shares(host), self.typical_without(host, *without)).size


def apart_by_octaves(own: Mapping[int, float], others: Mapping[int, float], scheme: str = LOG2) -> Gap:
    """The Wasserstein-1 distance of two distributions over buckets, in octaves.

    It is the area between the cumulative distributions: how far, on average, one has to move a value of the one to
    make the other. ``shift`` is the part of it with a sign, the difference of the means. Values are taken to lie at
    their bucket's lower end.
    """
    size = shift = difference = 0.0
    for index, following in pairwise(sorted(own.keys() | others.keys())):
        difference += others.get(index, 0.0) - own.get(index, 0.0)
        octaves = _octave(scheme, following) - _octave(scheme, index)
        size += abs(difference) * octaves
        shift += difference * octaves
    return Gap(size, shift)


@cache
def _octave(scheme: str, index: int) -> float:
    """Where a bucket begins; 0 and 1 are both at 0, as they are one bucket of the coarsest scheme."""
    return math.log2(max(bucket_bounds(scheme, index)[0], 1))


def apart_by_share(own: Mapping[Item, float], others: Mapping[Item, float]) -> Gap:
    """The largest difference in the share of any one item, 0..1."""
    largest = max((own.get(item, 0.0) - others.get(item, 0.0) for item in own.keys() | others.keys()), key=abs)
    return Gap(abs(largest), largest)
