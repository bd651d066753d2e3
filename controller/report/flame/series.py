"""Whose values are drawn on a tree: the fleet's, the typical host's, single hosts'. By chain at first, then by node."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from controller.analysis.frame_weights import independent_events
from controller.report.contents import by_host
from controller.report.export.units import is_time
from fleettrace.errors import BadInput
from fleettrace.model.job import JobResult
from fleettrace.snapshot import StackColumns, columns_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FULL", "MAX_HOST_SERIES", "Chains", "OnChains", "Series", "SeriesKind", "effective_samples", "series_of"]

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
    """Values of nodes, once there are any: ``own`` leaves out those without a value of their own.

    ``samples`` is how many events are behind all of it, as far as chance is concerned; 0: not known. ``hosts`` is how
    many hosts it speaks for; ``job`` numbers the job from 0.
    """

    label: str
    kind: SeriesKind
    total: int
    samples: int
    own: Mapping[int, int] = field(default_factory=dict)
    hosts: int = 1
    job: int = 0


class Chains:
    """The chains of frames that some results have, and who has them. ``used`` are the places of those that are used."""

    def __init__(self, results: Sequence[JobResult]) -> None:
        # Imported where needed: a tenth of a second, which every command would spend.
        import numpy as np  # noqa: PLC0415

        hosts = [by_host(result) for result in results]
        snapshots = [result.merged for result in results] + [own for each in hosts for own in each.values()]
        columns = iter(columns_of([snapshot.stacks for snapshot in snapshots if snapshot.stacks]))
        self.merged = [next(columns) for _ in results]
        """The merged stacks of each result."""
        self.hosts = [{name: next(columns) for name, own in each.items() if own.stacks} for each in hosts]
        """The stacks of each result's hosts that have any, by name."""
        self.all = self.merged[0].chains
        is_used = np.zeros(len(self.all), bool)
        # The hosts' too: of a host that was left out not all chains are in the merge.
        for own in [*self.merged, *chain.from_iterable(each.values() for each in self.hosts)]:
            is_used[np.frombuffer(own.numbers, np.uint32)] = True
        self.used: NDArray[Any] = np.flatnonzero(is_used)

    def values(self, stacks: StackColumns) -> "NDArray[Any]":
        """The value of each used chain."""
        import numpy as np  # noqa: PLC0415

        sums = np.zeros(len(self.all), np.uint64)
        np.add.at(sums, np.frombuffer(stacks.numbers, np.uint32), np.frombuffer(stacks.values, np.uint64))
        of_used: NDArray[Any] = sums[self.used]
        return of_used

    def mean_shares(self, hosts: Collection[StackColumns]) -> "NDArray[Any]":
        """In parts of :data:`FULL`; each host weighs the same."""
        import numpy as np  # noqa: PLC0415

        sums = np.zeros(len(self.all))
        for stacks in hosts:
            shares = np.frombuffer(stacks.values, np.uint64) * (1 / stacks.total)
            np.add.at(sums, np.frombuffer(stacks.numbers, np.uint32), shares)
        of_used: NDArray[Any] = np.rint(sums[self.used] / max(len(hosts), 1) * FULL).astype(np.uint64)
        return of_used


class OnChains(NamedTuple):
    """A series that has no place on a tree yet: the value of each used chain."""

    series: Series
    values: "NDArray[Any]"

    @property
    def shares(self) -> "NDArray[Any]":
        """Of the whole."""
        return self.values / self.series.total

    def on_nodes(self, node_of: "NDArray[Any]", nodes: int) -> Series:
        """The same by node, where each chain ends in one."""
        import numpy as np  # noqa: PLC0415

        sums = np.zeros(nodes, np.uint64)
        np.add.at(sums, node_of, self.values)
        found = np.flatnonzero(sums)
        return replace(self.series, own=dict(zip(found.tolist(), sums[found].tolist(), strict=True)))


def series_of(result: JobResult, chains: Chains, job: int, host: str, *, several: bool) -> list[OnChains]:
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
        label = f"{prefix}fleet: sum of {count:,} hosts"
        series = Series(label, SeriesKind.SUM, merged.total, effective_samples(merged), hosts=count, job=job)
        found.append(OnChains(series, chains.values(merged)))
        label = f"{prefix}typical host: mean of {count:,} hosts' shares"
        series = replace(series, label=label, kind=SeriesKind.MEAN, total=FULL)
        found.append(OnChains(series, chains.mean_shares(hosts.values())))
    for name in [] if several and count != 1 else _listed(result, list(hosts), host):
        own = hosts[name]
        series = Series(f"{prefix}{name}", SeriesKind.HOST, own.total, effective_samples(own), job=job)
        found.append(OnChains(series, chains.values(own)))
    return found


def effective_samples(stacks: StackColumns) -> int:
    """How many events of equal weight would say as much.

    Of samples it is their number; 0 where values are times and nobody counted the events.
    """
    if not stacks.events:
        return 0 if is_time(stacks.unit) else stacks.total
    return max(round(independent_events(stacks)), 1)


def _listed(result: JobResult, hosts: Sequence[str], host: str) -> list[str]:
    if len(hosts) <= MAX_HOST_SERIES:
        return list(hosts)
    suspects = [suspect.host for suspect in result.suspects if suspect.host in hosts]
    return list(dict.fromkeys([*([host] if host else []), *suspects]))[:MAX_HOST_SERIES]
