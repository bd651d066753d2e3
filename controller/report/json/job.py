"""One job with its evidence, coverage and results."""

from collections.abc import Iterable

from controller.report.json.fields import Document, job_fields, time_text
from controller.report.json.findings import histogram_reading_fields, suspect_fields
from fleettrace.model.job import CanaryCheck, Coverage, HostPart, JobResult, PlannedHost, Trial, Verdict, Wave
from fleettrace.model.run import RunCost
from fleettrace.snapshot import Histogram, Snapshot, bucket_bounds

__all__ = ["deciding_canary", "job_document"]

_WORST_FIRST = (Verdict.ABORT, Verdict.HOLD, Verdict.PENDING, Verdict.RUNNING, Verdict.PROMOTE)


def job_document(result: JobResult) -> Document:
    """``fleettrace.job/1``: one job with its evidence, coverage and results."""
    job = result.job
    canary = deciding_canary(job.canaries)
    return {
        "schema": "fleettrace.job/1",
        "job": job_fields(job),
        "canary": None if canary is None else _canary(canary),
        "canaries": [_canary(check) for check in job.canaries],
        "waves": [_wave(wave) for wave in job.waves],
        "plan": [_planned(planned) for planned in job.plan],
        "coverage": _coverage(result.coverage),
        "decisions": [
            {
                "at": time_text(decision.at_ms),
                "kind": decision.kind,
                "verdict": decision.verdict,
                "reason": decision.reason,
                "rule": decision.rule,
                "operator": decision.operator or None,
            }
            for decision in job.decisions
        ],
        "readings": list(result.readings),
        "statement": result.statement,
        "suspects": [suspect_fields(suspect) for suspect in result.suspects],
        "histogram_readings": [histogram_reading_fields(reading) for reading in result.histogram_readings],
        "merged": _snapshot(result.merged),
        "hosts": [_host_part(host) for host in result.hosts],
    }


def deciding_canary(canaries: Iterable[CanaryCheck]) -> CanaryCheck | None:
    """The canary whose verdict decided: the worst verdict, and of equal ones the costliest."""
    return min(
        canaries,
        key=lambda check: (_WORST_FIRST.index(check.verdict), -check.predicted_cpu_pct, check.host),
        default=None,
    )


def _canary(check: CanaryCheck) -> Document:
    return {
        "host": check.host,
        "class": check.host_class,
        "verdict": check.verdict.value,
        "reason": check.reason,
        "overridden": check.overridden,
        "window_s": check.window_s,
        "events_per_s": check.events_per_s,
        "events_per_s_per_cpu": list(check.events_per_s_per_cpu),
        "hits_per_s": check.hits_per_s,
        "predicted_cpu_pct": check.predicted_cpu_pct,
        "budget_cpu_pct": check.budget_cpu_pct,
        "budget_events_per_s": check.budget_events_per_s,
        "cost_basis": check.cost_basis.value,
        "hit_ns": check.hit_ns,
        "event_ns": check.event_ns,
        "busiest_cpu_pct": check.busiest_cpu_pct,
        "budget_busiest_cpu_pct": check.budget_busiest_cpu_pct,
        "trial": None if check.trial is None else _trial(check.trial),
    }


def _trial(trial: Trial) -> Document:
    return {
        "window_s": trial.window_s,
        "events": trial.events,
        "lost_events": trial.lost_events,
        "run_time_ns": trial.run_time_ns,
        "program_scale": trial.program_scale,
        "child_cpu_pct": trial.child_cpu_pct,
        "child_peak_rss_bytes": trial.child_peak_rss_bytes,
        "maps": [
            {"map": fill.name, "used": fill.used, "max_entries": fill.max_entries, "at_s": fill.at_ms / 1000}
            for fill in trial.map_fills
        ],
        "fullest_map": trial.fullest_map,
        "predicted_fill_pct": trial.predicted_fill_pct,
    }


