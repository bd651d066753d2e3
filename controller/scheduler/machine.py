"""The state machine of a job: ``apply(execution, event) -> Transition``. It reaches nothing outside.

Every event is defined in every state. An event about a run that the job does not have, or about a job that has
ended, changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from controller.scheduler.approving import give_up_approval, settle_approval, withdraw
from controller.scheduler.draft import Draft, Execution
from controller.scheduler.events import (
    Admitted,
    Approved,
    CancelAsked,
    Disapproved,
    Event,
    HostGone,
    HostReturned,
    Instruction,
    Preempted,
    RunEnded,
    RunProgressed,
    SendStop,
    TimePassed,
    Waits,
    Withdrawn,
)
from controller.scheduler.phases import advance
from controller.scheduler.queueing import give_up_waiting, take_turn
from controller.scheduler.terms import JobTerms
from fleettrace.model.calibration import Calibration
from fleettrace.model.job import CanaryCheck, Job, JobSpec, JobState, Run, RunState
from fleettrace.model.run import RunOutcome

__all__ = ["Transition", "apply", "begin", "next_wake_ms"]

_ENDED_AS = {
    RunOutcome.COMPLETE: RunState.COMPLETE,
    RunOutcome.PARTIAL: RunState.PARTIAL,
    RunOutcome.FAILED: RunState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Transition:
    """The new execution and what is to be done, in order, once it is durable.

    ``durable`` is False when only live measurements changed, which are not worth a write.
    """

    execution: Execution
    instructions: tuple[Instruction, ...] = ()
    durable: bool = True


def begin(
    spec: JobSpec,
    terms: JobTerms,
    classes: Mapping[str, str],
    canaries: Mapping[str, str],
    policy_reason: str,
    *,
    domains: Mapping[str, str] | None = None,
    calibrations: Mapping[str, Calibration] | None = None,
    trial_hosts: frozenset[str] = frozenset(),
) -> Transition:
    """Open a job that policy has granted; it begins once it is :class:`~controller.scheduler.events.Admitted`, and
    where its spec says by when it must be approved, it is queued once it is.

    ``classes``: startable host -> class; ``canaries``: class -> host; ``domains``: host -> failure domain;
    ``calibrations``: host -> what probes cost there, where that is known; ``trial_hosts``: whose agents know trials.
    """
    waits = spec.approve_by_ms > 0
    job = Job(
        spec=spec,
        state=JobState.AWAITING if waits else JobState.QUEUED,
        canaries=tuple(CanaryCheck(host=host, host_class=of) for of, host in canaries.items()),
    )
    execution = Execution(
        job, terms, classes, domains=domains or {}, calibrations=calibrations or {}, trial_hosts=trial_hosts
    )
    draft = Draft(execution, spec.created_at_ms)
    draft.decide("policy", JobState.AWAITING if waits else "granted", policy_reason, terms.rule)
    return Transition(draft.freeze(), tuple(draft.instructions))


def apply(execution: Execution, event: Event) -> Transition:
    """What one event makes of a job."""
    if execution.job.state.ended:
        return Transition(execution, durable=False)
    draft = Draft(execution, event.at_ms)
    _take(draft, event)
    _expire(draft)
    give_up_approval(draft)
    give_up_waiting(draft)
    if not draft.state.ended:
        advance(draft)
    changed = draft.freeze()
    return Transition(changed, tuple(draft.instructions), durable=_skeleton(changed) != _skeleton(execution))


def _take(draft: Draft, event: Event) -> None:
    match event:
        case Admitted() | Waits() | Preempted():
            take_turn(draft, event)
        case Approved() | Disapproved():
            settle_approval(draft, event)
        case Withdrawn():
            withdraw(draft, event)
        case RunProgressed():
            _progressed(draft, event)
        case RunEnded():
            _ended(draft, event)
        case HostGone():
            for run in _live_on(draft, event.host):
                draft.put(replace(run, reason=event.reason))
        case HostReturned():
            _returned(draft, event)
        case CancelAsked():
            if draft.state is not JobState.STOPPING:
                draft.decide("cancel", "cancelled", f"cancelled by {event.operator}", operator=event.operator)
                draft.stop(JobState.CANCELLED, f"cancelled by {event.operator}")
        case TimePassed():
            pass


def next_wake_ms(execution: Execution) -> int | None:
    """When time alone will change the job (Unix ms); None: never."""
    job = execution.job
    if job.state.ended:
        return None
    if job.state is JobState.AWAITING:
        return job.spec.approve_by_ms
    if job.state is JobState.QUEUED:
        return job.queued_since_ms + execution.terms.timing.queue_ms
    return min((run.deadline_ms for run in job.runs.values() if not run.state.ended), default=None)


def _progressed(draft: Draft, event: RunProgressed) -> None:
    run = draft.runs.get(event.key)
    if run is None or run.state.ended:
        return
    state = RunState.RUNNING if run.state is RunState.STARTING else run.state
    deadline_ms = run.deadline_ms
    if run.state is RunState.STARTING:
        duration_ms = draft.terms.duration_ms(run.kind)
        deadline_ms = min(deadline_ms, event.at_ms + duration_ms + draft.terms.timing.end_grace_ms)
    elapsed_ms = max(run.elapsed_ms, event.elapsed_ms)
    draft.put(replace(run, state=state, deadline_ms=deadline_ms, reason="", elapsed_ms=elapsed_ms, cost=event.cost))


def _ended(draft: Draft, event: RunEnded) -> None:
    run = draft.runs.get(event.key)
    if run is None or (run.state.ended and run.state is not RunState.LOST):
        return
    ended = replace(run, state=_ENDED_AS[event.outcome], reason=event.reason, cost=event.cost)
    draft.put(replace(ended, elapsed_ms=event.duration_ms))


def _returned(draft: Draft, event: HostReturned) -> None:
    for run in _live_on(draft, event.host):
        if run.key not in event.keys:
            reason = "the agent came back without the run: it was restarted, or the order never reached it"
            draft.put(replace(run, state=RunState.LOST, reason=reason))
        elif run.key in event.keys and run.state is RunState.STOPPING:
            draft.instructions.append(SendStop(run.key, draft.reason))
    for key in sorted(event.keys):
        if key in draft.runs and draft.runs[key].state is RunState.LOST:
            # Nobody waits for it any longer; what it has measured is welcome all the same.
            draft.instructions.append(SendStop(key, draft.runs[key].reason))


def _expire(draft: Draft) -> None:
    for run in draft.live_runs():
        if draft.at_ms >= run.deadline_ms:
            waited = "no part came in time" if run.elapsed_ms else "the run did not start in time"
            reason = f"{waited}: {run.reason}" if run.reason else waited
            draft.put(replace(run, state=RunState.LOST, reason=reason))
            # It may be alive all the same, and nobody will wait for it.
            draft.instructions.append(SendStop(run.key, reason))


def _live_on(draft: Draft, host: str) -> list[Run]:
    return [run for run in draft.live_runs() if run.key.host == host]


def _skeleton(execution: Execution) -> tuple[object, ...]:
    """Everything but the live measurements."""
    job = execution.job
    runs = {key: (run.state, run.reason) for key, run in job.runs.items()}
    return job.state, job.reason, job.canaries, job.waves, job.decisions, runs
