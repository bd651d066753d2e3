"""Hosts' results as shares, what is typical of them, and how far a host is from that.

The distance is in a unit that means something: octaves between histograms, parts of the whole between other results.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

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
    """Shares (0..1, together 1 a host) by item of hosts in a fixed order."""

    def __init__(
        self, shares: Sequence[Mapping[Item, float]], apart: Callable[[Mapping[Item, float], Mapping[Item, float]], Gap]
    ) -> None:
        self.shares = shares
        self._apart = apart
        self._sum: dict[Item, float] = {}
        for own in shares:
            for item, share in own.items():
                self._sum[item] = self._sum.get(item, 0.0) + share

    def typical_without(self, *hosts: int) -> dict[Item, float]:
        """The mean of all hosts' shares but these (some must be left).

        Each host counts alike, however busy: the sum of their counts would be the busiest host's.
        """
        left = len(self.shares) - len(hosts)
        typical = dict(self._sum)
        for host in hosts:
            for item, share in self.shares[host].items():
                typical[item] -= share
        return {item: share / left for item, share in typical.items() if share > ROUNDING}

    def gap(self, host: int, *without: int) -> float:
        """How far a host is from what is typical of the others, ``without`` some."""
        return self._apart(self.shares[host], self.typical_without(host, *without)).size


def apart_by_octaves(own: Mapping[int, float], others: Mapping[int, float]) -> Gap:
    """The Wasserstein-1 distance of two distributions over log2 buckets, in octaves.

    It is the area between the cumulative distributions: how far, on average, one has to move a value of the one to
    make the other. ``shift`` is the part of it with a sign, the difference of the means.
    """
    indexes = own.keys() | others.keys()
    size = shift = difference = 0.0
    for index in range(min(indexes), max(indexes)):
        difference += others.get(index, 0.0) - own.get(index, 0.0)
        size += abs(difference)
        shift += difference
    return Gap(size, shift)


def apart_by_share(own: Mapping[Item, float], others: Mapping[Item, float]) -> Gap:
    """The largest difference in the share of any one item, 0..1."""
    largest = max((own.get(item, 0.0) - others.get(item, 0.0) for item in own.keys() | others.keys()), key=abs)
    return Gap(abs(largest), largest)
