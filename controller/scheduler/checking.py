"""The canaries' turn: count, try the real program, judge. What one host lacks another of its class is asked for."""

from dataclasses import replace

from controller.scheduler.draft import Draft
from controller.scheduler.gate import Evidence, judge_canary
from fleettrace.model.job import CanaryCheck, JobState, PlannedHost, Run, RunState, Verdict
from fleettrace.model.run import STOPPED_BY_HOST, RunCost, RunKind

__all__ = ["MAX_CANARIES_TRIED", "MEASURED", "judge_canaries", "plan_of"]

MAX_CANARIES_TRIED = 3
"""Hosts of one class that are checked before the class is given up."""
MEASURED = frozenset({RunState.COMPLETE, RunState.PARTIAL})


def judge_canaries(draft: Draft) -> list[CanaryCheck] | None:
    """Judge when every canary has answered; one Abort ends the job, a class without evidence takes no part.

    Returns the checks that were promoted; None: it is too early, or the job has ended.
    """
    if draft.live_runs() or _try_other_canaries(draft) or _start_trials(draft):
        return None
    promoted = []
    for index, check in enumerate(draft.canaries):
        judged, measured = _judged(draft, check)
        draft.canaries[index] = judged
        draft.decide("canary", judged.verdict, judged.reason, draft.terms.rule)
        promoted += [judged] if measured else []
    if not promoted:
        draft.end(JobState.FAILED, draft.canaries[0].reason)
        return None
    for verdict, state in ((Verdict.ABORT, JobState.ABORTED), (Verdict.HOLD, JobState.HELD)):
        for check in promoted:
            if check.verdict is verdict:
                draft.end(state, check.reason)
                return None
    return promoted


def _judged(draft: Draft, check: CanaryCheck) -> tuple[CanaryCheck, bool]:
    """The verdict on one canary, and whether there was evidence to judge."""
    (counting,) = draft.runs_of([check.host], RunKind.FREQUENCY_CHECK)
    if counting.state not in MEASURED:
        return _unmeasured(check, f"could not be measured: {counting.reason}"), False
    trial = next(iter(draft.runs_of([check.host], RunKind.TRIAL)), None)
    stopped = trial.reason if trial is not None and trial.reason.startswith(STOPPED_BY_HOST) else ""
    if trial is not None and not stopped and trial.state is not RunState.COMPLETE:
        return _unmeasured(check, f"could not try the program: {trial.reason}"), False
    evidence = Evidence(
        check=counting.cost,
        check_ms=counting.elapsed_ms,
        calibration=draft.calibrations.get(check.host),
        trial=trial.cost if trial is not None else None,
        trial_ms=trial.elapsed_ms if trial is not None else 0,
        trial_stopped=stopped,
    )
    return judge_canary(check, evidence, draft.terms, promote=draft.spec.promote), True


def _unmeasured(check: CanaryCheck, why: str) -> CanaryCheck:
    reason = f"the canary {check.host} {why}"
    return CanaryCheck(host=check.host, host_class=check.host_class, verdict=Verdict.ABORT, reason=reason)


def _start_trials(draft: Draft) -> bool:
    """Try the real program where counting has found nothing against it; whether some trial runs now.

    Where it has, on whichever canary, the job ends and nothing more is tried. A canary whose count came late, when the
    others were tried already, is tried then.
    """
    if not draft.terms.trial_ms:
        return False
    judged = {index: _judged(draft, check) for index, check in enumerate(draft.canaries)}
    if any(measured and check.verdict is not Verdict.PROMOTE for check, measured in judged.values()):
        return False
    for index, (check, measured) in judged.items():
        tried = draft.runs_of([check.host], RunKind.TRIAL)
        if measured and check.host in draft.trial_hosts and not tried:
            draft.decide("canary", "tried", check.reason, draft.terms.rule)
            draft.canaries[index] = replace(check, verdict=Verdict.RUNNING, reason="")
            draft.start(check.host, RunKind.TRIAL)
    return bool(draft.live_runs())


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
        draft.start(others[0], RunKind.FREQUENCY_CHECK)
        trying = True
    return trying


def plan_of(draft: Draft) -> list[PlannedHost]:
    """Every host of the waves, with what it would bear: the rates of its class's canary, its own cost of probes."""
    checks = {check.host_class: check for check in draft.canaries}
    planned = []
    for number, wave in enumerate(draft.waves, 1):
        for host in wave.hosts:
            check = checks[draft.classes[host]]
            planned.append(_planned(draft, host, number, check))
    return planned


def _planned(draft: Draft, host: str, number: int, check: CanaryCheck) -> PlannedHost:
    (run,) = draft.runs_of([check.host], RunKind.FREQUENCY_CHECK)
    model = draft.model_on(host, run.cost.hits_by_kind)
    rates = (check.hits_per_s, check.events_per_s)
    if (bound := draft.terms.max_hits_per_s_per_cpu) is not None:
        rates = (bound * max(len(check.events_per_s_per_cpu), 1),) * 2
    traps_per_s = _traps_per_s(run)
    predicted_pct = model.cost.cpu_pct(*rates, traps_per_s)
    return PlannedHost(host, number, check.host, check.events_per_s, predicted_pct, model.basis)


def _traps_per_s(run: Run) -> float:
    cost: RunCost = run.cost
    return cost.traps * 1000 / max(run.elapsed_ms, 1)
