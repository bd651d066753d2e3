from collections.abc import Sequence

import pytest

from controller.analysis.deviates import PER_DOUBLING_Z
from controller.analysis.samples import SampleKind
from controller.analysis.scores import Score
from controller.analysis.verdicts import GapSize, Odd, Verdict, odd_hosts, threshold

HISTOGRAM = SampleKind.HISTOGRAM


def scores(*values: float) -> list[Score]:
    return [Score(value, "c") for value in values]


def gaps(own: Sequence[float], rest: float = 0.1) -> GapSize:
    """``own`` are the hosts' distances from the others; ``rest`` those of the others when one of them is left out."""
    return lambda host, *without: rest if without else own[host]


def named(kind: SampleKind, values: Sequence[Score], gap: GapSize) -> dict[int, Verdict]:
    return odd_hosts(kind, values, gap).verdicts


def test_among_few_the_one_that_is_far_surely_different_and_far_beyond_the_others_spread_is_odd() -> None:
    assert named(HISTOGRAM, scores(1, 6.5, 1, 1), gaps([0.3, 1.5, 0.3, 0.3], rest=0.5)) == {1: Verdict.SUSPECT}


def test_among_few_each_condition_is_needed() -> None:
    far = [0.3, 1.5, 0.3, 0.3]
    assert not named(HISTOGRAM, scores(1, 6.49, 1, 1), gaps(far))
    assert not named(HISTOGRAM, scores(1, 6.5, 1, 1), gaps([0.3, 1.49, 0.3, 0.3]))
    assert not named(HISTOGRAM, scores(1, 6.5, 1, 1), gaps(far, rest=0.51))


def test_among_few_less_is_as_odd_as_more() -> None:
    assert named(HISTOGRAM, scores(1, -6.5, 1), gaps([0.3, 1.5, 0.3])) == {1: Verdict.SUSPECT}


def test_among_few_shares_have_a_least_distance_of_their_own() -> None:
    assert named(SampleKind.COUNTS, scores(1, 7, 1), gaps([0.0, 0.2, 0.0], rest=0.05)) == {1: Verdict.SUSPECT}
    assert not named(SampleKind.STACKS, scores(1, 7, 1), gaps([0.0, 0.19, 0.0], rest=0.05))


def test_of_two_hosts_neither_is_odd() -> None:
    assert not named(HISTOGRAM, scores(50, -50), gaps([9, 9], rest=0))


def test_among_many_a_high_score_is_odd_whichever_way_and_a_very_high_one_an_outlier() -> None:
    usual, least = [1.0] * 7, threshold(HISTOGRAM, 8)
    gap = gaps([0.0] * 8)
    assert named(HISTOGRAM, scores(*usual, least - 0.01), gap) == {}
    assert named(HISTOGRAM, scores(*usual, least), gap) == {7: Verdict.SUSPECT}
    assert named(HISTOGRAM, scores(*usual, -least), gap) == {7: Verdict.SUSPECT}
    assert named(HISTOGRAM, scores(*usual, least + 1), gap) == {7: Verdict.OUTLIER}


def test_the_largest_of_more_scores_is_larger_and_must_be() -> None:
    assert threshold(HISTOGRAM, 8) < threshold(HISTOGRAM, 16) < threshold(HISTOGRAM, 500)
    assert threshold(HISTOGRAM, 64) - threshold(HISTOGRAM, 8) == pytest.approx(3 * PER_DOUBLING_Z)


def test_among_many_several_can_be_odd_but_of_more_than_a_third_none_is() -> None:
    def odd(count: int) -> Odd:
        return odd_hosts(HISTOGRAM, scores(*[1] * (9 - count), *[9] * count), gaps([0.0] * 9))

    few, many = odd(3), odd(4)
    assert (set(few.verdicts), few.several_kinds) == ({6, 7, 8}, False)
    assert (many.verdicts, many.several_kinds) == ({}, True)


def test_the_rule_for_few_ends_where_eight_hosts_begin() -> None:
    # GIVEN a host at a distance that only among many hosts is enough
    assert named(HISTOGRAM, scores(*[1] * 6, 9), gaps([0.1] * 6 + [0.5])) == {}
    assert named(HISTOGRAM, scores(*[1] * 7, 9), gaps([0.1] * 7 + [0.5])) == {7: Verdict.OUTLIER}
