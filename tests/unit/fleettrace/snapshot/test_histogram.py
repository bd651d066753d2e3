"""The log2 scheme: which bucket holds a value, and the laws of adding histograms up."""

from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.errors import Malformed, SnapshotMismatch
from fleettrace.snapshot import LOG2, Histogram, bucket_bounds, bucket_index, merge
from fleettrace.snapshot.histogram import MAX_BUCKET_INDEX, coarsest, fold, merge_histograms, sub_bits
from tests.unit.fleettrace import strategies

QUICK = settings(max_examples=200)
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


def test_other_units_are_not_added() -> None:
    with pytest.raises(SnapshotMismatch, match="same tool version"):
        merge_histograms([Histogram((), "us", LOG2, ((0, 1),)), Histogram((), "ms", LOG2, ((0, 1),))])


def test_an_unknown_scheme_is_not_added() -> None:
    with pytest.raises(Malformed, match="unknown bucket scheme 'linear'"):
        merge_histograms([Histogram((), "us", LOG2, ((0, 1),)), Histogram((), "us", "linear", ((0, 1),))])


def test_other_units_under_another_key_are_another_histogram() -> None:
    in_us, in_bytes = Histogram((("of", "time"),), "us", LOG2, ()), Histogram((("of", "size"),), "bytes", LOG2, ())
    assert merge_histograms([in_us, in_bytes]) == (in_bytes, in_us)


def test_nothing_merges_to_nothing() -> None:
    assert merge([]).histograms == merge_histograms([]) == ()


SCHEMES = (LOG2, *(f"log2.{bits}" for bits in range(1, 7)))
schemes = st.sampled_from(SCHEMES)


def histogram_of(scheme: str, recorded: list[int]) -> Histogram:
    counts = Counter(bucket_index(scheme, value) for value in recorded)
    return Histogram((), "us", scheme, tuple(sorted(counts.items())))


@QUICK
@given(schemes, values)
def test_in_every_scheme_a_value_lies_within_its_bucket_and_the_next_bucket_begins_after_it(
    scheme: str, value: int
) -> None:
    index = bucket_index(scheme, value)
    low, high = bucket_bounds(scheme, index)
    assert low <= value <= high
    assert bucket_bounds(scheme, index + 1)[0] == high + 1


@pytest.mark.parametrize(
    ("scheme", "index", "bounds"),
    [
        ("log2.2", 0, (0, 0)),
        ("log2.2", 7, (7, 7)),
        ("log2.2", 8, (8, 9)),
        ("log2.2", 12, (16, 19)),
        ("log2.2", 15, (28, 31)),
        ("log2.1", 4, (4, 5)),
        ("log2.2", 251, (7 << 61, (1 << 64) - 1)),
    ],
)
def test_bounds_of_finer_schemes(scheme: str, index: int, bounds: tuple[int, int]) -> None:
    assert bucket_bounds(scheme, index) == bounds


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_last_bucket_of_64_bits_is_valid_and_the_next_one_is_not(scheme: str) -> None:
    last = bucket_index(scheme, (1 << 64) - 1)
    Histogram((), "us", scheme, ((last, 1),)).check_valid()
    with pytest.raises(Malformed, match=f"within 0..{last}"):
        Histogram((), "us", scheme, ((last + 1, 1),)).check_valid()


@pytest.mark.parametrize("scheme", ["log2.0", "log2.7", "log2.", "log2.22", "LOG2", "", "log2.2\n"])
def test_only_the_schemes_that_are_named_exist(scheme: str) -> None:
    with pytest.raises(Malformed, match="unknown bucket scheme"):
        Histogram((), "us", scheme, ()).check_valid()


@QUICK
@given(st.lists(values, max_size=20), schemes, schemes)
def test_folding_is_as_if_the_values_had_been_recorded_coarsely(recorded: list[int], fine: str, coarse: str) -> None:
    if sub_bits(coarse) > sub_bits(fine):
        fine, coarse = coarse, fine
    assert fold(histogram_of(fine, recorded), coarse) == histogram_of(coarse, recorded)


@QUICK
@given(st.lists(values, max_size=20), st.lists(schemes, min_size=3, max_size=3))
def test_folding_in_steps_is_folding_at_once(recorded: list[int], steps: list[str]) -> None:
    fine, middle, coarse = sorted(steps, key=sub_bits, reverse=True)
    whole = histogram_of(fine, recorded)
    assert fold(fold(whole, middle), coarse) == fold(whole, coarse)


def test_nothing_is_refined() -> None:
    with pytest.raises(SnapshotMismatch, match="cannot be refined"):
        fold(Histogram((), "us", LOG2, ((3, 1),)), "log2.2")


mixed = st.lists(st.builds(histogram_of, schemes, st.lists(values, max_size=6)), min_size=1, max_size=5)


@QUICK
@given(mixed, st.randoms(use_true_random=False), st.integers(0, 5))
def test_hosts_with_different_schemes_merge_to_the_same_bytes_in_any_order_and_grouping(
    histograms: list[Histogram], random: Random, cut: int
) -> None:
    merged = merge_histograms(histograms)
    shuffled = random.sample(histograms, len(histograms))
    assert merge_histograms(shuffled) == merged
    assert merge_histograms([*merge_histograms(shuffled[:cut]), *merge_histograms(shuffled[cut:])]) == merged
    assert {histogram.scheme for histogram in merged} == {coarsest(histogram.scheme for histogram in histograms)}
    for histogram in merged:
        histogram.check_valid()


@QUICK
@given(mixed)
def test_folding_before_merging_or_after_gives_the_same_bytes(histograms: list[Histogram]) -> None:
    folded = [fold(histogram, LOG2) for histogram in histograms]
    (merged,) = merge_histograms(histograms)
    assert (fold(merged, LOG2),) == merge_histograms(folded)
    assert merge_histograms([merged]) == (merged,)
