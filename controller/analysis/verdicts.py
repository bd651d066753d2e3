"""When a host is so different from the others that it is named. docs/reading.md gives the rules' error rates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controller.analysis.deviates import for_largest
from controller.analysis.samples import SampleKind
from controller.analysis.scores import Score
from fleettrace.model.findings import HostVerdict as Verdict

__all__ = ["MIN_EVENTS", "MIN_HOSTS", "TOO_FEW_TO_TELL", "Odd", "Verdict", "odd_hosts", "threshold"]

MIN_EVENTS = 150
"""A host with fewer is not compared."""
MIN_HOSTS = 8
"""With fewer there is no telling how much hosts usually differ, and so no statistical verdict."""
TOO_FEW_TO_TELL = 2
"""Of two hosts that differ, nothing says which one is odd."""

SUSPECT_Z = {SampleKind.HISTOGRAM: 5.2, SampleKind.STACKS: 5.1, SampleKind.COUNTS: 5.1}
"""Among so few hosts as to have a verdict at all. Between buckets hosts differ more oddly than a normal
distribution."""
OUTLIER_Z = 1.0
"""An outlier is so far beyond a suspect."""
MANY_PART = 1 / 3
"""Where more of the hosts are odd, none of them is: they are of several kinds."""

FEW_Z = 6.5
FEW_GAP = {SampleKind.HISTOGRAM: 1.5, SampleKind.STACKS: 0.2, SampleKind.COUNTS: 0.2}
"""Among a few hosts the odd one is at least so far from the others, in octaves or parts of the whole, ..."""
FEW_SEPARATION = 3.0
"""... and so many times as far as any of the others is from the rest of them."""

GapSize = Callable[..., float]
"""``gap(host, *without)``: how far a host is from what is typical of the others, some of them left out."""


@dataclass(frozen=True, slots=True)
class Odd:
    """The hosts to name, by their place; ``several_kinds``: so many hosts are apart that none of them is odd."""

    verdicts: dict[int, Verdict]
    several_kinds: bool = False


def threshold(kind: SampleKind, hosts: int) -> float:
    """The score of a suspect among so many hosts."""
    return for_largest(SUSPECT_Z[kind], hosts)


def odd_hosts(kind: SampleKind, scores: Sequence[Score], gap: GapSize) -> Odd:
    """The hosts to name; among a few at most one."""
    if len(scores) >= MIN_HOSTS:
        return _odd_among_many(kind, scores)
    return _odd_among_few(kind, scores, gap) if len(scores) > TOO_FEW_TO_TELL else Odd({})


def _odd_among_many(kind: SampleKind, scores: Sequence[Score]) -> Odd:
    least = threshold(kind, len(scores))
    odd = {host: score for host, score in enumerate(scores) if abs(score.z) >= least}
    if len(odd) > MANY_PART * len(scores):
        return Odd({}, several_kinds=True)
    return Odd(
        {host: Verdict.OUTLIER if abs(score.z) >= least + OUTLIER_Z else Verdict.SUSPECT for host, score in odd.items()}
    )


def _odd_among_few(kind: SampleKind, scores: Sequence[Score], gap: GapSize) -> Odd:
    hosts = range(len(scores))
    for host in hosts:
        size = gap(host)
        if abs(scores[host].z) >= FEW_Z and size >= FEW_GAP[kind]:
            spread = max(gap(other, host) for other in hosts if other != host)
            if size >= FEW_SEPARATION * spread:
                return Odd({host: Verdict.SUSPECT})
    return Odd({})
