"""The gate: every number and limit is named, and silence is not a pass."""

from dataclasses import replace

import pytest

from controller.scheduler.gate import judge_canary, judge_wave
from fleettrace.model.job import CanaryCheck, Run, RunState, Verdict
from fleettrace.model.run import OneLinerBounds, RunCost, RunKey, RunKind
from fleettrace.model.tool import Cost

from .jobs import cost, terms

CHECK = CanaryCheck(host="api-1", host_class="c")


def test_rates_and_cost_are_computed_from_the_window() -> None:
    # GIVEN 3000 hits, 1000 of which passed, in 2 s, at 100 ns a hit and 900 ns an event
    judged = judge_canary(CHECK, cost(1_000, 3_000), 2_000, terms(), promote=False)
    # THEN 1500 hits/s x 100 ns + 500 events/s x 900 ns = 600 us/s = 0.06% of one CPU
    assert judged.verdict is Verdict.PROMOTE
    assert (judged.hits_per_s, judged.events_per_s) == (1_500.0, 500.0)
    assert judged.events_per_s_per_cpu == (500.0, 0.0)
    assert judged.predicted_cpu_pct == pytest.approx(0.06)
    assert judged.window_s == 2.0


def test_over_the_cpu_budget_aborts_and_names_probe_number_and_limit() -> None:
    judged = judge_canary(CHECK, cost(9_000, 600_000), 1_000, terms(), promote=True)
    assert judged.verdict is Verdict.ABORT
    for named in ("sched_switch", "api-1", "9,000 events/s", "600,000 probe hits/s", "6.81%", "5%", 'grant "all"'):
        assert named in judged.reason


def test_over_the_event_limit_aborts() -> None:
    judged = judge_canary(CHECK, cost(10_001), 1_000, terms(cost=Cost(1.0, 1.0)), promote=False)
    assert judged.verdict is Verdict.ABORT
    assert "10,001 events/s" in judged.reason
    assert "10,000 events/s" in judged.reason


def test_a_trap_costs_what_a_trap_costs_and_not_what_its_program_does() -> None:
    both = RunCost(hits=1_000, events=100, events_per_cpu=(100,), traps=400)

    judged = judge_canary(CHECK, both, 1_000, terms(cost=Cost(100.0, 900.0, trap_ns=10_100.0)), promote=False)

    # 600 hits of 100 ns, 400 traps of 10,100 ns, and 100 events of 900 ns on top.
    assert judged.predicted_cpu_pct == pytest.approx((60_000 + 4_040_000 + 90_000) / 1e7)
    assert "400 of them traps" in judged.reason


def test_printing_above_the_rate_aborts_a_one_liner_in_the_check_and_in_a_wave() -> None:
    granted = replace(terms().limits, one_liner=OneLinerBounds(20, 1_000, 100.0))
    loud = RunCost(hits=202, events=202, events_per_cpu=(202,), printing_events=202)

    judged = judge_canary(CHECK, loud, 2_000, terms(limits=granted), promote=True)
    verdict, reason = judge_wave(
        [_run("a", RunState.RUNNING, 2_000, loud)], terms(limits=granted), first=True, predicted_pct={}
    )
    quiet = judge_canary(CHECK, replace(loud, printing_events=200), 2_000, terms(limits=granted), promote=True)

    assert judged.verdict is verdict is Verdict.ABORT
    assert "prints for each of 101 events/s, and 100 are allowed" in judged.reason
    assert "on a the program prints for each of 101 events/s" in reason
    assert quiet.verdict is Verdict.PROMOTE


def test_a_quiet_canary_holds_and_an_operator_may_promote_it() -> None:
    held = judge_canary(CHECK, cost(49), 1_000, terms(), promote=False)
    promoted = judge_canary(CHECK, cost(49), 1_000, terms(), promote=True)
    assert (held.verdict, held.overridden) == (Verdict.HOLD, False)
    assert "49 events" in held.reason
    assert "50" in held.reason
    assert (promoted.verdict, promoted.overridden) == (Verdict.PROMOTE, True)
    assert judge_canary(CHECK, cost(50), 1_000, terms(), promote=False).verdict is Verdict.PROMOTE


def test_promote_never_overrides_an_abort() -> None:
    # GIVEN few events but a window so short, or hits so many, that the budget is exceeded
    judged = judge_canary(CHECK, cost(10, 1_000_000), 1_000, terms(), promote=True)
    assert judged.verdict is Verdict.ABORT
    assert not judged.overridden


