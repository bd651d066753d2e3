"""A dry run, and a job whose canaries are checked."""

from dataclasses import replace

from fleettrace.model.job import Coverage, JobResult, JobState, PlannedHost, RunState, Wave
from fleettrace.model.run import RunKind
from tests.unit.controller.report.samples import done_job, run, runs, spec

__all__ = ["checked_result", "checking_result"]


def checked_result() -> JobResult:
    """A dry run that the gate let pass; one host could not have taken part."""
    plan = [PlannedHost("api-1", 1, "api-1", 2_310.0, 0.31)]
    plan += [PlannedHost(f"api-{n}", 2, "api-1", 2_310.0, 0.31) for n in (2, 3)]
    job = done_job(
        state=JobState.CHECKED,
        spec=replace(spec(), dry_run=True, missing={"api-5": "not connected"}),
        waves=(Wave(("api-1",)), Wave(("api-2", "api-3"))),
        decisions=done_job().decisions[:2],
        plan=tuple(plan),
    )
    return JobResult(job, Coverage(targeted=5, answered=0))


def checking_result() -> JobResult:
    """One canary is tried, another still counts, and a third has begun neither."""
    job = done_job(
        state=JobState.CHECKING,
        finished_at_ms=0,
        waves=(),
        runs=runs(
            run("api-1", RunState.COMPLETE, 1_000, RunKind.FREQUENCY_CHECK),
            run("api-1", RunState.RUNNING, 210, RunKind.TRIAL),
            run("api-2", RunState.RUNNING, 900, RunKind.FREQUENCY_CHECK),
            run("api-3", RunState.STARTING, 0, RunKind.FREQUENCY_CHECK),
        ),
    )
    return JobResult(job, Coverage(targeted=5, answered=0))
