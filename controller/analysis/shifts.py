"""How much of a host's difference is what slowness looks like: a part of its events takes 2^k times as long.

A matched filter (the generalised likelihood ratio of a known change in correlated noise; Kay 1998, vol. 2, ch. 4): the
change that such a shift would make of what is typical is held against the host's deviation, both weighed by the
inverse of how healthy hosts vary together. Hosts whose centres differ a little vary in all buckets at once, in one
pattern; what does not follow it counts for more.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import mul, sub
from statistics import median
from typing import NamedTuple

from controller.analysis.deviates import for_largest, normal_deviate
from controller.analysis.samples import Sample
from fleettrace.snapshot import LOG2, bucket_bounds, bucket_index

__all__ = ["ShiftDeviates", "shift_deviates"]

SHIFTS_OCTAVES = (-4, -2, -1, 1, 2, 3, 4, 6)
PART = 0.05
"""Small, so that the change is nearly proportional to it: larger parts have much the same direction."""
PRIOR_HOSTS = 2
"""The usual spread, alike in all buckets and independent, weighs as much as so many hosts: a covariance of few hosts is
singular (shrinkage towards a multiple of the identity: Ledoit and Wolf 2004)."""
MOST_MEASURED = 300
"""Hosts are enough for the covariance of 64 buckets; of more, so many are evenly taken."""
ODD_Z = 4.5
"""Of eight hosts; those that look odder are not measured, unless ..."""
LEAST_MEASURED_PART = 2 / 3
"""... fewer than so many would be left: then the least odd ones are."""

EFFICIENCY, PRIOR_FREEDOM = 0.8, 8
"""Degrees of freedom: so many a host, and these: as many as the spread of a bucket has."""
NORMAL_KURTOSIS = 3.0

Vector = list[float]


class ShiftDeviates(NamedTuple):
    """By sample, in their order: |z| of the best shift either way, and of the best one to longer values (>= 0)."""

    either: list[float]
    longer: list[float]


def shift_deviates(
    samples: Sequence[Sample], scheme: str, sizes: Sequence[float], usual_variance: float
) -> ShiftDeviates:
    """How well some shift explains what is odd about each sample; 0 where all values are in one octave.

    ``sizes`` says how odd each host looked, bucket by bucket: very odd ones do not tell how healthy hosts vary.
    ``usual_variance`` is of a root of a share between hosts.
    """
    octaves = [_by_octave(sample.buckets, scheme) for sample in samples]
    low, high = min(map(min, octaves)), max(map(max, octaves))
    places = range(low, high + 1)
    roots = [
        [*map(math.sqrt, map(mul, map(own.get, places, repeat(0)), repeat(1 / sample.total)))]
        for own, sample in zip(octaves, samples, strict=True)
    ]
    middle = [median(column) for column in zip(*roots[:: -(-len(roots) // MOST_MEASURED)], strict=True)]
    changes = _changes(middle)
    if not changes:
        return ShiftDeviates([0.0] * len(samples), [0.0] * len(samples))
    sampling = 1 / (4 * median(sample.events for sample in samples))
    measured = _measured(sizes)
    apart = [[*map(sub, row, middle)] for row in roots]
    weight = len(measured) - 1 + PRIOR_HOSTS
    factor = _cholesky(_covariance([apart[host] for host in measured], weight, usual_variance, sampling))
    filters = [_Filter.of(factor, change) for change in changes.values()]
    inside = frozenset(measured)
    signed = []
    for host, (sample, own) in enumerate(zip(samples, apart, strict=True)):
        own_sampling = 1 / (4 * sample.events) - sampling
        # A host must not tell how far it may lie: its own part of the covariance is taken out (Sherman and Morrison).
        left = (weight - _square(factor, own)) / weight if host in inside else 1.0
        signed.append([each.square(own, own_sampling, left, weight) for each in filters])
    freedom = EFFICIENCY * (len(samples) - 1) + PRIOR_FREEDOM
    freedoms = [_freedom([abs(signed[host][place]) for host in measured], freedom) for place in range(len(filters))]
    deviates = [[*map(normal_deviate, map(abs, own), freedoms)] for own in signed]
    longer = [
        max((z for octaves, square, z in zip(changes, own, ours, strict=True) if octaves > 0 < square), default=0.0)
        for own, ours in zip(signed, deviates, strict=True)
    ]
    return ShiftDeviates([*map(max, deviates)], longer)


@dataclass(frozen=True, slots=True)
class _Filter:
    """A change times the inverse covariance; the change's square in that measure; the filter's own square."""

    matched: Vector
    gain: float
    noise: float

    @classmethod
    def of(cls, factor: list[Vector], change: Vector) -> "_Filter":
        matched = _solve(factor, change)
        return cls(matched, sum(map(mul, matched, change)), sum(map(mul, matched, matched)))

    def square(self, apart: Vector, own_sampling: float, left: float, weight: float) -> float:
        """The squared deviate of a host, below 0 where it has the opposite of the change.

        ``left`` is the part of the covariance that is not its own doing.
        """
        value: float = sum(map(mul, self.matched, apart))
        if left == 1.0:
            return value * abs(value) / (self.gain + own_sampling * self.noise)
        alone = self.gain + value * value / (left * weight)
        return value * abs(value) / left**2 / (alone + own_sampling * self.noise)


def _freedom(squares: Sequence[float], most: float) -> float:
    """Degrees of freedom of the t distribution with the kurtosis of these deviates but the largest.

    Where jitter is large against sampling, how hosts vary is no plane in the space of shares, and what sticks out of
    the plane has heavy tails.
    """
    usual = sorted(squares)[:-1]
    fourth, second = math.fsum(map(mul, usual, usual)), math.fsum(usual)
    excess = max(len(usual) * fourth / second**2 - NORMAL_KURTOSIS, 0.0) if second else 0.0
    # A t distribution with d degrees of freedom has an excess of 6 / (d - 4).
    return 1 / (1 / most + excess / (6 + 4 * excess))


def _by_octave(buckets: Mapping[int, int], scheme: str) -> Mapping[int, int]:
    if scheme == LOG2:
        return buckets
    found: dict[int, int] = {}
    for index, count in buckets.items():
        octave = bucket_index(LOG2, bucket_bounds(scheme, index)[0])
        found[octave] = found.get(octave, 0) + count
    return found


def _changes(middle: Vector) -> dict[int, Vector]:
    """What each shift, by its octaves, would make of the typical roots; without those that would change nothing."""
    whole = sum(root * root for root in middle)
    shares = [root * root / whole for root in middle] if whole else []
    found = {}
    for octaves in SHIFTS_OCTAVES:
        shifted = [(1 - PART) * share for share in shares]
        for place, share in enumerate(shares):
            shifted[min(max(place + octaves, 0), len(shares) - 1)] += PART * share
        change = [math.sqrt(new) - math.sqrt(old) for new, old in zip(shifted, shares, strict=True)]
        if any(abs(part) > 1e-9 for part in change):
            found[octaves] = change
    return found


def _measured(sizes: Sequence[float]) -> list[int]:
    odd_from = for_largest(ODD_Z, len(sizes))
    usual = [host for host, size in enumerate(sizes) if size < odd_from]
    if len(usual) < LEAST_MEASURED_PART * len(sizes):
        usual = sorted(sorted(range(len(sizes)), key=sizes.__getitem__)[: math.ceil(LEAST_MEASURED_PART * len(sizes))])
    return usual[:: -(-len(usual) // MOST_MEASURED)]


def _covariance(rows: list[Vector], weight: float, usual_variance: float, sampling: float) -> list[Vector]:
    """The lower half; what sampling explains is added, so that no direction is ever free of it."""
    columns = [*zip(*rows, strict=True)]
    own = PRIOR_HOSTS * (usual_variance + sampling) / weight + sampling
    return [
        [
            sum(map(mul, column, other)) / weight + (own if place == at else 0.0)
            for at, other in enumerate(columns[: place + 1])
        ]
        for place, column in enumerate(columns)
    ]


def _cholesky(lower: list[Vector]) -> list[Vector]:
    factor: list[Vector] = []
    for line in lower:
        row: Vector = []
        # ``map`` ends with the shorter one: the product is of what is there of the row so far.
        for value, other in zip(line, factor, strict=False):
            row.append((value - sum(map(mul, row, other))) / other[-1])
        row.append(math.sqrt(line[-1] - sum(map(mul, row, row))))
        factor.append(row)
    return factor


def _forward(factor: list[Vector], vector: Vector) -> Vector:
    found: Vector = []
    for row, value in zip(factor, vector, strict=True):
        found.append((value - sum(map(mul, row, found))) / row[-1])
    return found


def _solve(factor: list[Vector], vector: Vector) -> Vector:
    """The vector times the inverse of the matrix that was factored."""
    found = _forward(factor, vector)
    for place in range(len(found) - 1, -1, -1):
        found[place] /= factor[place][-1]
        for at, part in enumerate(factor[place][:-1]):
            found[at] -= part * found[place]
    return found


def _square(factor: list[Vector], vector: Vector) -> float:
    """Its length in units of the matrix that was factored, squared."""
    own = _forward(factor, vector)
    return math.fsum(map(mul, own, own))
