import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.analysis.profiles import Profiles, apart_by_octaves, apart_by_share


def test_octaves_are_the_area_between_the_cumulative_distributions() -> None:
    # GIVEN halves in buckets 0 and 1, against halves in 1 and 3
    gap = apart_by_octaves({0: 0.5, 1: 0.5}, {1: 0.5, 3: 0.5})
    # THEN the areas are 0.5 below 1, 0.5 below 2 and 0.5 below 3, all in the one direction
    assert gap.size == pytest.approx(1.5)
    assert gap.shift == pytest.approx(-1.5)


def test_a_wider_distribution_is_apart_without_being_shifted() -> None:
    gap = apart_by_octaves({2: 0.5, 6: 0.5}, {4: 1.0})
    assert gap.size == pytest.approx(2.0)
    assert gap.shift == pytest.approx(0.0)


def test_a_tenth_of_the_values_ten_octaves_up_is_one_octave() -> None:
    gap = apart_by_octaves({3: 0.9, 13: 0.1}, {3: 1.0})
    assert gap.size == pytest.approx(1.0)
    assert gap.shift == pytest.approx(1.0)


distributions = st.dictionaries(st.integers(0, 20), st.integers(1, 50), min_size=1, max_size=8).map(
    lambda counts: {index: count / sum(counts.values()) for index, count in counts.items()}
)


@given(distributions, distributions, distributions)
def test_octaves_are_a_distance(one: dict[int, float], two: dict[int, float], three: dict[int, float]) -> None:
    there, back = apart_by_octaves(one, two), apart_by_octaves(two, one)
    assert apart_by_octaves(one, one).size == pytest.approx(0)
    assert there.size == pytest.approx(back.size)
    assert there.shift == pytest.approx(-back.shift)
    assert abs(there.shift) <= there.size + 1e-9
    assert there.size <= apart_by_octaves(one, three).size + apart_by_octaves(three, two).size + 1e-9


@given(distributions, st.integers(1, 9))
def test_moving_everything_by_octaves_is_so_many_octaves(own: dict[int, float], octaves: int) -> None:
    gap = apart_by_octaves({index + octaves: share for index, share in own.items()}, own)
    assert gap.size == pytest.approx(octaves)
    assert gap.shift == pytest.approx(octaves)


def test_shares_are_apart_by_the_largest_difference_and_its_sign() -> None:
    gap = apart_by_share({"a": 0.6, "b": 0.4}, {"a": 0.3, "c": 0.7})
    assert gap.size == pytest.approx(0.7)
    assert gap.shift == pytest.approx(-0.7)


def test_what_is_typical_counts_each_host_alike_and_leaves_out_whom_one_says() -> None:
    profiles = Profiles([({0: 3}, 3), ({0: 5, 4: 5}, 10), ({4: 2}, 2), ({9: 1}, 1)], apart_by_octaves)
    assert profiles.typical_without(3) == {0: pytest.approx(0.5), 4: pytest.approx(0.5)}
    assert profiles.typical_without(0, 3) == {0: pytest.approx(0.25), 4: pytest.approx(0.75)}
    # host 3 is 9 buckets from half of the others' values and 5 from the other half
    assert profiles.gap(3) == pytest.approx(7.0)
    assert profiles.gap(2, 3) == pytest.approx(3.0)


def test_a_host_that_is_taken_away_leaves_no_trace() -> None:
    # 0.1 + 0.2 - 0.1 is not 0.2 in binary, and what is left of 0.3 - 0.3 must not become a bucket
    profiles = Profiles([({0: 9, 7: 1}, 10), ({0: 8, 1: 2}, 10), ({0: 7, 30: 3}, 10)], apart_by_octaves)
    assert profiles.typical_without(0, 2) == {0: pytest.approx(0.8), 1: pytest.approx(0.2)}
