"""Folded stacks: a value per chain of frames. A commutative monoid per (frames, unit)."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fleettrace.errors import Malformed, SnapshotMismatch

__all__ = ["KERNEL_SUFFIX", "MAX_FRAMES", "Stack", "merge_stacks", "stack_hash"]

KERNEL_SUFFIX = "_[k]"
"""Marks a kernel frame, as the folded format of the flame graph tools does."""

MAX_FRAMES = 1024
MAX_FRAME_CHARS = 4096


@dataclass(frozen=True, slots=True)
class Stack:
    """``value`` of ``unit`` was seen with these frames, root first (the process' name, then its outermost call).

    ``events`` is how many events the value sums up; 0: the value is itself their number.
    """

    frames: tuple[str, ...]
    value: int
    unit: str
    events: int = 0

    def check_valid(self) -> None:
        """Raise :class:`Malformed` unless within bounds."""
        if not 1 <= len(self.frames) <= MAX_FRAMES:
            raise Malformed(f"a stack has 1 to {MAX_FRAMES} frames, not {len(self.frames)}")
        if any(not frame or len(frame) > MAX_FRAME_CHARS for frame in self.frames):
            raise Malformed(f"a frame has 1 to {MAX_FRAME_CHARS} characters")
        if self.value < 1 or not self.unit or self.events < 0:
            raise Malformed("a stack needs a value of at least 1, a unit, and no negative number of events")


def stack_hash(frames: tuple[str, ...]) -> bytes:
    """Content address of a chain of frames: 16 bytes, the same on every host.

    Each frame is preceded by its length, so that no separator inside a frame can make two chains alike.
    """
    digest = hashlib.blake2b(digest_size=16)
    for frame in frames:
        data = frame.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(4, "little"))
        digest.update(data)
    return digest.digest()


def merge_stacks(stacks: Iterable[Stack]) -> tuple[Stack, ...]:
    """Add values up, chain by chain. Raises :class:`SnapshotMismatch` when units differ.

    Stacks from a store share their frames. They are added up by identity first, so that the frames themselves, whose
    hash Python does not keep, are compared once for each chain and not once for each host.
    """
    frames_of: dict[int, tuple[str, ...]] = {}
    sums: dict[int, int] = {}
    # By how much the number of events is not the value; only of what was counted.
    excess: dict[int, int] = {}
    units: set[str] = set()
    unit = None
    for stack in stacks:
        if stack.unit is not unit:
            unit = stack.unit
            units.add(unit)
        frames = stack.frames
        place = id(frames)
        if place in sums:
            sums[place] += stack.value
        else:
            # Held, so that no other tuple can get its identity.
            frames_of[place] = frames
            sums[place] = stack.value
        if stack.events:
            excess[place] = excess.get(place, 0) + stack.events - stack.value
    if len(units) > 1:
        raise SnapshotMismatch(f"cannot merge stacks in {' and '.join(sorted(units))}")
    by_frames: dict[tuple[str, ...], list[int]] = {}
    for place, frames in frames_of.items():
        by_frames.setdefault(frames, []).append(place)
    return tuple(_sum(frames, unit, by_frames[frames], sums, excess) for unit in units for frames in sorted(by_frames))


def _sum(
    frames: tuple[str, ...], unit: str, places: Sequence[int], sums: Mapping[int, int], excess: Mapping[int, int]
) -> Stack:
    value = sum(sums[place] for place in places)
    if not any(place in excess for place in places):
        return Stack(frames, value, unit, 0)
    return Stack(frames, value, unit, value + sum(excess.get(place, 0) for place in places))
