"""A job and its hosts' budget: what it claims of them, how it waits, begins, and gives way."""

from dataclasses import replace

from controller.scheduler.draft import Draft, Execution
from controller.scheduler.events import Admitted, Preempted, Waits
from controller.scheduler.ledger import Claim
from fleettrace.model.job import CanaryCheck, JobState
from fleettrace.model.names import duration_text
from fleettrace.model.run import RunKind

__all__ = ["claim_of", "give_up_waiting", "take_turn"]


def claim_of(execution: Execution) -> Claim:
    """What a job takes of its hosts, or asks for.

    Until a canary has measured it, it may need all that it was granted; from then on what was predicted, or measured
    where that is more. A host on which its run has ended is free again.
    """
    job, terms = execution.job, execution.terms
    ceiling_pct = terms.limits.max_cpu_pct
    if job.state in {JobState.AWAITING, JobState.QUEUED, JobState.CHECKING}:
        cpu_pct = dict.fromkeys(execution.classes, ceiling_pct)
    else:
        predicted = {check.host_class: check.predicted_cpu_pct for check in job.canaries}
        cpu_pct = {
            host: min(predicted.get(execution.classes[host], ceiling_pct), ceiling_pct)
            for wave in job.waves
            for host in wave.hosts
            if job.state is JobState.TRACING
        }
        for key, run in job.runs.items():
            if run.state.ended and run.kind is RunKind.TRACE:
                cpu_pct.pop(key.host, None)
            elif not run.state.ended:
                measured = execution.model_of(run).cpu_pct(run.cost, run.elapsed_ms / 1000) if run.elapsed_ms else 0.0
                cpu_pct[key.host] = min(max(cpu_pct.get(key.host, 0.0), measured), ceiling_pct)
    leaving = job.state is JobState.STOPPING
    return Claim(job.spec.job_id, job.spec.priority, job.spec.created_at_ms, cpu_pct, leaving)


def take_turn(draft: Draft, event: Admitted | Waits | Preempted) -> None:
    """Wait at a place of the queue, begin, or give way."""
    match event:
        case Waits(_, position, reason):
            if draft.state is JobState.QUEUED:
                draft.queue_position, draft.waits_for = position, reason
        case Admitted():
            if draft.state is JobState.QUEUED:
                _admit(draft, event)
        case Preempted(_, by):
            if draft.state in {JobState.CHECKING, JobState.TRACING}:
                reason = f"the incident job {by} needed its hosts"
                draft.decide("preempt", JobState.PREEMPTED, reason)
                draft.stop(JobState.PREEMPTED, reason)


def _admit(draft: Draft, event: Admitted) -> None:
    """Begin with the frequency check on the canary of each class, on the hosts that are still there."""
    waited_ms = draft.at_ms - (draft.queued_at_ms or draft.spec.created_at_ms)
    if draft.queue_position:
        draft.decide("queue", "admitted", f"began after {duration_text(waited_ms)} in the queue; it {draft.waits_for}")
    draft.queue_position, draft.waits_for = 0, ""
    absent = {host: reason for host, reason in event.absent.items() if host in draft.classes}
    if absent:
        draft.spec = replace(draft.spec, missing={**draft.spec.missing, **absent})
        draft.classes = {host: of for host, of in draft.classes.items() if host not in absent}
        draft.canaries = [check for old in draft.canaries if (check := _canary_in(draft, old)) is not None]
    if not draft.canaries:
        host, reason = next(iter(absent.items()))
        draft.end(JobState.FAILED, f"its hosts went away before it began; {host}: {reason}")
        return
    draft.move(JobState.CHECKING)
    for check in draft.canaries:
        draft.start(check.host, RunKind.FREQUENCY_CHECK)


def _canary_in(draft: Draft, check: CanaryCheck) -> CanaryCheck | None:
    """The canary, or another one of its class where it has gone; None: the class has no host left."""
    if check.host in draft.classes:
        return check
    others = sorted(host for host, of in draft.classes.items() if of == check.host_class)
    return replace(check, host=others[0]) if others else None


def give_up_waiting(draft: Draft) -> None:
    """End a job that found no room in time."""
    queue_ms = draft.terms.timing.queue_ms
    since_ms = draft.queued_at_ms or draft.spec.created_at_ms
    if draft.state is JobState.QUEUED and draft.at_ms >= since_ms + queue_ms:
        reason = f"there was no room for it within {duration_text(queue_ms)}: it {draft.waits_for or 'was not begun'}"
        draft.decide("queue", "given up", reason)
        draft.end(JobState.FAILED, reason)
