"""A job and its runs as they stand now."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleettrace.model.job.evidence import CanaryCheck, Decision, PlannedHost, Wave
from fleettrace.model.job.spec import JobSpec
from fleettrace.model.job.states import JobState, RunState
from fleettrace.model.run import RunCost, RunKey, RunKind

__all__ = ["Job", "Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the controller sees it. ``elapsed_ms`` counts from the first attached probe, on the host."""

    key: RunKey
    kind: RunKind
    state: RunState
    sent_at_ms: int
    deadline_ms: int
    reason: str = ""
    elapsed_ms: int = 0
    cost: RunCost = field(default_factory=RunCost)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands."""

    spec: JobSpec
    state: JobState
    reason: str = ""
    finished_at_ms: int = 0
    canaries: tuple[CanaryCheck, ...] = ()
    waves: tuple[Wave, ...] = ()
    runs: Mapping[RunKey, Run] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    plan: tuple[PlannedHost, ...] = ()
    """Of a dry run that the gate let pass: every host that would trace, by wave."""
    queue_position: int = 0
    """In the queue, from 1; 0: it does not wait."""
    waits_for: str = ""
    """Why it waits; empty: it does not."""
    approved_by: str = ""
    """The second person; empty: there is none."""
    queued_at_ms: int = 0
    """When (Unix ms) it was approved, and queued; 0: when it was asked for."""

    @property
    def queued_since_ms(self) -> int:
        """Since when it waits for its hosts, when it does."""
        return self.queued_at_ms or self.spec.created_at_ms