def test_a_sampling_tool_is_costed_by_its_bound_and_never_held() -> None:
    # GIVEN 99 samples/s on each of 2 CPUs at most, and a canary that was idle
    judged = judge_canary(CHECK, cost(0), 1_000, terms(max_hits_per_s_per_cpu=99.0), promote=False)
    # THEN 198 samples/s x 1000 ns = 0.0198%
    assert judged.verdict is Verdict.PROMOTE
    assert judged.predicted_cpu_pct == pytest.approx(0.0198)


def _run(host: str, state: RunState, elapsed_ms: int = 1_000, measured: RunCost | None = None, reason: str = "") -> Run:
    return Run(RunKey("j", host, 1), RunKind.TRACE, state, 0, 10_000, reason, elapsed_ms, measured or cost(100))


def test_a_wave_within_budget_promotes() -> None:
    runs = [_run("a", RunState.RUNNING), _run("b", RunState.COMPLETE)]
    assert judge_wave(runs, terms(), first=True, predicted_pct={})[0] is Verdict.PROMOTE


def test_a_host_far_busier_than_the_canary_aborts_its_wave() -> None:
    runs = [_run("a", RunState.RUNNING), _run("b", RunState.RUNNING, 500, cost(40_000))]
    verdict, reason = judge_wave(runs, terms(), first=False, predicted_pct={})
    assert verdict is Verdict.ABORT
    assert "b measured 8.00%" in reason


def test_a_wave_that_lost_most_of_its_hosts_aborts_and_half_does_not() -> None:
    lost = _run("a", RunState.LOST, 0, reason="the agent's connection ended")
    running = _run("c", RunState.RUNNING)
    verdict, reason = judge_wave([lost, _run("b", RunState.LOST, 0), running], terms(), first=False, predicted_pct={})
    assert verdict is Verdict.ABORT
    assert "2 of 3 hosts" in reason
    assert "a: the agent's connection ended" in reason
    assert judge_wave([lost, running], terms(), first=False, predicted_pct={})[0] is Verdict.PROMOTE


def test_hosts_that_said_why_they_failed_stop_only_the_canaries_wave() -> None:
    failed = _run("a", RunState.FAILED, 0, reason="agent.toml allows no tool")
    assert judge_wave([failed], terms(), first=False, predicted_pct={})[0] is Verdict.PROMOTE
    verdict, reason = judge_wave([failed], terms(), first=True, predicted_pct={})
    assert verdict is Verdict.ABORT
    assert "a: agent.toml allows no tool" in reason


def test_one_host_that_was_lost_while_it_traced_ends_a_small_wave() -> None:
    lost = _run("a", RunState.LOST, 700, reason="no part came in time")
    running = [_run(f"b{number}", RunState.RUNNING) for number in range(19)]
    verdict, reason = judge_wave([lost, *running[:18]], terms(), first=False, predicted_pct={})
    assert verdict is Verdict.ABORT
    assert reason == "1 of 19 hosts of the wave were lost while tracing; a: no part came in time"
    # AND of 20 it may have been chance
    assert judge_wave([lost, *running], terms(), first=False, predicted_pct={})[0] is Verdict.PROMOTE


def test_real_cost_is_held_against_what_was_predicted() -> None:
    # GIVEN hosts that cost 2% where 0.3% was predicted, all of them within the budget of 5%
    runs = [_run(host, RunState.RUNNING, 1_000, cost(5_000, 155_000)) for host in ("a", "b", "c")]
    verdict, reason = judge_wave(runs, terms(), first=False, predicted_pct=dict.fromkeys("abc", 0.3))
    assert verdict is Verdict.ABORT
    assert reason == "c cost the most, 2.00% where 0.30% was predicted: the canaries do not speak for these hosts"
    # AND one busy host among them is left to its own breaker, and costs that are small are not compared
    assert judge_wave(runs, terms(), first=False, predicted_pct={"a": 0.3, "b": 1.0, "c": 1.0})[0] is Verdict.PROMOTE
    small = [_run("a", RunState.RUNNING, 1_000, cost(5_000))]
    verdict, reason = judge_wave(small, terms(), first=False, predicted_pct={"a": 0.01})
    assert verdict is Verdict.PROMOTE
    assert reason.endswith("within 5% of one CPU; a cost the most, 0.50% where 0.01% was predicted")
