"""Folded stacks: a value per chain of frames. A commutative monoid per (frames, unit)."""

import hashlib
from collections.abc import Iterable
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
    """Add values up, chain by chain; in ascending order of their frames.

    Raises:
        SnapshotMismatch: units differ.
    """
    values: dict[tuple[str, ...], int] = {}
    # By how much the number of events is not the value; only of what was counted.
    excess: dict[tuple[str, ...], int] = {}
    units: set[str] = set()
    for stack in stacks:
        units.add(stack.unit)
        values[stack.frames] = values.get(stack.frames, 0) + stack.value
        if stack.events:
            excess[stack.frames] = excess.get(stack.frames, 0) + stack.events - stack.value
    if len(units) > 1:
        raise SnapshotMismatch(f"cannot merge stacks in {' and '.join(sorted(units))}")
    return tuple(
        Stack(frames, value, unit, value + excess[frames] if frames in excess else 0)
        for unit in units
        for frames, value in sorted(values.items())
    )
