r"""Bytes that are not text: names of processes, paths and symbols, as surrogateescape brings them into Python."""

import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.model.run import Part, RunKey, RunKind, RunOutcome
from fleettrace.snapshot import Count, Snapshot, Stack
from fleettrace.wire import codec

PART = Part(RunKey("j1", "api-1", 1), RunKind.TRACE, RunOutcome.COMPLETE, "", "bcc", 1, 2)


@pytest.mark.parametrize(
    ("text", "carried"),
    [
        ("plain", "plain"),
        ("größe 🚀", "größe 🚀"),
        (os.fsdecode(b"evil\xff\xfename"), r"evil\xff\xfename"),
        ("\ud800", r"\ud800"),
    ],
)
def test_bytes_that_are_no_text_are_marked(text: str, carried: str) -> None:
    assert codec.wire_text(text) == carried


@settings(max_examples=200)
@given(st.binary(max_size=20))
def test_any_bytes_become_text_that_stays_as_it_is(data: bytes) -> None:
    text = codec.wire_text(data.decode(errors="surrogateescape"))
    assert text.encode().decode() == text
    assert codec.wire_text(text) == text


@settings(max_examples=100)
@given(st.binary(max_size=20))
def test_valid_text_is_never_changed(data: bytes) -> None:
    text = data.decode(errors="ignore")
    assert codec.wire_text(text) == text


def test_a_part_with_such_names_crosses_the_wire() -> None:
    # GIVEN a process whose name is no text, in a stack, in a key and in a reason
    name = os.fsdecode(b"\xc3(")
    snapshot = Snapshot(stacks=(Stack((name, "main"), 1, "samples"),), counts=(Count((("process", name),), 1),))
    # WHEN it crosses the wire
    message = codec.part_to_wire(replace(PART, reason=f"{name} is gone", snapshot=snapshot))
    part = codec.part_from_wire(type(message).FromString(message.SerializeToString()))
    # THEN the bytes are marked, and nothing else has changed
    assert part.reason == r"\xc3( is gone"
    assert part.snapshot.stacks == (Stack((r"\xc3(", "main"), 1, "samples"),)
    assert part.snapshot.counts == (Count((("process", r"\xc3("),), 1),)
