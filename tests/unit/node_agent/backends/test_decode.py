import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrace.catalog import KeyField
from fleettrace.errors import Malformed
from fleettrace.snapshot import EMPTY, Count, Histogram
from node_agent.backends.bcc.decode import decode_counts, decode_histogram, text_of_comm

FIELDS = (KeyField("process", "comm"), KeyField("n", "u32"))


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def test_a_histogram_is_the_sum_of_all_cpus_without_empty_buckets() -> None:
    entries = [(u32(5), [u64(1), u64(2)]), (u32(0), [u64(0), u64(4)]), (u32(1), [u64(0), u64(0)])]
    assert decode_histogram(entries, "us").histograms == (Histogram((), "us", "log2", ((0, 4), (5, 3))),)


def test_nothing_measured_is_an_empty_snapshot() -> None:
    assert decode_histogram([(u32(0), [u64(0)])], "us") == EMPTY
    assert decode_counts([], FIELDS) == EMPTY


def test_counts_are_keyed_by_the_declared_fields_and_sorted() -> None:
    entries = [
        (b"nginx".ljust(16, b"\0") + u32(2), [u64(3), u64(4)]),
        (b"cron".ljust(16, b"\0") + u32(9), [u64(1), u64(0)]),
        (b"idle".ljust(16, b"\0") + u32(9), [u64(0), u64(0)]),
    ]
    assert decode_counts(entries, FIELDS).counts == (
        Count((("process", "cron"), ("n", "9")), 1),
        Count((("process", "nginx"), ("n", "2")), 7),
    )


@pytest.mark.parametrize("key", [b"x" * 16, b"x" * 24])
def test_a_key_that_the_manifest_does_not_describe_is_refused(key: bytes) -> None:
    with pytest.raises(Malformed, match="but its fields take"):
        decode_counts([(key, [u64(1)])], FIELDS)


def test_system_calls_have_names() -> None:
    (count,) = decode_counts([(u32(435), [u64(1)])], [KeyField("syscall", "syscall")]).counts
    assert count.key == (("syscall", "clone3"),)


@given(st.binary(min_size=16, max_size=16))
def test_any_name_of_a_task_can_be_shown(comm: bytes) -> None:
    text = text_of_comm(comm)
    assert text
    assert text.isprintable()


@pytest.mark.parametrize(
    ("comm", "text"), [(b"sh\0junk", "sh"), (b"a\nb", r"a\x0ab"), (b"\xff", r"\xff"), (b"\0", "?"), ("ü".encode(), "ü")]
)
def test_odd_names_are_escaped(comm: bytes, text: str) -> None:
    assert text_of_comm(comm) == text
