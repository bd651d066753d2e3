"""Hosts' results in the one form in which they are compared: weights by category.

A category is a histogram's bucket (with its key, where it has one), a count's key, or a frame (of a stack, counted
once a stack).
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from controller.analysis.balance import without_time
from controller.analysis.frame_weights import FrameWeights, independent_events
from fleettrace.model.job import HostPart
from fleettrace.model.run import RunKind
from fleettrace.snapshot import Count, Histogram, Key, Snapshot, Stack, StackColumns, columns_of, merge
from fleettrace.snapshot.histogram import coarsest, fold

__all__ = ["Category", "Sample", "SampleKind", "Trait", "group_samples"]

Category = Hashable

OWN_NAME = "(host)"
SAMPLES_UNIT = "samples"


class SampleKind(StrEnum):
    """What the categories are."""

    HISTOGRAM = "histogram"
    STACKS = "stacks"
    COUNTS = "counts"


@dataclass(frozen=True, slots=True, order=True)
class Trait:
    """Only samples with equal traits may be compared."""

    host_class: str
    kind: SampleKind
    unit: str
    scheme: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One host. ``total`` is the sum that ``weights`` are shares of; ``events`` how many independent ones it rests on.

    ``buckets`` (histograms only) are the counts by bucket index over all keys; ``stacks`` what frames were counted
    from; ``window_s`` is for how long the host was traced, 0 when that is not known.
    """

    host: str
    total: int
    events: float
    weights: Mapping[Category, int]
    buckets: Mapping[int, int] = field(default_factory=dict)
    stacks: Sequence[Stack] = ()
    window_s: float = 0.0

    def share(self, category: Category) -> float:
        """The category's part of the total, 0..1."""
        return self.weights.get(category, 0) / self.total if self.total else 0.0


def group_samples(parts: Iterable[HostPart]) -> dict[Trait, list[Sample]]:
    """All traced hosts, each trait's by name; a host with several runs is their sum.

    A host that recorded nothing is a sample of total 0 beside the others of its class. Histograms that came in finer
    and coarser buckets of one family are compared in the coarsest of them.
    """
    snapshots: dict[tuple[str, str], list[Snapshot]] = {}
    window_ms: Counter[tuple[str, str]] = Counter()
    for item in parts:
        if item.part.kind is RunKind.TRACE:
            place = (item.host_class, item.part.run.host)
            snapshots.setdefault(place, []).append(item.part.snapshot)
            window_ms[place] += item.part.duration_ms
    merged = {place: merge(own) if len(own) > 1 else own[0] for place, own in sorted(snapshots.items())}
    schemes = _common_schemes(merged)
    groups: dict[Trait, list[Sample]] = {}
    silent: list[tuple[str, str]] = []
    stacks = _stacks_of(merged)
    for place, snapshot in merged.items():
        host_class, host = place
        samples = _samples(host_class, host, snapshot, schemes)
        if place in stacks:
            samples.append(_of_stacks(host_class, host, *stacks[place]))
        for trait, sample in samples:
            groups.setdefault(trait, []).append(replace(sample, window_s=window_ms[place] / 1000))
        if not samples:
            silent.append(place)
    for host_class, host in silent:
        for trait, group in groups.items():
            if trait.host_class == host_class:
                group.append(Sample(host, 0, 0.0, {}))
    return groups


def _common_schemes(snapshots: Mapping[tuple[str, str], Snapshot]) -> dict[tuple[str, str], str]:
    """The scheme into which all histograms of a (class, unit) fold."""
    found: dict[tuple[str, str], set[str]] = {}
    for (host_class, _), snapshot in snapshots.items():
        for histogram in snapshot.histograms:
            found.setdefault((host_class, histogram.unit), set()).add(histogram.scheme)
    return {place: coarsest(schemes) for place, schemes in found.items()}


def _samples(
    host_class: str, host: str, snapshot: Snapshot, schemes: Mapping[tuple[str, str], str]
) -> list[tuple[Trait, Sample]]:
    by_unit: dict[str, list[Histogram]] = {}
    for histogram in snapshot.histograms:
        folded = fold(histogram, schemes[host_class, histogram.unit])
        by_unit.setdefault(histogram.unit, []).append(folded)
    samples = [
        (Trait(host_class, SampleKind.HISTOGRAM, unit, schemes[host_class, unit]), _of_histograms(host, histograms))
        for unit, histograms in sorted(by_unit.items())
    ]
    if snapshot.counts:
        samples.append((Trait(host_class, SampleKind.COUNTS, "counts"), _of_counts(host, snapshot.counts)))
    return samples


def _of_histograms(host: str, histograms: Sequence[Histogram]) -> Sample:
    if len(histograms) == 1:
        (only,) = histograms
        if not only.key:
            own = dict(only.counts)
            total = sum(own.values())
            by_category: dict[Category, int] = dict(only.counts)
            return Sample(host, total, total, by_category, buckets=own)
    weights: Counter[Category] = Counter()
    buckets: Counter[int] = Counter()
    for histogram in histograms:
        key = _without_own_name(histogram.key, host)
        for index, count in histogram.counts:
            weights[(key, index) if key else index] += count
            buckets[index] += count
    total = buckets.total()
    return Sample(host, total, total, weights, buckets=buckets)


def _stacks_of(
    snapshots: Mapping[tuple[str, str], Snapshot],
) -> dict[tuple[str, str], tuple[StackColumns, FrameWeights]]:
    """Those of each place that has any, over one set of chains, with what weighs their frames."""
    places = [place for place, snapshot in snapshots.items() if snapshot.stacks]
    if not places:
        return {}
    columns = columns_of([snapshots[place].stacks for place in places])
    weights = FrameWeights(columns[0].chains)
    return {place: (own, weights) for place, own in zip(places, columns, strict=True)}


def _of_stacks(host_class: str, host: str, stacks: StackColumns, weights: FrameWeights) -> tuple[Trait, Sample]:
    total = stacks.total
    events = total if stacks.unit == SAMPLES_UNIT else independent_events(stacks)
    by_frame: dict[Category, int] = {}
    by_frame.update(weights.of(stacks))
    # What got slower by itself is seen best there: what it calls, and how often, differs from host to host.
    by_frame.update(weights.themselves(stacks).items())
    return Trait(host_class, SampleKind.STACKS, stacks.unit), Sample(host, total, events, by_frame, stacks=stacks)


def _of_counts(host: str, counts: Sequence[Count]) -> Sample:
    weights: Counter[Category] = Counter()
    for count in counts:
        weights[_without_own_name(without_time(count.key), host)] += count.count
    return Sample(host, weights.total(), weights.total(), weights)


def _without_own_name(key: Key, host: str) -> Key:
    """Services are often named after their host, and a name that only one host can have tells nothing of it."""
    return tuple((name, value.replace(host, OWN_NAME)) for name, value in key) if key else key
