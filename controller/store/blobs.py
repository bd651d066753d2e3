"""What a store keeps of parts and merges: compact messages, with the frames of stacks apart, by content.

Frames are known by :func:`~fleettrace.snapshot.stack_hash` and kept once for the whole fleet; a kept snapshot
refers to them. Both implementations of the port keep these bytes.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, groupby
from struct import Struct
from sys import intern

from fleettrace.errors import Malformed
from fleettrace.model.job import HostPart
from fleettrace.snapshot import MAX_MERGED_ENTRIES, Snapshot, StackChains, StackColumns, stack_hash
from fleettrace.wire.codec import host_part_from_wire, host_part_to_wire, snapshot_from_wire, snapshot_to_wire
from fleettrace.wire.v1 import control_pb2 as control
from fleettrace.wire.v1 import types_pb2 as types

__all__ = ["LoadFrames", "Packed", "check_frames", "pack_merged", "pack_part", "unpack_merged", "unpack_parts"]

HASH_BYTES = 16
_DIGEST = Struct(f"{HASH_BYTES}s")

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
    """The parts in their order, their stacks in columns over one set of chains.

    Raises:
        Malformed, KeyError, google.protobuf.message.DecodeError: what was kept is damaged.
    """
    parts: list[HostPart] = []
    columns: list[list[_Columns]] = []
    for data in kept:
        message = control.HostPart.FromString(data)
        columns.append(_take_columns(message.part.snapshot))
        parts.append(host_part_from_wire(message))
    stacks = _Stacks(columns, load_frames)
    return [
        replace(part, part=replace(part.part, snapshot=stacks.put_back(part.part.snapshot, own)))
        for part, own in zip(parts, columns, strict=True)
    ]


def unpack_merged(kept: bytes, load_frames: LoadFrames) -> Snapshot:
    """The merged snapshot. Raises as :func:`unpack_parts` does."""
    message = types.Snapshot.FromString(kept)
    columns = _take_columns(message)
    return _Stacks([columns], load_frames).put_back(snapshot_from_wire(message, MAX_MERGED_ENTRIES), columns)


def _take_frames(snapshot: types.Snapshot) -> dict[bytes, bytes]:
    frames: dict[bytes, bytes] = {}
    for unit, stacks in groupby(snapshot.stacks, key=lambda stack: stack.unit):
        hashes, values, events = [], [], []
        for stack in stacks:
            own = tuple(stack.frames)
            digest = stack_hash(own)
            data = types.Stack(frames=own).SerializeToString()
            check_frames(frames, {digest: data})
            frames[digest] = data
            hashes.append(digest)
            values.append(stack.value)
            events.append(stack.events)
        snapshot.stack_columns.add(
            unit=unit, hashes=b"".join(hashes), values=values, events=events if any(events) else ()
        )
    snapshot.ClearField("stacks")
    return frames


@dataclass(frozen=True, slots=True)
class _Columns:
    """As they were kept."""

    unit: str
    hashes: bytes
    values: "array[int]"
    events: "array[int]"

    def digests(self) -> Iterator[bytes]:
        """The hashes one by one."""
        return (digest for (digest,) in _DIGEST.iter_unpack(self.hashes))


def _take_columns(snapshot: types.Snapshot) -> list[_Columns]:
    columns = [
        _Columns(intern(own.unit), own.hashes, array("Q", own.values), array("Q", own.events))
        for own in snapshot.stack_columns
    ]
    for unit, refs in groupby(snapshot.stack_refs, key=lambda ref: ref.unit):
        rows = [(ref.hash, ref.value, ref.events) for ref in refs]
        hashes, values, events = zip(*rows, strict=True)
        counted = array("Q", events if any(events) else ())
        columns.append(_Columns(intern(unit), b"".join(hashes), array("Q", values), counted))
    for own in columns:
        count = len(own.values)
        if len(own.hashes) != HASH_BYTES * count or len(own.events) not in {0, count}:
            raise Malformed(f"kept stacks are damaged: {count} values, {len(own.hashes)} bytes of hashes")
    snapshot.ClearField("stack_columns")
    snapshot.ClearField("stack_refs")
    return columns


class _Stacks:
    """Stacks of their columns; the chains of all parts are decoded once, and put in order once."""

    def __init__(self, parts: Iterable[list[_Columns]], load_frames: LoadFrames) -> None:
        hashes: set[bytes] = set()
        for columns in parts:
            for own in columns:
                hashes.update(own.digests())
        kept = load_frames(hashes) if hashes else {}
        # Equal names are one string: comparing them is then comparing addresses.
        frames = [(tuple(map(intern, types.Stack.FromString(data).frames)), digest) for digest, data in kept.items()]
        frames.sort()
        self._chains = StackChains(own for own, _ in frames)
        self._numbers = {digest: number for number, (_, digest) in enumerate(frames)}

    def put_back(self, snapshot: Snapshot, columns: list[_Columns]) -> Snapshot:
        """The snapshot with its stacks: in columns when they have one unit."""
        if not columns:
            return snapshot
        stacks = [self._of(own) for own in columns]
        return replace(snapshot, stacks=stacks[0] if len(stacks) == 1 else tuple(chain.from_iterable(stacks)))

    def _of(self, columns: _Columns) -> StackColumns:
        numbers = array("I", map(self._numbers.__getitem__, columns.digests()))
        return StackColumns(self._chains, columns.unit, numbers, columns.values, columns.events)
