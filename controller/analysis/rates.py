"""How many events a host had, which is another question than what they were like."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from controller.analysis.samples import Sample
from controller.analysis.scores import MAD_TO_SIGMA, Centre
from controller.analysis.verdicts import MIN_HOSTS

__all__ = ["Rate", "score_rates"]

RANKED_Z = 1.5
"""Up to here a rate says nothing of a host; what is beyond it counts in the ranking, ..."""
RANKED_WEIGHT = 1.5
"""... so many times."""
RATE_Z = 3.5
RATE_FACTOR = 4.0
"""Loads differ between healthy hosts; an odd rate is at least so many times the typical one, or a part of it."""
LEAST_SPREAD_OCTAVES = 0.4
"""No fleet's load is balanced better than that, however alike its rates look in one window."""
FREEDOM_PER_HOST, PRIOR_FREEDOM = 0.4, 4
"""Degrees of freedom of the spread: a median deviation is worth 0.37 of a standard deviation; what is known weighs
4."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A host's events per second, those of the typical host, and how far they are apart in standard deviations."""

    events_per_s: float
    typical_events_per_s: float
    z: float

    @property
    def factor(self) -> float:
        """How many times the typical rate."""
        return self.events_per_s / self.typical_events_per_s

    @property
    def odd(self) -> bool:
        """Whether it is unlike the others'."""
        return abs(self.z) >= RATE_Z and not 1 / RATE_FACTOR < self.factor < RATE_FACTOR

    @property
    def ranked(self) -> float:
        """What it adds to how far a host is from the others, in standard deviations, at a right angle to its shape."""
        return RANKED_WEIGHT * max(0.0, abs(self.z) - RANKED_Z)


def score_rates(samples: Sequence[Sample]) -> tuple[Rate | None, ...]:
    """The rates of samples, none of them empty, in their order; None where too few hosts, or no window, let one tell.

    Rates are compared as octaves; a rate of n events has the sampling variance 1/(n ln(2)^2).
    """
    known = [sample for sample in samples if sample.window_s > 0]
    if len(known) < MIN_HOSTS:
        return (None,) * len(samples)
    octaves = [math.log2(sample.total / sample.window_s) for sample in known]
    centre = median(octaves)
    spread = max(MAD_TO_SIGMA * median([abs(own - centre) for own in octaves]), LEAST_SPREAD_OCTAVES)
    freedom = FREEDOM_PER_HOST * (len(known) - 1) + PRIOR_FREEDOM
    found: list[Rate | None] = []
    for sample in samples:
        if sample.window_s <= 0:
            found.append(None)
            continue
        rate = sample.total / sample.window_s
        z = Centre(centre, spread**2, 0.0, freedom).deviate(math.log2(rate), 1 / (sample.events * math.log(2) ** 2))
        found.append(Rate(rate, 2**centre, z))
    return tuple(found)
