"""What a job does next, in each phase, once the runs it waits for have got far enough."""

from dataclasses import replace

from controller.scheduler.checking import MEASURED, judge_canaries, plan_of
from controller.scheduler.draft import Draft
from controller.scheduler.wave_gate import judge_wave
from controller.scheduler.waves import plan_waves
from fleettrace.model.job import JobState, Run, Verdict, Wave
from fleettrace.model.run import RunKind

__all__ = ["advance"]


def advance(draft: Draft) -> None:
    """Take every step that is due."""
    if draft.state is JobState.CHECKING:
        _advance_checking(draft)
    if draft.state is JobState.TRACING:
        _advance_tracing(draft)
    if draft.state is JobState.STOPPING and not draft.live_runs() and draft.ending is not None:
        draft.end(draft.ending, draft.reason)


def _advance_checking(draft: Draft) -> None:
    """Plan the waves once every canary was promoted, and start theirs, the first; a dry run ends with the plan."""
    promoted = judge_canaries(draft)
    if promoted is None:
        return
    of_class = {check.host_class: check for check in promoted}
    eligible = {host: of for host, of in draft.classes.items() if of in of_class}
    hosts = plan_waves(eligible, [check.host for check in promoted], draft.terms.wave_fractions, draft.domains)
    draft.waves = [Wave(wave) for wave in hosts]
    if draft.spec.dry_run:
        draft.plan = plan_of(draft)
        draft.end(JobState.CHECKED, "")
        return
    draft.move(JobState.TRACING)
    _start_wave(draft, 0)


def _start_wave(draft: Draft, index: int) -> None:
    wave = draft.waves[index]
    draft.waves[index] = replace(wave, started_at_ms=draft.at_ms, verdict=Verdict.RUNNING)
    # Each loads what it needs, and waits for the others: attached one after the other, they would not compare.
    start_at_ms = draft.at_ms + draft.terms.timing.lead_ms if len(wave.hosts) > 1 else 0
    for host in wave.hosts:
        draft.start(host, RunKind.TRACE, start_at_ms)


def _advance_tracing(draft: Draft) -> None:
    """Judge the newest wave when it has settled; start the next, or end when the last one is over."""
    index = max(i for i, wave in enumerate(draft.waves) if wave.started_at_ms)
    wave = draft.waves[index]
    last = index == len(draft.waves) - 1
    runs = draft.runs_of(wave.hosts, RunKind.TRACE)
    if wave.verdict is Verdict.RUNNING and all(_settled(run, draft, last=last) for run in runs):
        predicted_pct = {
            planned.host: planned.predicted_cpu_pct for planned in plan_of(draft) if planned.wave == index + 1
        }
        verdict, reason = judge_wave(runs, draft.terms, draft.model_of, first=index == 0, predicted_pct=predicted_pct)
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
