"""Coverage: for how much of the fleet an answer speaks, and what was not seen."""

from collections.abc import Sequence

from fleettrace.model.job import Coverage, HostPart, Job, RunState
from fleettrace.model.run import IMPORT_BACKEND, Part, RunKind, RunOutcome

__all__ = ["coverage_of"]

ANSWERED = frozenset({RunOutcome.COMPLETE, RunOutcome.PARTIAL})


def coverage_of(job: Job, parts: Sequence[HostPart], left_out: tuple[tuple[str, str], ...] = ()) -> Coverage:
    """What the parts of a job cover of its targets; each target is answered or missing with a reason.

    ``left_out`` names (host, reason) of parts that were not added up.
    """
    imported = tuple(sorted({host.part.run.host for host in parts if host.part.backend == IMPORT_BACKEND}))
    answered = [host.part for host in parts if host.part.outcome in ANSWERED and host.part.backend != IMPORT_BACKEND]
    names = {part.run.host for part in answered}
    starts = [part.started_at_ms for part in answered]
    wave_skew_ms, uncertainty_ms = _wave_skew_ms(job, answered)
    return Coverage(
        targeted=len(job.spec.targets),
        answered=len(names),
        missing=tuple((host, _why_missing(job, host)) for host in sorted(job.spec.targets) if host not in names),
        partial=tuple((part.run.host, part.reason) for part in answered if part.outcome is RunOutcome.PARTIAL),
        lost_events=sum(part.cost.lost_events for part in answered),
        truncated_stacks=sum(part.cost.truncated_stacks for part in answered),
        window_skew_ms=max(starts) - min(starts) if starts else 0,
        wave_skew_ms=wave_skew_ms,
        wave_skew_uncertainty_ms=uncertainty_ms,
        left_out=left_out,
        notes=tuple((part.run.host, note) for part in answered for note in part.notes),
        imported=imported,
        replayed=tuple(sorted({part.run.host for part in answered if part.backend == "replay"})),
    )


def _wave_skew_ms(job: Job, answered: Sequence[Part]) -> tuple[int, int]:
    """Between the first and the last start within a wave, where that is longest, and by how much it may be off.

    Hosts whose clocks were not compared are left out.
    """
    timed = {part.run.host: part for part in answered if part.started_at_controller_ms}
    skews = [(0, 0)]
    for wave in job.waves:
        parts = [timed[host] for host in wave.hosts if host in timed]
        if len(parts) > 1:
            starts = [part.started_at_controller_ms for part in parts]
            uncertain = sorted(part.clock_uncertainty_ms for part in parts)[-2:]
            skews.append((max(starts) - min(starts), sum(uncertain)))
    return max(skews)


def _why_missing(job: Job, host: str) -> str:
    if reason := job.spec.missing.get(host):
        return reason
    runs = [run for key, run in sorted(job.runs.items()) if key.host == host and run.kind is RunKind.TRACE]
    if runs:
        run = runs[-1]
        if not run.state.ended:
            return f"still {run.state}"
        return run.reason or ("it was lost" if run.state is RunState.LOST else f"its run ended as {run.state}")
    if job.state.ended:
        return f"not started: the job ended as {job.state}" + (f" ({job.reason})" if job.reason else "")
    return "not started yet"
