"""What a store keeps of parts and merges: compact messages, with the frames of stacks apart, by content.

Frames are known by :func:`~fleettrace.snapshot.stack_hash` and kept once for the whole fleet; a kept snapshot
refers to them. Both implementations of the port keep these bytes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from fleettrace.errors import Malformed
from fleettrace.model.job import HostPart
from fleettrace.snapshot import MAX_MERGED_ENTRIES, Snapshot, Stack, stack_hash
from fleettrace.wire.codec import host_part_from_wire, host_part_to_wire, snapshot_from_wire, snapshot_to_wire
from fleettrace.wire.v1 import control_pb2 as control
from fleettrace.wire.v1 import types_pb2 as types

__all__ = ["LoadFrames", "Packed", "check_frames", "pack_merged", "pack_part", "unpack_merged", "unpack_parts"]

LoadFrames = Callable[[set[bytes]], Mapping[bytes, bytes]]
"""Finds the kept frames of these hashes; raises ``KeyError`` or leaves out what is not there."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A kept message, and the frames that it refers to, by hash."""

    data: bytes
    frames: Mapping[bytes, bytes]


def pack_part(part: HostPart) -> Packed:
    """Raises :class:`Malformed` when two of its stacks have one hash but different frames."""
    message = host_part_to_wire(part)
    frames = _take_frames(message.part.snapshot)
    return Packed(message.SerializeToString(deterministic=True), frames)


def pack_merged(merged: Snapshot) -> Packed:
    """Raises :class:`Malformed` when two of its stacks have one hash but different frames."""
    message = snapshot_to_wire(merged)
    frames = _take_frames(message)
    return Packed(message.SerializeToString(deterministic=True), frames)


def check_frames(known: Mapping[bytes, bytes], frames: Mapping[bytes, bytes]) -> None:
    """Raise :class:`Malformed` when a hash is known with other frames: adding them up would invent a stack."""
    for digest, data in frames.items():
        if known.get(digest, data) != data:
            raise Malformed(f"two different stacks share the hash {digest.hex()}: they are not merged")


def unpack_parts(kept: Iterable[bytes], load_frames: LoadFrames) -> list[HostPart]:
    """The parts in their order.

    Raises:
        Malformed, KeyError, google.protobuf.message.DecodeError: what was kept is damaged.
    """
    messages = [control.HostPart.FromString(data) for data in kept]
    refs = [_take_refs(message.part.snapshot) for message in messages]
    chains = _load_chains(refs, load_frames)
    return [
        replace(part, part=replace(part.part, snapshot=_with_stacks(part.part.snapshot, part_refs, chains)))
        for part, part_refs in zip(map(host_part_from_wire, messages), refs, strict=True)
    ]


def unpack_merged(kept: bytes, load_frames: LoadFrames) -> Snapshot:
    """The merged snapshot. Raises as :func:`unpack_parts` does."""
    message = types.Snapshot.FromString(kept)
    refs = _take_refs(message)
    return _with_stacks(snapshot_from_wire(message, MAX_MERGED_ENTRIES), refs, _load_chains([refs], load_frames))


def _take_frames(snapshot: types.Snapshot) -> dict[bytes, bytes]:
    frames: dict[bytes, bytes] = {}
    for stack in snapshot.stacks:
        chain = tuple(stack.frames)
        digest = stack_hash(chain)
        data = types.Stack(frames=chain).SerializeToString()
        check_frames(frames, {digest: data})
        frames[digest] = data
        snapshot.stack_refs.add(hash=digest, value=stack.value, unit=stack.unit, events=stack.events)
    snapshot.ClearField("stacks")
    return frames


def _take_refs(snapshot: types.Snapshot) -> list[types.StackRef]:
    refs = list(snapshot.stack_refs)
    snapshot.ClearField("stack_refs")
    return refs


def _load_chains(refs: Iterable[list[types.StackRef]], load_frames: LoadFrames) -> dict[bytes, tuple[str, ...]]:
    hashes = {ref.hash for of_one in refs for ref in of_one}
    return {
        digest: tuple(types.Stack.FromString(data).frames)
        for digest, data in (load_frames(hashes) if hashes else {}).items()
    }


def _with_stacks(snapshot: Snapshot, refs: list[types.StackRef], chains: Mapping[bytes, tuple[str, ...]]) -> Snapshot:
    stacks = tuple(Stack(chains[ref.hash], ref.value, ref.unit, ref.events) for ref in refs)
    return replace(snapshot, stacks=stacks)
