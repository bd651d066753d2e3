"""The log2 scheme: which bucket holds a value, and the laws of adding histograms up."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.errors import Malformed, SnapshotMismatch
from fleettrace.snapshot import LOG2, Histogram, bucket_bounds, bucket_index, merge
from fleettrace.snapshot.histogram import MAX_BUCKET_INDEX, merge_histograms
from tests.unit.fleettrace import strategies

QUICK = settings(max_examples=200, deadline=None)
values = st.one_of(st.integers(0, 40), st.integers(0, (1 << 64) - 1))


def naive_index(value: int) -> int:
    """Halve until 1 or 0 is left: what the kernel tools' log2l does."""
    index = 0
    while value > 1:
        value //= 2
        index += 1
    return index


@QUICK
@given(values)
def test_a_value_lies_within_the_bounds_of_its_bucket_and_no_other(value: int) -> None:
    holding = [
        index
        for index in range(MAX_BUCKET_INDEX + 1)
        if bucket_bounds(LOG2, index)[0] <= value <= bucket_bounds(LOG2, index)[1]
    ]
    assert holding == [bucket_index(LOG2, value)] == [naive_index(value)]


@pytest.mark.parametrize(
    ("index", "bounds"), [(0, (0, 1)), (1, (2, 3)), (2, (4, 7)), (10, (1024, 2047)), (63, (1 << 63, (1 << 64) - 1))]
)
def test_bounds(index: int, bounds: tuple[int, int]) -> None:
    assert bucket_bounds(LOG2, index) == bounds


def test_buckets_leave_no_gap() -> None:
    bounds = [bucket_bounds(LOG2, index) for index in range(MAX_BUCKET_INDEX + 1)]
    assert all(low == high + 1 for (_, high), (low, _) in pairwise(bounds))


@pytest.mark.parametrize("ask", [bucket_bounds, bucket_index])
def test_an_unknown_scheme_is_refused(ask: object) -> None:
    with pytest.raises(Malformed, match="unknown bucket scheme 'linear'"):
        ask("linear", 1)  # type: ignore[operator]


@QUICK
@given(st.lists(strategies.histograms, max_size=5))
def test_no_value_is_lost_or_made_up(histograms: list[Histogram]) -> None:
    merged = merge_histograms(histograms)
    assert sum(histogram.total for histogram in merged) == sum(histogram.total for histogram in histograms)
    for histogram in merged:
        histogram.check_valid()


def test_counts_of_one_key_are_added_bucket_by_bucket() -> None:
    key = (("disk", "sda"),)
    one, other = Histogram(key, "us", LOG2, ((0, 1), (3, 2))), Histogram(key, "us", LOG2, ((3, 5), (9, 1)))
    assert merge_histograms([one, other]) == (Histogram(key, "us", LOG2, ((0, 1), (3, 7), (9, 1))),)


def test_keys_stay_apart_and_come_sorted() -> None:
    sdb, sda = (Histogram((("disk", name),), "us", LOG2, ((0, 1),)) for name in ("sdb", "sda"))
    assert merge_histograms([sdb, sda]) == (sda, sdb)


@pytest.mark.parametrize("other", [("ms", LOG2), ("us", "linear")])
def test_other_units_or_schemes_are_not_added(other: tuple[str, str]) -> None:
    with pytest.raises(SnapshotMismatch, match="same tool version"):
        merge_histograms([Histogram((), "us", LOG2, ((0, 1),)), Histogram((), *other, ((0, 1),))])


def test_other_units_under_another_key_are_another_histogram() -> None:
    in_us, in_bytes = Histogram((("of", "time"),), "us", LOG2, ()), Histogram((("of", "size"),), "bytes", LOG2, ())
    assert merge_histograms([in_us, in_bytes]) == (in_bytes, in_us)


def test_nothing_merges_to_nothing() -> None:
    assert merge([]).histograms == merge_histograms([]) == ()
