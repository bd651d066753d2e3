"""What a job was granted, in numbers: the terms that its gates judge by."""

from dataclasses import dataclass

from fleettrace.model.redaction import PLAIN, Redaction
from fleettrace.model.run import RunCost, RunLimits
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
    """The granted limits, the canary's window, the waves and the tool's cost model.

    ``cost``: what hits and events add.
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

    def cpu_pct(self, cost: RunCost, window_s: float) -> float:
        """Predicted cost in percent of one CPU of what a run has counted in a time."""
        return self.cost.cpu_pct(cost.hits / window_s, cost.events / window_s, cost.traps / window_s)
