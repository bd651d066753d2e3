"""From what was counted to what it costs: events per second times what one costs on that host."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from fleettrace.model.calibration import TRAPS, Calibration, HitKind, mean_hit_ns
from fleettrace.model.run import RunCost
from fleettrace.model.tool import Cost

__all__ = ["BASIS_TEXTS", "MIN_RUNS", "REFERENCE_HIT_NS", "CostBasis", "CostModel", "cost_model", "program_scale"]

REFERENCE_HIT_NS: Mapping[HitKind, float] = {
    HitKind.RAW_TRACEPOINT: 24.0,
    HitKind.SYSCALL: 29.0,
    HitKind.TRACEPOINT: 40.0,
    HitKind.KPROBE: 60.0,
    HitKind.UPROBE: 15_500.0,
    HitKind.UPROBE_EMULATED: 440.0,
    HitKind.URETPROBE: 280.0,
    HitKind.SAMPLE: 9_000.0,
}
"""What empty probes cost where the figures of the tools' manifests were measured: the part of those that is the probe.

tests/bench/cost_model.py prints both; a kprobe's is that of a stock kernel, since that machine has none.
"""

MIN_RUNS = 20
"""Fewer runs of its programs say too little of what one takes."""


class CostBasis(StrEnum):
    """What a prediction rests on, the best first."""

    MEASURED = "measured"
    """The host's own calibration of the probes, and the programs' run time as the kernel counted it in a trial."""
    CALIBRATED = "calibrated"
    """The host's own calibration of the probes, and the manifest's figures for the program."""
    PRIOR = "prior"
    """The manifest's figures alone, measured on another machine."""


BASIS_TEXTS: Mapping[CostBasis, str] = {
    CostBasis.MEASURED: "measured",
    CostBasis.CALIBRATED: "by the host's calibration",
    CostBasis.PRIOR: "by figures of another machine",
}
"""For people."""


@dataclass(frozen=True, slots=True)
class CostModel:
    """What a hit and an event of one program cost on one host, in ns, and what that rests on."""

    cost: Cost
    basis: CostBasis = CostBasis.PRIOR

    def cpu_pct(self, counted: RunCost, window_s: float) -> float:
        """Cost in percent of one CPU, summed over all, of what a run has counted in a time."""
        return self.cost.cpu_pct(counted.hits / window_s, counted.events / window_s, counted.traps / window_s)

    def busiest_cpu_pct(self, counted: RunCost, window_s: float) -> float:
        """The same on the CPU that had the most events, in percent of that one; hits are taken to lie as events do."""
        total = sum(counted.events_per_cpu)
        if total <= 0:
            return self.cpu_pct(counted, window_s) / max(len(counted.events_per_cpu), 1)
        return self.cpu_pct(counted, window_s) * max(counted.events_per_cpu) / total


def program_scale(prior: Cost, calibration: Calibration | None, trial: RunCost) -> float | None:
    """How much dearer the programs were in a trial than their manifest says; None: their run time was not measured.

    The kernel counts run time from before a program's first instruction to after its last
    (``__bpf_prog_run()`` in include/linux/filter.h), which leaves out the probe itself and takes in reading the clock:
    what an empty program is said to take is taken off.
    """
    if calibration is None or calibration.empty_run_time_ns <= 0 or trial.bpf_run_count < MIN_RUNS:
        return None
    if trial.printing_events:  # most of what a line costs is not in the kernel
        return None
    reference_ns = mean_hit_ns(REFERENCE_HIT_NS, _kinds_of_hits(prior, trial.hits_by_kind))
    if reference_ns is None:
        return None
    measured_ns = trial.bpf_run_time_ns / trial.bpf_run_count - calibration.empty_run_time_ns
    events_per_hit = trial.events / max(trial.hits, 1)
    expected_ns = max(prior.hit_ns - reference_ns, 0.0) + prior.event_ns * events_per_hit
    return max(measured_ns, 0.0) / expected_ns if expected_ns > 0 else None


def cost_model(
    prior: Cost, calibration: Calibration | None, hits_by_kind: Mapping[HitKind, int], scale: float | None = None
) -> CostModel:
    """What a program costs on a host.

    A hit costs an empty probe of its kinds on that host, and ``scale`` times what the manifest's hit takes beyond an
    empty probe where it was measured; an event ``scale`` times the manifest's.

    Args:
        prior: the manifest's figures.
        calibration: of the host that is predicted for; None: it has none.
        hits_by_kind: on which kinds of probes the program is hit, in any proportion to what is to come.
        scale: see :func:`program_scale`; None: as the manifest says.
    """
    if calibration is None:
        return CostModel(prior)
    kinds = _kinds_of_hits(prior, hits_by_kind)
    empty_ns = mean_hit_ns(calibration.hit_ns, kinds)
    reference_ns = mean_hit_ns(REFERENCE_HIT_NS, kinds)
    if empty_ns is None or reference_ns is None:
        return CostModel(prior)
    factor = 1.0 if scale is None else scale
    program_ns = factor * max(prior.hit_ns - reference_ns, 0.0)
    trap_ns = calibration.hit_ns.get(HitKind.UPROBE, prior.trap_ns) + program_ns if prior.trap_ns else 0.0
    cost = replace(prior, hit_ns=empty_ns + program_ns, event_ns=factor * prior.event_ns, trap_ns=trap_ns)
    return CostModel(cost, CostBasis.CALIBRATED if scale is None else CostBasis.MEASURED)


def _kinds_of_hits(prior: Cost, hits_by_kind: Mapping[HitKind, int]) -> Mapping[HitKind, int]:
    """The kinds that ``hit_ns`` speaks of: a one-liner's traps are told apart from its other hits, and cost another."""
    if not prior.trap_ns:
        return hits_by_kind
    others = {kind: count for kind, count in hits_by_kind.items() if kind not in TRAPS and count}
    return others or {HitKind.TRACEPOINT: 1}
