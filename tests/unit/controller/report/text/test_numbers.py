"""Numbers and ranges."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.report.text import numbers
from fleettrace.snapshot import LOG2, Histogram, bucket_bounds, bucket_index

VALUES = st.lists(st.integers(0, 10**7), min_size=1, max_size=60)


def histogram(values: list[int], unit: str = "us") -> Histogram:
    counts: dict[int, int] = {}
    for value in values:
        index = bucket_index(LOG2, value)
        counts[index] = counts.get(index, 0) + 1
    return Histogram((), unit, LOG2, tuple(sorted(counts.items())))


@settings(max_examples=100)
@given(VALUES, st.sampled_from([1, 50, 90, 99, 100]))
def test_percentile_is_the_bucket_of_the_value_at_that_rank(values: list[int], percent: int) -> None:
    rank = -(-len(values) * percent // 100)
    low, high = bucket_bounds(LOG2, bucket_index(LOG2, sorted(values)[rank - 1]))
    assert numbers.percentile_text([histogram(values)], percent) == f"[{low}, {high}]"


@settings(max_examples=50)
@given(VALUES, VALUES)
def test_percentile_of_many_keys_is_that_of_all_values_together(first: list[int], second: list[int]) -> None:
    apart = numbers.percentile_text([histogram(first), histogram(second)], 99)
    assert apart == numbers.percentile_text([histogram(first + second)], 99)


def test_percentile_of_nothing_or_of_two_units_is_not_made_up() -> None:
    assert numbers.percentile_text([], 50) == "-"
    assert numbers.percentile_text([histogram([1]), histogram([1], "bytes")], 50) == "-"


@settings(max_examples=100)
@given(st.floats(0, 1), st.integers(1, 80))
def test_bar_fits_and_shows_whatever_is_there(share: float, width: int) -> None:
    for ascii_only in (False, True):
        drawn = numbers.bar(share, width, ascii_only=ascii_only)
        assert len(drawn) <= width
        assert bool(drawn) == (share > 0)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (266_240, "260 KiB"), (127 << 20, "127 MiB"), (5 << 30, "5 GiB")]
)
def test_bytes(count: int, text: str) -> None:
    assert numbers.bytes_text(count) == text


def test_a_clock_that_no_calendar_has_is_not_an_error() -> None:
    assert numbers.time_text((1 << 53) - 1) == "-"
    assert numbers.time_text(0) == "-"
    assert numbers.rate_text(3.4) == "3.4"
    assert numbers.rate_text(2310.4) == "2,310"
