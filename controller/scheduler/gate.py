"""The gates: from what was measured to Promote, Hold or Abort, with every number and limit named."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from controller.scheduler.terms import JobTerms
from fleettrace.model.job import CanaryCheck, Run, RunState, Verdict
from fleettrace.model.names import counted
from fleettrace.model.run import RunCost
from fleettrace.oneliner import too_much_printed

__all__ = ["judge_canary", "judge_wave"]

MAX_LOST_SHARE = 0.5
"""A wave that lost more than this share of its hosts before they traced is the last one."""
MAX_LOST_TRACING_SHARE = 0.05
"""The same of hosts that were lost while they traced: the trace may be what took them. In small waves one is enough."""
MAX_PREDICTION_FACTOR = 5.0
"""A wave whose hosts cost more than so many times what their canaries predicted is the last one."""
MATERIAL_SHARE = 0.2
"""Costs below this share of the limit are too small to be compared with what was predicted."""


def judge_canary(check: CanaryCheck, cost: RunCost, window_ms: int, terms: JobTerms, *, promote: bool) -> CanaryCheck:
    """Judge one frequency check.

    Abort: over the budget, or above the rate at which a one-liner may print, whatever the operator says. Hold: fewer
    events than ``terms.min_events`` (silence is not a pass), unless the tool samples at a rate of its own, which bounds
    its cost on any host; ``promote`` turns a Hold into a Promote and marks it as overridden.
    """
    window_s = max(window_ms, 1) / 1000
    hits_per_s, events_per_s = cost.hits / window_s, cost.events / window_s
    limits = terms.limits
    if terms.max_hits_per_s_per_cpu is not None:
        bound = terms.max_hits_per_s_per_cpu * max(len(cost.events_per_cpu), 1)
        predicted_pct = terms.cost.cpu_pct(bound, bound)
        how = f"at most {bound:,.0f} samples/s"
    else:
        predicted_pct = terms.cpu_pct(cost, window_s)
        traps = f", {cost.traps / window_s:,.0f} of them traps" if cost.traps else ""
        how = f"{events_per_s:,.0f} events/s ({hits_per_s:,.0f} probe hits/s{traps})"
    judged = replace(
        check,
        window_s=window_s,
        events_per_s=events_per_s,
        events_per_s_per_cpu=tuple(count / window_s for count in cost.events_per_cpu),
        hits_per_s=hits_per_s,
        predicted_cpu_pct=predicted_pct,
        budget_cpu_pct=limits.max_cpu_pct,
        budget_events_per_s=float(limits.max_events_per_s),
    )
    seen = f"{' + '.join(terms.probes)} on {check.host}: {how}, {predicted_pct:.2f}% of one CPU"
    if predicted_pct > limits.max_cpu_pct:
        reason = f"{seen}, over the limit of {limits.max_cpu_pct:g}% ({terms.rule})"
        return replace(judged, verdict=Verdict.ABORT, reason=reason)
    if events_per_s > limits.max_events_per_s:
        reason = f"{seen}, over the limit of {limits.max_events_per_s:,} events/s ({terms.rule})"
        return replace(judged, verdict=Verdict.ABORT, reason=reason)
    if reason := _too_much_printed(check.host, cost, window_s, terms):
        return replace(judged, verdict=Verdict.ABORT, reason=f"{reason} ({terms.rule})")
    if cost.events < terms.min_events and terms.max_hits_per_s_per_cpu is None:
        quiet = (
            f"only {cost.events} events in {window_s:.3g} s on {check.host}; "
            f"at least {terms.min_events} are needed to judge"
        )
        if not promote:
            return replace(judged, verdict=Verdict.HOLD, reason=quiet)
        return replace(judged, verdict=Verdict.PROMOTE, reason=f"{quiet}; promoted by the operator", overridden=True)
    return replace(judged, verdict=Verdict.PROMOTE, reason=f"{seen}, within the limit of {limits.max_cpu_pct:g}%")


def judge_wave(
    runs: Sequence[Run], terms: JobTerms, *, first: bool, predicted_pct: Mapping[str, float]
) -> tuple[Verdict, str]:
    """Judge a wave by what its runs have measured so far; Promote lets the next one start.

    A host that said why it could not run is no danger to the others, and they still answer; one that was not heard
    of again may be, most of all when it traced. The ``first`` wave, that of the canaries, must have measured something.
    ``predicted_pct``: by host, what its canary predicted in percent of one CPU.
    """
    limits = terms.limits
    measured_pct = {run.key.host: terms.cpu_pct(run.cost, run.elapsed_ms / 1000) for run in runs if run.elapsed_ms > 0}
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
    return _too_much_printed(host, run.cost, run.elapsed_ms / 1000, terms)


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


def _too_much_printed(host: str, cost: RunCost, window_s: float, terms: JobTerms) -> str:
    if terms.limits.one_liner is None:
        return ""
    rate_per_s = cost.printing_events / window_s
    return too_much_printed(f"on {host} the program", rate_per_s, terms.limits.one_liner.max_printed_per_s)
