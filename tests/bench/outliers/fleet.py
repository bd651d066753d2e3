"""A labelled fleet: what a comparison is given, and what it should say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from fleettrace.model.job import HostPart
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunOutcome
from fleettrace.snapshot import NO_KEY, Count, Histogram, Snapshot, Stack

WINDOW_MS = 10_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """``odd`` are the faulty hosts (none: healthy); ``items`` the frames or keys, any of which names the fault.

    ``source`` says where the distributions are from, ``family`` what they look like or which tool measured them, and
    ``fault`` what was done to the odd ones. ``events`` is about how many a host has; ``jitter`` how much
    healthy hosts differ, in octaves (for stacks: the scatter of their shares, for which ``part_of_events`` is the
    frame's usual share). ``draw`` has, by class, what draws the true shares of one more healthy host: only an oracle
    looks at it.
    """

    source: str
    family: str
    fault: str
    parts: tuple[HostPart, ...]
    odd: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()
    events: int = 0
    octaves: int = 0
    part_of_events: float = 0.0
    jitter: float = 0.0
    draw: Mapping[str, Callable[[Random], Mapping[int, float]]] = field(default_factory=dict)

    @property
    def hosts(self) -> int:
        """How many."""
        return len(self.parts)


def host_part(host: str, snapshot: Snapshot, host_class: str = "c", window_ms: int = WINDOW_MS) -> HostPart:
    """One host's result."""
    cost = RunCost(events_per_cpu=(snapshot.total,))
    part = Part(
        RunKey("job", host, 1), RunKind.TRACE, RunOutcome.COMPLETE, "", "bcc", 0, window_ms, cost, snapshot=snapshot
    )
    return HostPart(part, {}, host_class)


def of_buckets(host: str, counts: Mapping[int, int], host_class: str = "c") -> HostPart:
    """A histogram in us."""
    filled = tuple(sorted((index, count) for index, count in counts.items() if count))
    return host_part(host, Snapshot(histograms=(Histogram(NO_KEY, "us", "log2", filled),)), host_class)


def of_keys(host: str, counts: Mapping[str, int]) -> HostPart:
    """Counts by system call, named ``process syscall`` or by the call alone."""
    names = ("process", "syscall")
    entries = []
    for name, count in sorted(counts.items()):
        values = name.split(" ")
        entries.append(Count(tuple(zip(names[-len(values) :], values, strict=True)), count))
    return host_part(host, Snapshot(counts=tuple(entries)))


def of_stacks(host: str, values: Mapping[tuple[str, ...], int]) -> HostPart:
    """Samples by frames."""
    return host_part(
        host, Snapshot(stacks=tuple(Stack(frames, value, "samples") for frames, value in sorted(values.items())))
    )
