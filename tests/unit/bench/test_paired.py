"""Paired windows: the shift is found under drift and outliers, and its interval is honest."""

import random
import statistics

import pytest

from tests.bench.paired import Estimate, hodges_lehmann, interleaved


def test_of_equal_differences_nothing_is_uncertain() -> None:
    assert hodges_lehmann([3.0] * 10) == Estimate(3.0, 3.0, 3.0, 10)


def test_a_few_windows_in_which_others_ran_move_nothing() -> None:
    rng = random.Random(1)
    differences = [rng.gauss(5, 1) for _ in range(90)] + [10_000.0] * 5 + [-10_000.0] * 5
    found = hodges_lehmann(differences)
    assert found.low < 5 < found.high
    assert found.high - found.low < 1


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = random.Random(2)
    held = 0
    for _ in range(300):
        # Skewed and with a heavy tail each, as times are; their difference is symmetrical.
        found = hodges_lehmann([2 + rng.lognormvariate(0, 1) - rng.lognormvariate(0, 1) for _ in range(30)])
        held += found.low <= 2 <= found.high
    assert 0.92 <= held / 300 <= 0.98


def test_a_machine_that_becomes_slower_does_not_look_like_a_cost() -> None:
    rng = random.Random(3)
    clock = iter(range(10_000))

    def window(cost: float) -> float:
        return 100 + 0.5 * next(clock) + cost + rng.gauss(0, 1)

    found = interleaved(lambda: window(0), lambda: window(4), rng, lambda estimate, _: estimate.pairs >= 200)
    assert found.low < 4 < found.high
    assert found.within(0.25)


@pytest.mark.parametrize(
    ("estimate", "resolved"),
    [(Estimate(4, 3, 5, 9), True), (Estimate(4, 2, 5, 9), False), (Estimate(-4, -4, -4, 9), False)],
)
def test_what_is_resolved_is_wide_by_a_share_of_itself(estimate: Estimate, resolved: bool) -> None:
    assert estimate.within(0.25) is resolved


def test_whoever_asks_is_told_what_the_work_takes_by_itself() -> None:
    told = []

    def enough(estimate: Estimate, base: float) -> bool:
        told.append(base)
        return estimate.pairs >= 20

    assert interleaved(lambda: 7.0, lambda: 9.0, random.Random(4), enough).value == statistics.median([2.0])
    assert told == [7.0, 7.0]
