"""The counters that every program keeps: ``struct ft_counters`` of the common header, one per CPU."""

import struct
from collections.abc import Mapping

from fleettrace.model.calibration import HitKind
from node_agent.backends.port import ProbeStats
from node_agent.kernel.loader import LoadedObject

__all__ = ["STATS_MAP", "read_stats"]

STATS_MAP = "ft_stats"

_ONLY_KEY = bytes(4)
_COUNTERS = struct.Struct("<QQQ")  # hits, events, lost


def read_stats(loaded: LoadedObject, truncated_stacks: int) -> ProbeStats:
    """Counters of all CPUs, in one look-up.

    A run that the kernel skipped, because the same program was already running on that CPU, is a hit that nobody looked
    at: it counts as a lost event, since it may have been one. The kernel has one number for all CPUs; CPU 0 gets it.
    """
    per_cpu = [_COUNTERS.unpack(value) for value in loaded.maps[STATS_MAP].lookup(_ONLY_KEY) or ()]
    kernel = loaded.run_stats()
    events = [events for _, events, _ in per_cpu]
    events[0] += kernel.missed_runs
    hits = sum(hits for hits, _, _ in per_cpu) + kernel.missed_runs
    return ProbeStats(
        hits=hits,
        events_per_cpu=tuple(events),
        lost_events=sum(lost for _, _, lost in per_cpu) + kernel.missed_runs,
        truncated_stacks=truncated_stacks,
        map_bytes=loaded.map_bytes,
        bpf_run_time_ns=kernel.run_time_ns,
        bpf_run_count=kernel.run_count,
        hits_by_kind=_shared(hits, kernel.runs_by_kind),
    )


def _shared(hits: int, runs_by_kind: Mapping[HitKind, int]) -> dict[HitKind, int]:
    """Hits in the proportion of runs."""
    runs = sum(runs_by_kind.values())
    return {kind: hits * count // runs for kind, count in runs_by_kind.items()} if runs else {}
