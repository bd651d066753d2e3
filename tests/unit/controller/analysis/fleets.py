"""Fleets whose truth is known: parts made by hand, and parts drawn from distributions with a seeded generator."""

import math
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from random import Random
from statistics import NormalDist

from fleettrace.model.job import HostPart
from fleettrace.model.run import Part, RunKey, RunKind, RunOutcome
from fleettrace.snapshot import NO_KEY, Count, Histogram, Key, Snapshot, Stack

BUCKETS = 24


def part(
    host: str, snapshot: Snapshot, host_class: str = "c", kind: RunKind = RunKind.TRACE, attempt: int = 1
) -> HostPart:
    key = RunKey("job", host, attempt)
    return HostPart(Part(key, kind, RunOutcome.COMPLETE, "", "bcc", 0, 1000, snapshot=snapshot), {}, host_class)


def histogram(counts: Mapping[int, int], unit: str = "us", key: Key = NO_KEY) -> Histogram:
    return Histogram(key, unit, "log2", tuple(sorted((index, count) for index, count in counts.items() if count)))


def waits(host: str, counts: Mapping[int, int], host_class: str = "c", unit: str = "us") -> HostPart:
    return part(host, Snapshot(histograms=(histogram(counts, unit),) if any(counts.values()) else ()), host_class)


def calls(host: str, counts: Mapping[str, int], host_class: str = "c") -> HostPart:
    counted = tuple(Count((("syscall", name),), count) for name, count in counts.items())
    return part(host, Snapshot(counts=counted), host_class)


def stacks(host: str, values: Mapping[str, int], unit: str = "samples") -> HostPart:
    """Values by folded stack: ``"nginx;main;read"``."""
    return part(
        host, Snapshot(stacks=tuple(Stack(tuple(text.split(";")), value, unit) for text, value in values.items()))
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """Two bell curves over octaves, the second one being the tail."""

    centre: float
    width: float
    tail_share: float
    tail_centre: float

    def shares(self) -> list[float]:
        body, tail = NormalDist(self.centre, self.width), NormalDist(self.tail_centre, 1.5)
        edges = [-math.inf, *range(1, BUCKETS), math.inf]
        steps = pairwise(edges)
        return [
            (1 - self.tail_share) * (body.cdf(high) - body.cdf(low))
            + self.tail_share * (tail.cdf(high) - tail.cdf(low))
            for low, high in steps
        ]


def healthy_shares(random: Random, hosts: int, jitter_octaves: float) -> list[list[float]]:
    """One workload on hosts that differ a little, as real ones do; ``jitter_octaves`` 0: not at all."""
    centre = random.uniform(2, 9)
    shape = Shape(centre, random.uniform(0.6, 2), random.choice((0, 0.01, 0.03, 0.1)), centre + random.uniform(3, 8))
    return [_jittered(random, shape, jitter_octaves).shares() for _ in range(hosts)]


def _jittered(random: Random, shape: Shape, jitter_octaves: float) -> Shape:
    if not jitter_octaves:
        return shape
    return replace(
        shape,
        centre=shape.centre + random.gauss(0, jitter_octaves),
        width=shape.width * math.exp(random.gauss(0, 0.1)),
        tail_share=min(0.5, shape.tail_share * math.exp(random.gauss(0, 0.5))),
        tail_centre=shape.tail_centre + random.gauss(0, 0.5),
    )


def slowed(shares: Sequence[float], part_of_events: float, octaves: int) -> list[float]:
    """The same host with a part of its events so many octaves longer."""
    result = [(1 - part_of_events) * share for share in shares]
    for index, share in enumerate(shares):
        result[min(index + octaves, BUCKETS - 1)] += part_of_events * share
    return result


def draw(random: Random, shares: Sequence[float], events: int) -> dict[int, int]:
    """So many independent events."""
    edges = list(accumulate(shares))
    counts: dict[int, int] = {}
    for _ in range(events):
        index = bisect(edges, random.random() * edges[-1])
        counts[index] = counts.get(index, 0) + 1
    return counts


def drawn_fleet(random: Random, shares: Sequence[Sequence[float]], most_events: int = 2000) -> list[HostPart]:
    """A part for each host, busy ones and quiet ones: 150 to ``most_events`` events, evenly over octaves."""
    events = [int(math.exp(random.uniform(math.log(150), math.log(most_events)))) + 1 for _ in shares]
    return [
        waits(f"h-{place}", draw(random, own, count))
        for place, (own, count) in enumerate(zip(shares, events, strict=True))
    ]
