"""When a host is so different from the others that it is named. docs/reading.md gives the rules' error rates."""

from collections.abc import Callable, Sequence
from statistics import median

from controller.analysis.samples import SampleKind
from controller.analysis.scores import Score

__all__ = ["MIN_EVENTS", "MIN_HOSTS", "TOO_FEW_TO_TELL", "odd_hosts"]

MIN_EVENTS = 150
"""A host with fewer is not compared."""
MIN_HOSTS = 8
"""With fewer there is no telling how much hosts usually differ, and so no statistical verdict."""
TOO_FEW_TO_TELL = 2
"""Of two hosts that differ, nothing says which one is odd."""

MANY_Z = 6.5
MANY_SEPARATION = 2.0
"""The odd host is also so many times as far from the others as hosts usually are: with many events the smallest
difference is a certain one, and yet nothing to wake anybody for."""
MANY_PART = 1 / 3
"""Where more of the hosts are odd, none of them is: they are of several kinds."""

FEW_Z = 6.5
FEW_GAP = {SampleKind.HISTOGRAM: 1.5, SampleKind.STACKS: 0.2, SampleKind.COUNTS: 0.2}
"""Among a few hosts the odd one is at least so far from the others, in octaves or parts of the whole, ..."""
FEW_SEPARATION = 3.0
"""... and so many times as far as any of the others is from the rest of them."""

GapSize = Callable[..., float]
"""``gap(host, *without)``: how far a host is from what is typical of the others, some of them left out."""


def odd_hosts(kind: SampleKind, scores: Sequence[Score], gap: GapSize) -> frozenset[int]:
    """The hosts to name, by their place; among a few at most one."""
    if len(scores) >= MIN_HOSTS:
        return _odd_among_many(scores, gap)
    return _odd_among_few(kind, scores, gap) if len(scores) > TOO_FEW_TO_TELL else frozenset()


def _odd_among_many(scores: Sequence[Score], gap: GapSize) -> frozenset[int]:
    gaps = [gap(host) for host in range(len(scores))]
    least = MANY_SEPARATION * median(gaps)
    odd = frozenset(host for host, score in enumerate(scores) if abs(score.z) >= MANY_Z and gaps[host] >= least)
    return odd if len(odd) <= MANY_PART * len(scores) else frozenset()


def _odd_among_few(kind: SampleKind, scores: Sequence[Score], gap: GapSize) -> frozenset[int]:
    hosts = range(len(scores))
    for host in hosts:
        size = gap(host)
        if abs(scores[host].z) >= FEW_Z and size >= FEW_GAP[kind]:
            spread = max(gap(other, host) for other in hosts if other != host)
            if size >= FEW_SEPARATION * spread:
                return frozenset({host})
    return frozenset()
