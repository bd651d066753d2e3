"""Whether a host that stood out once stands out again, beside a few hosts that are like it.

The second look asks one question, the one that the first has raised: is *this* host apart from hosts of its class and
load, in the same measure and the same direction. It therefore needs no correction for having looked everywhere, and
four hosts are enough for it.
"""

import math
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from statistics import median
from typing import Self

from controller.analysis.compare import Finding
from controller.analysis.evidence import ONE_WAY, TIME_UNITS, category_name, octaves_text, whole_of
from controller.analysis.profiles import Profiles, apart_by_octaves
from controller.analysis.samples import Category, Sample, Trait, group_samples
from controller.analysis.scores import score_few_hosts
from controller.analysis.verdicts import MIN_EVENTS
from controller.analysis.wording import share_text, times_text
from fleettrace.model.job import HostPart

__all__ = ["LEAST_CONTROLS", "Claim", "Measure", "Repeat", "claim_of", "matched_controls", "repeat_of"]

CONTROLS = 3
LEAST_CONTROLS = 2
"""With one, nothing would say which of the two is odd."""
KEPT_EFFECT = 0.5
"""A host that was picked as the most conspicuous of many is less so the next time; half of it must be left."""
SEPARATION = 2.0
"""It is so many times as far from the controls as any of them is from the others."""
LEAST_Z = 4.0
"""What sampling alone would rarely do."""


class Measure(StrEnum):
    """In what a host stood out."""

    SHIFT = "shift"
    """Its values are longer or shorter, in octaves."""
    SHAPE = "shape"
    """Its values are spread otherwise, in octaves without a sign."""
    SHARE = "share"
    """It has more or less of one key or function, as a part of the whole."""
    RATE = "rate"
    """It has more or fewer events a second, in octaves."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be seen again: the host, in what, and by how much against all others of its class."""

    host: str
    measure: Measure
    trait: Trait
    category: Category
    effect: float


@dataclass(frozen=True, slots=True)
class Repeat:
    """What a run said to a claim: the effect against the controls, and the controls' largest among themselves."""

    held: bool
    effect: float
    spread: float
    told: str


def claim_of(found: Finding, parts: Iterable[HostPart], named: Iterable[str]) -> Claim | None:
    """What a finding claims, measured against its class without the other ``named`` hosts; None: it can be measured by
    nothing, because nobody else of its class has data."""
    if found.trait is None:
        return None
    group = _Group.of(found.trait, parts, without=set(named) - {found.host})
    if group.sample(found.host) is None or len(group.samples) < LEAST_CONTROLS:
        return None
    measure = _measure(found)
    category = (found.blame.frame if found.blame is not None else found.category) if measure is Measure.SHARE else None
    return Claim(found.host, measure, found.trait, category, group.effect(measure, category, found.host))


def matched_controls(claim: Claim, parts: Iterable[HostPart], named: Iterable[str]) -> tuple[str, ...]:
    """Up to three hosts of the claim's class that are not named, those with the most similar rate of events first."""
    group = _Group.of(claim.trait, parts, without=set(named) - {claim.host})
    own = group.rate(claim.host)
    others = [sample.host for sample in group.samples if sample.host != claim.host]
    return tuple(sorted(others, key=lambda host: (abs(group.rate(host) - own), host))[:CONTROLS])


def repeat_of(claim: Claim, parts: Iterable[HostPart]) -> Repeat:
    """Whether a run over the host and its controls says the same again."""
    group = _Group.of(claim.trait, parts)
    controls = [sample.host for sample in group.samples if sample.host != claim.host]
    if group.sample(claim.host) is None or len(controls) < LEAST_CONTROLS:
        who = claim.host if group.sample(claim.host) is None else "all controls but one"
        return Repeat(False, 0.0, 0.0, f"not enough data: {who} had fewer than {MIN_EVENTS} events, or did not answer")
    effect = group.effect(claim.measure, claim.category, claim.host)
    alone = _Group(group.scheme, [sample for sample in group.samples if sample.host != claim.host])
    spread = max(abs(alone.effect(claim.measure, claim.category, host)) for host in controls)
    same_side = claim.measure is Measure.SHAPE or effect * claim.effect > 0
    large = abs(effect) >= max(KEPT_EFFECT * abs(claim.effect), SEPARATION * spread)
    held = same_side and large and group.z(claim, claim.host) >= LEAST_Z
    told = f"{_told(claim, effect)}; the controls differ by at most {_size(claim, spread)} from each other"
    return Repeat(held, effect, spread, told)


