"""Fleets drawn from known distributions.

Healthy hosts of one workload are never exactly alike: ``jitter`` is the standard deviation of their centres in octaves,
and goes with a scatter of widths, of the tail's share and of its place; *over-dispersed* hosts have bursts besides,
each bucket's share being scattered by itself.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from statistics import NormalDist

from fleettrace.model.job import HostPart
from tests.bench.outliers.draws import log_uniform, multinomial, scattered
from tests.bench.outliers.fleet import Fleet, host_part, of_buckets, of_keys

BUCKETS = 30
HOSTS = (8, 12, 20, 40, 40, 80, 200, 500)
JITTERS = (0.0, 0.05, 0.1, 0.2)
FAMILIES = ("log-normal", "bimodal", "heavy tail", "over-dispersed", "two classes")
OCTAVES = (1, 2, 3, 4, 6)
PARTS = (0.05, 0.1, 0.2, 0.5, 1.0)
LEAST_EVENTS, MOST_EVENTS = 200, 200_000


@dataclass(frozen=True, slots=True)
class Hump:
    """A bell curve over octaves, with ``heavy`` a geometric tail to its right instead (mass halves each 1/heavy
    octaves)."""

    weight: float
    centre: float
    width: float
    heavy: float = 0.0

    def above(self, edge: float) -> float:
        """The share above an edge."""
        upper = 1 - NormalDist(self.centre, self.width).cdf(edge)
        if not self.heavy:
            return upper
        return 0.7 * upper + 0.3 * (1.0 if edge <= self.centre else 2 ** (-self.heavy * (edge - self.centre)))

    def jittered(self, random: Random, jitter: float) -> "Hump":
        """The same on another host."""
        return replace(
            self,
            weight=self.weight * math.exp(random.gauss(0, 2 * jitter)),
            centre=self.centre + random.gauss(0, jitter),
            width=self.width * math.exp(random.gauss(0, jitter / 2)),
        )


def shares_of(humps: list[Hump]) -> dict[int, float]:
    """Shares by bucket."""
    total = sum(hump.weight for hump in humps)
    edges = [-math.inf, *range(1, BUCKETS), math.inf]
    above = [1.0, *(sum(hump.weight * hump.above(edge) for hump in humps) / total for edge in edges[1:-1]), 0.0]
    return {index: max(0.0, low - high) for index, (low, high) in enumerate(pairwise(above))}


def workload(random: Random, family: str) -> list[Hump]:
    """What all hosts of a fleet have in common."""
    centre = random.uniform(2, 10)
    body = Hump(1.0, centre, random.uniform(0.5, 1.8))
    match family:
        case "bimodal":
            return [body, Hump(random.uniform(0.1, 0.9), centre + random.uniform(3, 8), random.uniform(0.5, 1.2))]
        case "heavy tail":
            return [replace(body, heavy=random.uniform(0.5, 1.5))]
        case _:
            return [body, Hump(random.choice((0.003, 0.01, 0.03, 0.1)), centre + random.uniform(3, 8), 1.5)]


def slowed(shares: Mapping[int, float], part_of_events: float, octaves: int) -> dict[int, float]:
    """The same host with a part of its events so many octaves longer."""
    result = {index: (1 - part_of_events) * share for index, share in shares.items()}
    for index, share in shares.items():
        place = min(index + octaves, BUCKETS - 1)
        result[place] = result.get(place, 0.0) + part_of_events * share
    return result


@dataclass(frozen=True, slots=True)
class HealthyHost:
    """Draws the true shares by bucket of a healthy host of one class."""

    family: str
    humps: tuple[Hump, ...]
    jitter: float

    def __call__(self, random: Random) -> dict[int, float]:
        """One more."""
        humps = [hump.jittered(random, self.jitter) for hump in self.humps] if self.jitter else list(self.humps)
        shares = shares_of(humps)
        return scattered(random, shares, 0.25) if self.family == "over-dispersed" else shares


def histogram_fleet(random: Random, fault: str) -> Fleet:
    """A fleet of histograms; ``fault``: ``""``, ``shift``, ``rate``."""
    family = random.choice(FAMILIES)
    hosts, jitter = random.choice(HOSTS), random.choice(JITTERS)
    typical = log_uniform(random, LEAST_EVENTS, MOST_EVENTS)
    octaves, part = (random.choice(OCTAVES), random.choice(PARTS)) if fault == "shift" else (0, 0.0)
    odd = random.randrange(hosts) if fault else -1
    humps = workload(random, family)
    other = [replace(hump, centre=hump.centre + random.choice((-1, 1))) for hump in humps]
    draw = {name: HealthyHost(family, tuple(own), jitter) for name, own in (("c", humps), ("big", other))}
    parts = []
    for place in range(hosts):
        # A class needs hosts enough to be judged; small fleets have one.
        second = family == "two classes" and hosts >= 20 and place % 2 == 1
        shares = draw["big" if second else "c"](random)
        events = int(typical * math.exp(random.gauss(0, 0.3)))
        if place == odd:
            shares = slowed(shares, part, octaves)
            events *= 8 if fault == "rate" else 1
        counts = multinomial(random, max(events, 160), shares)
        parts.append(of_buckets(f"h-{place}", counts, "big" if second else "c"))
    named = frozenset({f"h-{odd}"}) if fault else frozenset[str]()
    return Fleet(
        "synthetic", family, fault, tuple(parts), named, frozenset(), int(typical), octaves, part, jitter, draw
    )


def counts_fleet(random: Random, faulty: bool) -> Fleet:
    """Counts by system call; on the odd host one of them is 4 to 16 times as frequent and has 5% at least."""
    hosts, keys = random.choice(HOSTS[:6]), random.randint(8, 60)
    typical = log_uniform(random, LEAST_EVENTS, MOST_EVENTS)
    shares = scattered(random, {f"call-{number}": 1.0 for number in range(keys)}, 1.5)
    sigma = random.choice((0.0, 0.1, 0.2))
    odd = random.randrange(hosts) if faulty else -1
    item = random.choice([name for name, share in shares.items() if share < 0.2])
    factor = max(random.choice((4, 8, 16)), 0.05 / shares[item])
    parts = []
    for place in range(hosts):
        own = scattered(random, shares, sigma)
        if place == odd:
            own[item] *= factor
        events = int(typical * math.exp(random.gauss(0, 0.3)))
        parts.append(of_keys(f"h-{place}", multinomial(random, max(events, 160), own)))
    if not faulty:
        return Fleet("synthetic", "counts", "", tuple(parts), events=int(typical))
    return Fleet("synthetic", "counts", "key", tuple(parts), frozenset({f"h-{odd}"}), frozenset({item}), int(typical))


def quiet_fleet(random: Random) -> Fleet:
    """Hosts with too few events, one of which looks slow: nobody may be accused."""
    hosts = random.choice(HOSTS[:5])
    humps = workload(random, "log-normal")
    shares = shares_of(humps)
    parts: list[HostPart] = []
    for place in range(hosts):
        own = slowed(shares, 0.5, 4) if place == 0 else shares
        counts = multinomial(random, random.randint(5, 149), own)
        parts.append(of_buckets(f"h-{place}", counts))
    return Fleet("synthetic", "too few events", "", tuple(parts), events=75)


def empty_fleet(random: Random) -> Fleet:
    """A healthy fleet with some silent hosts."""
    fleet = histogram_fleet(random, "")
    silent = {item.part.run.host for item in fleet.parts[:3]}
    parts = [
        host_part(item.part.run.host, type(item.part.snapshot)(), item.host_class)
        if item.part.run.host in silent
        else item
        for item in fleet.parts
    ]
    return replace(fleet, parts=tuple(parts), family="with silent hosts")


def synthetic_fleets(seed: int, scale: float = 1.0) -> Iterator[Fleet]:
    """1,800 fleets of histograms and counts (times ``scale``), each from a stream of its own."""
    plan = (
        ("healthy", 600, lambda random: histogram_fleet(random, "")),
        ("shift", 600, lambda random: histogram_fleet(random, "shift")),
        ("rate", 150, lambda random: histogram_fleet(random, "rate")),
        ("healthy counts", 200, lambda random: counts_fleet(random, False)),
        ("counts", 150, lambda random: counts_fleet(random, True)),
        ("quiet", 50, quiet_fleet),
        ("empty", 50, empty_fleet),
    )
    for name, number, make in plan:
        for turn in range(round(number * scale)):
            yield make(Random(f"{seed} {name} {turn}"))
