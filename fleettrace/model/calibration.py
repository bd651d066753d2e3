"""What a hit of an empty probe costs on a host, as its agent has measured it: one figure for each kind of probe."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["KIND_TEXTS", "TRAPS", "Calibration", "HitKind", "mean_hit_ns"]


class HitKind(StrEnum):
    """Kinds of probes by what a hit costs before the program does anything."""

    RAW_TRACEPOINT = "raw_tracepoint"
    SYSCALL = "syscall"
    """The first raw tracepoint on all system calls: with it the kernel takes a slower way for each of them."""
    TRACEPOINT = "tracepoint"
    KPROBE = "kprobe"
    UPROBE = "uprobe"
    """On an instruction that the kernel runs in a single step out of line: two traps."""
    UPROBE_EMULATED = "uprobe_emulated"
    """On an instruction that the kernel emulates, such as a nop: one trap. All USDT probes are."""
    URETPROBE = "uretprobe"
    """The return of a function whose beginning traps already."""
    SAMPLE = "sample"
    """A timer's interrupt."""


KIND_TEXTS: Mapping[HitKind, str] = {
    HitKind.RAW_TRACEPOINT: "raw tracepoint",
    HitKind.SYSCALL: "raw tracepoint of all system calls",
    HitKind.TRACEPOINT: "tracepoint",
    HitKind.KPROBE: "kprobe",
    HitKind.UPROBE: "uprobe",
    HitKind.UPROBE_EMULATED: "uprobe on a nop",
    HitKind.URETPROBE: "return of a function",
    HitKind.SAMPLE: "timer's sample",
}
"""As people call them."""


TRAPS = frozenset({HitKind.UPROBE, HitKind.UPROBE_EMULATED, HitKind.URETPROBE})
"""Those whose hits are traps out of user mode."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What empty programs cost on one host.

    ``hit_ns``: CPU time in ns that a hit adds, for each kind that this host has; ``empty_run_time_ns``: what the
    kernel's own statistics count for such a hit, 0 where they may not be read; ``spread_pct``: the widest interquartile
    range of the measurements, in percent of its median; ``measured_at_ms`` is Unix time of the host's clock.
    """

    hit_ns: Mapping[HitKind, float] = field(default_factory=dict)
    empty_run_time_ns: float = 0.0
    spread_pct: float = 0.0
    cpu_model: str = ""
    measured_at_ms: int = 0


def mean_hit_ns(hit_ns: Mapping[HitKind, float], hits: Mapping[HitKind, int]) -> float | None:
    """The mean cost in ns of hits of several kinds; None: there are none, or the cost of one kind is not known."""
    total = sum(hits.values())
    if total <= 0 or any(kind not in hit_ns for kind, count in hits.items() if count):
        return None
    return sum(hit_ns[kind] * count for kind, count in hits.items() if count) / total
