"""The gate: every number and limit is named, and silence is not a pass."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.scheduler.gate import Evidence, judge_canary
from controller.scheduler.wave_gate import judge_wave
from fleettrace.model.calibration import Calibration, HitKind
from fleettrace.model.cost import CostBasis, CostModel
from fleettrace.model.job import CanaryCheck, Run, RunState, Verdict
from fleettrace.model.run import MapFill, OneLinerBounds, RunCost, RunKey, RunKind
from fleettrace.model.tool import Cost

from .jobs import cost, terms

CHECK = CanaryCheck(host="api-1", host_class="c")
KINDS = {HitKind.RAW_TRACEPOINT: 1}
FAST = Calibration({HitKind.RAW_TRACEPOINT: 12.0}, empty_run_time_ns=30.0)


def prior(run: Run) -> CostModel:
    """What the manifest says."""
    return CostModel(terms().cost)


def tried(trial: RunCost, calibration: Calibration | None = None, stopped: str = "") -> Evidence:
    """A second of counting, and half a second of the real program."""
    check = RunCost(hits=1_000, events=100, events_per_cpu=(90, 10), hits_by_kind=KINDS)
    return Evidence(check, 1_000, calibration, trial, 500, stopped)


QUIET_TRIAL = RunCost(hits=500, events=50, events_per_cpu=(45, 5), hits_by_kind=KINDS)


def test_rates_and_cost_are_computed_from_the_window() -> None:
    # GIVEN 3000 hits, 1000 of which passed, in 2 s, at 100 ns a hit and 900 ns an event
    judged = judge_canary(CHECK, Evidence(cost(1_000, 3_000), 2_000), terms(), promote=False)
    # THEN 1500 hits/s x 100 ns + 500 events/s x 900 ns = 600 us/s = 0.06% of one CPU
    assert judged.verdict is Verdict.PROMOTE
    assert (judged.hits_per_s, judged.events_per_s) == (1_500.0, 500.0)
    assert judged.events_per_s_per_cpu == (500.0, 0.0)
    assert judged.predicted_cpu_pct == pytest.approx(0.06)
    assert judged.window_s == 2.0


def test_over_the_cpu_budget_aborts_and_names_probe_number_and_limit() -> None:
    judged = judge_canary(CHECK, Evidence(cost(9_000, 600_000), 1_000), terms(), promote=True)
    assert judged.verdict is Verdict.ABORT
    for named in ("sched_switch", "api-1", "9,000 events/s", "600,000 probe hits/s", "6.81%", "5%", 'grant "all"'):
        assert named in judged.reason


def test_over_the_event_limit_aborts() -> None:
    judged = judge_canary(CHECK, Evidence(cost(10_001), 1_000), terms(cost=Cost(1.0, 1.0)), promote=False)
    assert judged.verdict is Verdict.ABORT
    assert "10,001 events/s" in judged.reason
    assert "10,000 events/s" in judged.reason


def test_a_trap_costs_what_a_trap_costs_and_not_what_its_program_does() -> None:
    both = RunCost(hits=1_000, events=100, events_per_cpu=(100,), traps=400)

    judged = judge_canary(CHECK, Evidence(both, 1_000), terms(cost=Cost(100.0, 900.0, trap_ns=10_100.0)), promote=False)

    # 600 hits of 100 ns, 400 traps of 10,100 ns, and 100 events of 900 ns on top.
    assert judged.predicted_cpu_pct == pytest.approx((60_000 + 4_040_000 + 90_000) / 1e7)
    assert "400 of them traps" in judged.reason


def test_printing_above_the_rate_aborts_a_one_liner_in_the_check_and_in_a_wave() -> None:
    granted = replace(terms().limits, one_liner=OneLinerBounds(20, 1_000, 100.0))
    loud = RunCost(hits=202, events=202, events_per_cpu=(202,), printing_events=202)

    judged = judge_canary(CHECK, Evidence(loud, 2_000), terms(limits=granted), promote=True)
    verdict, reason = judge_wave(
        [_run("a", RunState.RUNNING, 2_000, loud)], terms(limits=granted), prior, first=True, predicted_pct={}
    )
    quiet = judge_canary(
        CHECK, Evidence(replace(loud, printing_events=200), 2_000), terms(limits=granted), promote=True
    )

    assert judged.verdict is verdict is Verdict.ABORT
    assert "prints for each of 101 events/s, and 100 are allowed" in judged.reason
    assert "on a the program prints for each of 101 events/s" in reason
    assert quiet.verdict is Verdict.PROMOTE


def test_a_quiet_canary_holds_and_an_operator_may_promote_it() -> None:
    held = judge_canary(CHECK, Evidence(cost(49), 1_000), terms(), promote=False)
    promoted = judge_canary(CHECK, Evidence(cost(49), 1_000), terms(), promote=True)
    assert (held.verdict, held.overridden) == (Verdict.HOLD, False)
    assert "49 events" in held.reason
    assert "50" in held.reason
    assert (promoted.verdict, promoted.overridden) == (Verdict.PROMOTE, True)
    assert judge_canary(CHECK, Evidence(cost(50), 1_000), terms(), promote=False).verdict is Verdict.PROMOTE


def test_promote_never_overrides_an_abort() -> None:
    # GIVEN few events but a window so short, or hits so many, that the budget is exceeded
    judged = judge_canary(CHECK, Evidence(cost(10, 1_000_000), 1_000), terms(), promote=True)
    assert judged.verdict is Verdict.ABORT
    assert not judged.overridden


def test_a_sampling_tool_is_costed_by_its_bound_and_never_held() -> None:
    # GIVEN 99 samples/s on each of 2 CPUs at most, and a canary that was idle
    judged = judge_canary(CHECK, Evidence(cost(0), 1_000), terms(max_hits_per_s_per_cpu=99.0), promote=False)
    # THEN 198 samples/s x 1000 ns = 0.0198%
    assert judged.verdict is Verdict.PROMOTE
    assert judged.predicted_cpu_pct == pytest.approx(0.0198)


def test_check_and_trial_are_counted_together() -> None:
    judged = judge_canary(CHECK, tried(QUIET_TRIAL), terms(), promote=False)
    assert (judged.verdict, judged.window_s) == (Verdict.PROMOTE, 1.5)
    assert (judged.hits_per_s, judged.events_per_s) == (1_000.0, 100.0)
    assert judged.cost_basis is CostBasis.PRIOR
    assert "by figures of another machine" in judged.reason
    assert judged.trial is not None
    assert (judged.trial.window_s, judged.trial.events) == (0.5, 50)


def test_the_cost_is_that_of_this_host_and_of_the_program_as_the_kernel_timed_it() -> None:
    # GIVEN runs of 10 us, where the manifest says 76 ns for a hit's program and 900 for one event in ten hits
    timed = replace(QUIET_TRIAL, bpf_run_count=500, bpf_run_time_ns=500 * 10_030)
    judged = judge_canary(CHECK, tried(timed, FAST), terms(), promote=False)
    # THEN a thousand hits a second cost 12 ns for the probe and 10 us for the program each
    assert judged.cost_basis is CostBasis.MEASURED
    assert judged.predicted_cpu_pct == pytest.approx(1_000 * (12 + 10_000) / 1e7)
    assert judged.trial is not None
    assert judged.trial.run_time_ns == 10_030
    assert judged.trial.program_scale == pytest.approx(10_000 / (76 + 90))


def test_a_program_that_is_dearer_than_its_manifest_says_is_aborted() -> None:
    timed = replace(QUIET_TRIAL, bpf_run_count=500, bpf_run_time_ns=500 * 60_030)
    judged = judge_canary(CHECK, tried(timed, FAST), terms(), promote=True)
    assert judged.verdict is Verdict.ABORT
    assert "6.00% of one CPU, measured, over the limit of 5%" in judged.reason


def test_one_cpu_may_not_bear_it_all() -> None:
    # GIVEN a site that allows half a CPU in all, and no more than 2% of any one
    granted = replace(terms().limits, max_cpu_pct=50.0)
    dear = terms(limits=granted, max_busiest_cpu_pct=2.0, cost=Cost(20_000.0, 0.0))
    judged = judge_canary(CHECK, tried(QUIET_TRIAL), dear, promote=True)
    # THEN nine tenths of 2% on one CPU are within it, and more is not
    assert judged.verdict is Verdict.PROMOTE
    assert judged.busiest_cpu_pct == pytest.approx(1.8)
    judged = judge_canary(CHECK, tried(QUIET_TRIAL), replace(dear, max_busiest_cpu_pct=1.7), promote=True)
    assert judged.verdict is Verdict.ABORT
    assert "1.80% of its busiest CPU, over the limit of 1.7% for one CPU" in judged.reason


def test_a_trial_that_its_host_stopped_aborts() -> None:
    stopped = "stopped by the host: 900,000 events/s are over the ceiling of 500,000"
    judged = judge_canary(CHECK, tried(QUIET_TRIAL, stopped=stopped), terms(), promote=True)
    assert judged.verdict is Verdict.ABORT
    assert judged.reason == f'the trial on api-1 was {stopped} (grant "all")'


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (replace(QUIET_TRIAL, attached_cpu_us=150_000), "took 30.0% of one CPU, over the limit of 25%"),
        (replace(QUIET_TRIAL, child_peak_rss_bytes=600 << 20), "took 600 MiB of memory, over the limit of 512 MiB"),
    ],
)
def test_the_tracing_process_has_limits_of_its_own(trial: RunCost, words: str) -> None:
    granted = replace(terms().limits, max_child_cpu_pct=25.0, max_child_rss_bytes=512 << 20)
    judged = judge_canary(CHECK, tried(trial), terms(limits=granted), promote=True)
    assert judged.verdict is Verdict.ABORT
    assert words in judged.reason
    assert judge_canary(CHECK, tried(trial), terms(), promote=False).verdict is Verdict.PROMOTE


def test_losses_and_maps_that_will_be_full_hold_until_somebody_promotes() -> None:
    careful = terms(max_lost_pct=5.0, max_map_fill_pct=100.0)
    lossy = replace(QUIET_TRIAL, lost_events=3)
    # 40 keys after 0.2 s and 100 after 0.5 s: they come as fast as ever, and there will be ten times as many after 5 s
    filling = replace(
        QUIET_TRIAL, map_fills=(MapFill("keys", 100, 900, 500, 40, 200), MapFill("few", 1, 900, 500, 1, 200))
    )
    for trial, words in (
        (lossy, "3 of 50 events (6.0%) were lost in a trial of 0.5 s on api-1, over the limit of 5%"),
        (
            filling,
            "100 of the 900 entries of the map keys were in use after 0.5 s on api-1: in 5 s it would be 111% full",
        ),
    ):
        held = judge_canary(CHECK, tried(trial), careful, promote=False)
        promoted = judge_canary(CHECK, tried(trial), careful, promote=True)
        assert held.verdict is Verdict.HOLD
        assert words in held.reason
        assert (promoted.verdict, promoted.overridden) == (Verdict.PROMOTE, True)
    settled = replace(QUIET_TRIAL, map_fills=(MapFill("keys", 100, 900, 500, 95, 200),))
    judged = judge_canary(CHECK, tried(settled), careful, promote=False)
    assert judged.verdict is Verdict.PROMOTE
    assert judged.trial is not None
    assert judged.trial.fullest_map == "keys"
    assert judged.trial.predicted_fill_pct == pytest.approx(12.6, abs=0.1)


@given(
    st.integers(0, 2_000),
    st.integers(0, 10**7),
    st.integers(0, 500),
    st.integers(0, 500),
    st.integers(0, 10**9),
    st.booleans(),
    st.sampled_from((0, 1, 50)),
)
def test_what_is_promoted_is_within_every_limit(
    events: int, hits: int, trial_events: int, lost: int, run_time_ns: int, promote: bool, least: int
) -> None:
    # WHEN whatever is judged
    check = RunCost(hits=hits, events=events, events_per_cpu=(events, 0), hits_by_kind=KINDS)
    trial = RunCost(
        hits=hits // 2,
        events=trial_events,
        events_per_cpu=(trial_events, 0),
        lost_events=min(lost, trial_events),
        hits_by_kind=KINDS,
        bpf_run_count=hits // 2,
        bpf_run_time_ns=run_time_ns,
    )
    careful = terms(max_lost_pct=5.0, min_events=least)
    judged = judge_canary(CHECK, Evidence(check, 1_000, FAST, trial, 500), careful, promote=promote)
    # THEN a Promote is within the budget, and what an operator did not have to promote is no silence either
    if judged.verdict is Verdict.PROMOTE:
        assert judged.predicted_cpu_pct <= 5.0
        assert judged.events_per_s <= 10_000
        lossy = trial_events >= max(least, 1) and lost > 0.05 * trial_events
        assert judged.overridden == (events < least or lossy)
        assert not judged.overridden or promote
    # AND the same evidence is judged the same
    assert judge_canary(CHECK, Evidence(check, 1_000, FAST, trial, 500), careful, promote=promote) == judged


def _run(host: str, state: RunState, elapsed_ms: int = 1_000, measured: RunCost | None = None, reason: str = "") -> Run:
    return Run(RunKey("j", host, 1), RunKind.TRACE, state, 0, 10_000, reason, elapsed_ms, measured or cost(100))


def test_a_wave_within_budget_promotes() -> None:
    runs = [_run("a", RunState.RUNNING), _run("b", RunState.COMPLETE)]
    assert judge_wave(runs, terms(), prior, first=True, predicted_pct={})[0] is Verdict.PROMOTE


def test_a_host_far_busier_than_the_canary_aborts_its_wave() -> None:
    runs = [_run("a", RunState.RUNNING), _run("b", RunState.RUNNING, 500, cost(40_000))]
    verdict, reason = judge_wave(runs, terms(), prior, first=False, predicted_pct={})
    assert verdict is Verdict.ABORT
    assert "b measured 8.00%" in reason


def test_a_wave_that_lost_most_of_its_hosts_aborts_and_half_does_not() -> None:
    lost = _run("a", RunState.LOST, 0, reason="the agent's connection ended")
    running = _run("c", RunState.RUNNING)
    verdict, reason = judge_wave(
        [lost, _run("b", RunState.LOST, 0), running], terms(), prior, first=False, predicted_pct={}
    )
    assert verdict is Verdict.ABORT
    assert "2 of 3 hosts" in reason
    assert "a: the agent's connection ended" in reason
    assert judge_wave([lost, running], terms(), prior, first=False, predicted_pct={})[0] is Verdict.PROMOTE


def test_hosts_that_said_why_they_failed_stop_only_the_canaries_wave() -> None:
    failed = _run("a", RunState.FAILED, 0, reason="agent.toml allows no tool")
    assert judge_wave([failed], terms(), prior, first=False, predicted_pct={})[0] is Verdict.PROMOTE
    verdict, reason = judge_wave([failed], terms(), prior, first=True, predicted_pct={})
    assert verdict is Verdict.ABORT
    assert "a: agent.toml allows no tool" in reason


def test_one_host_that_was_lost_while_it_traced_ends_a_small_wave() -> None:
    lost = _run("a", RunState.LOST, 700, reason="no part came in time")
    running = [_run(f"b{number}", RunState.RUNNING) for number in range(19)]
    verdict, reason = judge_wave([lost, *running[:18]], terms(), prior, first=False, predicted_pct={})
    assert verdict is Verdict.ABORT
    assert reason == "1 of 19 hosts of the wave were lost while tracing; a: no part came in time"
    # AND of 20 it may have been chance
    assert judge_wave([lost, *running], terms(), prior, first=False, predicted_pct={})[0] is Verdict.PROMOTE


def test_real_cost_is_held_against_what_was_predicted() -> None:
    # GIVEN hosts that cost 2% where 0.3% was predicted, all of them within the budget of 5%
    runs = [_run(host, RunState.RUNNING, 1_000, cost(5_000, 155_000)) for host in ("a", "b", "c")]
    verdict, reason = judge_wave(runs, terms(), prior, first=False, predicted_pct=dict.fromkeys("abc", 0.3))
    assert verdict is Verdict.ABORT
    assert reason == "c cost the most, 2.00% where 0.30% was predicted: the canaries do not speak for these hosts"
    # AND one busy host among them is left to its own breaker, and costs that are small are not compared
    assert (
        judge_wave(runs, terms(), prior, first=False, predicted_pct={"a": 0.3, "b": 1.0, "c": 1.0})[0]
        is Verdict.PROMOTE
    )
    small = [_run("a", RunState.RUNNING, 1_000, cost(5_000))]
    verdict, reason = judge_wave(small, terms(), prior, first=False, predicted_pct={"a": 0.01})
    assert verdict is Verdict.PROMOTE
    assert reason.endswith("within 5% of one CPU; a cost the most, 0.50% where 0.01% was predicted")
