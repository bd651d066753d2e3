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
from fleettrace.snapshot import Stack, StackChains, StackColumns, columns_of

__all__ = ["MAX_HOST_PROFILES", "to_speedscope"]

MAX_HOST_PROFILES = 50
"""Of more hosts than this there is the sum alone, so that a browser can load it; ``--host`` gives one."""

_UNITS = {**TIME_UNITS, **{name: name for name in TIME_UNITS.values()}, "bytes": "bytes"}


def to_speedscope(result: JobResult) -> bytes:
    """One line of ASCII JSON; control characters in frames are escaped by it and nothing is changed."""
    hosts = by_host(result)
    given: list[tuple[str, Sequence[Stack]]] = []
    if len(hosts) != 1:
        given.append((f"all {len(hosts):,} hosts", result.merged.stacks))
    if len(hosts) <= MAX_HOST_PROFILES:
        given += [(host, own.stacks) for host, own in hosts.items() if own.stacks]
    columns = columns_of([stacks for _, stacks in given])
    chains = columns[0].chains if columns else StackChains.of(())
    # The format numbers frames as our columns do.
    samples = [places.tolist() for places in chains.in_places()]
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": f"fleettrace {__version__}",
        "name": title_of(result),
        "activeProfileIndex": 0,
        "shared": {"frames": [{"name": frame} for frame in chains.names]},
        "profiles": [_profile(name, own, samples) for (name, _), own in zip(given, columns, strict=True)],
    }
    return (json.dumps(document, separators=(",", ":")) + "\n").encode()


def _profile(name: str, stacks: StackColumns, samples: Sequence[list[int]]) -> dict[str, Any]:
    return {
        "type": "sampled",
        "name": name,
        "unit": _UNITS.get(stacks.unit, "none"),
        "startValue": 0,
        "endValue": stacks.total,
        "samples": [*map(samples.__getitem__, stacks.numbers)],
        "weights": stacks.values.tolist(),
    }
