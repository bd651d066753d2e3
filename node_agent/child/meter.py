"""What a run has cost so far, read often and cheaply; what is dear to read, seldom."""

import os
import resource
import time
from dataclasses import replace

from fleettrace.model.run import MapFill, RunCost
from node_agent.backends import Tracer
from node_agent.child.breaker import Reading

__all__ = ["FILL_DUTY", "Meter"]

FILL_DUTY = 2_000
"""Counting the entries of maps takes at most one part in so many of the time; the first two counts are exempt."""
_FIRST_FILLS = 2
_FIRST_FILL_S = 0.2
_STATUS_BYTES = 4_096
_PEAK = b"VmHWM:"


class Meter:
    """Reads the cost of the run that ``tracer`` has just attached; its time starts here."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._status_fd = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
        self._peak_rss_bytes = 0
        self._fills: tuple[MapFill, ...] = ()
        self._fill_count = 0
        self._fill_cpu_us = 0
        self._early: dict[str, tuple[int, int]] = {}
        self._began_cpu_us = _own_cpu_us()
        self._began_helper_cpu_us: int | None = None
        self.started_s = time.monotonic()
        self._next_fill_s = self.started_s + _FIRST_FILL_S

    def elapsed_ms(self) -> int:
        """Since the probes were attached."""
        return int((time.monotonic() - self.started_s) * 1000)

    def read(self, *, whole: bool = False) -> Reading:
        """Everything that was counted; memory, and how full the maps are, as last looked at unless ``whole``."""
        now_s = time.monotonic()
        stats = self._tracer.stats()
        if whole or now_s >= self._next_fill_s:
            self._peak_rss_bytes = self._read_peak_rss_bytes()
            self._count_entries(now_s)
        if self._began_helper_cpu_us is None:
            self._began_helper_cpu_us = stats.helper_cpu_us
        own_cpu_us = _own_cpu_us()
        helper_cpu_us = stats.helper_cpu_us - self._began_helper_cpu_us
        # Without the counting of entries, of which a trial has more than its share.
        attached_cpu_us = own_cpu_us - self._began_cpu_us - self._fill_cpu_us + helper_cpu_us
        return Reading(
            now_s,
            time.monotonic(),
            RunCost(
                hits=stats.hits,
                events=sum(stats.events_per_cpu),
                events_per_cpu=stats.events_per_cpu,
                lost_events=stats.lost_events,
                truncated_stacks=stats.truncated_stacks,
                map_bytes=stats.map_bytes,
                child_cpu_us=own_cpu_us + _others_cpu_us(),
                child_peak_rss_bytes=self._peak_rss_bytes,
                bpf_run_time_ns=stats.bpf_run_time_ns,
                traps=stats.traps,
                printing_events=stats.printing_events,
                bpf_run_count=stats.bpf_run_count,
                attached_cpu_us=attached_cpu_us,
                hits_by_kind=stats.hits_by_kind,
                map_fills=self._fills,
            ),
        )

    def _count_entries(self, now_s: float) -> None:
        if now_s < self._next_fill_s:
            return
        at_ms, before_us = int((now_s - self.started_s) * 1000), _own_cpu_us()
        self._fills = tuple(self._with_history(fill, at_ms) for fill in self._tracer.map_fills())
        took_s = time.monotonic() - now_s
        self._fill_cpu_us += _own_cpu_us() - before_us
        self._fill_count += 1
        wait_s = _FIRST_FILL_S if self._fill_count < _FIRST_FILLS else max(FILL_DUTY * took_s, _FIRST_FILL_S)
        self._next_fill_s = now_s + wait_s

    def _with_history(self, fill: MapFill, at_ms: int) -> MapFill:
        early_used, early_at_ms = self._early.setdefault(fill.name, (fill.used, at_ms))
        return replace(fill, at_ms=at_ms, early_used=early_used, early_at_ms=early_at_ms)

    def _read_peak_rss_bytes(self) -> int:
        """The most memory that this process has held.

        Not ``ru_maxrss``: exec carries the parent's over, so that a large agent would be counted as its children.
        """
        _, _, rest = os.pread(self._status_fd, _STATUS_BYTES, 0).partition(_PEAK)
        return int(rest.split(None, 1)[0]) * 1024 if rest else 0


def _own_cpu_us() -> int:
    return _us(resource.getrusage(resource.RUSAGE_SELF))


def _others_cpu_us() -> int:
    """Of those that this process has waited for: a compiler, a bpftrace that has ended."""
    return _us(resource.getrusage(resource.RUSAGE_CHILDREN))


def _us(usage: resource.struct_rusage) -> int:
    return int((usage.ru_utime + usage.ru_stime) * 1e6)
