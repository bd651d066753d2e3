import pytest

from controller.analysis.compare import compare_parts
from controller.analysis.rates import score_rates
from controller.analysis.samples import Sample
from controller.analysis.verdicts import Verdict
from tests.unit.controller.analysis.fleets import waits


def sample(total: int, window_s: float = 10.0) -> Sample:
    return Sample("h", total, total, {"a": total}, window_s=window_s)


def test_a_rate_is_events_over_the_time_they_were_traced_for() -> None:
    rates = score_rates([*(sample(1000) for _ in range(8)), sample(500, 5.0), sample(32_000)])
    assert rates[8] is not None
    assert rates[8].events_per_s == 100.0
    assert rates[8].typical_events_per_s == pytest.approx(100.0)
    assert rates[8].z == pytest.approx(0)
    assert rates[9] is not None
    assert rates[9].factor == pytest.approx(32)
    assert rates[9].odd


def test_a_rate_within_a_factor_of_four_is_not_odd_nor_one_among_uneven_ones() -> None:
    even = score_rates([*(sample(10_000) for _ in range(40)), sample(30_000)])
    assert even[-1] is not None
    assert not even[-1].odd
    uneven = score_rates([*(sample(1000 << (number % 6)) for number in range(12)), sample(1000 << 7)])
    assert uneven[-1] is not None
    assert not uneven[-1].odd


def test_few_hosts_or_unknown_windows_have_no_rate() -> None:
    assert score_rates([sample(1000)] * 7) == (None,) * 7
    assert score_rates([sample(1000, 0.0)] * 9) == (None,) * 9


def test_a_host_with_sixteen_times_the_events_is_named_for_that_and_not_for_its_shape() -> None:
    usual = {4: 500, 5: 500}
    busy = waits("busy", {index: 16 * count for index, count in usual.items()})
    (first, *others) = compare_parts([*(waits(f"h-{number}", usual) for number in range(12)), busy])
    assert (first.host, first.verdict) == ("busy", "suspect")
    assert first.evidence == ("16 times the events: 16,000.0 a second against 1,000.0; like the other 12 hosts")
    assert {other.verdict for other in others} == {"ranking"}


def test_a_host_that_is_slow_and_busy_is_told_as_both() -> None:
    usual = {4: 500, 5: 500}
    parts = [*(waits(f"h-{number}", usual) for number in range(12)), waits("odd", {9: 16_000})]
    found = compare_parts(parts)[0]
    assert found.verdict is Verdict.OUTLIER
    assert found.evidence.startswith("4.5 octaves longer than the other 12 hosts: ")
    assert found.evidence.endswith("; 16 times the events: 16,000.0 a second against 1,000.0")
