from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrace.errors import Malformed
from fleettrace.snapshot import (
    Snapshot,
    Stack,
    StackChains,
    StackColumns,
    columns_of,
    heaviest,
    merge,
    total_of,
    units_of,
)
from fleettrace.snapshot.stacks import MAX_FRAMES
from tests.unit.fleettrace import strategies

CHAINS = StackChains.of([("nginx", "main", "read"), ("nginx", "main"), ("nginx", "main", "write")])
HOSTS = st.lists(st.lists(strategies.stacks, max_size=5, unique_by=lambda stack: stack.frames), max_size=4)


def in_columns(chains: StackChains, stacks: Sequence[Stack]) -> StackColumns:
    places = {frames: place for place, frames in enumerate(chains)}
    events = [stack.events for stack in stacks]
    return StackColumns(
        chains,
        "samples",
        array("I", [places[stack.frames] for stack in stacks]),
        array("Q", [stack.value for stack in stacks]),
        array("Q", events if any(events) else ()),
    )


def test_chains_are_in_order_and_give_their_names_once_and_in_order() -> None:
    ordered = [("nginx", "main"), ("nginx", "main", "read"), ("nginx", "main", "write")]
    assert list(CHAINS) == ordered
    assert (CHAINS[-1], CHAINS[1:]) == (ordered[-1], ordered[1:])
    assert CHAINS.names == ("main", "nginx", "read", "write")
    assert list(CHAINS.places) == [1, 0, 1, 0, 2, 1, 0, 3]
    assert list(CHAINS.lengths) == [2, 3, 3]


def test_there_is_no_chain_behind_the_last_one() -> None:
    for place in (3, -4):
        with pytest.raises(IndexError):
            CHAINS[place]


def test_columns_read_like_the_stacks_that_they_are() -> None:
    # GIVEN two stacks, one of which was counted
    stacks = (Stack(CHAINS[2], 70, "samples", 9), Stack(CHAINS[0], 3, "samples"))
    columns = in_columns(CHAINS, stacks)
    # THEN they are equal both ways, by place, by slice and in what they are in all
    assert columns == stacks
    assert stacks == columns
    assert hash(columns) == hash(stacks)
    assert (columns[0], columns[-1], columns[1:]) == (stacks[0], stacks[-1], stacks[1:])
    assert Snapshot(stacks=columns) == Snapshot(stacks=stacks)
    assert (columns.total, columns.total_events, Snapshot(stacks=columns).total) == (73, 12, 12)
    # AND unequal to others
    assert columns != stacks[:1]
    assert columns != (stacks[1], stacks[0])


@given(st.lists(strategies.stacks, max_size=6, unique_by=lambda stack: stack.frames), st.integers(0, 7))
def test_columns_answer_as_the_stacks_do(stacks: list[Stack], count: int) -> None:
    columns = in_columns(StackChains.of(stack.frames for stack in stacks), stacks)
    assert heaviest(columns, count) == heaviest(stacks, count)
    assert heaviest(stacks, count) == sorted(stacks, key=lambda stack: (-stack.value, stack.frames))[:count]
    assert total_of(columns) == total_of(stacks)
    assert units_of(columns) == units_of(stacks) == ({"samples"} if stacks else set())


@given(HOSTS)
def test_merging_columns_is_merging_the_stacks(hosts: list[list[Stack]]) -> None:
    # GIVEN stacks of some hosts, and the same in columns over one set of chains
    chains = StackChains.of({stack.frames for own in hosts for stack in own})
    columns = [Snapshot(stacks=in_columns(chains, own)) for own in hosts]
    # THEN their merges are alike, also with the one and the other mixed
    merged = merge(Snapshot(stacks=tuple(own)) for own in hosts)
    assert merge(columns) == merged
    assert merge([*columns[:1], *(Snapshot(stacks=tuple(own)) for own in hosts[1:])]) == merged


@given(st.lists(strategies.frames, unique=True, max_size=6))
def test_chains_come_back_from_their_names_and_places(some: list[tuple[str, ...]]) -> None:
    chains = StackChains.of(some)
    assert list(StackChains.of_columns(chains.names, chains.lengths, chains.places)) == sorted(some)


@pytest.mark.parametrize(
    ("names", "lengths", "places", "words"),
    [
        (("a",), [1], [1], "did not come"),
        (("",), [1], [0], "characters"),
        (("a",), [0], [], "frames"),
        (("a",), [MAX_FRAMES + 1], [0] * (MAX_FRAMES + 1), "frames"),
        (("a",), [2], [0], "came with 1"),
        (("a",), [1], [0, 0], "came with 2"),
        (("b", "a"), [1, 1], [0, 1], "names of frames are not in order"),
        (("a", "a"), [1], [1], "names of frames are not in order"),
        (("a", "b"), [2, 1], [0, 1, 0], "not in order"),
        (("a",), [1, 1], [0, 0], "not in order"),
    ],
)
def test_chains_that_do_not_fit_are_refused(
    names: Sequence[str], lengths: list[int], places: list[int], words: str
) -> None:
    with pytest.raises(Malformed, match=words):
        StackChains.of_columns(names, array("I", lengths), array("I", places))


@pytest.mark.parametrize(
    ("numbers", "values", "events", "unit"),
    [([0], [1, 1], [], "us"), ([0], [1], [1, 1], "us"), ([3], [1], [], "us"), ([0], [0], [], "us"), ([0], [1], [], "")],
)
def test_columns_that_do_not_fit_are_refused(
    numbers: list[int], values: list[int], events: list[int], unit: str
) -> None:
    columns = StackColumns(CHAINS, unit, array("I", numbers), array("Q", values), array("Q", events))
    with pytest.raises(Malformed, match="stack"):
        Snapshot(stacks=columns).check_valid()


@given(HOSTS)
def test_columns_over_different_chains_come_together(hosts: list[list[Stack]]) -> None:
    # GIVEN hosts in columns over chains of their own, with one that nobody uses, and one host that is in none
    several = [
        in_columns(StackChains.of([("unused",), *(s.frames for s in own if s.frames != ("unused",))]), own)
        for own in hosts
        if all(stack.frames != ("unused",) for stack in own)
    ]
    loose = (Stack(("loose", "read"), 7, "samples"),)
    # WHEN they are put over one set of chains
    together = columns_of([*several, loose])
    # THEN they are what they were, and add up as they do one by one
    assert [*map(list, together)] == [*map(list, several), list(loose)]
    assert len({id(own.chains) for own in together}) == 1
    plain = merge(Snapshot(stacks=tuple(own)) for own in [*several, loose])
    assert merge(Snapshot(stacks=own) for own in [*several, loose]) == plain
