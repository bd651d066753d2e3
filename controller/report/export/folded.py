r"""Folded stacks: ``frame;frame;frame value``, root first, a line each; the sum over the hosts.

What would break a line is written as a backslash escape, and a backslash as two, so that it can be undone:
``\x3b`` for a semicolon, ``\x0a`` and the like for control characters and line separators. Spaces stay as they are,
for the value is what follows the last one; only in a frame that ends in a space (of any script) and a number is that
space ``\x20``, because flamegraph.pl would take the number for a value.
"""

import re

from fleettrace.model.job import JobResult, JobTotals
from fleettrace.snapshot import columns_of

__all__ = ["folded_frame", "to_folded"]

_SPECIAL = re.compile(r"[\\;\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|^\s|\s$|\s(?=[\d.]+$)")


def to_folded(result: JobResult | JobTotals) -> bytes:
    """UTF-8, sorted by frames; empty when there are no stacks."""
    if not result.merged.stacks:
        return b""
    (columns,) = columns_of([result.merged.stacks])
    # A fleet has millions of frames and some thousand names of them.
    names = [*map(folded_frame, columns.chains.names)]
    chains = [";".join(map(names.__getitem__, places)) for places in columns.chains.in_places()]
    return "".join(map("{} {}\n".format, map(chains.__getitem__, columns.numbers), columns.values)).encode()


def folded_frame(frame: str) -> str:
    """The frame with nothing in it that means something to a reader of lines."""
    return _SPECIAL.sub(_escape, frame)


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if char == "\\":
        return r"\\"
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"
