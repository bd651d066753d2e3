"""What canaries and waves have shown, and what was decided by it."""

from dataclasses import dataclass

from fleettrace.model.cost import CostBasis
from fleettrace.model.job.states import Verdict
from fleettrace.model.run import MapFill

__all__ = ["CanaryCheck", "Decision", "PlannedHost", "Trial", "Wave"]


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
class Decision:
    """Something that was decided: by policy, a gate or an operator; kept for ever."""

    at_ms: int
    kind: str
    verdict: str
    reason: str
    rule: str = ""
    operator: str = ""
    """Who decided; empty: the controller itself."""
