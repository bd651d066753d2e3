"""Hosts' results in the one form in which they are compared: weights by category.

A category is a histogram's (key, bucket), a count's key, or a frame (of a stack, counted once a stack).
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from fleettrace.model.job import HostPart
from fleettrace.model.run import RunKind
from fleettrace.snapshot import Count, Histogram, Key, Snapshot, Stack, merge

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

    ``buckets`` (histograms only) are the counts by bucket index over all keys, ``tails`` those from each bucket on and
    those before it; ``depths`` (stacks only) is how deep each frame was seen at most.
    """

    host: str
    total: int
    events: float
    weights: Mapping[Category, int]
    buckets: Mapping[int, int] = field(default_factory=dict)
    tails: Mapping[Category, int] = field(default_factory=dict)
    depths: Mapping[Category, int] = field(default_factory=dict)

    def share(self, category: Category) -> float:
        """The category's part of the total, 0..1."""
        return self.weights.get(category, 0) / self.total if self.total else 0.0


def group_samples(parts: Iterable[HostPart]) -> dict[Trait, list[Sample]]:
    """All traced hosts, each trait's by name; a host with several runs is their sum.

    A host that recorded nothing is a sample of total 0 beside the others of its class.
    """
    snapshots: dict[tuple[str, str], list[Snapshot]] = {}
    for item in parts:
        if item.part.kind is RunKind.TRACE:
            snapshots.setdefault((item.host_class, item.part.run.host), []).append(item.part.snapshot)
    groups: dict[Trait, list[Sample]] = {}
    silent: list[tuple[str, str]] = []
    for (host_class, host), own in sorted(snapshots.items()):
        samples = _samples(host_class, host, merge(own) if len(own) > 1 else own[0])
        for trait, sample in samples:
            groups.setdefault(trait, []).append(sample)
        if not samples:
            silent.append((host_class, host))
    for host_class, host in silent:
        for trait, group in groups.items():
            if trait.host_class == host_class:
                group.append(Sample(host, 0, 0.0, {}))
    return {
        trait: _with_tails(group) if trait.kind is SampleKind.HISTOGRAM else group for trait, group in groups.items()
    }


def _samples(host_class: str, host: str, snapshot: Snapshot) -> list[tuple[Trait, Sample]]:
    by_kind: dict[tuple[str, str], list[Histogram]] = {}
    for histogram in snapshot.histograms:
        by_kind.setdefault((histogram.unit, histogram.scheme), []).append(histogram)
    samples = [
        (Trait(host_class, SampleKind.HISTOGRAM, unit, scheme), _of_histograms(host, histograms))
        for (unit, scheme), histograms in sorted(by_kind.items())
    ]
    if snapshot.stacks:
        samples.append(
            (Trait(host_class, SampleKind.STACKS, snapshot.stacks[0].unit), _of_stacks(host, snapshot.stacks))
        )
    if snapshot.counts:
        samples.append((Trait(host_class, SampleKind.COUNTS, "counts"), _of_counts(host, snapshot.counts)))
    return samples


def _of_histograms(host: str, histograms: Sequence[Histogram]) -> Sample:
    weights: Counter[Category] = Counter()
    buckets: Counter[int] = Counter()
    for histogram in histograms:
        key = _without_own_name(histogram.key, host)
        for index, count in histogram.counts:
            weights[key, index] += count
            buckets[index] += count
    total = buckets.total()
    return Sample(host, total, total, weights, buckets=buckets)


def _with_tails(group: Sequence[Sample]) -> list[Sample]:
    """Slowness spreads over many buckets, each of which tells little; what they have in common is their side."""
    indexes = {index for sample in group for index in sample.buckets}
    bounds = range(min(indexes, default=0) + 1, max(indexes, default=0) + 1)
    filled = []
    for sample in group:
        tails: dict[Category, int] = {}
        before = sample.buckets.get(bounds.start - 1, 0)
        for index in bounds:
            tails["before", index], tails["from", index] = before, sample.total - before
            before += sample.buckets.get(index, 0)
        filled.append(replace(sample, tails=tails))
    return filled


def _of_stacks(host: str, stacks: Sequence[Stack]) -> Sample:
    weights: Counter[Category] = Counter()
    depths: dict[Category, int] = {}
    for stack in stacks:
        # The first frame is the process' name; which function is hot is asked, not which process.
        frames = stack.frames[1:] or stack.frames
        for frame in set(frames):
            weights[frame] += stack.value
        for depth, frame in enumerate(frames):
            depths[frame] = max(depths.get(frame, 0), depth)
    total = sum(stack.value for stack in stacks)
    # Samples are counted; times are weights, of which a few large ones can make up everything: Kish's effective number.
    squares = sum(stack.value**2 for stack in stacks)
    events = total if stacks[0].unit == SAMPLES_UNIT else total**2 / squares
    return Sample(host, total, events, weights, depths=depths)


def _of_counts(host: str, counts: Sequence[Count]) -> Sample:
    weights: Counter[Category] = Counter()
    for count in counts:
        weights[_without_own_name(count.key, host)] += count.count
    return Sample(host, weights.total(), weights.total(), weights)


def _without_own_name(key: Key, host: str) -> Key:
    """Services are often named after their host, and a name that only one host can have tells nothing of it."""
    return tuple((name, value.replace(host, OWN_NAME)) for name, value in key)
