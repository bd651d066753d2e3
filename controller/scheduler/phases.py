"""What a job does next, in each phase, once the runs it waits for have got far enough."""

from collections.abc import Mapping
from dataclasses import replace

from controller.scheduler.draft import Draft
from controller.scheduler.gate import judge_canary, judge_wave
from controller.scheduler.waves import plan_waves
from fleettrace.model.job import CanaryCheck, JobState, PlannedHost, Run, RunState, Verdict, Wave
from fleettrace.model.run import RunKind

__all__ = ["MAX_CANARIES_TRIED", "advance"]

MAX_CANARIES_TRIED = 3
"""Hosts of one class that are checked before the class is given up."""

MEASURED = frozenset({RunState.COMPLETE, RunState.PARTIAL})


def advance(draft: Draft) -> None:
    """Take every step that is due."""
    if draft.state is JobState.CHECKING:
        _advance_checking(draft)
    if draft.state is JobState.TRACING:
        _advance_tracing(draft)
    if draft.state is JobState.STOPPING and not draft.live_runs() and draft.ending is not None:
        draft.end(draft.ending, draft.reason)


def _advance_checking(draft: Draft) -> None:
    """Judge when every canary has answered; one Abort ends the job, a class without evidence takes no part."""
    if draft.live_runs() or _try_other_canaries(draft):
        return
    for index, check in enumerate(draft.canaries):
        (run,) = draft.runs_of([check.host], RunKind.FREQUENCY_CHECK)
        if run.state in MEASURED:
            judged = judge_canary(check, run.cost, run.elapsed_ms, draft.terms, promote=draft.spec.promote)
        else:
            reason = f"the canary {check.host} could not be measured: {run.reason}"
            judged = replace(check, verdict=Verdict.ABORT, reason=reason)
        draft.canaries[index] = judged
        draft.decide("canary", judged.verdict, judged.reason, draft.terms.rule)
    unmeasured = {check.host for check in draft.canaries if check.window_s == 0}
    judged_checks = [check for check in draft.canaries if check.host not in unmeasured]
    if not judged_checks:
        draft.end(JobState.FAILED, draft.canaries[0].reason)
        return
    for verdict, state in ((Verdict.ABORT, JobState.ABORTED), (Verdict.HOLD, JobState.HELD)):
        for check in judged_checks:
            if check.verdict is verdict:
                draft.end(state, check.reason)
                return
    promoted = {check.host_class for check in judged_checks}
    eligible = {host: of for host, of in draft.classes.items() if of in promoted}
    hosts = plan_waves(eligible, [check.host for check in judged_checks], draft.terms.wave_fractions, draft.domains)
    draft.waves = [Wave(wave) for wave in hosts]
    if draft.spec.dry_run:
        draft.plan = _plan(draft, {check.host_class: check for check in judged_checks})
        draft.end(JobState.CHECKED, "")
        return
    draft.move(JobState.TRACING)
    _start_wave(draft, 0)


def _plan(draft: Draft, checks: Mapping[str, CanaryCheck]) -> list[PlannedHost]:
    """Every host of the waves, with what the canary of its class predicts."""
    planned = []
    for number, wave in enumerate(draft.waves, 1):
        for host in wave.hosts:
            check = checks[draft.classes[host]]
            planned.append(PlannedHost(host, number, check.host, check.events_per_s, check.predicted_cpu_pct))
    return planned


def _try_other_canaries(draft: Draft) -> bool:
    """Check another host in place of a canary that said why it could not be measured; whether one is now checked.

    What one host lacks (a binary, a function, a capability) the others of its class may have. A host that was not heard
    of again is no such case: what happened to it may happen to the next.
    """
    tried = {key.host for key in draft.runs}
    trying = False
    for index, check in enumerate(draft.canaries):
        (run,) = draft.runs_of([check.host], RunKind.FREQUENCY_CHECK)
        others = [host for host, of in sorted(draft.classes.items()) if of == check.host_class and host not in tried]
        checked = sum(draft.classes.get(host) == check.host_class for host in tried)
        if run.state is not RunState.FAILED or not others or checked >= MAX_CANARIES_TRIED:
            continue
        said = (
            f"the canary {check.host} could not be measured ({run.reason}); {others[0]} of its class is asked instead"
        )
        draft.decide("canary", "replaced", said, draft.terms.rule)
        draft.canaries[index] = CanaryCheck(host=others[0], host_class=check.host_class)
        draft.start(others[0], RunKind.FREQUENCY_CHECK, draft.terms.check_ms)
        trying = True
    return trying


def _start_wave(draft: Draft, index: int) -> None:
    wave = draft.waves[index]
    draft.waves[index] = replace(wave, started_at_ms=draft.at_ms, verdict=Verdict.RUNNING)
    # Each loads what it needs, and waits for the others: attached one after the other, they would not compare.
    start_at_ms = draft.at_ms + draft.terms.timing.lead_ms if len(wave.hosts) > 1 else 0
    for host in wave.hosts:
        draft.start(host, RunKind.TRACE, draft.spec.duration_ms, start_at_ms)


def _advance_tracing(draft: Draft) -> None:
    """Judge the newest wave when it has settled; start the next, or end when the last one is over."""
    index = max(i for i, wave in enumerate(draft.waves) if wave.started_at_ms)
    wave = draft.waves[index]
    last = index == len(draft.waves) - 1
    runs = draft.runs_of(wave.hosts, RunKind.TRACE)
    if wave.verdict is Verdict.RUNNING and all(_settled(run, draft, last=last) for run in runs):
        by_class = {check.host_class: check.predicted_cpu_pct for check in draft.canaries}
        predicted_pct = {host: by_class.get(draft.classes[host], 0.0) for host in wave.hosts}
        verdict, reason = judge_wave(runs, draft.terms, first=index == 0, predicted_pct=predicted_pct)
        draft.waves[index] = replace(wave, verdict=verdict, reason=reason)
        draft.decide("wave", verdict, f"wave {index + 1} of {len(draft.waves)}: {reason}", draft.terms.rule)
        if not last and verdict is Verdict.ABORT:
            measured = [run for run in draft.runs.values() if run.kind is RunKind.TRACE and run.elapsed_ms > 0]
            draft.stop(JobState.ABORTED if measured else JobState.FAILED, reason)
        elif not last:
            _start_wave(draft, index + 1)
    if last and not draft.live_runs():
        _conclude(draft)


def _settled(run: Run, draft: Draft, *, last: bool) -> bool:
    return run.state.ended or (not last and run.elapsed_ms >= draft.terms.settle_ms)


def _conclude(draft: Draft) -> None:
    traces = [run for run in draft.runs.values() if run.kind is RunKind.TRACE]
    measured = [run for run in traces if run.state in MEASURED]
    if measured:
        draft.end(JobState.DONE, "")
    else:
        draft.end(JobState.FAILED, f"no host could be measured; {traces[0].key.host}: {traces[0].reason}")
