from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.analysis.modes import find_modes
from fleettrace.snapshot import Histogram
from tests.unit.controller.analysis.fleets import Shape, draw, histogram


def peaks(counts: dict[int, int]) -> list[int]:
    return [mode.peak for mode in find_modes(histogram(counts))]


def test_two_humps_are_told_with_their_ranges_weights_and_the_gap() -> None:
    low, high = find_modes(histogram({3: 300, 4: 500, 5: 100, 6: 5, 8: 20, 9: 60, 10: 15}))
    assert (low.peak, low.first, low.last, low.gap_octaves) == (4, 3, 6, 5)
    assert (high.peak, high.first, high.last, high.gap_octaves) == (9, 8, 10, 0)
    assert (low.weight, high.weight) == (0.905, 0.095)


def test_nothing_and_one_value_and_a_plateau_have_no_second_hump() -> None:
    assert find_modes(histogram({})) == ()
    assert peaks({7: 1}) == [7]
    assert len(peaks(dict.fromkeys(range(10), 100))) == 1


def test_a_dip_that_chance_explains_is_no_valley() -> None:
    assert len(peaks({3: 30, 4: 22, 5: 31})) == 1
    assert len(peaks({3: 3000, 4: 2200, 5: 3100})) == 2


def test_a_shallow_valley_is_none_however_sure_it_is() -> None:
    assert len(peaks({3: 1_000_000, 4: 950_000, 5: 1_000_000})) == 1


def test_peaks_in_neighbouring_buckets_are_one() -> None:
    assert len(peaks({3: 1000, 4: 900, 5: 10})) == 1


def test_a_side_with_hardly_any_values_is_no_hump() -> None:
    assert len(peaks({3: 100_000, 9: 400})) == 1
    assert len(peaks({3: 100_000, 9: 600})) == 2


def test_three_humps_are_three() -> None:
    assert peaks({2: 500, 3: 20, 4: 500, 7: 10, 8: 100, 9: 400}) == [2, 4, 9]


def test_finer_buckets_are_folded_to_octaves() -> None:
    fine = Histogram((), "us", "log2.2", ((12, 300), (13, 10), (14, 300), (15, 10), (24, 400)))
    assert [mode.peak for mode in find_modes(fine)] == [4, 7]


@pytest.mark.parametrize("events", [200, 2000, 20_000])
def test_bell_curves_and_skewed_ones_have_one_hump(events: int) -> None:
    random = Random(events)
    for _ in range(15):
        body = random.uniform(3, 9)
        skewed = Shape(body, random.uniform(0.6, 2), 0.3, body + 1)
        assert len(find_modes(histogram(draw(random, skewed.shares(), events)))) == 1


@settings(max_examples=30)
@given(st.dictionaries(st.integers(0, 20), st.integers(1, 500), min_size=1, max_size=12))
def test_humps_hold_everything_once_and_the_answer_is_always_the_same(counts: dict[int, int]) -> None:
    modes = find_modes(histogram(counts))
    assert sum(mode.weight for mode in modes) == pytest.approx(1)
    assert all(one.last < other.first for one, other in pairwise(modes))
    assert all(mode.first <= mode.peak <= mode.last for mode in modes)
    assert find_modes(histogram(counts)) == modes