def _measure(found: Finding) -> Measure:
    if found.rate is not None and found.rate.odd and found.score == found.rate.z:
        return Measure.RATE
    if found.shape is None:
        return Measure.SHARE
    return Measure.SHIFT if abs(found.shape.gap.shift) >= ONE_WAY * found.shape.gap.size else Measure.SHAPE


@dataclass(frozen=True, slots=True)
class _Group:
    """Hosts with enough events of one class and unit, in one scheme."""

    scheme: str
    samples: Sequence[Sample]

    @classmethod
    def of(cls, trait: Trait, parts: Iterable[HostPart], without: AbstractSet[str] = frozenset()) -> Self:
        """Of a run's parts, whatever buckets they came in."""
        wanted = (trait.host_class, trait.kind, trait.unit)
        for other, samples in group_samples(parts).items():
            if (other.host_class, other.kind, other.unit) == wanted:
                enough = [one for one in samples if one.events >= MIN_EVENTS and one.host not in without]
                return cls(other.scheme, enough)
        return cls(trait.scheme, [])

    def sample(self, host: str) -> Sample | None:
        """One host's."""
        return next((sample for sample in self.samples if sample.host == host), None)

    def rate(self, host: str) -> float:
        """Octaves of events per second; without a window, of events."""
        (sample,) = (sample for sample in self.samples if sample.host == host)
        return math.log2(sample.total / (sample.window_s or 1.0))

    def effect(self, measure: Measure, category: Category, host: str) -> float:
        """How far a host is from the others here, in the unit of the measure."""
        place = [sample.host for sample in self.samples].index(host)
        own = self.samples[place]
        others = [sample for sample in self.samples if sample is not own]
        if measure is Measure.RATE:
            return self.rate(host) - median(self.rate(sample.host) for sample in others)
        if measure is Measure.SHARE:
            return own.share(category) - sum(sample.share(category) for sample in others) / len(others)
        apart = partial(apart_by_octaves, scheme=self.scheme)
        profiles = Profiles([(sample.buckets, sample.total) for sample in self.samples], apart)
        gap = apart(profiles.shares(place), profiles.typical_without(place))
        return gap.shift if measure is Measure.SHIFT else gap.size

    def z(self, claim: Claim, host: str) -> float:
        """How sure the difference is, by what sampling would explain."""
        place = [sample.host for sample in self.samples].index(host)
        own = self.samples[place]
        others = [sample for sample in self.samples if sample is not own]
        if claim.measure is Measure.RATE:
            # The logarithm of a count of n has the variance 1/n.
            variance = (1 / own.events + 1 / sum(sample.events for sample in others)) / math.log(2) ** 2
            return abs(self.effect(claim.measure, None, host)) / math.sqrt(variance)
        if claim.measure is Measure.SHARE:
            typical = sum(sample.share(claim.category) for sample in others) / len(others)
            variance = 1 / (4 * own.events) + 1 / (4 * sum(sample.events for sample in others))
            return abs(math.sqrt(own.share(claim.category)) - math.sqrt(typical)) / math.sqrt(variance)
        return abs(score_few_hosts(self.samples).of_hosts[place].z)


def _told(claim: Claim, effect: float) -> str:
    match claim.measure:
        case Measure.SHIFT:
            longer, shorter = ("longer", "shorter") if claim.trait.unit in TIME_UNITS else ("higher", "lower")
            return f"{claim.host} is {_size(claim, effect)} {longer if effect > 0 else shorter} than its controls"
        case Measure.SHAPE:
            return f"{claim.host} is {_size(claim, effect)} apart from its controls"
        case Measure.RATE:
            return f"{claim.host} has {times_text(2**effect)} the events of its controls"
        case Measure.SHARE:
            more = "more" if effect > 0 else "less"
            return (
                f"{claim.host} has {_size(claim, effect)} {more} of {category_name(claim.category)} than its controls"
            )


def _size(claim: Claim, effect: float) -> str:
    if claim.measure is Measure.SHARE:
        return f"{share_text(abs(effect))} of its {whole_of(claim.trait.unit)}"
    return octaves_text(abs(effect))
