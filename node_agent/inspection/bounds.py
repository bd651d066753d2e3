"""Answers are bounded: what does not fit is left out, and said to be."""

from collections.abc import Callable
from dataclasses import replace

from fleettrace.model.inspection import Finding, ProbeList, Unanswered
from fleettrace.wire.limits import MAX_ANSWER_BYTES

__all__ = ["bounded"]


def bounded(finding: Finding, encode: Callable[[Finding], bytes], limit_bytes: int = MAX_ANSWER_BYTES) -> bytes:
    """A finding as bytes, at most ``limit_bytes``: of a list of probes, the first that fit."""
    data = encode(finding)
    if len(data) <= limit_bytes:
        return data
    if not isinstance(finding, ProbeList):
        return encode(Unanswered(f"the answer takes {len(data)} bytes and {limit_bytes} are allowed"))
    note = f"the answer is limited to {limit_bytes >> 10} KiB: narrow the pattern to see the rest"
    least, most = 0, len(finding.probes)
    while least < most:  # the largest number of probes that fits
        middle = (least + most + 1) // 2
        if len(encode(_first(finding, middle, note))) <= limit_bytes:
            least = middle
        else:
            most = middle - 1
    return encode(_first(finding, least, note))


def _first(found: ProbeList, count: int, note: str) -> ProbeList:
    return replace(found, probes=found.probes[:count], notes=(*found.notes, note))
