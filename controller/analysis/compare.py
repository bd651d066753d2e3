"""Which host differs from the others, and how; the rules are in :mod:`controller.analysis.verdicts`.

Hosts are compared within their class, and only results of one kind, unit and scheme.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from controller.analysis.evidence import describe_buckets, describe_category
from controller.analysis.profiles import Profiles, apart_by_octaves, apart_by_share
from controller.analysis.samples import Sample, SampleKind, Trait, group_samples
from controller.analysis.scores import Score, score_few_hosts, score_hosts
from controller.analysis.verdicts import MIN_EVENTS, MIN_HOSTS, TOO_FEW_TO_TELL, odd_hosts
from fleettrace.model.job import HostPart, Suspect

__all__ = ["RANKING", "SUSPECT", "compare_hosts"]

SUSPECT = "suspect"
RANKING = "ranking"

MAX_LISTED = 8
"""So many hosts that are no suspects are listed, and as many of those without enough data."""

Item = TypeVar("Item", bound=Hashable)
Tell = Callable[[int, frozenset[int], str], str]
"""How a host differs from all that are not in a set of hosts, whom a text names."""


def compare_hosts(parts: Iterable[HostPart]) -> tuple[Suspect, ...]:
    """The suspects first and then the ranking, each by score from high to low.

    A ``ranking`` is no accusation: it says who comes first, and in words why that is not enough.
    """
    groups = group_samples(parts)
    of_its_class = " of its class" if len({trait.host_class for trait in groups}) > 1 else ""
    found: dict[str, Suspect] = {}
    for trait, samples in groups.items():
        for suspect in _compare(trait, samples, of_its_class):
            # A host with results of several kinds stands where it stands out most.
            found[suspect.host] = min(found.get(suspect.host, suspect), suspect, key=_order)
    return tuple(sorted(found.values(), key=_order))


def _order(suspect: Suspect) -> tuple[bool, float, str]:
    return (suspect.verdict != SUSPECT, -suspect.score, suspect.host)


def _compare(trait: Trait, samples: Sequence[Sample], of_its_class: str) -> list[Suspect]:
    enough = [sample for sample in samples if sample.events >= MIN_EVENTS]
    short = [sample for sample in samples if sample.events < MIN_EVENTS]
    found = [Suspect(sample.host, 0.0, RANKING, _too_little(sample)) for sample in short[:MAX_LISTED]]
    if len(enough) < 2:
        alone = f"no other host{of_its_class} has the {MIN_EVENTS} events that comparing needs"
        return [*(Suspect(sample.host, 0.0, RANKING, alone) for sample in enough), *found]
    scores = score_few_hosts(enough) if len(enough) < MIN_HOSTS else score_hosts(enough)
    if trait.kind is SampleKind.HISTOGRAM:
        buckets = Profiles([_shares(sample, sample.buckets) for sample in enough], apart_by_octaves)
        odd = odd_hosts(trait.kind, scores, buckets.gap)
        return found + _listed(enough, scores, odd, _telling_buckets(trait, buckets), of_its_class)
    weights = Profiles([_shares(sample, sample.weights) for sample in enough], apart_by_share)
    odd = odd_hosts(trait.kind, scores, weights.gap)
    return found + _listed(enough, scores, odd, _telling_categories(trait, enough, scores), of_its_class)


def _listed(
    samples: Sequence[Sample], scores: Sequence[Score], odd: frozenset[int], tell: Tell, of_its_class: str
) -> list[Suspect]:
    order = sorted(range(len(samples)), key=lambda host: (host not in odd, -abs(scores[host].z), samples[host].host))
    found = []
    for host in order[: len(odd) + MAX_LISTED]:
        # Suspects would make everybody else look odd.
        excluded = odd | {host}
        evidence = tell(host, excluded, _whom(len(samples) - len(excluded), bool(odd - {host}), of_its_class))
        verdict = SUSPECT if host in odd else RANKING
        remark = _remark(suspect=host in odd, hosts=len(samples))
        found.append(Suspect(samples[host].host, round(abs(scores[host].z), 2), verdict, evidence + remark))
    return found


def _telling_buckets(trait: Trait, buckets: Profiles[int]) -> Tell:
    return lambda host, excluded, whom: describe_buckets(
        trait, buckets.shares[host], buckets.typical_without(*excluded), whom
    )


def _telling_categories(trait: Trait, samples: Sequence[Sample], scores: Sequence[Score]) -> Tell:
    def tell(host: int, excluded: frozenset[int], whom: str) -> str:
        others = [sample for place, sample in enumerate(samples) if place not in excluded]
        return describe_category(trait, samples[host], others, scores[host].category, whom)

    return tell


def _shares(sample: Sample, counts: Mapping[Item, int]) -> dict[Item, float]:
    return {item: count / sample.total for item, count in counts.items()}


def _whom(count: int, beside_suspects: bool, of_its_class: str) -> str:
    unsuspected = "unsuspected " if beside_suspects else ""
    return f"the other {f'{count} ' if count > 1 else ''}{unsuspected}host{'s' if count > 1 else ''}{of_its_class}"


def _remark(*, suspect: bool, hosts: int) -> str:
    if suspect:
        return " (too few hosts for an outlier verdict)" if hosts < MIN_HOSTS else ""
    if hosts <= TOO_FEW_TO_TELL:
        return " (of two hosts nothing says which one is odd)"
    return " (not clearly apart)"


def _too_little(sample: Sample) -> str:
    if not sample.events:
        return f"not enough data: nothing recorded, and comparing needs {MIN_EVENTS} events"
    factor = math.ceil(10 * MIN_EVENTS / sample.events) / 10
    return (
        f"not enough data: {sample.events:,.0f} of the {MIN_EVENTS} events that comparing needs; "
        f"trace {factor:g} times as long"
    )
