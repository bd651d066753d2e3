"""What is opened against what is closed, over time: a leak is a balance that goes on growing.

Counts are a series when their keys have the label :data:`SECOND` and they have the sums :data:`OPENED` and
:data:`CLOSED`. How many are open at once moves up and down with the load; a pool that fills grows for a while. What
sets a leak apart is that it does not stop: the slope is the median of the slopes between all pairs of points (Theil and
Sen), which a beginning that differs from the rest does not move; it must hold in the later half too, and be larger than
what the balance strays from it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations
from statistics import median

from fleettrace.snapshot import Count, Key

__all__ = ["CLOSED", "OPENED", "SECOND", "Balance", "balances", "without_time"]

SECOND, OPENED, CLOSED = "second", "opened", "closed"

MIN_POINTS = 4
"""Of fewer nothing can be said."""
MAX_POINTS = 64
"""Longer series are thinned out: pairs of points are many."""
MIN_SPREADS = 4.0
"""A balance grows when it rises by so many times what it strays from a straight line, and by as many connections."""
_SD_PER_MAD = 1.4826


@dataclass(frozen=True, slots=True)
class Balance:
    """Of one key. ``points`` are opened minus closed since the beginning, at the end of each slot.

    A slot is ``slot_s`` seconds. ``per_s`` is the slope, along which the points rise by ``rise_spreads`` times what
    they stray from it; ``grows``: it is a leak's.
    """

    key: Key
    opened: int
    closed: int
    slot_s: int
    points: tuple[int, ...]
    per_s: float
    rise_spreads: float
    grows: bool

    @property
    def kept_share(self) -> float:
        """Of what was opened, what was not closed: who leaks keeps more of it than a busy peer that is made to."""
        return (self.opened - self.closed) / max(self.opened, 1)


def balances(counts: Sequence[Count]) -> tuple[Balance, ...]:
    """The steepest first, of like ones who keeps most of what it opens; none when the counts are no such series."""
    changes: dict[Key, dict[int, tuple[int, int]]] = {}
    for count in counts:
        second, sums = dict(count.key).get(SECOND, ""), dict(count.sums)
        if not second.isdecimal() or not {OPENED, CLOSED} <= sums.keys():
            return ()
        changes.setdefault(without_time(count.key), {})[int(second)] = sums[OPENED], sums[CLOSED]
    seconds = {second for own in changes.values() for second in own}
    slot_s = math.gcd(*seconds) or 1
    slots = range(0, max(seconds, default=-1) + 1, slot_s)
    found = [_balance(key, slot_s, [own.get(second, (0, 0)) for second in slots]) for key, own in changes.items()]
    return tuple(
        sorted(found, key=lambda one: (not one.grows, -round(one.per_s, 1), -one.kept_share, -one.opened, one.key))
    )


def without_time(key: Key) -> Key:
    """The key of the whole series."""
    return tuple((name, value) for name, value in key if name != SECOND)


def _balance(key: Key, slot_s: int, changes: Sequence[tuple[int, int]]) -> Balance:
    points = tuple(accumulate(opened - closed for opened, closed in changes))
    step = -(-len(points) // MAX_POINTS)
    thinned = points[::-1][::step][::-1]
    slope = _slope(thinned)
    rise_spreads = _rise_spreads(thinned, slope)
    lasts = len(points) >= MIN_POINTS and _slope(thinned[len(thinned) // 2 :]) > 0
    return Balance(
        key=key,
        opened=sum(opened for opened, _ in changes),
        closed=sum(closed for _, closed in changes),
        slot_s=slot_s,
        points=points,
        per_s=slope / step / slot_s,
        rise_spreads=rise_spreads,
        grows=lasts and rise_spreads >= MIN_SPREADS,
    )


def _slope(points: Sequence[int]) -> float:
    """In units a point."""
    slopes = [(later - earlier) / (at - since) for (since, earlier), (at, later) in combinations(enumerate(points), 2)]
    return median(slopes) if slopes else 0.0


def _rise_spreads(points: Sequence[int], slope: float) -> float:
    line = median(point - slope * at for at, point in enumerate(points))
    strays = [abs(point - slope * at - line) for at, point in enumerate(points)]
    return slope * (len(points) - 1) / max(_SD_PER_MAD * median(strays), 1.0)
