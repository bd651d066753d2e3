"""Whose values are drawn on a tree: the fleet's, the typical host's, single hosts'. By chain at first, then by node."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from controller.report.contents import by_host
from controller.report.export.units import is_time
from fleettrace.errors import BadInput
from fleettrace.model.job import JobResult
from fleettrace.snapshot import StackColumns, columns_of

__all__ = ["FULL", "MAX_HOST_SERIES", "Chains", "Series", "SeriesKind", "effective_samples", "series_of"]

FULL = 10**12
"""The whole of a series of shares, in which its values are whole numbers."""

MAX_HOST_SERIES = 16
"""Up to so many hosts each have a series; of more, those that stand out."""


class SeriesKind(StrEnum):
    """What the width of a frame means."""

    SUM = "sum"
    """Cost of all hosts together; busy hosts weigh more."""
    MEAN = "mean"
    """The typical host: the mean of the hosts' shares, each host weighing the same."""
    HOST = "host"
    """One host."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values of chains or, on a graph, of nodes: ``own`` leaves out those without a value of their own.

    ``samples`` is how many events are behind all of it, as far as chance is concerned; 0: not known. ``hosts`` is how
    many hosts it speaks for; ``job`` numbers the job from 0.
    """

    label: str
    kind: SeriesKind
    total: int
    samples: int
    own: Mapping[int, int]
    hosts: int = 1
    job: int = 0


class Chains:
    """The chains of frames that some results have, in order and by number."""

    def __init__(self, results: Sequence[JobResult]) -> None:
        hosts = [by_host(result) for result in results]
        snapshots = [result.merged for result in results] + [own for each in hosts for own in each.values()]
        columns = iter(columns_of([snapshot.stacks for snapshot in snapshots if snapshot.stacks]))
        self.merged = [next(columns) for _ in results]
        """The merged stacks of each result."""
        self.hosts = [{name: next(columns) for name, own in each.items() if own.stacks} for each in hosts]
        """The stacks of each result's hosts that have any, by name."""
        used: set[int] = set()
        # The hosts' too: of a host that was left out not all chains are in the merge.
        for own in [*self.merged, *chain.from_iterable(each.values() for each in self.hosts)]:
            used.update(own.numbers)
        numbers = sorted(used)
        self.ordered = [*map(self.merged[0].chains.__getitem__, numbers)]
        self._places = array("q", [-1]) * len(self.merged[0].chains)
        for place, number in enumerate(numbers):
            self._places[number] = place

    def values(self, stacks: StackColumns) -> dict[int, int]:
        """Values by chain."""
        return dict(zip(map(self._places.__getitem__, stacks.numbers), stacks.values, strict=True))

    def mean_shares(self, hosts: Iterable[StackColumns]) -> dict[int, int]:
        """In parts of :data:`FULL`; each host weighs the same."""
        sums = [0.0] * len(self._places)
        count = 0
        for stacks in hosts:
            count += 1
            weight = 1 / stacks.total
            for number, value in zip(stacks.numbers, stacks.values, strict=True):
                sums[number] += value * weight
        return {self._places[number]: round(share / count * FULL) for number, share in enumerate(sums) if share}


def series_of(result: JobResult, chains: Chains, job: int, host: str, *, several: bool) -> list[Series]:
    """The fleet's, the typical host's, and hosts'; with ``several`` jobs, of jobs of many hosts no single host's.

    Raises:
        BadInput: ``host`` has no stacks.
    """
    hosts, merged = chains.hosts[job], chains.merged[job]
    job_id = result.job.spec.job_id
    if host and host not in hosts:
        raise BadInput(f"{host} has no stacks in job {job_id}: {', '.join(list(hosts)[:5])} and so on have")
    prefix = f"job {job_id}, " if several else ""
    count = len(hosts)
    found = []
    if count != 1:
        samples = effective_samples(merged)
        whole = chains.values(merged)
        label = f"{prefix}fleet: sum of {count:,} hosts"
        found.append(Series(label, SeriesKind.SUM, sum(whole.values()), samples, whole, count, job))
        label = f"{prefix}typical host: mean of {count:,} hosts' shares"
        found.append(Series(label, SeriesKind.MEAN, FULL, samples, chains.mean_shares(hosts.values()), count, job))
    for name in [] if several and count != 1 else _listed(result, list(hosts), host):
        own = chains.values(hosts[name])
        samples = effective_samples(hosts[name])
        found.append(Series(f"{prefix}{name}", SeriesKind.HOST, sum(own.values()), samples, own, 1, job))
    return found


def effective_samples(stacks: StackColumns) -> int:
    """How many events of equal weight would say as much: (sum of w)^2 / sum of w^2 (Kish, Survey Sampling, 1965).

    Events of one stack are taken to weigh the same. Of samples it is their number; 0 where values are times and nobody
    counted the events.
    """
    if not stacks.events:
        return 0 if is_time(stacks.unit) else stacks.total
    squares = sum(value**2 / max(events, 1) for value, events in zip(stacks.values, stacks.events, strict=True))
    return max(round(stacks.total**2 / squares), 1)


def _listed(result: JobResult, hosts: Sequence[str], host: str) -> list[str]:
    if len(hosts) <= MAX_HOST_SERIES:
        return list(hosts)
    suspects = [suspect.host for suspect in result.suspects if suspect.host in hosts]
    return list(dict.fromkeys([*([host] if host else []), *suspects]))[:MAX_HOST_SERIES]
