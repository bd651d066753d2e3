import pytest

from controller.store.blobs import HASH_BYTES, pack_merged, unpack_merged
from fleettrace.errors import Malformed
from fleettrace.snapshot import Snapshot, Stack, StackColumns, stack_hash
from fleettrace.wire.v1 import types_pb2 as types

FRAMES = ("nginx", "main", "read")
OTHER = ("nginx", "main", "write")
STACKS = (
    Stack(FRAMES, 3, "samples"),
    Stack(OTHER, 65, "samples"),
    Stack(FRAMES, 70, "us", 9),
    Stack(OTHER, 5, "samples"),
)


def test_stacks_come_back_in_their_order_with_their_units_and_events() -> None:
    snapshot = Snapshot(stacks=STACKS)
    packed = pack_merged(snapshot)
    assert unpack_merged(packed.data, lambda _: packed.frames) == snapshot


def test_stacks_of_one_unit_come_back_in_columns_over_chains_that_are_in_order() -> None:
    stacks = (STACKS[1], STACKS[0], STACKS[3])
    packed = pack_merged(Snapshot(stacks=stacks))
    read = unpack_merged(packed.data, lambda _: packed.frames).stacks
    assert isinstance(read, StackColumns)
    assert list(read.chains) == [FRAMES, OTHER]
    assert read == stacks


def test_what_was_kept_before_there_were_columns_is_read() -> None:
    packed = pack_merged(Snapshot(stacks=STACKS))
    refs = [types.StackRef(hash=stack_hash(s.frames), value=s.value, unit=s.unit, events=s.events) for s in STACKS]
    before = types.Snapshot(stack_refs=refs).SerializeToString()
    assert unpack_merged(before, lambda _: packed.frames).stacks == STACKS


@pytest.mark.parametrize(
    "columns",
    [
        types.StackColumns(unit="us", hashes=b"x" * (HASH_BYTES - 1), values=[1]),
        types.StackColumns(unit="us", hashes=b"x" * HASH_BYTES, values=[1, 2]),
        types.StackColumns(unit="us", hashes=b"x" * HASH_BYTES, values=[1], events=[1, 1]),
    ],
)
def test_columns_of_different_lengths_are_refused(columns: types.StackColumns) -> None:
    with pytest.raises(Malformed, match="damaged"):
        unpack_merged(types.Snapshot(stack_columns=[columns]).SerializeToString(), lambda _: {})
