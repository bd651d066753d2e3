"""Whose values are drawn on a tree: the fleet's, the typical host's, single hosts'. By chain at first, then by node."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from controller.report.contents import by_host
from controller.report.export.units import is_time
from fleettrace.errors import BadInput
from fleettrace.model.job import JobResult
from fleettrace.snapshot import Snapshot, Stack

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
    """Chains of frames in order, by number. Looking one up hashes all its frames; often it is the same object again."""

    def __init__(self, results: Iterable[JobResult]) -> None:
        # Merged stacks are in order, so that sorting them again costs little, unless a set forgets it.
        self.ordered = sorted(dict.fromkeys(stack.frames for result in results for stack in result.merged.stacks))
        self._numbers = {frames: number for number, frames in enumerate(self.ordered)}
        # These are kept alive by what is held above, so that no other object can get their identity.
        self._by_identity = {id(frames): number for number, frames in enumerate(self.ordered)}

    def values(self, stacks: Iterable[Stack]) -> dict[int, int]:
        """Values by chain."""
        return {self._number(stack.frames): stack.value for stack in stacks}

    def mean_shares(self, snapshots: Iterable[Snapshot]) -> dict[int, int]:
        """In parts of :data:`FULL`; each snapshot weighs the same."""
        sums = [0.0] * len(self.ordered)
        known = self._by_identity
        count = 0
        for snapshot in snapshots:
            count += 1
            weight = 1 / sum(stack.value for stack in snapshot.stacks)
            for stack in snapshot.stacks:
                try:
                    sums[known[id(stack.frames)]] += stack.value * weight
                except KeyError:
                    sums[self._numbers[stack.frames]] += stack.value * weight
        return {number: round(share / count * FULL) for number, share in enumerate(sums) if share}

    def _number(self, frames: tuple[str, ...]) -> int:
        number = self._by_identity.get(id(frames))
        return self._numbers[frames] if number is None else number


def series_of(result: JobResult, chains: Chains, job: int, host: str, *, several: bool) -> list[Series]:
    """The fleet's, the typical host's, and hosts'; with ``several`` jobs, of jobs of many hosts no single host's.

    Raises:
        BadInput: ``host`` has no stacks.
    """
    hosts = {name: own for name, own in by_host(result).items() if own.stacks}
    job_id = result.job.spec.job_id
    if host and host not in hosts:
        raise BadInput(f"{host} has no stacks in job {job_id}: {', '.join(list(hosts)[:5])} and so on have")
    prefix = f"job {job_id}, " if several else ""
    count = len(hosts)
    found = []
    if count != 1:
        samples = effective_samples(result.merged.stacks)
        whole = chains.values(result.merged.stacks)
        label = f"{prefix}fleet: sum of {count:,} hosts"
        found.append(Series(label, SeriesKind.SUM, sum(whole.values()), samples, whole, count, job))
        label = f"{prefix}typical host: mean of {count:,} hosts' shares"
        found.append(Series(label, SeriesKind.MEAN, FULL, samples, chains.mean_shares(hosts.values()), count, job))
    for name in [] if several and count != 1 else _listed(result, list(hosts), host):
        stacks = hosts[name].stacks
        own = chains.values(stacks)
        samples = effective_samples(stacks)
        found.append(Series(f"{prefix}{name}", SeriesKind.HOST, sum(own.values()), samples, own, 1, job))
    return found


def effective_samples(stacks: Sequence[Stack]) -> int:
    """How many events of equal weight would say as much: (sum of w)^2 / sum of w^2 (Kish, Survey Sampling, 1965).

    Events of one stack are taken to weigh the same. Of samples it is their number; 0 where values are times and nobody
    counted the events.
    """
    if not stacks:
        return 0
    if not any(stack.events for stack in stacks):
        return 0 if is_time(stacks[0].unit) else sum(stack.value for stack in stacks)
    total = sum(stack.value for stack in stacks)
    squares = sum(stack.value**2 / max(stack.events, 1) for stack in stacks)
    return max(round(total**2 / squares), 1)


def _listed(result: JobResult, hosts: Sequence[str], host: str) -> list[str]:
    if len(hosts) <= MAX_HOST_SERIES:
        return list(hosts)
    suspects = [suspect.host for suspect in result.suspects if suspect.host in hosts]
    return list(dict.fromkeys([*([host] if host else []), *suspects]))[:MAX_HOST_SERIES]
