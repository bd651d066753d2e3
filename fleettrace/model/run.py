"""Runs: one job on one host, tried once; what came of it and what it cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import log

from fleettrace.model.calibration import HitKind
from fleettrace.model.order import SignedBytes
from fleettrace.model.params import ParamValue
from fleettrace.model.redaction import PLAIN, Redaction
from fleettrace.snapshot import EMPTY, Snapshot

__all__ = [
    "IMPORT_BACKEND",
    "STOPPED_BY_HOST",
    "MapFill",
    "OneLinerBounds",
    "Part",
    "RunCost",
    "RunKey",
    "RunKind",
    "RunLimits",
    "RunOutcome",
    "StartRun",
]


IMPORT_BACKEND = "import"
"""Of a part that was measured by hand and read from a text: no agent has made it."""
STOPPED_BY_HOST = "stopped by the host"
"""How the reason begins of a run that its host's own breaker has ended."""


@dataclass(frozen=True, slots=True, order=True)
class RunKey:
    """Identity of a run; a host runs each key at most once."""

    job_id: str
    host: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.job_id}/{self.host}/{self.attempt}"


class RunKind(StrEnum):
    """What a run is for."""

    FREQUENCY_CHECK = "frequency_check"
    """The same probes with the same filters, counting only."""
    TRIAL = "trial"
    """The real program, for a moment; what it costs counts, what it sees is thrown away."""
    TRACE = "trace"


class RunOutcome(StrEnum):
    """How a run ended, as its host says."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """Ended early; what was measured until then is in the part."""
    FAILED = "failed"
    """Nothing was measured."""


@dataclass(frozen=True, slots=True)
class MapFill:
    """How full one map of a run is, as the kernel has it: entries in use ``at_ms`` after the probes were attached.

    ``early_used`` and ``early_at_ms`` are the same of the first time that it was looked at; 0: it was not.
    """

    name: str
    used: int
    max_entries: int
    at_ms: int = 0
    early_used: int = 0
    early_at_ms: int = 0

    def predicted_pct(self, duration_ms: int) -> float:
        """How full it will be, in percent, after a time.

        New keys become rarer as a map fills. By Heaps' law there are ``a t^b`` of them after a time ``t``; ``b`` (0..1)
        is what the two looks say, and 1, which overrates, where there was only one.
        """
        if not self.used:
            return 0.0
        grown = duration_ms / max(self.at_ms, 1)
        exponent = 1.0
        if self.early_used and self.at_ms > self.early_at_ms > 0:
            exponent = log(self.used / self.early_used) / log(self.at_ms / self.early_at_ms)
        growth: float = max(grown, 1.0) ** min(max(exponent, 0.0), 1.0)
        return 100 * self.used * growth / max(self.max_entries, 1)


@dataclass(frozen=True, slots=True)
class RunCost:
    """What a run has cost its host, counted since the probes were attached.

    ``hits``: probe firings before any filter, ``hits_by_kind`` the same by kind of probe; ``events``: hits that passed;
    ``lost_events``: events that are not in the snapshot (full map, stack collision); ``bpf_run_time_ns`` and
    ``bpf_run_count``: the kernel's own counts, 0 when its statistics are off; ``map_fills``: of maps that can fill up,
    as last looked at. ``child_cpu_us`` counts from the child's start, ``attached_cpu_us`` from the attached probes on.
    Of a one-liner, ``traps`` are those of the hits that trap out of user mode, and
    ``printing_events`` those of the events that print; of others both are 0.
    """

    hits: int = 0
    events: int = 0
    events_per_cpu: tuple[int, ...] = ()
    lost_events: int = 0
    truncated_stacks: int = 0
    map_bytes: int = 0
    child_cpu_us: int = 0
    child_peak_rss_bytes: int = 0
    bpf_run_time_ns: int = 0
    traps: int = 0
    printing_events: int = 0
    bpf_run_count: int = 0
    attached_cpu_us: int = 0
    hits_by_kind: Mapping[HitKind, int] = field(default_factory=dict)
    map_fills: tuple[MapFill, ...] = ()


@dataclass(frozen=True, slots=True)
class OneLinerBounds:
    """What a one-liner may take beyond what every run may.

    ``max_probes`` counts what wildcards match on the host; ``max_keys`` is of one map; ``max_printed_per_s`` are events
    that print.
    """

    max_probes: int
    max_keys: int
    max_printed_per_s: float


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What a run may take; the lower of the controller's and the host's holds.

    ``max_cpu_pct`` is in percent of one CPU, summed over all CPUs; ``one_liner`` is None for tools of the catalogue.
    What the tracing process may take, CPU in percent of one and memory, is the host's business alone where it is 0.
    """

    duration_ms: int
    max_events_per_s: int
    max_map_bytes: int
    max_cpu_pct: float
    capabilities: tuple[str, ...] = ()
    one_liner: OneLinerBounds | None = None
    max_child_cpu_pct: float = 0.0
    max_child_rss_bytes: int = 0


@dataclass(frozen=True, slots=True)
class StartRun:
    """The order to run; a host that gets it after ``expires_at_ms`` (Unix) does not start."""

    run: RunKey
    kind: RunKind
    tool: str
    digest: str
    params: dict[str, ParamValue]
    limits: RunLimits
    expires_at_ms: int
    team: str = ""
    operator: str = ""
    program: str = ""
    """Of a one-liner, in its canonical text; empty for a tool of the catalogue."""
    program_scale: float = 0.0
    """How much dearer than its manifest says the canary has measured the program; 0: not measured."""
    start_at_ms: int = 0
    """When to attach (Unix, the controller's clock), together with the others of the wave; 0: at once."""
    tool_approvals: tuple[SignedBytes, ...] = ()
    """By keys that are not the controller's (:mod:`fleettrace.orders.approvals`)."""
    redaction: Redaction = PLAIN
    """What this host hides of its result before it leaves."""
    approved_by: str = ""
    """The second person, where the grant asks for one."""
    break_glass: str = ""
    """Why it runs by a grant for emergencies; empty: it does not."""


@dataclass(frozen=True, slots=True)
class Part:
    """The result of one run. Interim parts (not ``final``) replace each other; a final one is kept until acknowledged.

    ``started_at_ms`` (Unix, the host's clock) is when the last probe was attached; ``duration_ms`` how long it was.
    """

    run: RunKey
    kind: RunKind
    outcome: RunOutcome
    reason: str
    backend: str
    started_at_ms: int
    duration_ms: int
    cost: RunCost = field(default_factory=RunCost)
    snapshot: Snapshot = EMPTY
    final: bool = True
    alternative: str = ""
    """Which of the tool's alternatives ran; empty when it has one way only."""
    notes: tuple[str, ...] = ()
    """What a reader of the result must know, a sentence each."""
    build_id: str = ""
    """Of the program or library that was probed, in hexadecimal digits; empty: none was, or it has none."""
    started_at_controller_ms: int = 0
    """``started_at_ms`` by the controller's clock; 0: not known."""
    clock_uncertainty_ms: int = 0
    """Of that, either way."""
