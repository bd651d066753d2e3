from collections.abc import Sequence

from controller.analysis.samples import SampleKind
from controller.analysis.scores import Score
from controller.analysis.verdicts import GapSize, odd_hosts

HISTOGRAM = SampleKind.HISTOGRAM


def scores(*values: float) -> list[Score]:
    return [Score(value, "c") for value in values]


def gaps(own: Sequence[float], rest: float = 0.1) -> GapSize:
    """``own`` are the hosts' distances from the others; ``rest`` those of the others when one of them is left out."""
    return lambda host, *without: rest if without else own[host]


def test_among_few_the_one_that_is_far_surely_different_and_far_beyond_the_others_spread_is_odd() -> None:
    assert odd_hosts(HISTOGRAM, scores(1, 6.5, 1, 1), gaps([0.3, 1.5, 0.3, 0.3], rest=0.5)) == {1}


def test_among_few_each_condition_is_needed() -> None:
    far = [0.3, 1.5, 0.3, 0.3]
    assert not odd_hosts(HISTOGRAM, scores(1, 6.49, 1, 1), gaps(far))
    assert not odd_hosts(HISTOGRAM, scores(1, 6.5, 1, 1), gaps([0.3, 1.49, 0.3, 0.3]))
    assert not odd_hosts(HISTOGRAM, scores(1, 6.5, 1, 1), gaps(far, rest=0.51))


def test_among_few_less_is_as_odd_as_more() -> None:
    assert odd_hosts(HISTOGRAM, scores(1, -6.5, 1), gaps([0.3, 1.5, 0.3])) == {1}


def test_among_few_shares_have_a_least_distance_of_their_own() -> None:
    assert odd_hosts(SampleKind.COUNTS, scores(1, 7, 1), gaps([0.0, 0.2, 0.0], rest=0.05)) == {1}
    assert not odd_hosts(SampleKind.STACKS, scores(1, 7, 1), gaps([0.0, 0.19, 0.0], rest=0.05))


def test_of_two_hosts_neither_is_odd() -> None:
    assert not odd_hosts(HISTOGRAM, scores(50, -50), gaps([9, 9], rest=0))


def test_among_many_a_high_score_far_beyond_what_is_usual_is_odd() -> None:
    usual = [0.2] * 7
    assert odd_hosts(HISTOGRAM, scores(*[1] * 7, 6.5), gaps([*usual, 0.4])) == {7}
    assert not odd_hosts(HISTOGRAM, scores(*[1] * 7, 6.49), gaps([*usual, 0.4]))
    assert not odd_hosts(HISTOGRAM, scores(*[1] * 7, 6.5), gaps([*usual, 0.39]))


def test_among_many_several_can_be_odd_but_not_more_than_a_third() -> None:
    def odd(count: int) -> frozenset[int]:
        usual = 9 - count
        return odd_hosts(HISTOGRAM, scores(*[1] * usual, *[9] * count), gaps([0.1] * usual + [2.0] * count))

    assert odd(3) == {6, 7, 8}
    assert odd(4) == frozenset()


def test_the_rule_for_few_ends_where_eight_hosts_begin() -> None:
    # GIVEN a host at a distance that only among many hosts is enough
    assert not odd_hosts(HISTOGRAM, scores(*[1] * 6, 9), gaps([0.1] * 6 + [0.5]))
    assert odd_hosts(HISTOGRAM, scores(*[1] * 7, 9), gaps([0.1] * 7 + [0.5])) == {7}
