"""The breaker: every ceiling, what it says, and that the controller cannot raise one."""

from dataclasses import replace

import pytest

from fleettrace.model.calibration import Calibration, HitKind
from fleettrace.model.run import MapFill, OneLinerBounds, RunCost
from fleettrace.model.tool import Cost
from node_agent.child.breaker import Breaker, Reading
from node_agent.child.protocol import ChildPlan

PLAN = ChildPlan(
    backend="bcc",
    tool="runqlat",
    digest="d",
    kind="trace",
    params={},
    scope="",
    duration_ms=5_000,
    max_events_per_s=1_000,
    max_cpu_pct=2.0,
    max_map_bytes=1 << 20,
    capabilities=(),
    state_directory="/nowhere",
    parent_pid=1,
    max_child_cpu_pct=25.0,
    max_child_rss_bytes=100 << 20,
    max_map_fill_pct=90.0,
)
PRIOR = Cost(hit_ns=1_000, event_ns=9_000)
KINDS = {HitKind.RAW_TRACEPOINT: 1}


def read_at(at_s: float, cost: RunCost) -> Reading:
    return Reading(at_s, at_s, cost)


def judged(cost: RunCost, plan: ChildPlan = PLAN, *, after_s: float = 0.1) -> str:
    return Breaker(plan, PRIOR, read_at(10.0, RunCost())).judge(read_at(10.0 + after_s, cost))


def test_what_is_within_every_ceiling_goes_on() -> None:
    cost = RunCost(
        hits=100,
        events=99,
        attached_cpu_us=400_000,
        child_peak_rss_bytes=100 << 20,
        map_fills=(MapFill("totals", 90, 100),),
    )
    assert judged(cost) == ""


@pytest.mark.parametrize(
    ("cost", "reason"),
    [
        (RunCost(events=101), "1,010 events/s are over the ceiling of 1,000"),
        (RunCost(hits=2_100), "the probes take 2.10% of one CPU, over the ceiling of 2%"),
        (RunCost(attached_cpu_us=3_000_000), "the tracing process takes 30.0% of one CPU, over the ceiling of 25%"),
        (RunCost(child_peak_rss_bytes=200 << 20), "takes 200 MiB of memory, over the ceiling of 100 MiB"),
        (RunCost(map_fills=(MapFill("totals", 91, 100),)), "the map totals is 91% full, over the ceiling of 90%"),
    ],
)
def test_each_ceiling_is_named_with_what_was_measured(cost: RunCost, reason: str) -> None:
    said = judged(cost)
    assert said.startswith("stopped by the host: ")
    assert said.endswith(reason)


def test_printing_has_a_ceiling_of_its_own() -> None:
    plan = replace(PLAN, one_liner=OneLinerBounds(max_probes=1, max_keys=1, max_printed_per_s=5))
    assert "print" in judged(RunCost(printing_events=1, events=1), plan)
    assert judged(RunCost(printing_events=1, events=1), plan, after_s=1.0) == ""


def test_only_the_newest_window_counts() -> None:
    # GIVEN a breaker that has seen a quiet second
    breaker = Breaker(PLAN, PRIOR, read_at(10.0, RunCost()))
    assert breaker.judge(read_at(11.0, RunCost(events=10))) == ""
    # WHEN a storm begins THEN the quiet before it does not hide it
    assert breaker.judge(read_at(11.1, RunCost(events=210))) != ""


@pytest.mark.parametrize("read_at_the_end", [False, True])
@pytest.mark.parametrize("late", ["the first", "the second"])
def test_a_child_that_was_kept_from_its_cpu_while_it_read_accuses_nobody(late: str, read_at_the_end: bool) -> None:
    # GIVEN 900 events/s, under the ceiling of 1,000, and a child that is stopped for 1 s in the middle of a look
    first = Reading(10.0, 11.0 if late == "the first" else 10.0, RunCost())
    second = Reading(11.125, 12.125 if late == "the second" else 11.125, RunCost())
    moments = [one.ended_s if read_at_the_end else one.began_s for one in (first, second)]
    counted = RunCost(events=int(900 * (moments[1] - moments[0])))
    # THEN whichever moment the counters are of, no rate is over the ceiling
    breaker = Breaker(PLAN, PRIOR, first)
    assert breaker.judge(replace(second, cost=counted)) == ""
    # AND a storm, which it could not see meanwhile, it sees in the next look
    assert breaker.judge(read_at(second.ended_s + 0.125, replace(counted, events=counted.events + 5_000))) != ""


def test_probes_cost_what_they_cost_on_this_host() -> None:
    # GIVEN a host where a raw tracepoint takes 30 us
    slow = replace(PLAN, calibration=Calibration({HitKind.RAW_TRACEPOINT: 30_000.0}))
    cost = RunCost(hits=90, events=0, hits_by_kind={HitKind.RAW_TRACEPOINT: 90})
    # THEN what is cheap elsewhere is over the ceiling
    assert judged(cost) == ""
    assert "2.79% of one CPU" in judged(cost, slow)


@pytest.mark.parametrize(("told", "opens"), [(0.0, False), (0.01, False), (10.0, True)])
def test_the_controllers_word_makes_a_host_more_careful_and_never_less(told: float, opens: bool) -> None:
    plan = replace(PLAN, calibration=Calibration({HitKind.RAW_TRACEPOINT: 24.0}), program_scale=told)
    careful = RunCost(hits=500, hits_by_kind=KINDS)
    assert bool(judged(careful, plan)) is opens
    # AND what is over without its word is over with it
    assert judged(replace(careful, hits=2_200), plan)


def test_run_time_that_the_kernel_counts_is_believed() -> None:
    # GIVEN a host whose statistics are on, and a program that takes 40 us a run
    plan = replace(PLAN, calibration=Calibration({HitKind.RAW_TRACEPOINT: 24.0}, empty_run_time_ns=30.0))
    cost = RunCost(hits=90, hits_by_kind=KINDS, bpf_run_count=90, bpf_run_time_ns=90 * 40_000)
    assert "3.60% of one CPU" in judged(cost, plan)
