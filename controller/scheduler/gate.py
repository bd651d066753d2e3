"""The gate before the waves: from what a canary has shown to Promote, Hold or Abort, each number and limit named."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from controller.scheduler.terms import JobTerms
from fleettrace.model.calibration import Calibration
from fleettrace.model.cost import BASIS_TEXTS, cost_model, program_scale
from fleettrace.model.job import CanaryCheck, Trial, Verdict
from fleettrace.model.run import MapFill, RunCost
from fleettrace.oneliner import too_much_printed

__all__ = ["Evidence", "judge_canary", "too_much_printed_on"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one canary has shown: the frequency check, and the trial of the real program where there was one.

    ``trial_stopped``: why the canary's own breaker ended the trial; empty: it did not.
    """

    check: RunCost
    check_ms: int
    calibration: Calibration | None = None
    trial: RunCost | None = None
    trial_ms: int = 0
    trial_stopped: str = ""

    @property
    def window_s(self) -> float:
        """How long was counted, by both."""
        return max(self.check_ms + (self.trial_ms if self.trial is not None else 0), 1) / 1000

    @property
    def counted(self) -> RunCost:
        """What both have counted."""
        check, trial = self.check, self.trial
        if trial is None:
            return check
        per_cpu = tuple(a + b for a, b in zip(check.events_per_cpu, trial.events_per_cpu, strict=False))
        return RunCost(
            hits=check.hits + trial.hits,
            events=check.events + trial.events,
            events_per_cpu=per_cpu or check.events_per_cpu,
            traps=check.traps + trial.traps,
            printing_events=check.printing_events + trial.printing_events,
            hits_by_kind=check.hits_by_kind or trial.hits_by_kind,
        )


def judge_canary(check: CanaryCheck, evidence: Evidence, terms: JobTerms, *, promote: bool) -> CanaryCheck:
    """Judge what one canary has shown.

    Abort: over the budget, whatever the operator says. Hold: not enough to judge by (silence is not a pass, unless the
    tool samples at a rate of its own, which bounds its cost on any host), or the answer would have holes; ``promote``
    turns a Hold into a Promote and marks it as overridden.
    """
    judged = _measured(check, evidence, terms)
    if reason := _over_budget(judged, evidence, terms):
        return replace(judged, verdict=Verdict.ABORT, reason=f"{reason} ({terms.rule})")
    if reason := _inconclusive(judged, evidence, terms):
        if not promote:
            return replace(judged, verdict=Verdict.HOLD, reason=reason)
        return replace(judged, verdict=Verdict.PROMOTE, reason=f"{reason}; promoted by the operator", overridden=True)
    seen = _seen(judged, evidence, terms)
    return replace(judged, verdict=Verdict.PROMOTE, reason=f"{seen}, within the limit of {terms.limits.max_cpu_pct:g}%")


def _measured(check: CanaryCheck, evidence: Evidence, terms: JobTerms) -> CanaryCheck:
    """The evidence in numbers."""
    counted, window_s = evidence.counted, evidence.window_s
    scale = program_scale(terms.cost, evidence.calibration, evidence.trial) if evidence.trial is not None else None
    model = cost_model(terms.cost, evidence.calibration, counted.hits_by_kind, scale)
    if terms.max_hits_per_s_per_cpu is not None:
        bound = terms.max_hits_per_s_per_cpu * max(len(counted.events_per_cpu), 1)
        predicted_pct = model.cost.cpu_pct(bound, bound)
        busiest_pct = predicted_pct / max(len(counted.events_per_cpu), 1)
    else:
        predicted_pct, busiest_pct = model.cpu_pct(counted, window_s), model.busiest_cpu_pct(counted, window_s)
    return replace(
        check,
        window_s=window_s,
        events_per_s=counted.events / window_s,
        events_per_s_per_cpu=tuple(count / window_s for count in counted.events_per_cpu),
        hits_per_s=counted.hits / window_s,
        predicted_cpu_pct=predicted_pct,
        busiest_cpu_pct=busiest_pct,
        budget_cpu_pct=terms.limits.max_cpu_pct,
        budget_busiest_cpu_pct=terms.max_busiest_cpu_pct,
        budget_events_per_s=float(terms.limits.max_events_per_s),
        cost_basis=model.basis,
        hit_ns=model.cost.hit_ns,
        event_ns=model.cost.event_ns,
        trial=_trial(evidence, terms, scale),
    )


def _trial(evidence: Evidence, terms: JobTerms, scale: float | None) -> Trial | None:
    cost = evidence.trial
    if cost is None:
        return None
    window_s = max(evidence.trial_ms, 1) / 1000
    fullest = _fullest(cost.map_fills, terms.limits.duration_ms)
    return Trial(
        window_s=window_s,
        events=cost.events,
        lost_events=cost.lost_events,
        run_time_ns=cost.bpf_run_time_ns / cost.bpf_run_count if cost.bpf_run_count else 0.0,
        child_cpu_pct=cost.attached_cpu_us / window_s / 1e4,
        child_peak_rss_bytes=cost.child_peak_rss_bytes,
        map_fills=cost.map_fills,
        fullest_map=fullest.name if fullest is not None else "",
        predicted_fill_pct=fullest.predicted_pct(terms.limits.duration_ms) if fullest is not None else 0.0,
        program_scale=scale or 0.0,
    )


