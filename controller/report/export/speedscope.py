"""speedscope's own JSON (https://www.speedscope.app/file-format-schema.json): a sampled profile of all hosts and each.

Values are shares of a whole and no moments in time, so that "left heavy" and "sandwich" are the views that mean
something.
"""

import json
from collections.abc import Sequence
from typing import Any

from controller.report.contents import by_host, title_of
from controller.report.export.units import TIME_UNITS
from fleettrace import __version__
from fleettrace.model.job import JobResult
from fleettrace.snapshot import Stack

__all__ = ["MAX_HOST_PROFILES", "to_speedscope"]

MAX_HOST_PROFILES = 50
"""Of more hosts than this there is the sum alone, so that a browser can load it; ``--host`` gives one."""

_UNITS = {**TIME_UNITS, **{name: name for name in TIME_UNITS.values()}, "bytes": "bytes"}


def to_speedscope(result: JobResult) -> bytes:
    """One line of ASCII JSON; control characters in frames are escaped by it and nothing is changed."""
    frames: dict[str, int] = {}
    hosts = by_host(result)
    profiles = []
    if len(hosts) != 1:
        profiles.append(_profile(f"all {len(hosts):,} hosts", result.merged.stacks, frames))
    if len(hosts) <= MAX_HOST_PROFILES:
        profiles += [_profile(host, own.stacks, frames) for host, own in hosts.items() if own.stacks]
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": f"fleettrace {__version__}",
        "name": title_of(result),
        "activeProfileIndex": 0,
        "shared": {"frames": [{"name": frame} for frame in frames]},
        "profiles": profiles,
    }
    return (json.dumps(document) + "\n").encode()


def _profile(name: str, stacks: Sequence[Stack], frames: dict[str, int]) -> dict[str, Any]:
    unit = _UNITS.get(stacks[0].unit, "none") if stacks else "none"
    return {
        "type": "sampled",
        "name": name,
        "unit": unit,
        "startValue": 0,
        "endValue": sum(stack.value for stack in stacks),
        "samples": [[frames.setdefault(frame, len(frames)) for frame in stack.frames] for stack in stacks],
        "weights": [stack.value for stack in stacks],
    }
