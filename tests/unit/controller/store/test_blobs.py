from array import array
from collections.abc import Mapping, Sequence

import pytest

from controller.store.blobs import Frames, pack_merged, unpack_merged
from fleettrace.errors import Malformed
from fleettrace.snapshot import Snapshot, Stack, StackChains, StackColumns
from fleettrace.wire.v1 import types_pb2 as types

FRAMES = ("nginx", "main", "read")
OTHER = ("nginx", "main", "write")
STACKS = (
    Stack(FRAMES, 3, "samples"),
    Stack(OTHER, 65, "samples"),
    Stack(FRAMES, 70, "us", 9),
    Stack(OTHER, 5, "samples"),
)
KEPT = {9: OTHER, 4: FRAMES}


class Kept:
    """Two chains, with numbers in another order than theirs."""

    def __init__(self) -> None:
        self.was_asked = False

    def keep(self, chains: Mapping[bytes, Frames]) -> Mapping[bytes, int]:
        self.was_asked = True
        return {digest: number for digest, frames in chains.items() for number, kept in KEPT.items() if kept == frames}

    def load(self, numbers: Sequence[int]) -> "tuple[StackChains, array[int]]":
        own = [KEPT[number] for number in numbers]
        return StackChains.of(own), array("I", [sorted(own).index(frames) for frames in own])


def test_stacks_come_back_in_their_order_with_their_units_and_events() -> None:
    snapshot = Snapshot(stacks=STACKS)
    assert unpack_merged(pack_merged(snapshot, Kept()), Kept()) == snapshot


def test_stacks_of_one_unit_come_back_in_columns_over_chains_that_are_in_order() -> None:
    stacks = (STACKS[1], STACKS[0], STACKS[3])
    read = unpack_merged(pack_merged(Snapshot(stacks=stacks), Kept()), Kept()).stacks
    assert isinstance(read, StackColumns)
    assert list(read.chains) == [FRAMES, OTHER]
    assert read == stacks


@pytest.mark.parametrize(
    "columns",
    [
        types.NumberedStacks(unit="us", chains=[], values=[1]),
        types.NumberedStacks(unit="us", chains=[4], values=[1, 2]),
        types.NumberedStacks(unit="us", chains=[4], values=[1], events=[1, 1]),
    ],
)
def test_columns_of_different_lengths_are_refused(columns: types.NumberedStacks) -> None:
    with pytest.raises(Malformed, match="damaged"):
        unpack_merged(types.Snapshot(numbered_stacks=[columns]).SerializeToString(), Kept())


def test_what_was_loaded_from_there_is_packed_by_its_numbers_and_by_frames_elsewhere() -> None:
    # GIVEN a merge over chains that were loaded from somewhere
    there, elsewhere = Kept(), Kept()
    packed = pack_merged(Snapshot(stacks=(STACKS[1], STACKS[0])), there)
    merged = unpack_merged(packed, there)
    there.was_asked = False
    # THEN packing it there asks for no frames again, and gives the same bytes as anywhere
    assert pack_merged(merged, there) == packed
    assert not there.was_asked
    assert pack_merged(merged, elsewhere) == packed
    assert elsewhere.was_asked
