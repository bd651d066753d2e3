"""What a run costs, beside what its program counts: memory of maps, run time of programs, CPU time of bpftrace."""

from collections.abc import Mapping
from dataclasses import dataclass

from fleettrace.model.calibration import TRAPS, HitKind
from fleettrace.oneliner import Program, describe
from fleettrace.oneliner.tree import ProbeKind
from node_agent.backends.bpftrace.process import BpftraceProcess, kernel_counts

__all__ = ["ProcessCost", "hits_by_kind"]

_COST_AS = {
    ProbeKind.TRACEPOINT: HitKind.TRACEPOINT,
    ProbeKind.SOFTWARE: HitKind.TRACEPOINT,
    ProbeKind.RAW_TRACEPOINT: HitKind.RAW_TRACEPOINT,
    ProbeKind.KPROBE: HitKind.KPROBE,
    ProbeKind.KRETPROBE: HitKind.KPROBE,
    ProbeKind.UPROBE: HitKind.UPROBE,
    ProbeKind.URETPROBE: HitKind.UPROBE,
    ProbeKind.USDT: HitKind.UPROBE,
    ProbeKind.PROFILE: HitKind.SAMPLE,
}
_DEAREST_FIRST = (HitKind.SAMPLE, HitKind.KPROBE, HitKind.TRACEPOINT, HitKind.RAW_TRACEPOINT)


@dataclass(slots=True)
class ProcessCost:
    """What was last seen. It never falls: what a process that is about to end no longer shows was there."""

    map_bytes: int = 0
    run_time_ns: int = 0
    run_count: int = 0
    cpu_us: int = 0

    def look(self, process: BpftraceProcess) -> None:
        """See what it is now."""
        counts = kernel_counts(process.pid)
        self.map_bytes = max(self.map_bytes, counts.map_bytes)
        self.run_time_ns = max(self.run_time_ns, counts.run_time_ns)
        self.run_count = max(self.run_count, counts.run_count)
        self.cpu_us = max(self.cpu_us, process.cpu_us)


def hits_by_kind(program: Program, hits: int, traps: int) -> Mapping[HitKind, int]:
    """Hits that are no traps as the dearest that the program has."""
    kinds = [_COST_AS[point.kind] for point in describe(program).attach_points if not point.kind.is_own]
    others = [kind for kind in _DEAREST_FIRST if kind in kinds and kind not in TRAPS]
    by_kind = {others[0]: hits - traps} if others else {}
    return by_kind | ({HitKind.UPROBE: traps} if traps else {})
