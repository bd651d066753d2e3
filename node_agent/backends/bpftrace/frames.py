"""Stacks as bpftrace prints them, as frames."""

import re

from fleettrace.oneliner.inference import KeyType
from fleettrace.snapshot import KERNEL_SUFFIX

__all__ = ["NO_FRAMES", "depth_of", "frames_of"]

NO_FRAMES = "[no stack]"
UNKNOWN_FRAME = "[unknown]"

_OFFSET = re.compile(r"\+(?:0x[0-9a-f]+|[0-9]+)$")
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_MAX_FRAME_CHARS = 512


def frames_of(text: str, kind: KeyType) -> tuple[str, ...]:
    """Frames, root first, without offsets; an address without a name differs on every host, and is unknown.

    Unknown frames in a row are one: code without symbols has many, and their number says nothing.
    """
    names = [_OFFSET.sub("", line.strip())[:_MAX_FRAME_CHARS] for line in text.split("\n") if line.strip()]
    frames: list[str] = []
    for name in reversed(names):
        frame = UNKNOWN_FRAME if _ADDRESS.fullmatch(name) else name
        if frame == UNKNOWN_FRAME and frames and frames[-1].startswith(UNKNOWN_FRAME):
            continue
        frames.append(frame)
    suffix = KERNEL_SUFFIX if kind is KeyType.KERNEL_STACK else ""
    return tuple(frame + suffix for frame in frames)


def depth_of(text: str) -> int:
    """How many frames a printed stack has."""
    return sum(1 for line in text.split("\n") if line.strip())
