"""What is attainable: detectors that know everything but which host is odd.

They are given the true distribution of healthy hosts, and rank hosts by the likelihood ratio of "this one has the
fault" to "this one is healthy". The *oracle* is told exactly what the fault does, and no score beats its (Neyman and
Pearson 1933). The *blind oracle* is told what a method could at best know: from which faults this one was drawn, and
how often each of them is. Its ratio is the mean of theirs, and no score that is not told the fault puts the odd host
first in more of the fleets, on average over the faults. Of hosts without jitter the ratios are exact; of others they
are those of normal distributions of the roots of shares, with the moments of 300 drawn hosts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from random import Random
from statistics import NormalDist
from typing import Any

from tests.bench.outliers.fleet import Fleet
from tests.bench.outliers.metrics import Answer
from tests.bench.outliers.synthetic import BUCKETS, OCTAVES, PARTS

# Not among the project's dependencies, so that a type checker may not find it.
np: Any = import_module("numpy")

__all__ = ["Oracle"]

DRAWN_HOSTS = 300
LEAST_SHARE = 1e-12
STEPS = 400


@dataclass(frozen=True, slots=True)
class _Moments:
    """Of the roots of one class' shares; ``shares`` are the first host's, which without jitter are everybody's."""

    mean: Any
    covariance: Any
    shares: Any


class Oracle:
    """Of one fleet of synthetic histograms with a shift."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        random = Random(f"oracle {fleet.events} {fleet.octaves} {fleet.part_of_events} {fleet.hosts}")
        self._exact = not fleet.jitter and fleet.family != "over-dispersed"
        self._drawn = {
            name: [draw(random) for _ in range(1 if self._exact else DRAWN_HOSTS)] for name, draw in fleet.draw.items()
        }
        self._models = {}
        for name, drawn in self._drawn.items():
            shares = np.array([_vector(own) for own in drawn])
            self._models[name] = (
                _moments(shares),
                _moments(_slowed(shares, fleet.part_of_events, fleet.octaves)),
            )

    def answer(self) -> Answer:
        """The hosts by likelihood ratio."""
        return self._answer({name: [faulty] for name, (_, faulty) in self._models.items()})

    def blind_answer(self) -> Answer:
        """The hosts by the ratio of one who is not told which of the corpus' faults it is."""
        faults = {}
        for name, drawn in self._drawn.items():
            shares = np.array([_vector(own) for own in drawn])
            faults[name] = [_moments(_slowed(shares, part, octaves)) for part in PARTS for octaves in OCTAVES]
        return self._answer(faults)

    def _answer(self, faults: Mapping[str, Sequence[_Moments]]) -> Answer:
        ranked: list[tuple[str, float]] = []
        for name, (usual, _) in self._models.items():
            own = [item.part for item in self._fleet.parts if item.host_class == name]
            if own:
                counts = np.array([_vector(dict(part.snapshot.histograms[0].counts)) for part in own])
                ratios = _log_mean([self._log_ratios(counts, usual, faulty) for faulty in faults[name]])
                ranked += zip([part.run.host for part in own], ratios.tolist(), strict=True)
        return Answer(tuple(sorted(ranked, key=lambda pair: (-pair[1], pair[0]))), self._fleet.odd)

    @cached_property
    def chance(self) -> float:
        """How probable it was, before anything was measured, that the oracle would put the odd host first."""
        return self._chance(1.0)

    @cached_property
    def chance_with_more_events(self) -> float:
        """The same, had all hosts a hundred times the events."""
        return self._chance(100.0)

    def _chance(self, factor: float) -> float:
        (odd,) = [item for item in self._fleet.parts if item.part.run.host in self._fleet.odd]
        usual, faulty = self._models[odd.host_class]
        apart = faulty.mean - usual.mean
        noise = usual.covariance + np.eye(BUCKETS) / (4 * factor * odd.part.snapshot.total)
        distance = math.sqrt(float(apart @ np.linalg.solve(noise, apart)))
        normal = NormalDist()
        # The odd host's deviate is above the largest of the others', whose number is known.
        places = [distance - 5 + 10 * (step + 0.5) / STEPS for step in range(STEPS)]
        return sum(normal.pdf(at - distance) * normal.cdf(at) ** (self._fleet.hosts - 1) for at in places) * 10 / STEPS

    def _log_ratios(self, counts: Any, usual: _Moments, faulty: _Moments) -> Any:
        """One for each host of a class."""
        if self._exact:
            return counts @ (np.log(faulty.shares + LEAST_SHARE) - np.log(usual.shares + LEAST_SHARE))
        events = counts.sum(axis=1)
        roots = np.sqrt(counts / events[:, None])
        return _log_densities(roots, events, faulty) - _log_densities(roots, events, usual)


def _slowed(shares: Any, part: float, octaves: int) -> Any:
    """Hosts' shares with the fault; as :func:`tests.bench.outliers.synthetic.slowed` of each."""
    moved = np.zeros_like(shares)
    moved[:, octaves:] = shares[:, :-octaves]
    moved[:, -1] += shares[:, -octaves:].sum(axis=1)
    return (1 - part) * shares + part * moved


def _moments(shares: Any) -> _Moments:
    roots = np.sqrt(shares)
    covariance = np.cov(roots.T) if len(shares) > 1 else np.zeros((BUCKETS, BUCKETS))
    return _Moments(roots.mean(axis=0), covariance, shares[0])


def _vector(values: Mapping[int, float]) -> Any:
    return np.array([values.get(index, 0.0) for index in range(BUCKETS)])


def _log_densities(roots: Any, events: Any, moments: _Moments) -> Any:
    """Of hosts with so many events each, whose sampling is added to how healthy ones differ."""
    values, vectors = np.linalg.eigh(moments.covariance)
    variances = np.maximum(values, 0.0) + 1 / (4 * events[:, None])
    return -(((roots - moments.mean) @ vectors) ** 2 / variances + np.log(variances)).sum(axis=1) / 2


def _log_mean(logarithms: Sequence[Any]) -> Any:
    rows = np.array(logarithms)
    largest = rows.max(axis=0)
    return largest + np.log(np.exp(rows - largest).mean(axis=0))
