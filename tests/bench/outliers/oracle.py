"""What is attainable: a detector that knows everything but which host is odd.

It is given the true distribution of healthy hosts and exactly what the fault does, and ranks hosts by the likelihood
ratio of "this one has the fault" to "this one is healthy", which no other score beats (Neyman and Pearson 1933). Of
hosts without jitter the ratio is exact; of others it is that of normal distributions of the roots of shares, with the
moments of 300 drawn hosts.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from random import Random
from statistics import NormalDist
from typing import Any

from fleettrace.snapshot import Snapshot
from tests.bench.outliers.fleet import Fleet
from tests.bench.outliers.metrics import Answer
from tests.bench.outliers.synthetic import BUCKETS, slowed

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
        self._models = {}
        for name, draw in fleet.draw.items():
            drawn = [draw(random) for _ in range(1 if self._exact else DRAWN_HOSTS)]
            faulty = [slowed(shares, fleet.part_of_events, fleet.octaves) for shares in drawn]
            self._models[name] = (_moments(drawn), _moments(faulty))

    def answer(self) -> Answer:
        """The hosts by likelihood ratio."""
        ranked = [(item.part.run.host, self._ratio(item.part.snapshot, item.host_class)) for item in self._fleet.parts]
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

    def _ratio(self, snapshot: Snapshot, host_class: str) -> float:
        usual, faulty = self._models[host_class]
        counts = _vector(dict(snapshot.histograms[0].counts))
        if self._exact:
            return float(counts @ (np.log(faulty.shares + LEAST_SHARE) - np.log(usual.shares + LEAST_SHARE)))
        roots, sampling = np.sqrt(counts / counts.sum()), np.eye(BUCKETS) / (4 * counts.sum())
        return _log_density(roots, faulty, sampling) - _log_density(roots, usual, sampling)


def _moments(drawn: list[dict[int, float]] | list[Mapping[int, float]]) -> _Moments:
    shares = np.array([_vector(own) for own in drawn])
    roots = np.sqrt(shares)
    covariance = np.cov(roots.T) if len(drawn) > 1 else np.zeros((BUCKETS, BUCKETS))
    return _Moments(roots.mean(axis=0), covariance, shares[0])


def _vector(values: Mapping[int, float]) -> Any:
    return np.array([values.get(index, 0.0) for index in range(BUCKETS)])


def _log_density(roots: Any, moments: _Moments, sampling: Any) -> float:
    factor = np.linalg.cholesky(moments.covariance + sampling)
    apart = np.linalg.solve(factor, roots - moments.mean)
    return float(-apart @ apart / 2 - np.log(np.diag(factor)).sum())
