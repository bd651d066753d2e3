"""The breaker: what the last moments measured, against the ceilings of the run. Pure: it is told everything."""

from dataclasses import dataclass

from fleettrace.model.cost import CostModel, cost_model, program_scale
from fleettrace.model.run import STOPPED_BY_HOST, MapFill, RunCost
from fleettrace.model.tool import Cost
from fleettrace.oneliner import too_much_printed
from node_agent.child.protocol import ChildPlan

__all__ = ["CHILD_CPU_WINDOW_S", "Breaker", "Reading"]

CHILD_CPU_WINDOW_S = 10.0
"""The shortest time over which the child's own CPU time is judged: finding names is dear at first."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read between two moments (monotonic clock, s), whichever of them it is of."""

    began_s: float
    ended_s: float
    cost: RunCost

    def longest_s(self, earlier: "Reading") -> float:
        """The longest time in which what was counted since an earlier reading may have happened.

        Whoever reads may be kept from its CPU between looking at the clock and at the counters: a rate over the
        shortest time would accuse the traced of that. What the rate falls short of the true one by, the next look sees.
        """
        return self.ended_s - earlier.began_s


class Breaker:
    """Judges one reading after the other; ``started`` is that of the moment when the probes were attached."""

    def __init__(self, plan: ChildPlan, prior: Cost, started: Reading) -> None:
        self._plan = plan
        self._prior = prior
        self._started = started
        self._last = started

    def judge(self, reading: Reading) -> str:
        """Why the run must end now, with what was measured and the ceiling; empty: it need not."""
        breach = self._breach(reading)
        return f"{STOPPED_BY_HOST}: {breach}" if breach else ""

    def _breach(self, reading: Reading) -> str:
        last, self._last = self._last, reading
        window_s = reading.longest_s(last)
        if window_s <= 0:
            return ""
        moment = _between(last.cost, reading.cost)
        plan = self._plan
        events_per_s = moment.events / window_s
        if events_per_s > plan.max_events_per_s:
            return f"{events_per_s:,.0f} events/s are over the ceiling of {plan.max_events_per_s:,}"
        cpu_pct = self._model(reading.cost).cpu_pct(moment, window_s)
        if cpu_pct > plan.max_cpu_pct:
            return f"the probes take {cpu_pct:.2f}% of one CPU, over the ceiling of {plan.max_cpu_pct:g}%"
        if plan.one_liner is not None:
            printed_per_s = moment.printing_events / window_s
            if reason := too_much_printed("the program", printed_per_s, plan.one_liner.max_printed_per_s):
                return reason
        return self._child(reading) or self._full(reading.cost.map_fills)

    def _model(self, cost: RunCost) -> CostModel:
        """By the programs' run time where the kernel counts it now; else no less than the controller has measured.

        What the controller says can only make this host more careful.
        """
        calibration, told = self._plan.calibration, self._plan.program_scale
        scale = program_scale(self._prior, calibration, cost)
        if scale is None and told > 0:
            scale = max(told, 1.0)
        return cost_model(self._prior, calibration, cost.hits_by_kind, scale)

    def _child(self, reading: Reading) -> str:
        plan, cost = self._plan, reading.cost
        for_s = max(reading.longest_s(self._started), CHILD_CPU_WINDOW_S)
        cpu_pct = cost.attached_cpu_us / for_s / 1e4
        if cpu_pct > plan.max_child_cpu_pct:
            return (
                f"the tracing process takes {cpu_pct:.1f}% of one CPU, over the ceiling of {plan.max_child_cpu_pct:g}%"
            )
        if cost.child_peak_rss_bytes > plan.max_child_rss_bytes:
            return (
                f"the tracing process takes {cost.child_peak_rss_bytes >> 20} MiB of memory, over the "
                f"ceiling of {plan.max_child_rss_bytes >> 20} MiB"
            )
        return ""

    def _full(self, fills: tuple[MapFill, ...]) -> str:
        for fill in fills:
            fill_pct = 100 * fill.used / max(fill.max_entries, 1)
            if fill_pct > self._plan.max_map_fill_pct:
                return (
                    f"the map {fill.name} is {fill_pct:.0f}% full, over the ceiling of {self._plan.max_map_fill_pct:g}%"
                )
        return ""


def _between(before: RunCost, after: RunCost) -> RunCost:
    """What was counted from one reading to the next."""
    return RunCost(
        hits=after.hits - before.hits,
        events=after.events - before.events,
        traps=after.traps - before.traps,
        printing_events=after.printing_events - before.printing_events,
    )
