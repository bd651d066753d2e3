"""Jobs: one tool on many hosts, bounded; as it stands now, with the evidence for what was decided."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fleettrace.model.cost import CostBasis
from fleettrace.model.findings import HistogramReading, Suspect
from fleettrace.model.params import ParamValue
from fleettrace.model.redaction import NOTHING, Rule
from fleettrace.model.run import MapFill, Part, RunCost, RunKey, RunKind
from fleettrace.snapshot import EMPTY, Snapshot

__all__ = [
    "CanaryCheck",
    "Coverage",
    "Decision",
    "HostPart",
    "Job",
    "JobResult",
    "JobSpec",
    "JobState",
    "JobTotals",
    "PlannedHost",
    "Priority",
    "Run",
    "RunState",
    "Suspect",
    "Trial",
    "Verdict",
    "Wave",
    "program_id",
]


class JobState(StrEnum):
    """Where a job stands. docs/states.md has the table."""

    REFUSED = "refused"
    """Policy said no; nothing was started."""
    AWAITING = "awaiting approval"
    """The grant asks for a second person."""
    QUEUED = "queued"
    """Its hosts have no room for it yet."""
    CHECKING = "checking"
    """The frequency check, then the trial, runs on the canary of each class."""
    TRACING = "tracing"
    """Waves run."""
    STOPPING = "stopping"
    """Runs were told to stop; their parts are awaited."""
    DONE = "done"
    CHECKED = "checked"
    """A dry run: the gate would let it go on, and it ended there."""
    HELD = "held"
    """The canary was too quiet to judge, or the answer would have holes, and nobody promoted."""
    ABORTED = "aborted"
    """The gate said no: too costly, or a wave went wrong."""
    CANCELLED = "cancelled"
    PREEMPTED = "preempted"
    """An incident job needed its hosts; finished parts are kept."""
    FAILED = "failed"
    """No host could be measured."""
    INTERRUPTED = "interrupted"
    """The controller was restarted while the job ran; finished parts are kept."""

    @property
    def ended(self) -> bool:
        """Whether the job will change no more."""
        return self not in _GOING_ON


class Priority(StrEnum):
    """How urgent a job is; a policy says who may call his an incident."""

    ROUTINE = "routine"
    INCIDENT = "incident"
    """Comes first in the queue, and may end routine jobs on its hosts."""

    @property
    def rank(self) -> int:
        """The higher, the sooner."""
        return int(self is Priority.INCIDENT)


_GOING_ON = frozenset({JobState.AWAITING, JobState.QUEUED, JobState.CHECKING, JobState.TRACING, JobState.STOPPING})


class RunState(StrEnum):
    """Where a run stands, as the controller sees it."""

    STARTING = "starting"
    """The order was sent; no probe is known to be attached."""
    RUNNING = "running"
    STOPPING = "stopping"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    LOST = "lost"
    """The host was not heard of again in time."""

    @property
    def ended(self) -> bool:
        """Whether the run will change no more (a late part may still arrive for a lost one)."""
        return self not in {RunState.STARTING, RunState.RUNNING, RunState.STOPPING}


class Verdict(StrEnum):
    """What a gate said."""

    PENDING = "pending"
    RUNNING = "running"
    PROMOTE = "promote"
    HOLD = "hold"
    ABORT = "abort"


def program_id(digest: str, params: Mapping[str, ParamValue]) -> str:
    """Identity of what is loaded (16 hex digits): the tool's digest with its parameters, filters among them.

    A narrower filter makes another program, which may well be cheap enough.
    """
    text = json.dumps([digest, dict(params)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What was asked for and granted; fixed for the job's life.

    ``targets`` are the hosts that the selector matched when the job was submitted; ``missing`` those of
    them that could not take part from the start, with the reason.
    """

    job_id: str
    tool: str
    digest: str
    params: Mapping[str, ParamValue]
    selector: str
    duration_ms: int
    team: str
    operator: str
    promote: bool
    created_at_ms: int
    targets: tuple[str, ...]
    missing: Mapping[str, str] = field(default_factory=dict)
    despite_aborts: bool = False
    """Asked for although the same program was aborted before."""
    dry_run: bool = False
    """Ends at the gate."""
    program: str = ""
    """Of a one-liner, in its canonical text; empty for a tool of the catalogue."""
    priority: Priority = Priority.ROUTINE
    approve_by_ms: int = 0
    """Until when (Unix ms) it waits for a second person; 0: it needs none."""
    break_glass: str = ""
    """Why it runs by a grant for emergencies; empty: it does not."""
    redact: tuple[Rule, ...] = NOTHING
    """What each host hides of its result."""
    class_labels: tuple[str, ...] = ()
    """Labels whose values tell classes of hosts apart, beside those that policy names."""

    @property
    def program_id(self) -> str:
        """What is loaded; see :func:`program_id`."""
        return program_id(self.digest, self.params)


@dataclass(frozen=True, slots=True)
class Trial:
    """What the real program did on a canary in a moment.

    ``run_time_ns`` is that of one run of its programs as the kernel counted it, 0: not measured; ``program_scale`` how
    much dearer they were than their manifest says, 0: not measured. ``child_cpu_pct`` is of one CPU, while the probes
    were attached. ``fullest_map`` is the one that will be fullest when the whole duration is over, and
    ``predicted_fill_pct`` how full.
    """

    window_s: float
    events: int
    lost_events: int = 0
    run_time_ns: float = 0.0
    child_cpu_pct: float = 0.0
    child_peak_rss_bytes: int = 0
    map_fills: tuple[MapFill, ...] = ()
    fullest_map: str = ""
    predicted_fill_pct: float = 0.0
    program_scale: float = 0.0


@dataclass(frozen=True, slots=True)
class CanaryCheck:
    """The evidence from one canary and what the gate made of it; cost is in percent of one CPU.

    Rates are those of the frequency check and the trial together; ``trial`` None: the real program was not tried.
    """

    host: str
    host_class: str
    verdict: Verdict = Verdict.PENDING
    reason: str = ""
    window_s: float = 0.0
    events_per_s: float = 0.0
    events_per_s_per_cpu: tuple[float, ...] = ()
    hits_per_s: float = 0.0
    predicted_cpu_pct: float = 0.0
    budget_cpu_pct: float = 0.0
    budget_events_per_s: float = 0.0
    overridden: bool = False
    cost_basis: CostBasis = CostBasis.PRIOR
    hit_ns: float = 0.0
    event_ns: float = 0.0
    busiest_cpu_pct: float = 0.0
    budget_busiest_cpu_pct: float = 0.0
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class Wave:
    """Hosts that start together; ``started_at_ms`` 0: not yet."""

    hosts: tuple[str, ...]
    started_at_ms: int = 0
    verdict: Verdict = Verdict.PENDING
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PlannedHost:
    """What a job would cost one host, as its class's ``canary`` predicts; ``wave`` counts from 1."""

    host: str
    wave: int
    canary: str
    events_per_s: float
    predicted_cpu_pct: float
    cost_basis: CostBasis = CostBasis.PRIOR


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
class Decision:
    """Something that was decided: by policy, a gate or an operator; kept for ever."""

    at_ms: int
    kind: str
    verdict: str
    reason: str
    rule: str = ""
    operator: str = ""
    """Who decided; empty: the controller itself."""


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
