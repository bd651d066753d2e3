"""Two results of one tool beside each other, host by host."""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.analysis.buckets import quantile_index
from controller.analysis.changes import Change, compare_jobs
from controller.analysis.profiles import apart_by_octaves
from controller.report.contents import by_host, check_one_question, kinds_of
from fleettrace.errors import BadInput
from fleettrace.model.findings import Span
from fleettrace.model.job import JobResult
from fleettrace.snapshot import LOG2, bucket_bounds, bucket_index
from fleettrace.snapshot.histogram import coarsest, fold

__all__ = ["BeforeAfter", "HostShift", "Shares", "before_and_after"]

PERCENTS = (50, 99)

Shares = dict[int, float]
"""Shares (0..1) by bucket index."""


@dataclass(frozen=True, slots=True)
class HostShift:
    """How one host's histogram has moved: octaves with a sign, and the buckets of p50 and p99."""

    host: str
    octaves: float
    before: tuple[Span, ...]
    after: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """Both results, what has changed in each class, and of histograms the mean of the hosts' shares in octaves.

    ``unit`` is empty where the results are no histograms.
    """

    before: JobResult
    after: JobResult
    changes: Sequence[Change]
    unit: str = ""
    mean_before: Shares | None = None
    mean_after: Shares | None = None
    shifts: Sequence[HostShift] = ()

    @property
    def statement(self) -> str:
        """The answer in a sentence: what has changed; of several classes the surest change first."""
        tool = self.after.job.spec.tool
        changed = sorted((each for each in self.changes if each.changed), key=lambda each: -abs(each.z))
        if changed:
            more = f" (and in {len(changed) - 1} more of the classes)" if len(changed) > 1 else ""
            return f"{tool} has changed: {changed[0].evidence}{more}"
        (first, *_) = sorted(self.changes, key=lambda each: -len(each.hosts))
        return f"{tool} has not changed: {first.evidence}"


def before_and_after(before: JobResult, after: JobResult) -> BeforeAfter:
    """Compare two ended or running jobs of one tool.

    Raises:
        BadInput: it is one job, or they have nothing to compare: tools, programs, kinds of result or units differ.
    """
    ids = before.job.spec.job_id, after.job.spec.job_id
    if ids[0] == ids[1]:
        raise BadInput(f"{ids[0]} is compared with itself: name an earlier and a later job")
    check_one_question(before, after)
    for job_id, result in zip(ids, (before, after), strict=True):
        if not result.merged.total:
            raise BadInput(f"job {job_id} recorded nothing to compare: 'fleettrace show {job_id}' says why")
    changes = compare_jobs(before.hosts, after.hosts)
    if not changes:
        held = [f"{job_id} holds {_what(result)}" for job_id, result in zip(ids, (before, after), strict=True)]
        raise BadInput(f"{' and '.join(held)}: nothing in both, of hosts of one class, that could be compared")
    return _with_histograms(BeforeAfter(before, after, changes))


def _what(result: JobResult) -> str:
    units = sorted({histogram.unit for histogram in result.merged.histograms})
    kinds = " and ".join(kinds_of(result.merged))
    return f"{kinds} in {' and '.join(units)}" if units else kinds


def _with_histograms(pair: BeforeAfter) -> BeforeAfter:
    units = [{each.unit for each in result.merged.histograms} for result in (pair.before, pair.after)]
    common = sorted(units[0] & units[1])
    if not common:
        return pair
    unit = common[0]
    scheme = coarsest(
        each.scheme for result in (pair.before, pair.after) for each in result.merged.histograms if each.unit == unit
    )
    old, new = (_shares_of(result, unit, scheme) for result in (pair.before, pair.after))
    both = sorted({host for change in pair.changes for host in change.hosts} & old.keys() & new.keys())
    if not both:
        return pair
    shifts = [
        HostShift(
            host,
            apart_by_octaves(new[host], old[host], scheme).shift,
            _percentiles(old[host], scheme),
            _percentiles(new[host], scheme),
        )
        for host in both
    ]
    return BeforeAfter(
        pair.before,
        pair.after,
        pair.changes,
        unit,
        _mean([_octaves(old[host], scheme) for host in both]),
        _mean([_octaves(new[host], scheme) for host in both]),
        sorted(shifts, key=lambda each: (-abs(each.octaves), each.host)),
    )


def _shares_of(result: JobResult, unit: str, scheme: str) -> dict[str, Shares]:
    """Of each host, over all keys of the unit."""
    found: dict[str, Shares] = {}
    for host, snapshot in by_host(result).items():
        counts: dict[int, int] = {}
        for histogram in snapshot.histograms:
            if histogram.unit == unit:
                for index, count in fold(histogram, scheme).counts:
                    counts[index] = counts.get(index, 0) + count
        total = sum(counts.values())
        if total:
            found[host] = {index: count / total for index, count in counts.items()}
    return found


def _mean(hosts: Sequence[Shares]) -> Shares:
    """Each host counts alike, however busy."""
    indexes = {index for own in hosts for index in own}
    return {index: sum(own.get(index, 0.0) for own in hosts) / len(hosts) for index in sorted(indexes)}


def _octaves(shares: Shares, scheme: str) -> Shares:
    octaves: Shares = {}
    for index, share in shares.items():
        octave = bucket_index(LOG2, bucket_bounds(scheme, index)[0])
        octaves[octave] = octaves.get(octave, 0.0) + share
    return octaves


def _percentiles(shares: Shares, scheme: str) -> tuple[Span, ...]:
    return tuple(bucket_bounds(scheme, quantile_index(shares, percent / 100)) for percent in PERCENTS)
