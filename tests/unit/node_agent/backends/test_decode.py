import pytest

from fleettrace.errors import Malformed
from fleettrace.model.output import Decode, EventLayout, KeyField
from fleettrace.snapshot import EMPTY, Count, Event, Histogram
from node_agent.backends.bcc.decode import decode_counts, decode_events, decode_histogram

FIELDS = (KeyField("process", "comm"), KeyField("n", "u32"))
KEYED = Decode("m", key=FIELDS)
BARE = Decode("m")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def test_a_histogram_is_the_sum_of_all_cpus_without_empty_buckets() -> None:
    entries = [(u32(5), [u64(1), u64(2)]), (u32(0), [u64(0), u64(4)]), (u32(1), [u64(0), u64(0)])]
    assert decode_histogram(entries, BARE, "us").histograms == (Histogram((), "us", "log2", ((0, 4), (5, 3))),)


def test_nothing_measured_is_an_empty_snapshot() -> None:
    assert decode_histogram([(u32(0), [u64(0)])], BARE, "us") == EMPTY
    assert decode_counts([], KEYED) == EMPTY


def test_counts_are_keyed_by_the_declared_fields_and_sorted() -> None:
    entries = [
        (b"nginx".ljust(16, b"\0") + u32(2), [u64(3), u64(4)]),
        (b"cron".ljust(16, b"\0") + u32(9), [u64(1), u64(0)]),
        (b"idle".ljust(16, b"\0") + u32(9), [u64(0), u64(0)]),
    ]
    assert decode_counts(entries, KEYED).counts == (
        Count((("process", "cron"), ("n", "9")), 1),
        Count((("process", "nginx"), ("n", "2")), 7),
    )


@pytest.mark.parametrize("key", [b"x" * 16, b"x" * 24])
def test_a_key_that_the_manifest_does_not_describe_is_refused(key: bytes) -> None:
    with pytest.raises(Malformed, match="but its fields take"):
        decode_counts([(key, [u64(1)])], KEYED)


def test_a_histogram_for_each_key() -> None:
    decode = Decode("m", key=(KeyField("n", "u32"),))
    entries = [(u32(7) + u32(3), [u64(1)]), (u32(7) + u32(1), [u64(2)]), (u32(8) + u32(1), [u64(4), u64(1)])]
    assert decode_histogram(entries, decode, "us").histograms == (
        Histogram((("n", "7"),), "us", "log2", ((1, 2), (3, 1))),
        Histogram((("n", "8"),), "us", "log2", ((1, 5),)),
    )


def test_sums_follow_the_count_in_each_value() -> None:
    decode = Decode("m", key=(KeyField("n", "u32"),), sums=("us", "bytes"))
    values = [u64(2) + u64(30) + u64(4096), u64(1) + u64(5) + u64(1)]
    assert decode_counts([(u32(7), values)], decode).counts == (Count((("n", "7"),), 3, (("bytes", 4097), ("us", 35))),)


def test_events_come_in_order_of_time_by_the_hosts_clock() -> None:
    layout = EventLayout("m", (KeyField("n", "u32"),))
    entries = [(b"", [u64(5_000_000) + u32(2) + u32(0)]), (b"", [u64(3_999_999) + u32(1) + u32(0)])]
    assert decode_events(entries, layout, 1_000_000).events == (Event(4, (("n", "1"),)), Event(6, (("n", "2"),)))


def test_an_event_that_was_not_written_yet_is_left_out() -> None:
    assert decode_events([(b"", [u64(0) + u32(0)])], EventLayout("m", (KeyField("n", "u32"),)), 0) == EMPTY