def _wave(wave: Wave) -> Document:
    return {
        "hosts": list(wave.hosts),
        "started_at": time_text(wave.started_at_ms),
        "verdict": wave.verdict.value,
        "reason": wave.reason,
    }


def _planned(planned: PlannedHost) -> Document:
    return {
        "host": planned.host,
        "wave": planned.wave,
        "canary": planned.canary,
        "events_per_s": planned.events_per_s,
        "predicted_cpu_pct": planned.predicted_cpu_pct,
        "cost_basis": planned.cost_basis.value,
    }


def _coverage(coverage: Coverage) -> Document:
    return {
        "targeted": coverage.targeted,
        "answered": coverage.answered,
        "missing": [{"host": host, "reason": reason} for host, reason in coverage.missing],
        "partial": [{"host": host, "reason": reason} for host, reason in coverage.partial],
        "left_out": [{"host": host, "reason": reason} for host, reason in coverage.left_out],
        "notes": [{"host": host, "note": note} for host, note in coverage.notes],
        "lost_events": coverage.lost_events,
        "truncated_stacks": coverage.truncated_stacks,
        "window_skew_s": coverage.window_skew_ms / 1000,
        "wave_skew_s": coverage.wave_skew_ms / 1000,
        "wave_skew_uncertainty_s": coverage.wave_skew_uncertainty_ms / 1000,
        "replayed": list(coverage.replayed),
        "imported": list(coverage.imported),
    }


def _host_part(host: HostPart) -> Document:
    part = host.part
    return {
        "host": part.run.host,
        "labels": dict(host.labels),
        "class": host.host_class,
        "attempt": part.run.attempt,
        "started_at": time_text(part.started_at_ms),
        "duration_s": part.duration_ms / 1000,
        "outcome": part.outcome.value,
        "reason": part.reason,
        "notes": list(part.notes),
        "final": part.final,
        "backend": part.backend,
        "alternative": part.alternative,
        "build_id": part.build_id,
        "lost_events": part.cost.lost_events,
        "cost": _cost(part.cost),
        **_snapshot(part.snapshot),
    }


def _cost(cost: RunCost) -> Document:
    return {
        "hits": cost.hits,
        "events": cost.events,
        "traps": cost.traps,
        "printing_events": cost.printing_events,
        "events_per_cpu": list(cost.events_per_cpu),
        "truncated_stacks": cost.truncated_stacks,
        "map_bytes": cost.map_bytes,
        "child_cpu_s": cost.child_cpu_us / 1e6,
        "child_peak_rss_bytes": cost.child_peak_rss_bytes,
        "bpf_run_time_s": cost.bpf_run_time_ns / 1e9,
        "bpf_run_count": cost.bpf_run_count,
        "attached_cpu_s": cost.attached_cpu_us / 1e6,
        "hits_by_kind": {kind.value: hits for kind, hits in cost.hits_by_kind.items()},
        "maps": [{"map": fill.name, "used": fill.used, "max_entries": fill.max_entries} for fill in cost.map_fills],
    }


def _snapshot(snapshot: Snapshot) -> Document:
    return {
        "histograms": [_histogram(histogram) for histogram in snapshot.histograms],
        "stacks": [
            {"frames": list(stack.frames), "value": stack.value, "unit": stack.unit, "events": stack.events}
            for stack in snapshot.stacks
        ],
        "counts": [
            {"key": dict(count.key), "count": count.count, "sums": dict(count.sums)} for count in snapshot.counts
        ],
        "events": [{"at": time_text(event.at_ms), "fields": dict(event.fields)} for event in snapshot.events],
    }


def _histogram(histogram: Histogram) -> Document:
    buckets = []
    for index, count in histogram.counts:
        low, high = bucket_bounds(histogram.scheme, index)
        buckets.append({"low": low, "high": high, "count": count})
    return {"key": dict(histogram.key), "unit": histogram.unit, "scheme": histogram.scheme, "buckets": buckets}
