"""Which host differs from the others, and how; the rules are in :mod:`controller.analysis.verdicts`.

Hosts are compared within their class, and only results of one kind, unit and scheme.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from controller.analysis.callees import Blame, blame
from controller.analysis.evidence import (
    TIME_UNITS,
    ShapeChange,
    change_of_shape,
    describe_buckets,
    describe_category,
    describe_rate,
)
from controller.analysis.profiles import Profiles, apart_by_octaves, apart_by_share
from controller.analysis.rates import Rate, score_rates
from controller.analysis.samples import Category, Sample, SampleKind, Trait, group_samples
from controller.analysis.scores import Scores, score_few_hosts, score_hosts
from controller.analysis.verdicts import MIN_EVENTS, MIN_HOSTS, TOO_FEW_TO_TELL, Odd, Verdict, odd_hosts
from controller.analysis.whole import ChiSquare
from fleettrace.model.job import HostPart

__all__ = ["Finding", "compare_parts"]

OTHERWISE_Z = 1.0
"""By how much surer a difference of times must be that is not slowness, to stand as far up in the ranking."""
MAX_LISTED = 8
"""So many hosts that are no suspects are listed, and as many of those without enough data."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of one host.

    ``score`` is how far it is from the others in its ``category``, in standard deviations (positive: it has more of
    it); ``chi_square_z`` the same over all categories together (0 where too few hosts let one tell). ``shape`` is for
    histograms, ``blame`` for stacks, ``rate`` where hosts are enough. ``trait`` is what was compared (None:
    nothing was), ``whom`` names those it was compared with. ``apart`` orders those that nobody is accused of.
    """

    host: str
    verdict: Verdict
    score: float
    evidence: str
    category: Category = None
    chi_square_z: float = 0.0
    rate: Rate | None = None
    shape: ShapeChange | None = None
    blame: Blame | None = None
    trait: Trait | None = None
    whom: str = ""
    apart: float = 0.0


def compare_parts(parts: Iterable[HostPart]) -> tuple[Finding, ...]:
    """Everybody who is named first and then the ranking, each by score from high to low.

    A ``ranking`` is no accusation: it says who comes first, and in words why that is not enough.
    """
    groups = group_samples(parts)
    of_its_class = " of its class" if len({trait.host_class for trait in groups}) > 1 else ""
    best: dict[str, Finding] = {}
    for trait, samples in groups.items():
        for found in _compare(trait, samples, of_its_class):
            # A host with results of several kinds stands where it stands out most.
            best[found.host] = min(best.get(found.host, found), found, key=_order)
    return tuple(sorted(best.values(), key=_order))


def _order(found: Finding) -> tuple[bool, float, str]:
    size = abs(found.score) if found.verdict.named else found.apart
    return (not found.verdict.named, -size, found.host)


def _compare(trait: Trait, samples: Sequence[Sample], of_its_class: str) -> list[Finding]:
    enough = [sample for sample in samples if sample.events >= MIN_EVENTS]
    short = [sample for sample in samples if sample.events < MIN_EVENTS]
    found = [Finding(sample.host, Verdict.NOT_ENOUGH_DATA, 0.0, _too_little(sample)) for sample in short[:MAX_LISTED]]
    if len(enough) < 2:
        alone = f"no other host{of_its_class} has the {MIN_EVENTS} events that comparing needs"
        return [*(Finding(sample.host, Verdict.NOT_ENOUGH_DATA, 0.0, alone) for sample in enough), *found]
    return found + _Group(trait, enough, of_its_class).findings()


class _Group:
    """Two or more hosts with enough data that may be compared."""

    def __init__(self, trait: Trait, samples: Sequence[Sample], of_its_class: str) -> None:
        self.trait = trait
        self.samples = samples
        self.of_its_class = of_its_class
        many = len(samples) >= MIN_HOSTS
        self.scores: Scores = score_hosts(samples, trait.scheme) if many else score_few_hosts(samples)
        self.rates = score_rates(samples)
        self.chi_square = ChiSquare(samples) if many else None
        self.buckets: Profiles[int] | None = None
        if trait.kind is SampleKind.HISTOGRAM:
            apart = partial(apart_by_octaves, scheme=trait.scheme)
            self.buckets = Profiles([(sample.buckets, sample.total) for sample in samples], apart)

    def findings(self) -> list[Finding]:
        """The suspects, hosts with an odd rate, and the head of the ranking."""
        odd = odd_hosts(self.trait.kind, self.scores.of_hosts, self._gap)
        if odd.several_kinds:
            rate_odd: dict[int, Verdict] = {}
        else:
            rate_odd = {
                host: Verdict.SUSPECT
                for host, rate in enumerate(self.rates)
                if rate is not None and rate.odd and host not in odd.verdicts
            }
        named = {**odd.verdicts, **rate_odd}
        order = sorted(range(len(self.samples)), key=lambda host: (host not in named, -self._apart(host), host))
        return [self._finding(host, named, rate_odd, odd) for host in order[: len(named) + MAX_LISTED]]

    def _apart(self, host: int) -> float:
        """How far a host is from the others that nobody is accused of: by shape, and by a rate beyond the usual.

        Of times, a shape that is what slowness looks like counts in full, and any other only when it is surer by so
        much: the largest of many deviations is large on some host of every fleet.
        """
        shape = abs(self.scores.of_hosts[host].z)
        if self.scores.slower and self.trait.unit in TIME_UNITS:
            shape = max(self.scores.slower[host], shape - OTHERWISE_Z)
        rate = self.rates[host]
        return math.hypot(shape, rate.ranked if rate is not None else 0.0)

    def _finding(self, host: int, named: Mapping[int, Verdict], rate_odd: Mapping[int, Verdict], odd: Odd) -> Finding:
        sample, score, rate = self.samples[host], self.scores.of_hosts[host], self.rates[host]
        # Suspects would make everybody else look odd.
        excluded = frozenset(odd.verdicts) | {host}
        whom = _whom(len(self.samples) - len(excluded), bool(excluded - {host}), self.of_its_class)
        shape, explained, clauses = None, None, []
        if self.buckets is not None:
            theirs = self.buckets.typical_without(*excluded)
            shape = change_of_shape(self.trait.scheme, self.buckets.shares(host), theirs, sample.total)
            clauses.append(describe_buckets(self.trait, shape, whom))
        else:
            others = [other for place, other in enumerate(self.samples) if place not in excluded]
            if self.trait.kind is SampleKind.STACKS and score.category is not None:
                explained = blame(sample, self.scores, score.category)
            shown = explained or Blame(score.category)
            clauses.append(describe_category(self.trait, sample, others, shown, whom))
        if rate is not None and (rate.odd or (host not in named and rate.ranked)):
            clauses.append(describe_rate(rate))
        if host in rate_odd:
            clauses.reverse()
        remark = _remark(named.get(host), odd, len(self.samples))
        return Finding(
            sample.host,
            named.get(host, Verdict.RANKING),
            rate.z if host in rate_odd and rate is not None else score.z,
            "; ".join(clauses) + remark,
            score.category,
            self.chi_square.z(sample) if self.chi_square is not None else 0.0,
            rate,
            shape,
            explained,
            self.trait,
            whom,
            self._apart(host),
        )

    def _gap(self, host: int, *without: int) -> float:
        """How far a host is from what is typical of the others; asked for among a few hosts only."""
        if self.buckets is not None:
            return self.buckets.gap(host, *without)
        return Profiles([(sample.weights, sample.total) for sample in self.samples], apart_by_share).gap(host, *without)


def _whom(count: int, beside_suspects: bool, of_its_class: str) -> str:
    unsuspected = "unsuspected " if beside_suspects else ""
    return f"the other {f'{count} ' if count > 1 else ''}{unsuspected}host{'s' if count > 1 else ''}{of_its_class}"


def _remark(verdict: Verdict | None, odd: Odd, hosts: int) -> str:
    if verdict is not None:
        return " (too few hosts for an outlier verdict)" if hosts < MIN_HOSTS else ""
    if hosts <= TOO_FEW_TO_TELL:
        return " (of two hosts nothing says which one is odd)"
    if odd.several_kinds:
        return " (the hosts are of several kinds: select by label)"
    return " (not clearly apart)"


def _too_little(sample: Sample) -> str:
    if not sample.events:
        return f"not enough data: nothing recorded, and comparing needs {MIN_EVENTS} events"
    factor = math.ceil(10 * MIN_EVENTS / sample.events) / 10
    return (
        f"not enough data: {sample.events:,.0f} of the {MIN_EVENTS} events that comparing needs; "
        f"trace {factor:g} times as long"
    )
