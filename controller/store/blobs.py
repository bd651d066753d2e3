"""What a store keeps of parts and merges: compact messages, with the frames of stacks apart, by content.

A chain of frames is kept once for the whole fleet, under its :func:`~fleettrace.snapshot.stack_hash`, and has a number
that kept snapshots refer to. Both implementations of the port keep these bytes.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, groupby
from sys import intern
from typing import Protocol

from fleettrace.errors import Malformed
from fleettrace.model.job import HostPart
from fleettrace.snapshot import MAX_MERGED_ENTRIES, Snapshot, StackChains, StackColumns, stack_hash
from fleettrace.wire.codec import host_part_from_wire, host_part_to_wire, snapshot_from_wire, snapshot_to_wire
from fleettrace.wire.v1 import control_pb2 as control
from fleettrace.wire.v1 import types_pb2 as types

__all__ = [
    "Chains",
    "Frames",
    "clash",
    "pack_merged",
    "pack_part",
    "unpack_merged",
    "unpack_parts",
]

Frames = tuple[str, ...]


class Chains(Protocol):
    """Where chains of frames are kept, each under a number."""

    def keep(self, chains: Mapping[bytes, Frames]) -> Mapping[bytes, int]:
        """Keep chains by hash, unless they are kept, and give the number of each.

        Raises:
            Malformed: a hash is kept with other frames (:func:`clash`).
        """

    def load(self, numbers: Sequence[int]) -> "tuple[StackChains, array[int]]":
        """The chains of some numbers (ascending, each once), and the place of each number's chain among them.

        Raises:
            Malformed: one is not kept, or is damaged.
        """


class LoadedChains(StackChains):
    """Chains that were loaded from ``keeper``, under these ``numbers`` by their place."""

    __slots__ = ("keeper", "numbers")

    def __init__(self, chains: StackChains, keeper: Chains, numbers: "array[int]") -> None:
        super().__init__(chains.names, chains.lengths, chains.places)
        self.keeper = keeper
        self.numbers = numbers


def pack_part(part: HostPart, chains: Chains) -> bytes:
    """Raises :class:`Malformed` when two of its stacks have one hash but different frames."""
    message = host_part_to_wire(part)
    _number_stacks(message.part.snapshot, chains)
    return message.SerializeToString(deterministic=True)


def pack_merged(merged: Snapshot, chains: Chains) -> bytes:
    """Raises :class:`Malformed` when two of its stacks have one hash but different frames."""
    stacks = merged.stacks
    if isinstance(stacks, StackColumns) and isinstance(stacks.chains, LoadedChains) and stacks.chains.keeper is chains:
        # A large fleet's: its frames were not touched since they were loaded, and are kept.
        message = snapshot_to_wire(replace(merged, stacks=()))
        numbers = array("I", map(stacks.chains.numbers.__getitem__, stacks.numbers))
        message.numbered_stacks.add(unit=stacks.unit, chains=numbers, values=stacks.values, events=stacks.events)
    else:
        message = snapshot_to_wire(merged)
        _number_stacks(message, chains)
    return message.SerializeToString(deterministic=True)


def clash(digest: bytes) -> Malformed:
    """A hash is known with other frames: adding them up would invent a stack."""
    return Malformed(f"two different stacks share the hash {digest.hex()}: they are not merged")


def unpack_parts(kept: Iterable[bytes], chains: Chains) -> list[HostPart]:
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
    stacks = _over_chains(columns, chains)
    return [
        replace(part, part=replace(part.part, snapshot=_with_stacks(part.part.snapshot, own)))
        for part, own in zip(parts, stacks, strict=True)
    ]


def unpack_merged(kept: bytes, chains: Chains) -> Snapshot:
    """The merged snapshot. Raises as :func:`unpack_parts` does."""
    message = types.Snapshot.FromString(kept)
    (stacks,) = _over_chains([_take_columns(message)], chains)
    return _with_stacks(snapshot_from_wire(message, MAX_MERGED_ENTRIES), stacks)


def _number_stacks(snapshot: types.Snapshot, chains: Chains) -> None:
    """Put the numbers of kept chains in place of frames."""
    frames: dict[bytes, Frames] = {}
    hashes: list[bytes] = []
    for stack in snapshot.stacks:
        own = tuple(stack.frames)
        digest = stack_hash(own)
        if frames.setdefault(digest, own) != own:
            raise clash(digest)
        hashes.append(digest)
    numbers = chains.keep(frames)
    rows = zip(map(numbers.__getitem__, hashes), snapshot.stacks, strict=True)
    for unit, some in groupby(rows, key=lambda row: row[1].unit):
        own, values, events = zip(*((number, stack.value, stack.events) for number, stack in some), strict=True)
        snapshot.numbered_stacks.add(unit=unit, chains=own, values=values, events=events if any(events) else ())
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


def _over_chains(parts: Sequence[Sequence[_Columns]], keeper: Chains) -> list[list[StackColumns]]:
    """The same over chains in order, which are loaded once for all parts."""
    # Imported where needed: most commands have no database, and most results no stacks.
    import numpy as np  # noqa: PLC0415

    every = [np.frombuffer(own.chains, np.uint32) for columns in parts for own in columns]
    if not every:
        return [[] for _ in parts]
    numbers, places = np.unique(np.concatenate(every), return_inverse=True)
    loaded, place_of = keeper.load(numbers.tolist())
    by_place = np.empty_like(numbers)
    by_place[np.frombuffer(place_of, np.uint32)] = numbers
    chains = LoadedChains(loaded, keeper, array("I", by_place.tobytes()))
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
