"""A job as a controller finds it that did not start it: what waits goes on waiting, what ran has ended."""

from dataclasses import replace

from controller.scheduler.draft import Execution
from fleettrace.model.job import Decision, Job, JobState, RunState

__all__ = ["WAITING", "carry_over", "interrupt"]

WAITING = frozenset({JobState.AWAITING, JobState.QUEUED})
"""States in which a job holds nothing on any host."""

_WAITED_FOR = {JobState.AWAITING: "approval", JobState.QUEUED: "its hosts"}


def carry_over(execution: Execution, at_ms: int, policy_version: str, rule: str) -> Execution:
    """A job that waits, in the hands of another controller; its wait goes on, and ends when it would have ended.

    Where the clock was set back meanwhile it waits once more at most, and not until that moment comes again.
    """
    job = execution.job
    if job.spec.created_at_ms > at_ms and job.state is JobState.AWAITING:
        wait_ms = job.spec.approve_by_ms - job.spec.created_at_ms
        job = replace(job, spec=replace(job.spec, approve_by_ms=min(job.spec.approve_by_ms, at_ms + wait_ms)))
    elif job.queued_since_ms > at_ms:
        job = replace(job, queued_at_ms=at_ms)
    waited = f"the controller was restarted while the job waited for {_WAITED_FOR[job.state]}"
    reason = f"{waited}: it waits on, and policy {policy_version} grants it"
    decision = Decision(at_ms, "restart", job.state, reason, rule)
    return replace(execution, job=replace(job, decisions=(*job.decisions, decision)))


def interrupt(job: Job, at_ms: int, why: str = "") -> Job:
    """An unfinished job as a controller that did not start it must leave it.

    ``why``: of a job that waited, what keeps it from waiting on.
    """
    reason = "the controller was restarted while the job ran; the parts that had arrived are kept"
    if job.state in WAITING:
        waited = f"the controller was restarted while the job waited for {_WAITED_FOR[job.state]}"
        reason = f"{waited}, and {why}; nothing was started" if why else f"{waited}; nothing was started"
    lost = {
        key: run if run.state.ended else replace(run, state=RunState.LOST, reason="the controller was restarted")
        for key, run in job.runs.items()
    }
    decision = Decision(at_ms, "restart", JobState.INTERRUPTED, reason)
    return replace(
        job,
        state=JobState.INTERRUPTED,
        reason=reason,
        finished_at_ms=at_ms,
        queue_position=0,
        waits_for="",
        runs=lost,
        decisions=(*job.decisions, decision),
    )
