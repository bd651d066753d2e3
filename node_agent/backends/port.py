"""The tracer port: what a run needs of whatever does the tracing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fleettrace.model.calibration import HitKind
from fleettrace.model.params import ParamValue
from fleettrace.model.run import MapFill, RunKind
from fleettrace.model.tool import ToolDefinition
from fleettrace.snapshot import Snapshot
from node_agent.kernel.cgroups import Scope

__all__ = ["ProbeStats", "TracePlan", "Tracer", "no_wait"]


def no_wait() -> None:
    """Attach at once."""


@dataclass(frozen=True, slots=True)
class TracePlan:
    """What to run on this kernel; checked, so that a tracer has nothing left to refuse but what the kernel does.

    ``params`` has a value for each of the tool's own parameters, and those filters that are set. ``scope`` None stands
    for the whole machine. ``max_map_bytes`` bounds the kernel memory of all maps together. Compiled objects are kept
    below ``state_directory``.
    """

    tool: ToolDefinition
    kind: RunKind
    params: Mapping[str, ParamValue]
    scope: Scope | None
    max_map_bytes: int
    state_directory: str


@dataclass(frozen=True, slots=True)
class ProbeStats:
    """Counted since attaching. ``sum(events_per_cpu)`` = events in the snapshot + ``lost_events``, exactly.

    ``hits``: probe firings before any filter; ``events_per_cpu``: those that passed, by possible CPU; ``lost_events``:
    of the events, those that could not be recorded; ``truncated_stacks``: samples whose stack was deeper than the
    kernel keeps, known once a snapshot was taken; ``bpf_run_time_ns`` and ``bpf_run_count``: the kernel's own counts, 0
    while its statistics are off; ``hits_by_kind``: the hits by kind of probe;
    ``helper_cpu_us``: CPU time of a process that traces for this one. Of a one-liner, ``traps`` are those of
    the hits that trap out of user mode, and ``printing_events`` those of the events that print.
    """

    hits: int = 0
    events_per_cpu: tuple[int, ...] = ()
    lost_events: int = 0
    truncated_stacks: int = 0
    map_bytes: int = 0
    bpf_run_time_ns: int = 0
    traps: int = 0
    printing_events: int = 0
    bpf_run_count: int = 0
    hits_by_kind: Mapping[HitKind, int] = field(default_factory=dict)
    helper_cpu_us: int = 0

    @property
    def events(self) -> int:
        """Events on all CPUs."""
        return sum(self.events_per_cpu)


class Tracer(Protocol):
    """One run's tracing. Order of use: ``attach``, any of the readers, ``detach``, the readers again, ``close``."""

    @property
    def backend(self) -> str:
        """Its name, as results carry it."""

    @property
    def alternative(self) -> str:
        """Which of the tool's alternatives is attached; empty before, and when it has one way only."""

    @property
    def reads_live(self) -> bool:
        """Whether a snapshot holds something before ``detach``."""

    @property
    def detach_reserve_s(self) -> float:
        """How long before its deadline a run is to begin to detach, so that nothing is attached much beyond it."""

    @property
    def build_id(self) -> str:
        """Of the program or library that its probes are in; empty before, and when they are in none."""

    def attach(self, wait: Callable[[], None] = no_wait) -> None:
        """Load and attach; when it returns, every probe is live. It leaves nothing behind when it raises.

        ``wait`` is called when everything is loaded that can be, before the first probe is attached; what it raises
        passes through.

        Raises:
            Unfit: this machine cannot run the tool (AttachFailed: the kernel refused it).
            Refused: it would take more than the plan allows.
        """

    def stats(self) -> ProbeStats:
        """Cheap: called several times a second while attached; valid after ``detach`` too."""

    def map_fills(self) -> tuple[MapFill, ...]:
        """How full each map is that can fill up; it walks through them. Empty where they cannot be looked into."""

    def snapshot(self) -> Snapshot:
        """Everything recorded since attaching, canonical; empty but for a trace.

        While attached the probes go on, and it may be a few events behind :meth:`stats`; after ``detach`` both are
        final.
        """

    def detach(self, *, hurry: bool = False) -> float:
        """Stop; idempotent. Nothing is attached any more when it returns.

        ``hurry``: a ceiling was breached, and to be off soon counts more than what was recorded, which may be lost.

        Returns the moment up to which events were counted, on the monotonic clock in s.
        """

    def notes(self) -> tuple[str, ...]:
        """What a reader of the result must know, a sentence each; complete after ``detach`` and a snapshot."""

    def close(self) -> None:
        """Give everything up; idempotent. Detaches first when that was not done."""
