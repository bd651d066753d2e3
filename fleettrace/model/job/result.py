"""A job with what its hosts have measured, and how much of the fleet that speaks for."""

from collections.abc import Mapping
from dataclasses import dataclass

from fleettrace.model.findings import HistogramReading, Suspect
from fleettrace.model.job.standing import Job
from fleettrace.model.run import Part
from fleettrace.snapshot import EMPTY, Snapshot

__all__ = ["Coverage", "HostPart", "JobResult", "JobTotals"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the fleet the answer speaks for, and what was not seen."""

    targeted: int
    answered: int
    missing: tuple[tuple[str, str], ...] = ()
    """(host, reason), by host."""
    partial: tuple[tuple[str, str], ...] = ()
    """(host, reason) of hosts whose part ended early."""
    lost_events: int = 0
    truncated_stacks: int = 0
    window_skew_ms: int = 0
    """Between the first and the last start of a host's window, by the hosts' clocks."""
    replayed: tuple[str, ...] = ()
    """Hosts whose part is a recording and not this kernel."""
    left_out: tuple[tuple[str, str], ...] = ()
    """(host, reason) of hosts that answered, but with what cannot be added to the other hosts' results."""
    notes: tuple[tuple[str, str], ...] = ()
    """(host, what a reader of its result must know), by host."""
    imported: tuple[str, ...] = ()
    """Hosts that were measured by hand: no targets of the job, and not among those that answered."""
    wave_skew_ms: int = 0
    """``window_skew_ms`` within one wave, by the controller's clock; of the wave that started least together."""
    wave_skew_uncertainty_ms: int = 0
    """Of that, either way."""


@dataclass(frozen=True, slots=True)
class HostPart:
    """A part with what is known of its host."""

    part: Part
    labels: Mapping[str, str]
    host_class: str


@dataclass(frozen=True, slots=True)
class JobTotals:
    """What the hosts of a job have measured together; who they are, and what was not seen, is in :class:`JobResult`."""

    job: Job
    merged: Snapshot = EMPTY


@dataclass(frozen=True, slots=True)
class JobResult:
    """A job with everything that was measured. ``statement`` is the answer in one sentence; empty: not made yet."""

    job: Job
    coverage: Coverage
    merged: Snapshot = EMPTY
    hosts: tuple[HostPart, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    readings: tuple[str, ...] = ()
    statement: str = ""
    histogram_readings: tuple[HistogramReading, ...] = ()
