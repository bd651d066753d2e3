"""What a store keeps of parts and merges: compact messages, with the frames of stacks apart, by content.

A chain of frames is kept once for the whole fleet, under its :func:`~fleettrace.snapshot.stack_hash`, and has a number
that kept snapshots refer to. Both implementations of the port keep these bytes.
"""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, groupby
from sys import intern

from fleettrace.errors import Malformed
from fleettrace.model.job import HostPart
from fleettrace.snapshot import MAX_MERGED_ENTRIES, Snapshot, StackChains, StackColumns, stack_hash
from fleettrace.wire.codec import host_part_from_wire, host_part_to_wire, snapshot_from_wire, snapshot_to_wire
from fleettrace.wire.v1 import control_pb2 as control
from fleettrace.wire.v1 import types_pb2 as types

__all__ = [
    "Frames",
    "KeepChains",
    "LoadChains",
    "clash",
    "pack_merged",
    "pack_part",
    "unpack_merged",
    "unpack_parts",
]

Frames = tuple[str, ...]

KeepChains = Callable[[Mapping[bytes, Frames]], Mapping[bytes, int]]
"""Keeps chains by hash, unless they are kept, and gives the number of each.

Raises :class:`Malformed` (:func:`clash`) when a hash is kept with other frames.
"""

LoadChains = Callable[[Sequence[int]], tuple[StackChains, "array[int]"]]
"""The chains of some numbers (ascending, each once), and the place of each number's chain among them.

Raises :class:`Malformed` when one is not kept, or is damaged.
"""


def pack_part(part: HostPart, keep: KeepChains) -> bytes:
    """Raises :class:`Malformed` when two of its stacks have one hash but different frames."""
    message = host_part_to_wire(part)
    _number_stacks(message.part.snapshot, keep)
    return message.SerializeToString(deterministic=True)


def pack_merged(merged: Snapshot, keep: KeepChains) -> bytes:
    """Raises :class:`Malformed` when two of its stacks have one hash but different frames."""
    message = snapshot_to_wire(merged)
    _number_stacks(message, keep)
    return message.SerializeToString(deterministic=True)


def clash(digest: bytes) -> Malformed:
    """A hash is known with other frames: adding them up would invent a stack."""
    return Malformed(f"two different stacks share the hash {digest.hex()}: they are not merged")


def unpack_parts(kept: Iterable[bytes], load: LoadChains) -> list[HostPart]:
    """The parts in their order, their stacks in columns over one set of chains.

    Raises:
        Malformed, google.protobuf.message.DecodeError: what was kept is damaged.
    """
    parts: list[HostPart] = []
    columns: list[list[_Columns]] = []
    for data in kept:
        message = control.HostPart.FromString(data)
        columns.append(_take_columns(message.part.snapshot))
        parts.append(host_part_from_wire(message))
    stacks = _over_chains(columns, load)
    return [
        replace(part, part=replace(part.part, snapshot=_with_stacks(part.part.snapshot, own)))
        for part, own in zip(parts, stacks, strict=True)
    ]


def unpack_merged(kept: bytes, load: LoadChains) -> Snapshot:
    """The merged snapshot. Raises as :func:`unpack_parts` does."""
    message = types.Snapshot.FromString(kept)
    (stacks,) = _over_chains([_take_columns(message)], load)
    return _with_stacks(snapshot_from_wire(message, MAX_MERGED_ENTRIES), stacks)


def _number_stacks(snapshot: types.Snapshot, keep: KeepChains) -> None:
    """Put the numbers of kept chains in place of frames."""
    frames: dict[bytes, Frames] = {}
    hashes: list[bytes] = []
    for stack in snapshot.stacks:
        own = tuple(stack.frames)
        digest = stack_hash(own)
        if frames.setdefault(digest, own) != own:
            raise clash(digest)
        hashes.append(digest)
    numbers = keep(frames)
    rows = zip(map(numbers.__getitem__, hashes), snapshot.stacks, strict=True)
    for unit, some in groupby(rows, key=lambda row: row[1].unit):
        chains, values, events = zip(*((number, stack.value, stack.events) for number, stack in some), strict=True)
        snapshot.numbered_stacks.add(unit=unit, chains=chains, values=values, events=events if any(events) else ())
    snapshot.ClearField("stacks")


@dataclass(frozen=True, slots=True)
class _Columns:
    """As they were kept: chains by their number in the store."""

    unit: str
    chains: "array[int]"
    values: "array[int]"
    events: "array[int]"


def _take_columns(snapshot: types.Snapshot) -> list[_Columns]:
    columns = [
        _Columns(own.unit, array("I", own.chains), array("Q", own.values), array("Q", own.events))
        for own in snapshot.numbered_stacks
    ]
    for own in columns:
        if len(own.chains) != len(own.values) or len(own.events) not in {0, len(own.values)}:
            raise Malformed(f"kept stacks are damaged: {len(own.chains)} came with {len(own.values)} values")
    snapshot.ClearField("numbered_stacks")
    return columns


def _over_chains(parts: Sequence[Sequence[_Columns]], load: LoadChains) -> list[list[StackColumns]]:
    """The same over chains in order, which are loaded once for all parts."""
    # Imported where needed: most commands have no database, and most results no stacks.
    import numpy as np  # noqa: PLC0415

    every = [np.frombuffer(own.chains, np.uint32) for columns in parts for own in columns]
    if not every:
        return [[] for _ in parts]
    numbers, places = np.unique(np.concatenate(every), return_inverse=True)
    chains, place_of = load(numbers.tolist())
    found = array("I", np.frombuffer(place_of, np.uint32)[places].tobytes())
    ends = accumulate(map(len, every))
    return [
        [
            StackColumns(chains, intern(own.unit), found[end - len(own.chains) : end], own.values, own.events)
            for own, end in zip(columns, ends, strict=False)  # each part takes as many of them as it has columns
        ]
        for columns in parts
    ]


def _with_stacks(snapshot: Snapshot, stacks: Sequence[StackColumns]) -> Snapshot:
    """In columns when they have one unit."""
    if not stacks:
        return snapshot
    return replace(snapshot, stacks=stacks[0] if len(stacks) == 1 else tuple(chain.from_iterable(stacks)))
