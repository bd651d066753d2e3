"""A dry run."""

from dataclasses import replace

from fleettrace.model.job import Coverage, JobResult, JobState, PlannedHost, Wave
from tests.unit.controller.report.samples import done_job, spec

__all__ = ["checked_result"]


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
