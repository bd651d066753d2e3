"""Which function of a host's stacks explains that it differs."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from controller.analysis.frame_weights import Itself
from controller.analysis.samples import Category, Sample
from controller.analysis.scores import Scores
from fleettrace.snapshot import Stack

__all__ = ["Blame", "blame"]

KEPT_Z = 0.8
"""A callee that keeps so much of its caller's z is told instead of it: it says more."""
KEPT_Z_INDIRECTLY = 0.95
"""What is called by way of others that do not keep it must keep more, for it has other callers."""
FLAT_Z = 0.3
"""A caller with less of its callee's z has the same cost as elsewhere, ..."""
OFFSET_Z = 0.5
"""... and when another callee has so much of it with the other sign, the cost has only shifted between them."""


@dataclass(frozen=True, slots=True)
class Blame:
    """The frame to name; for a cost shift also its flat caller and the frame that costs the less for it."""

    frame: Category
    caller: Category = None
    offset: Category = None


def blame(sample: Sample, scores: Scores, start: Category) -> Blame:
    """From the frame with the largest z down to the deepest callee that keeps 80% of its caller's z, step by step.

    On the way to a function whose cost has changed may lie one that everybody calls, and whose cost has hardly
    changed; what is below it counts too, when it keeps all but a twentieth.
    """
    stacks = [*sample.stacks]
    frame, z = start, scores.z(sample, start)
    seen = {frame}
    while True:
        best = _extreme(sample, scores, _callees(stacks, frame) - seen, z)
        if best is None or best[0] / z < KEPT_Z:
            best = _extreme(sample, scores, _below(stacks, frame) - seen, z)
            if best is None or best[0] / z < KEPT_Z_INDIRECTLY:
                break
        z, frame = best
        seen.add(frame)
    callers = _callers(stacks, frame.frame if isinstance(frame, Itself) else frame)
    if callers:
        caller = max(callers, key=lambda name: (callers[name], str(name)))
        offset = _extreme(sample, scores, _callees(stacks, caller) - {frame}, -z)
        if abs(scores.z(sample, caller)) < FLAT_Z * abs(z) and offset is not None and -offset[0] / z > OFFSET_Z:
            return Blame(frame, caller, offset[1])
    return Blame(frame)


def _extreme(sample: Sample, scores: Scores, frames: set[str], sign: float) -> tuple[float, str] | None:
    """The largest z with the sign of a number, and its frame; of equals the last by name."""
    deviations = [(scores.z(sample, frame), frame) for frame in frames]
    return max(deviations, key=lambda pair: (math.copysign(1, sign) * pair[0], pair[1]), default=None)


def _below(stacks: Sequence[Stack], frame: Category) -> set[str]:
    found: set[str] = set()
    for stack in stacks:
        if frame in stack.frames:
            found.update(stack.frames[stack.frames.index(frame) + 1 :])
    return found


def _callees(stacks: Sequence[Stack], caller: Category) -> set[str]:
    return {callee for stack in stacks for above, callee in pairwise(stack.frames) if above == caller != callee}


def _callers(stacks: Sequence[Stack], frame: Category) -> Counter[str]:
    """The frames that call it, by how much; the process' name is none."""
    found: Counter[str] = Counter()
    for stack in stacks:
        for caller, callee in pairwise(stack.frames[1:]):
            if callee == frame != caller:
                found[caller] += stack.value
    return found
