"""The table of states: what each means, and every change that can happen, with its cause. The table is the law."""

from dataclasses import dataclass

from fleettrace.model.job import JobState, RunState

__all__ = ["JOB_CHANGES", "JOB_STATES", "RUN_CHANGES", "RUN_STATES", "Change", "check_job_change", "check_run_change"]

JOB_STATES: dict[JobState, str] = {
    JobState.REFUSED: "Policy or a second person said no, or nobody approved it in time; nothing was started.",
    JobState.AWAITING: "The grant asks for a second person; nothing was started. The wait is bounded.",
    JobState.QUEUED: "Its hosts have no room for it yet; nothing was started. The wait is bounded.",
    JobState.CHECKING: "The frequency check, then the trial, runs on the canary of each class.",
    JobState.TRACING: "Waves run.",
    JobState.STOPPING: "Runs were told to stop; their parts are awaited, for a bounded time.",
    JobState.DONE: "Every wave is over and at least one host was measured; coverage says who was not.",
    JobState.CHECKED: "A dry run: the gate would let the job go on, and it ended there.",
    JobState.HELD: "A canary was too quiet to judge, or the answer would have holes, and nobody had asked to promote.",
    JobState.ABORTED: "A gate said no: the budget would be or was exceeded, or too many hosts of a wave failed.",
    JobState.CANCELLED: "An operator ended it, or a changed policy no longer grants it; parts are kept.",
    JobState.PREEMPTED: "An incident job needed its hosts; parts are kept.",
    JobState.FAILED: "No host could be measured.",
    JobState.INTERRUPTED: "The controller ended while the job ran; the parts that had arrived are kept.",
}

RUN_STATES: dict[RunState, str] = {
    RunState.STARTING: "The order was sent; no probe is known to be attached.",
    RunState.RUNNING: "The host reports attached probes.",
    RunState.STOPPING: "The host was told to end the run.",
    RunState.COMPLETE: "Traced for the whole duration; the part is durable.",
    RunState.PARTIAL: "Ended early; what was measured until then is durable.",
    RunState.FAILED: "Nothing was measured; the host said why.",
    RunState.LOST: "Nothing more was heard in time; the newest interim result is kept, where there was one.",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of state (None: before it exists) and what causes it."""

    before: str | None
    after: str
    cause: str


JOB_CHANGES: tuple[Change, ...] = (
    Change(None, JobState.REFUSED, "policy denied the request"),
    Change(None, JobState.QUEUED, "policy granted the request"),
    Change(None, JobState.AWAITING, "policy granted the request once a second person approves it"),
    Change(JobState.AWAITING, JobState.QUEUED, "a second person approved it"),
    Change(JobState.AWAITING, JobState.REFUSED, "a second person did not approve it, or nobody did in time"),
    Change(JobState.AWAITING, JobState.STOPPING, "cancelled, or a changed policy no longer grants it"),
    Change(JobState.AWAITING, JobState.INTERRUPTED, "the controller ended, and the next one could not grant it"),
    Change(JobState.QUEUED, JobState.CHECKING, "its hosts have room for it"),
    Change(JobState.QUEUED, JobState.FAILED, "it waited too long, or its hosts went away meanwhile"),
    Change(JobState.QUEUED, JobState.STOPPING, "cancelled, or a changed policy no longer grants it"),
    Change(JobState.QUEUED, JobState.INTERRUPTED, "the controller ended, and the next one could not grant it"),
    Change(JobState.CHECKING, JobState.TRACING, "every judged canary was promoted"),
    Change(JobState.CHECKING, JobState.CHECKED, "every judged canary was promoted, in a dry run"),
    Change(
        JobState.CHECKING,
        JobState.HELD,
        "a canary was quiet, lost events or would fill a map, and --promote was not given",
    ),
    Change(JobState.CHECKING, JobState.ABORTED, "a canary is over the budget"),
    Change(JobState.CHECKING, JobState.FAILED, "no canary could be measured"),
    Change(JobState.CHECKING, JobState.STOPPING, "cancelled, an incident job needed its hosts, or a changed policy"),
    Change(JobState.CHECKING, JobState.INTERRUPTED, "the controller ended"),
    Change(JobState.TRACING, JobState.DONE, "the last wave is over"),
    Change(JobState.TRACING, JobState.FAILED, "no host could be measured"),
    Change(
        JobState.TRACING,
        JobState.STOPPING,
        "a wave was aborted, an operator cancelled, an incident came, or a changed policy",
    ),
    Change(JobState.TRACING, JobState.INTERRUPTED, "the controller ended"),
    Change(JobState.STOPPING, JobState.ABORTED, "all parts are in, or the wait is over, after an abort"),
    Change(
        JobState.STOPPING,
        JobState.CANCELLED,
        "all parts are in, or the wait is over, after a cancel or a changed policy",
    ),
    Change(JobState.STOPPING, JobState.PREEMPTED, "all parts are in, or the wait is over, for an incident job"),
    Change(JobState.STOPPING, JobState.FAILED, "the wait is over after an abort with nothing measured"),
    Change(JobState.STOPPING, JobState.INTERRUPTED, "the controller ended"),
)

RUN_CHANGES: tuple[Change, ...] = (
    Change(None, RunState.STARTING, "ordered"),
    Change(RunState.STARTING, RunState.RUNNING, "the first progress report"),
    Change(RunState.STARTING, RunState.STOPPING, "told to stop"),
    Change(RunState.RUNNING, RunState.STOPPING, "told to stop"),
    *(
        Change(before, after, cause)
        for before in (RunState.STARTING, RunState.RUNNING, RunState.STOPPING)
        for after, cause in (
            (RunState.COMPLETE, "the final part says so"),
            (RunState.PARTIAL, "the final part says so"),
            (RunState.FAILED, "the final part says so"),
            (RunState.LOST, "its deadline passed, its agent came back without it, or the controller ended"),
        )
    ),
    *(
        Change(RunState.LOST, after, "the part arrived late, while the job still ran")
        for after in (RunState.COMPLETE, RunState.PARTIAL, RunState.FAILED)
    ),
)

_JOB = {(change.before, change.after) for change in JOB_CHANGES}
_RUN = {(change.before, change.after) for change in RUN_CHANGES}


def check_job_change(before: JobState | None, after: JobState) -> None:
    """Assert that the table has this change; the machine makes no other."""
    assert before == after or (before, after) in _JOB, f"a job cannot go from {before} to {after}"


def check_run_change(before: RunState | None, after: RunState) -> None:
    """Assert that the table has this change; the machine makes no other."""
    assert before == after or (before, after) in _RUN, f"a run cannot go from {before} to {after}"
