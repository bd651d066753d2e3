"""The cost model: the probe as this host has measured it, the program as a trial or the manifest has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrace.model.calibration import Calibration, HitKind, mean_hit_ns
from fleettrace.model.cost import MIN_RUNS, REFERENCE_HIT_NS, CostBasis, cost_model, program_scale
from fleettrace.model.run import RunCost
from fleettrace.model.tool import Cost

PRIOR = Cost(hit_ns=124, event_ns=200)
RAW = {HitKind.RAW_TRACEPOINT: 10}
FAST = Calibration({HitKind.RAW_TRACEPOINT: 12.0, HitKind.UPROBE: 8_000.0}, empty_run_time_ns=30.0)


def test_every_kind_has_a_reference() -> None:
    assert set(REFERENCE_HIT_NS) == set(HitKind)


def test_without_calibration_the_manifest_is_all_there_is() -> None:
    model = cost_model(PRIOR, None, RAW, scale=3.0)
    assert (model.basis, model.cost) == (CostBasis.PRIOR, PRIOR)


def test_a_kind_that_was_not_measured_leaves_the_manifest() -> None:
    assert cost_model(PRIOR, FAST, {HitKind.KPROBE: 1}).basis is CostBasis.PRIOR
    assert cost_model(PRIOR, FAST, {}).basis is CostBasis.PRIOR


def test_the_probes_part_of_a_hit_is_the_hosts_own() -> None:
    model = cost_model(PRIOR, FAST, RAW)
    assert model.basis is CostBasis.CALIBRATED
    assert model.cost.hit_ns == pytest.approx(12 + 124 - REFERENCE_HIT_NS[HitKind.RAW_TRACEPOINT])
    assert model.cost.event_ns == 200


def test_a_trial_scales_the_programs_part_alone() -> None:
    model = cost_model(PRIOR, FAST, RAW, scale=2.0)
    assert model.basis is CostBasis.MEASURED
    assert model.cost.hit_ns == pytest.approx(12 + 2 * 100)
    assert model.cost.event_ns == 400


def test_the_scale_is_what_the_kernel_counted_beside_what_the_manifest_says() -> None:
    # GIVEN runs of 330 ns, 30 of which an empty program is said to take, and one event in two hits
    trial = RunCost(hits=100, events=50, hits_by_kind=RAW, bpf_run_count=100, bpf_run_time_ns=100 * 330)
    # THEN 300 ns stand beside 100 of the hit and half of 200 of the event
    assert program_scale(PRIOR, FAST, trial) == pytest.approx(1.5)


@pytest.mark.parametrize(("calibration", "runs"), [(None, 100), (Calibration(FAST.hit_ns), 100), (FAST, MIN_RUNS - 1)])
def test_no_scale_where_the_run_time_says_nothing(calibration: Calibration | None, runs: int) -> None:
    trial = RunCost(hits=runs, hits_by_kind=RAW, bpf_run_count=runs, bpf_run_time_ns=runs * 330)
    assert program_scale(PRIOR, calibration, trial) is None


def test_a_one_liners_traps_cost_what_a_uprobe_costs_here() -> None:
    prior = Cost(hit_ns=150, event_ns=150, trap_ns=15_000)
    host = Calibration({HitKind.TRACEPOINT: 40.0, HitKind.UPROBE: 8_000.0})
    model = cost_model(prior, host, {HitKind.TRACEPOINT: 5, HitKind.UPROBE: 5})
    assert model.cost.hit_ns == pytest.approx(150)
    assert model.cost.trap_ns == pytest.approx(8_000 + 110)


def test_the_busiest_cpu_bears_its_share() -> None:
    model = cost_model(PRIOR, None, RAW)
    counted = RunCost(hits=1_000, events=400, events_per_cpu=(300, 100))
    assert model.busiest_cpu_pct(counted, 1.0) == pytest.approx(model.cpu_pct(counted, 1.0) * 0.75)
    assert model.busiest_cpu_pct(RunCost(hits=1_000, events_per_cpu=(0, 0)), 1.0) == pytest.approx(
        model.cpu_pct(RunCost(hits=1_000), 1.0) / 2
    )


@given(st.dictionaries(st.sampled_from(HitKind), st.integers(0, 1 << 40), max_size=4))
def test_a_mean_lies_between_its_kinds(hits: dict[HitKind, int]) -> None:
    mean = mean_hit_ns(REFERENCE_HIT_NS, hits)
    costs = [REFERENCE_HIT_NS[kind] for kind, count in hits.items() if count]
    assert (mean is None) == (not costs)
    if mean is not None:
        assert min(costs) * 0.999 <= mean <= max(costs) * 1.001
