"""Trials: between counting and the waves, on canaries whose agents know them."""

from dataclasses import replace

import pytest

from controller.scheduler.events import RunEnded, SendStart, TimePassed
from controller.scheduler.machine import Transition, apply
from fleettrace.model.calibration import Calibration, HitKind
from fleettrace.model.cost import CostBasis
from fleettrace.model.job import JobState, RunState, Verdict
from fleettrace.model.run import RunCost, RunKind, RunOutcome

from .jobs import START_MS, opened, run_of

CHECK, TRIAL, TRACE = RunKind.FREQUENCY_CHECK, RunKind.TRIAL, RunKind.TRACE
COUNTED = RunCost(hits=1_000, events=100, events_per_cpu=(50, 50), hits_by_kind={HitKind.RAW_TRACEPOINT: 1_000})
TIMED = replace(COUNTED, bpf_run_count=1_000, bpf_run_time_ns=1_000 * (30 + 332))
"""Twice what the manifest says of the program: 76 ns a hit, and 900 ns for each tenth."""
FAST = Calibration({HitKind.RAW_TRACEPOINT: 12.0}, empty_run_time_ns=30.0)
SLOW = Calibration({HitKind.RAW_TRACEPOINT: 112.0}, empty_run_time_ns=30.0)


def ended(
    now: Transition,
    host: str,
    kind: RunKind,
    cost: RunCost = COUNTED,
    outcome: RunOutcome = RunOutcome.COMPLETE,
    reason: str = "",
) -> Transition:
    return apply(now.execution, RunEnded(START_MS, run_of(now, host, kind).key, outcome, reason, 1_000, cost))


def orders(now: Transition) -> list[tuple[str, RunKind, int]]:
    starts = [one.order for one in now.instructions if isinstance(one, SendStart)]
    return [(order.run.host, order.kind, order.limits.duration_ms) for order in starts]


def test_what_counting_lets_pass_is_tried_before_anything_is_traced() -> None:
    # GIVEN a job whose canary was counted
    job = opened({"a": "C", "b": "C"}, trial_ms=400, trial_hosts=frozenset("ab"))
    now = ended(job, "a", CHECK)
    # THEN the real program is tried there, and nothing else is started
    assert orders(now) == [("a", TRIAL, 400)]
    assert now.execution.job.state is JobState.CHECKING
    assert now.execution.job.canaries[0].verdict is Verdict.RUNNING
    # AND the waves begin when it has ended well
    now = ended(now, "a", TRIAL)
    assert (now.execution.job.state, orders(now)) == (JobState.TRACING, [("a", TRACE, 5_000)])
    trial = now.execution.job.canaries[0].trial
    assert trial is not None
    assert trial.events == 100


def test_nothing_is_tried_when_counting_speaks_against_it() -> None:
    # GIVEN two classes, one of them far too busy
    now = opened({"a": "C", "b": "D"}, trial_ms=400, trial_hosts=frozenset("ab"))
    now = ended(ended(now, "a", CHECK), "b", CHECK, replace(COUNTED, events=10**6))
    assert (now.execution.job.state, orders(now)) == (JobState.ABORTED, [])


def test_an_agent_from_before_trials_is_judged_by_counting_alone() -> None:
    now = opened({"a": "C", "b": "D"}, trial_ms=400, trial_hosts=frozenset("b"))
    now = ended(ended(now, "a", CHECK), "b", CHECK)
    assert orders(now) == [("b", TRIAL, 400)]
    now = ended(now, "b", TRIAL)
    assert now.execution.job.state is JobState.TRACING
    assert [check.trial is None for check in now.execution.job.canaries] == [True, False]


def test_a_trial_that_the_host_stopped_aborts_the_job() -> None:
    now = ended(opened({"a": "C"}, trial_ms=400, trial_hosts=frozenset("a")), "a", CHECK)
    now = ended(now, "a", TRIAL, outcome=RunOutcome.PARTIAL, reason="stopped by the host: 9,000 events/s are over")
    assert now.execution.job.state is JobState.ABORTED
    assert "the trial on a was stopped by the host" in now.execution.job.reason


@pytest.mark.parametrize("outcome", [RunOutcome.FAILED, RunOutcome.PARTIAL])
def test_a_class_whose_trial_fails_takes_no_part(outcome: RunOutcome) -> None:
    # GIVEN two classes that were counted
    now = opened({"a": "C", "b": "D", "c": "D"}, trial_ms=400, trial_hosts=frozenset("abc"))
    now = ended(ended(now, "a", CHECK), "b", CHECK)
    # WHEN the trial of one fails
    now = ended(ended(now, "b", TRIAL, outcome=outcome, reason="the tracing child was killed by signal 9"), "a", TRIAL)
    # THEN it is not traced, and the other is
    assert [wave.hosts for wave in now.execution.job.waves] == [("a",)]
    assert now.execution.job.canaries[1].verdict is Verdict.ABORT
    assert "could not try the program: the tracing child was killed" in now.execution.job.canaries[1].reason


def test_a_count_that_comes_late_is_followed_by_a_trial_too() -> None:
    # GIVEN a canary that was given up while it counted, and another class that is being tried
    now = opened({"a": "C", "b": "D"}, trial_ms=400, trial_hosts=frozenset("ab"))
    counting = run_of(now, "b", CHECK)
    now = ended(now, "a", CHECK)
    now = apply(now.execution, TimePassed(counting.deadline_ms))
    assert orders(now) == [("a", TRIAL, 400)]
    # WHEN its part arrives after all THEN it is tried as well before anything is traced
    now = ended(now, "b", CHECK)
    now = ended(now, "a", TRIAL)
    assert orders(now) == [("b", TRIAL, 400)]
    assert now.execution.job.state is JobState.CHECKING


def test_hosts_are_told_what_the_canary_has_measured() -> None:
    job = opened({"a": "C", "b": "C"}, trial_ms=400, trial_hosts=frozenset("ab"), calibrations={"a": FAST})
    now = ended(ended(job, "a", CHECK), "a", TRIAL, TIMED)
    (order,) = [one.order for one in now.instructions if isinstance(one, SendStart)]
    assert order.program_scale == pytest.approx(2.0)


def test_a_dry_run_says_what_each_host_would_bear_by_its_own_probes() -> None:
    # GIVEN a class of hosts of which one has slow probes, and one has not measured them
    hosts = dict.fromkeys("abc", "C")
    job = opened(hosts, dry_run=True, trial_ms=400, trial_hosts=frozenset("abc"), calibrations={"a": FAST, "b": SLOW})
    now = ended(ended(job, "a", CHECK), "a", TRIAL, TIMED)
    # THEN the plan has the canary's rates and program, with each host's own probes
    assert now.execution.job.state is JobState.CHECKED
    planned = {one.host: one for one in now.execution.job.plan}
    assert planned["a"].cost_basis is planned["b"].cost_basis is CostBasis.MEASURED
    assert planned["c"].cost_basis is CostBasis.PRIOR
    rate = planned["a"].events_per_s * 10
    assert planned["b"].predicted_cpu_pct - planned["a"].predicted_cpu_pct == pytest.approx(rate * 100 / 1e7)


def test_a_canary_that_is_lost_in_its_trial_is_no_pass() -> None:
    now = ended(opened({"a": "C"}, trial_ms=400, trial_hosts=frozenset("a")), "a", CHECK)
    deadline_ms = run_of(now, "a", TRIAL).deadline_ms
    now = apply(now.execution, TimePassed(deadline_ms))
    assert run_of(now, "a", TRIAL).state is RunState.LOST
    assert now.execution.job.state is JobState.FAILED
