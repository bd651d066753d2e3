"""The gate between waves: what the runs of a wave have measured so far, against the budget and what was predicted."""

from collections.abc import Callable, Mapping, Sequence

from controller.scheduler.gate import too_much_printed_on
from controller.scheduler.terms import JobTerms
from fleettrace.model.cost import CostModel
from fleettrace.model.job import Run, RunState, Verdict
from fleettrace.model.names import counted

__all__ = ["judge_wave"]

MAX_LOST_SHARE = 0.5
"""A wave that lost more than this share of its hosts before they traced is the last one."""
MAX_LOST_TRACING_SHARE = 0.05
"""The same of hosts that were lost while they traced: the trace may be what took them. In small waves one is enough."""
MAX_PREDICTION_FACTOR = 5.0
"""A wave whose hosts cost more than so many times what their canaries predicted is the last one."""
MATERIAL_SHARE = 0.2
"""Costs below this share of the limit are too small to be compared with what was predicted."""


def judge_wave(
    runs: Sequence[Run],
    terms: JobTerms,
    model_of: Callable[[Run], CostModel],
    *,
    first: bool,
    predicted_pct: Mapping[str, float],
) -> tuple[Verdict, str]:
    """Judge a wave by what its runs have measured so far; Promote lets the next one start.

    A host that said why it could not run is no danger to the others, and they still answer; one that was not heard
    of again may be, most of all when it traced. The ``first`` wave, that of the canaries, must have measured something.
    ``model_of``: what the program costs on a run's host; ``predicted_pct``: by host, what its canary predicted, in
    percent of one CPU.
    """
    limits = terms.limits
    measured_pct = {
        run.key.host: model_of(run).cpu_pct(run.cost, run.elapsed_ms / 1000) for run in runs if run.elapsed_ms > 0
    }
    for run in runs:
        if run.elapsed_ms > 0 and (reason := _over_a_limit(run, measured_pct[run.key.host], terms)):
            return Verdict.ABORT, f"{reason} ({terms.rule})"
    if reason := _lost_too_many(runs):
        return Verdict.ABORT, reason
    failed = [run for run in runs if run.state in {RunState.FAILED, RunState.LOST}]
    if first and len(failed) == len(runs):
        return Verdict.ABORT, f"no canary could be traced; {failed[0].key.host}: {failed[0].reason}"
    told, factor = _against_prediction(measured_pct, predicted_pct, MATERIAL_SHARE * limits.max_cpu_pct)
    if factor > MAX_PREDICTION_FACTOR:
        return Verdict.ABORT, f"{told}: the canaries do not speak for these hosts"
    measured = len(runs) - len(failed)
    within = f"{measured} of {counted(len(runs), 'host')} measured within {limits.max_cpu_pct:g}% of one CPU"
    return Verdict.PROMOTE, f"{within}; {told}" if told else within


def _over_a_limit(run: Run, cpu_pct: float, terms: JobTerms) -> str:
    limits, host = terms.limits, run.key.host
    events_per_s = run.cost.events * 1000 / run.elapsed_ms
    if cpu_pct > limits.max_cpu_pct:
        return f"{host} measured {cpu_pct:.2f}% of one CPU, over the limit of {limits.max_cpu_pct:g}%"
    if events_per_s > limits.max_events_per_s:
        return f"{host} measured {events_per_s:,.0f} events/s, over the limit of {limits.max_events_per_s:,}"
    return too_much_printed_on(host, run.cost, run.elapsed_ms / 1000, terms)


def _lost_too_many(runs: Sequence[Run]) -> str:
    lost = [run for run in runs if run.state is RunState.LOST]
    tracing = [run for run in lost if run.elapsed_ms > 0]
    if len(tracing) > MAX_LOST_TRACING_SHARE * len(runs):
        lost, when = tracing, " while tracing"
    elif len(lost) > MAX_LOST_SHARE * len(runs):
        when = ""
    else:
        return ""
    hosts = counted(len(runs), "host")
    return f"{len(lost)} of {hosts} of the wave were lost{when}; {lost[0].key.host}: {lost[0].reason}"


def _against_prediction(
    measured_pct: Mapping[str, float], predicted_pct: Mapping[str, float], material_pct: float
) -> tuple[str, float]:
    """What the costliest host of a wave has cost against what was predicted for it, in words and as a factor.

    The factor is that of the median host, so that one busy host is left to its own breaker; 0: too small to tell.
    """
    known = [host for host in measured_pct if predicted_pct.get(host)]
    if not known:
        return "", 0.0
    costliest = max(known, key=lambda host: (measured_pct[host], host))
    told = (
        f"{costliest} cost the most, {measured_pct[costliest]:.2f}% where {predicted_pct[costliest]:.2f}% was predicted"
    )
    factors = sorted(
        measured_pct[host] / predicted_pct[host] if measured_pct[host] > material_pct else 0.0 for host in known
    )
    return told, factors[(len(factors) - 1) // 2]
