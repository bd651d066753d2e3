"""Stacks: content addresses that cannot be confused, and the laws of adding values up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.errors import Malformed, SnapshotMismatch
from fleettrace.snapshot import Stack, stack_hash
from fleettrace.snapshot.stacks import merge_stacks
from tests.unit.fleettrace import strategies

QUICK = settings(max_examples=200)
# Letters that separate frames somewhere, and a byte that is no text as surrogateescape has it.
chains = st.lists(st.text("a;\n\0 \x01\udcff", max_size=4), max_size=4).map(tuple)


@QUICK
@given(chains, chains)
def test_two_chains_have_one_hash_only_if_they_are_the_same(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (stack_hash(one) == stack_hash(other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (("a;b",), ("a", "b")),
        (("a\nb",), ("a", "b")),
        (("a", ""), ("a",)),
        (("", "a"), ("a", "")),
        (("a\x01\0\0\0b",), ("a", "b")),
        ((), ("",)),
        (("\udcc3\udca9",), ("é",)),
    ],
)
def test_separators_inside_frames_confuse_nothing(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert stack_hash(one) != stack_hash(other)


def test_a_hash_is_the_same_everywhere() -> None:
    # Kept databases and other hosts rely on it.
    assert stack_hash(("nginx", "main", "schedule_[k]")).hex() == "f2597990504d8753bd017c016e1a1f20"


@pytest.mark.parametrize("frames", [("\ud800",), ("\udfff", "a")])
def test_any_python_text_has_a_hash(frames: tuple[str, ...]) -> None:
    assert len(stack_hash(frames)) == 16


@QUICK
@given(st.lists(strategies.stacks, max_size=6))
def test_no_sample_is_lost_or_made_up(stacks: list[Stack]) -> None:
    merged = merge_stacks(stacks)
    assert sum(stack.value for stack in merged) == sum(stack.value for stack in stacks)
    assert [stack.frames for stack in merged] == sorted({stack.frames for stack in stacks})


def test_values_of_one_chain_are_added() -> None:
    stacks = [Stack(("a", "b"), 1, "samples"), Stack(("a",), 2, "samples"), Stack(("a", "b"), 3, "samples")]
    assert merge_stacks(stacks) == (Stack(("a",), 2, "samples"), Stack(("a", "b"), 4, "samples"))


def test_other_units_are_not_added() -> None:
    with pytest.raises(SnapshotMismatch, match="samples and us"):
        merge_stacks([Stack(("a",), 1, "samples"), Stack(("b",), 1, "us")])


@pytest.mark.parametrize(
    "stack",
    [
        Stack((), 1, "us"),
        Stack(("a", ""), 1, "us"),
        Stack(("a",), 0, "us"),
        Stack(("a",), -1, "us"),
        Stack(("a",), 1, ""),
    ],
)
def test_stacks_that_cannot_be(stack: Stack) -> None:
    with pytest.raises(Malformed):
        stack.check_valid()