def _fullest(fills: Sequence[MapFill], duration_ms: int) -> MapFill | None:
    return max(fills, key=lambda fill: (fill.predicted_pct(duration_ms), fill.name), default=None)


def _seen(judged: CanaryCheck, evidence: Evidence, terms: JobTerms) -> str:
    """Where and how much, in one phrase."""
    if terms.max_hits_per_s_per_cpu is not None:
        bound = terms.max_hits_per_s_per_cpu * max(len(judged.events_per_s_per_cpu), 1)
        how = f"at most {bound:,.0f} samples/s"
    else:
        traps_per_s = evidence.counted.traps / evidence.window_s
        traps = f", {traps_per_s:,.0f} of them traps" if traps_per_s else ""
        how = f"{judged.events_per_s:,.0f} events/s ({judged.hits_per_s:,.0f} probe hits/s{traps})"
    cost = f"{judged.predicted_cpu_pct:.2f}% of one CPU, {BASIS_TEXTS[judged.cost_basis]}"
    return f"{' + '.join(terms.probes)} on {judged.host}: {how}, {cost}"


def _over_budget(judged: CanaryCheck, evidence: Evidence, terms: JobTerms) -> str:
    """What is over which limit; empty: nothing."""
    limits, trial, host = terms.limits, judged.trial, judged.host
    if evidence.trial_stopped:
        return f"the trial on {host} was {evidence.trial_stopped}"
    seen = _seen(judged, evidence, terms)
    if judged.predicted_cpu_pct > limits.max_cpu_pct:
        return f"{seen}, over the limit of {limits.max_cpu_pct:g}%"
    if judged.busiest_cpu_pct > terms.max_busiest_cpu_pct:
        return (
            f"{seen}; {judged.busiest_cpu_pct:.2f}% of its busiest CPU, over the limit of "
            f"{terms.max_busiest_cpu_pct:g}% for one CPU"
        )
    if judged.events_per_s > limits.max_events_per_s:
        return f"{seen}, over the limit of {limits.max_events_per_s:,} events/s"
    if reason := too_much_printed_on(host, evidence.counted, evidence.window_s, terms):
        return reason
    if trial is not None and 0 < limits.max_child_cpu_pct < trial.child_cpu_pct:
        return (
            f"the tracing process on {host} took {trial.child_cpu_pct:.1f}% of one CPU, over the limit of "
            f"{limits.max_child_cpu_pct:g}%"
        )
    if trial is not None and 0 < limits.max_child_rss_bytes < trial.child_peak_rss_bytes:
        return (
            f"the tracing process on {host} took {trial.child_peak_rss_bytes >> 20} MiB of memory, over the limit of "
            f"{limits.max_child_rss_bytes >> 20} MiB"
        )
    return ""


def _inconclusive(judged: CanaryCheck, evidence: Evidence, terms: JobTerms) -> str:
    """Why the evidence lets nobody say that the answer will be good; empty: it does."""
    trial, host = judged.trial, judged.host
    if evidence.check.events < terms.min_events and terms.max_hits_per_s_per_cpu is None:
        return (
            f"only {evidence.check.events} events in {evidence.check_ms / 1000:.3g} s on {host}; "
            f"at least {terms.min_events} are needed to judge"
        )
    # A policy may ask for no events at all; of none nothing can be lost.
    if trial is None or trial.events < max(terms.min_events, 1):
        return ""
    lost_pct = 100 * trial.lost_events / trial.events
    if lost_pct > terms.max_lost_pct:
        return (
            f"{trial.lost_events:,} of {trial.events:,} events ({lost_pct:.1f}%) were lost in a trial of "
            f"{trial.window_s:.3g} s on {host}, over the limit of {terms.max_lost_pct:g}%: narrow it by a filter"
        )
    if trial.predicted_fill_pct > terms.max_map_fill_pct:
        used = next(fill for fill in trial.map_fills if fill.name == trial.fullest_map)
        return (
            f"{used.used:,} of the {used.max_entries:,} entries of the map {used.name} were in use after "
            f"{used.at_ms / 1000:.3g} s on {host}: in {terms.limits.duration_ms / 1000:g} s it would be "
            f"{trial.predicted_fill_pct:.0f}% full, over the limit of {terms.max_map_fill_pct:g}%: narrow it by a "
            "filter, or ask for less time"
        )
    return ""


def too_much_printed_on(host: str, cost: RunCost, window_s: float, terms: JobTerms) -> str:
    """Why a one-liner prints too often; empty: it does not."""
    if terms.limits.one_liner is None:
        return ""
    rate_per_s = cost.printing_events / window_s
    return too_much_printed(f"on {host} the program", rate_per_s, terms.limits.one_liner.max_printed_per_s)
