import pytest

from controller.analysis.reading import MAX_KEYS, read_histogram, read_snapshot
from fleettrace.snapshot import EMPTY, Count, Event, Histogram, Snapshot, Stack
from tests.unit.controller.analysis.fleets import histogram


def test_nothing_is_said_as_such() -> None:
    assert read_snapshot(EMPTY) == ("nothing was recorded",)
    assert read_snapshot(Snapshot(histograms=(histogram({}),))) == ("nothing was recorded",)


def test_a_histogram_is_read_by_its_mode_quantiles_and_tail() -> None:
    # GIVEN 1,000 values, 500 of them in [16, 31]: 16 times 31 is 496, so that [256, 511] is not wholly beyond
    counts = {2: 10, 4: 500, 5: 400, 8: 80, 11: 9, 16: 1}
    assert read_snapshot(Snapshot(histograms=(histogram(counts),))) == (
        "1,000 values, most often in [16, 31] us (50.0%)",
        "p50 in [16, 31], p90 in [32, 63], p99 in [256, 511] us; the largest in [65536, 131071] us",
        "tail: 10 values (1.0%) of 2048 us or more, beyond 16 times the most frequent bucket",
        "3 humps, 2 and 4 octaves apart: 1.0% in [4, 7] around [4, 7]; 90.0% in [16, 63] around [16, 31]; "
        "9.0% in [256, 131071] around [256, 511] us",
    )


def test_the_same_is_told_as_numbers() -> None:
    reading = read_histogram(histogram({3: 50, 4: 500, 5: 400, 9: 48, 16: 2}))
    assert (reading.total, reading.mode, reading.mode_count, reading.largest) == (1000, 4, 500, 16)
    assert reading.quantiles == ((0.5, 4), (0.9, 5), (0.99, 9))
    assert (reading.tail, reading.tail_count) == (9, 50)
    assert [(mode.peak, mode.first, mode.last) for mode in reading.modes] == [(4, 3, 5), (9, 9, 16)]


def test_one_hump_is_not_worth_a_sentence() -> None:
    assert len(read_snapshot(Snapshot(histograms=(histogram({3: 100, 4: 500, 5: 300, 6: 100}),)))) == 3


def test_finer_buckets_are_read_with_their_own_bounds() -> None:
    fine = Histogram((), "us", "log2.2", ((12, 100), (13, 500), (14, 300)))
    assert read_snapshot(Snapshot(histograms=(fine,)))[:2] == (
        "900 values, most often in [20, 23] us (55.6%)",
        "p50 in [20, 23], p90 in [24, 27], p99 in [24, 27] us; the largest in [24, 27] us",
    )


@pytest.mark.parametrize(("mode", "last_within", "first_beyond"), [(0, 4, 5), (1, 5, 6), (4, 8, 9)])
def test_the_tail_begins_with_the_first_bucket_that_lies_wholly_beyond(
    mode: int, last_within: int, first_beyond: int
) -> None:
    within = read_snapshot(Snapshot(histograms=(histogram({mode: 9, last_within: 1}),)))
    beyond = read_snapshot(Snapshot(histograms=(histogram({mode: 9, first_beyond: 1}),)))
    assert within[2].startswith("no tail: ")
    assert beyond[2].startswith(f"tail: 1 value (10.0%) of {1 << first_beyond} us or more")


def test_of_two_equal_modes_the_lower_one_is_told() -> None:
    assert (
        read_snapshot(Snapshot(histograms=(histogram({3: 5, 9: 5}),)))[0]
        == "10 values, most often in [8, 15] us (50.0%)"
    )


def test_a_single_value_is_one_value() -> None:
    assert read_snapshot(Snapshot(histograms=(histogram({3: 1}),)))[0] == "1 value, most often in [8, 15] us (100%)"


def test_a_share_is_not_rounded_to_nothing_nor_to_all() -> None:
    sentences = read_snapshot(Snapshot(histograms=(histogram({3: 99_999, 20: 1}),)))
    assert "(>99.9%)" in sentences[0]
    assert "1 value (<0.1%)" in sentences[2]


def test_histograms_by_key_are_read_from_the_fullest_on_and_the_rest_counted() -> None:
    keyed = tuple(histogram({3: 10 + number}, key=(("disk", f"d{number}"),)) for number in range(MAX_KEYS + 2))
    sentences = read_snapshot(Snapshot(histograms=keyed))
    assert sentences[0] == "d6: 16 values, most often in [8, 15] us (100%)"
    assert sentences[-1] == "2 more keys with 21 values together"
    assert len(sentences) == 3 * MAX_KEYS + 1


def test_stacks_are_read_by_the_hottest_leaf_and_the_hottest_of_the_application() -> None:
    start = ("nginx", "_start", "main")
    # GIVEN serve and parse, always together, on 90 of 100 samples
    snapshot = Snapshot(
        stacks=(
            Stack((*start, "serve", "parse", "read_[k]"), 60, "samples"),
            Stack((*start, "serve", "parse"), 30, "samples"),
            Stack((*start, "log", "write_[k]"), 10, "samples"),
        )
    )
    # THEN the callee is told of, and neither the kernel's frame nor start-up, which are on more
    assert read_snapshot(snapshot) == (
        "100 samples, most in read_[k] itself (60.0%)",
        "parse and what it calls take 90.0%, the most of the application",
    )


def test_a_frame_that_recurs_in_one_stack_counts_once() -> None:
    snapshot = Snapshot(
        stacks=(Stack(("a", "walk", "walk", "walk"), 40, "samples"), Stack(("a", "work"), 60, "samples")),
    )
    assert read_snapshot(snapshot)[1] == "work and what it calls take 60.0%, the most of the application"


def test_a_stack_of_a_process_alone_has_no_function_of_its_application() -> None:
    alone, deeper = Stack(("idle",), 90, "samples"), Stack(("a", "b", "idle"), 10, "samples")
    assert read_snapshot(Snapshot(stacks=(alone,))) == ("90 samples, most in idle itself (100%)",)
    hot = "idle and what it calls take 10.0%, the most of the application"
    assert read_snapshot(Snapshot(stacks=(deeper, alone))) == ("100 samples, most in idle itself (100%)", hot)


def test_stacks_of_the_kernel_alone_have_no_application() -> None:
    snapshot = Snapshot(stacks=(Stack(("swapper/0", "do_idle_[k]", "hlt_[k]"), 7, "samples"),))
    assert read_snapshot(snapshot) == ("7 samples, most in hlt_[k] itself (100%)",)


def test_counts_are_read_by_the_largest() -> None:
    key = (("process", "nginx"), ("syscall", "read"))
    counts = (Count((("process", "cron"), ("syscall", "read")), 250), Count(key, 750))
    assert read_snapshot(Snapshot(counts=counts)) == ("1,000 counted over 2 keys, most for nginx read (75.0%)",)
    assert read_snapshot(Snapshot(counts=(Count((), 3),))) == ("3 counted over 1 key, most for (no key) (100%)",)


def test_events_are_counted() -> None:
    assert read_snapshot(Snapshot(events=(Event(1, ()),))) == ("1 event kept whole",)
