import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrace.errors import Malformed
from fleettrace.manifest_results import FIELD_TYPES, TEXT_TYPES
from fleettrace.model.output import KeyField
from node_agent.backends.bcc.fields import record_bytes, record_labels, text_of_comm


def read(raw: bytes, kind: str, **more: object) -> str:
    ((_, text),) = record_labels(raw, [KeyField("f", kind, **more)])  # type: ignore[arg-type]
    return text


def u32(value: int) -> bytes:
    return (value & 0xFFFF_FFFF).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("raw", "kind", "text"),
    [
        (u32(435), "syscall", "clone3"),
        (u32(7), "u32", "7"),
        (u32(-7), "s32", "-7"),
        (u32(0), "errno", "ok"),
        (u32(5), "errno", "ok"),
        (u32(-2), "errno", "ENOENT"),
        (u32(-4000), "errno", "-4000"),
        (u32(9), "signal", "SIGKILL"),
        (u32(99), "signal", "SIG99"),
        (u32(443), "port", "443"),
        (bytes(10) + b"\xff\xff" + socket.inet_aton("10.1.2.3"), "address", "10.1.2.3"),
        (socket.inet_pton(socket.AF_INET6, "fd00::1"), "address", "fd00::1"),
        (u32(4095 << 20 | 5), "device", "4095:5"),
    ],
)
def test_fields_read_as_people_write_them(raw: bytes, kind: str, text: str) -> None:
    assert read(raw, kind) == text


def test_numbers_that_stand_for_words() -> None:
    assert [read(u32(n), "u32", values=("read", "write")) for n in (0, 1, 2)] == ["read", "write", "2"]


def test_arguments_are_words_and_none_is_a_dash() -> None:
    assert read(b"ls\0-l\0\0\0", "args", size=8) == "ls -l"
    assert read(bytes(8), "args", size=8) == "-"


def test_what_is_longer_than_its_field_says_so() -> None:
    assert read(b"/etc/ho\0", "text", size=8) == "/etc/ho…"
    assert read(b"/etc/h\0\0", "text", size=8) == read(b"/etc/h\0s", "text", size=8) == "/etc/h"
    assert read("/etc/ü".encode()[:7] + b"\0", "text", size=8) == "/etc/ü…"
    assert read(b"ls\0-l\0/e", "args", size=8) == "ls -l /e…"
    assert read(b"ls\0-l\0/\0", "args", size=8) == "ls -l /"


def test_a_record_is_its_fields_one_after_the_other_but_for_what_is_skipped() -> None:
    fields = [KeyField("a", "u32"), KeyField("gap", "skip"), KeyField("b", "text", 4)]
    assert record_bytes(fields) == 12
    assert record_labels(u32(1) + u32(9) + b"xy\0z" + b"padding", fields) == (("a", "1"), ("b", "xy"))
    with pytest.raises(Malformed, match="a record has 11 bytes, but its fields take 12"):
        record_labels(bytes(11), fields)


@given(
    st.sampled_from([*FIELD_TYPES, *TEXT_TYPES]).flatmap(
        lambda kind: st.tuples(
            st.just(kind), st.binary(min_size=FIELD_TYPES.get(kind, 32), max_size=FIELD_TYPES.get(kind, 32))
        )
    )
)
def test_whatever_the_kernel_hands_out_can_be_shown(field: tuple[str, bytes]) -> None:
    kind, raw = field
    labels = record_labels(raw, [KeyField("f", kind, 0 if kind in FIELD_TYPES else len(raw))])
    assert all(text and text.isprintable() for _, text in labels)


@pytest.mark.parametrize(
    ("comm", "text"), [(b"sh\0junk", "sh"), (b"a\nb", r"a\x0ab"), (b"\xff", r"\xff"), (b"\0", "?"), ("ü".encode(), "ü")]
)
def test_odd_names_are_escaped(comm: bytes, text: str) -> None:
    assert text_of_comm(comm) == text
