"""The answer in one sentence: short, true, and what somebody who was woken up reads first."""

from collections import Counter
from collections.abc import Mapping, Sequence

from controller.analysis.compare import Finding
from controller.analysis.evidence import ONE_WAY, SMALLEST_GAP_OCTAVES, TIME_UNITS, describe_rate, octaves_text
from controller.analysis.evidence import ShapeChange as BucketChange
from controller.analysis.profiles import apart_by_octaves
from controller.analysis.samples import Trait
from controller.analysis.verdicts import MIN_HOSTS
from controller.analysis.wording import number_text, span_text
from fleettrace.model.findings import HostVerdict
from fleettrace.model.job import HostPart
from fleettrace.model.tool import Words
from fleettrace.snapshot import Snapshot, bucket_index, merge
from fleettrace.snapshot.histogram import fold

__all__ = ["state_findings"]

REST_ALIKE_OCTAVES = 0.25
"""Outside of the excess, distributions that are no farther apart than this are alike."""
LEAST_REST = 0.05
"""With less of the host's values outside of the excess, nothing is said of the rest."""
MAX_NAMED = 5


def state_findings(found: Sequence[Finding], parts: Sequence[HostPart], words: Words) -> str:
    """Who stands out and how; that nobody does; or why that cannot be told."""
    by_host: dict[str, list[Snapshot]] = {}
    for each in parts:
        by_host.setdefault(each.part.run.host, []).append(each.part.snapshot)
    if not by_host:
        return "no host has answered"
    if not any(snapshot.total for snapshots in by_host.values() for snapshot in snapshots):
        return "nothing was recorded"
    if len(by_host) == 1:
        return "one host answered: there is none to compare it with"
    named = [each for each in found if each.verdict.named]
    if named:
        told = _of_host(named[0], merge(by_host[named[0].host]), words)
        return f"{told}; {_others(named[1:])}" if named[1:] else told
    compared = [each for each in found if each.verdict is HostVerdict.RANKING]
    if not found:
        # Events alone are told one by one, and nothing is compared.
        kept = sum(len(snapshot.events) for snapshots in by_host.values() for snapshot in snapshots)
        return f"{number_text(kept, 'event')} of {number_text(len(by_host), 'host')}: there are no counts to compare"
    if not compared:
        return _not_compared(found, by_host)
    if any("several kinds" in each.evidence for each in compared):
        return "no host stands out: the hosts are of several kinds, select them by label"
    few = f"; with fewer than {MIN_HOSTS} hosts only a clear difference is told" if len(by_host) < MIN_HOSTS else ""
    return f"no host stands out among {number_text(len(by_host), 'host')}{few}"


def _not_compared(found: Sequence[Finding], by_host: Mapping[str, Sequence[Snapshot]]) -> str:
    """Why, and of the host with the least how much longer to trace."""
    hosts = number_text(len(by_host), "host")
    totals = {host: sum(snapshot.total for snapshot in snapshots) for host, snapshots in by_host.items()}
    least = min(found, key=lambda each: (not totals[each.host], totals[each.host]))
    return f"{hosts} cannot be compared; {least.host}: {least.evidence}"


def _others(named: Sequence[Finding]) -> str:
    hosts = [each.host for each in named]
    more = f" and {len(hosts) - MAX_NAMED} more" if len(hosts) > MAX_NAMED else ""
    verb = "stands" if len(hosts) == 1 else "stand"
    return f"{', '.join(hosts[:MAX_NAMED])}{more} {verb} out, too"


def _of_host(found: Finding, own: Snapshot, words: Words) -> str:
    trait, change = found.trait, found.shape
    if trait is None or change is None or change.gap.size < SMALLEST_GAP_OCTAVES:
        return f"{found.host}: {found.evidence}"
    clauses = [f"{found.host} {words.differs.format(_how(trait, change))} than {found.whom}"]
    if change.excess_events:
        span = span_text(change.excess_from, change.excess_to, trait.unit)
        clauses.append(f"the extra {number_text(change.excess_events, words.value)} sit in {span}")
    rate = found.rate
    if rate is not None and rate.odd:
        clauses.append(f"it has {describe_rate(rate)}")
    elif rate is not None and _rest_is_alike(trait, change, own):
        clauses.append("nothing else differs")
    return "; ".join(clauses)


def _how(trait: Trait, change: BucketChange) -> str:
    size, shift = change.gap.size, change.gap.shift
    longer, shorter = ("longer", "shorter") if trait.unit in TIME_UNITS else ("higher", "lower")
    if abs(shift) < ONE_WAY * size:
        return f"{octaves_text(size)} partly {longer} and partly {shorter}"
    return f"{octaves_text(size)} {longer if shift > 0 else shorter}"


def _rest_is_alike(trait: Trait, change: BucketChange, own: Snapshot) -> bool:
    """Whether all that was compared is alike but for the excess: one result, one key, and alike beside it."""
    kinds = [*own.histograms, *own.counts[:1], *own.stacks[:1]]
    if len(kinds) != 1 or not change.excess_events:
        return False
    (histogram,) = own.histograms
    ours: Counter[int] = Counter(dict(fold(histogram, trait.scheme).counts))
    first, last = (bucket_index(trait.scheme, bound) for bound in (change.excess_from, change.excess_to))
    below = 0.0
    theirs: dict[int, float] = {}
    for index, changed in change.cdf_change:
        theirs[index] = max(0.0, ours[index] / histogram.total - (changed - below))
        below = changed
    rest, typical = (_outside(shares, first, last) for shares in (ours, theirs))
    if sum(rest.values()) < LEAST_REST * histogram.total or not typical:
        return False
    return apart_by_octaves(_whole(rest), _whole(typical), trait.scheme).size <= REST_ALIKE_OCTAVES


def _outside(shares: Mapping[int, float], first: int, last: int) -> dict[int, float]:
    return {index: share for index, share in shares.items() if share and not first <= index <= last}


def _whole(shares: Mapping[int, float]) -> dict[int, float]:
    total = sum(shares.values())
    return {index: share / total for index, share in shares.items()}
