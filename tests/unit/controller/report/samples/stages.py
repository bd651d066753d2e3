"""Jobs that run, and those that ended without an answer."""

from fleettrace.model.job import Coverage, Decision, JobResult, JobState, RunState, Verdict, Wave
from fleettrace.model.run import RunKind
from tests.unit.controller.report.samples.pieces import START_MS, canary, done_job, policy_decision, run, runs


def held_result() -> JobResult:
    """The canary was too quiet."""
    reason = "only 3 events in 1 s on api-1; at least 50 are needed to judge"
    check = canary(verdict=Verdict.HOLD, reason=reason, events_per_s=3.0, events_per_s_per_cpu=(3.0,), hits_per_s=3.0)
    job = done_job(state=JobState.HELD, reason=reason, canaries=(check,), waves=(), decisions=(policy_decision(),))
    return JobResult(job, Coverage(targeted=5, answered=0))


def ended_result(state: JobState, answered: int = 0) -> JobResult:
    """A job of five hosts that ended in this state."""
    reason = "" if state is JobState.DONE else f"it was {state.value}"
    return JobResult(done_job(state=state, reason=reason), Coverage(targeted=5, answered=answered))


def aborted_result() -> JobResult:
    """The canary was over the budget: nobody else was touched."""
    reason = (
        "raw_syscalls:sys_enter on api-1: 412,000 events/s (412,000 probe hits/s), 9.27% of one CPU, "
        'over the limit of 5% (grant "default")'
    )
    check = canary(
        verdict=Verdict.ABORT,
        reason=reason,
        events_per_s=412e3,
        hits_per_s=412e3,
        events_per_s_per_cpu=(206e3, 206e3),
        predicted_cpu_pct=9.27,
    )
    decisions = (policy_decision(), Decision(START_MS + 1_200, "canary", "abort", reason, 'grant "default"'))
    job = done_job("syscount", state=JobState.ABORTED, reason=reason, canaries=(check,), waves=(), decisions=decisions)
    missing = tuple((f"api-{n}", "the job was aborted before its wave") for n in range(1, 6))
    return JobResult(job, Coverage(targeted=5, answered=0, missing=missing))


def live_result() -> JobResult:
    """The second wave is running."""
    job = done_job(
        state=JobState.TRACING,
        finished_at_ms=0,
        waves=(
            Wave(("api-1",), START_MS + 1_250, Verdict.PROMOTE, "1 of 1 hosts measured within 5% of one CPU"),
            Wave(("api-2", "api-3", "api-4", "api-5"), START_MS + 1_800, Verdict.RUNNING),
        ),
        runs=runs(
            run("api-1", RunState.COMPLETE, 1_000, RunKind.FREQUENCY_CHECK),
            run("api-1", RunState.RUNNING, 2_600),
            run("api-2", RunState.RUNNING, 2_050),
            run("api-3", RunState.STARTING),
            run("api-4", RunState.RUNNING, 2_010),
            run("api-5", RunState.LOST, reason="the run did not start in time"),
        ),
    )
    return JobResult(job, Coverage(targeted=5, answered=0))
