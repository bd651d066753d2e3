"""What a job was granted, in numbers: the terms that its gates judge by."""

from dataclasses import dataclass

from fleettrace.model.redaction import PLAIN, Redaction
from fleettrace.model.run import RunKind, RunLimits
from fleettrace.model.tool import Cost

__all__ = ["JobTerms", "Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the controller waits for hosts; every wait of a job is one of these.

    ``start_grace_ms``: from the order to the first attached probe (a cold host compiles first).
    ``end_grace_ms``: from the end of a run's duration to its part.
    ``stop_grace_ms``: from telling a run to stop to its part.
    ``lead_ms``: from the orders of a wave to the moment at which all of its hosts attach.
    ``queue_ms``: for room on its hosts, before a job is given up.
    """

    start_grace_ms: int = 15_000
    end_grace_ms: int = 5_000
    stop_grace_ms: int = 3_000
    lead_ms: int = 1_000
    queue_ms: int = 600_000


@dataclass(frozen=True, slots=True)
class JobTerms:
    """The granted limits, the canary's windows, the waves and the tool's cost.

    ``cost``: what hits and events add, as the manifest says; what hosts and trials have measured goes before it.
    ``trial_ms``: how long the real program is tried on a canary; 0: it is not.
    ``max_busiest_cpu_pct``: of the CPU with the most events; ``max_lost_pct``: of a trial's events;
    ``max_map_fill_pct``: of a map, as predicted for the end of the duration.
    ``max_hits_per_s_per_cpu``: the rate that a sampling tool cannot exceed; None: events set the rate.
    ``min_events``: fewer in the check's window are too few to judge by.
    ``wave_fractions``: cumulative shares of the hosts, after the canaries; the last one is 1.
    """

    rule: str
    policy_version: str
    limits: RunLimits
    check_ms: int
    min_events: int
    wave_fractions: tuple[float, ...]
    settle_ms: int
    probes: tuple[str, ...]
    cost: Cost
    max_hits_per_s_per_cpu: float | None = None
    timing: Timing = Timing()
    redaction: Redaction = PLAIN
    """What each host hides of its result, with the job's key."""
    trial_ms: int = 0
    max_busiest_cpu_pct: float = 100.0
    max_lost_pct: float = 100.0
    max_map_fill_pct: float = 100.0

    def duration_ms(self, kind: RunKind) -> int:
        """How long a run of a kind lasts."""
        match kind:
            case RunKind.FREQUENCY_CHECK:
                return self.check_ms
            case RunKind.TRIAL:
                return self.trial_ms
            case RunKind.TRACE:
                return self.limits.duration_ms
