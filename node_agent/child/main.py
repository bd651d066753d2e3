"""Holds the probes of one run: attach, watch the cost, detach on time, hand in the result.

The process bounds itself before it touches the kernel's tracing: it dies with its parent, a kernel timer kills it
(even when it is stopped) should it outlive its duration, and it keeps only the capabilities of its plan.
"""

import os
import resource
import signal
import sys
import time
from pathlib import Path

from fleettrace.catalog import ToolDefinition, find_tool
from fleettrace.errors import DigestMismatch, FleettraceError
from fleettrace.model.run import RunCost, RunKind
from fleettrace.oneliner import read_one_liner, too_much_printed
from fleettrace.snapshot import EMPTY
from node_agent.backends import OneLinerPlan, TracePlan, Tracer, open_one_liner, open_tracer
from node_agent.child.protocol import Attached, ChildMessage, ChildPlan, Failed, Measured, Sample, decode_plan, encode
from node_agent.child.time_limit import OutOfTime, within
from node_agent.kernel.capabilities import confine
from node_agent.kernel.cgroups import resolve_scope
from node_agent.kernel.deadline import KillTimer, die_with_parent

__all__ = ["main"]

START_LIMIT_S = 30.0
"""From the start of the process to the first attached probe; compiling takes most of it, where it is needed."""
OVERRUN_LIMIT_S = 1.0
"""Beyond the duration with probes attached, before the kernel kills the process."""
ONE_LINER_OVERRUN_LIMIT_S = 1.8
"""The same for a one-liner, whose bpftrace is told to detach; where that takes long, before the end of the duration."""
FINISH_LIMIT_S = 20.0
"""From detaching to the handed-in result; reading maps and resolving symbols."""
SAMPLE_INTERVAL_S = 0.25
INTERIM_INTERVAL_S = 1.0
INTERIM_LIMIT_S = 1.0
"""While an interim snapshot is read nobody looks at the cost; one that takes longer is given up."""
INTERIM_DUTY = 10
"""Interim snapshots take at most one part in so many of the child's time."""
MAX_DATA_BYTES = 1 << 30

_STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})


def main() -> int:
    """Perform the plan on standard input; 0 once a result or a failure was handed in."""
    # Blocked and then waited for: a stop is seen at one place, between two samples, and never in the middle of a read.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    plan = decode_plan(sys.stdin.buffer.readline())
    timer = KillTimer()
    try:
        die_with_parent(plan.parent_pid)
        timer.arm(START_LIMIT_S)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
        confine(plan.capabilities)
        _perform(plan, timer)
    except FleettraceError as error:
        _say(Failed(error.code, str(error)))
    except Exception as error:  # noqa: BLE001  the parent gets one sentence, whatever happened here
        _say(Failed("internal", f"the tracing child failed: {type(error).__name__}: {error}"))
    return 0


def _perform(plan: ChildPlan, timer: KillTimer) -> None:
    tool = find_tool(plan.tool, plan.program)
    if tool.digest != plan.digest:
        raise DigestMismatch(
            f"this host's {tool.name} is {tool.digest[:12]}, the controller asked for {plan.digest[:12]}: "
            "install the same fleettrace version on both"
        )
    tracer = _open(plan, tool.only(plan.alternatives))
    try:
        # From here to the end of the duration the kernel itself holds the deadline.
        timer.arm(START_LIMIT_S)
        tracer.attach()
        timer.arm(plan.duration_ms / 1000 + (OVERRUN_LIMIT_S if plan.one_liner is None else ONE_LINER_OVERRUN_LIMIT_S))
        _say(Attached(int(time.time() * 1000), tracer.backend, tracer.alternative, tracer.build_id))
        started_s = time.monotonic()
        stopped = _watch(plan, tool, tracer, started_s)
        ended_s = tracer.detach()
        timer.arm(FINISH_LIMIT_S)
        snapshot = tracer.snapshot() if plan.run_kind is RunKind.TRACE else EMPTY
        cost, notes = _cost(tracer), tracer.notes()
        _say(Measured(int((ended_s - started_s) * 1000), cost, snapshot, final=True, stopped=stopped, notes=notes))
    finally:
        tracer.close()


def _open(plan: ChildPlan, tool: ToolDefinition) -> Tracer:
    scope = resolve_scope(plan.scope) if plan.scope else None
    if plan.one_liner is None:
        traced = TracePlan(tool, plan.run_kind, plan.params, scope, plan.max_map_bytes, plan.state_directory)
        return open_tracer(plan.backend, traced)
    program = read_one_liner(plan.program).program
    one_liner = OneLinerPlan(program, plan.run_kind, scope, plan.duration_ms, plan.max_map_bytes, plan.one_liner)
    return open_one_liner(plan.backend, one_liner)


def _watch(plan: ChildPlan, tool: ToolDefinition, tracer: Tracer, started_s: float) -> str:
    """Wait out the duration, sampling the cost; return why it ended early, or an empty string."""
    duration_s = plan.duration_ms / 1000
    # Detaching takes its time; a short run gives half of its own for it at most.
    end_s = started_s + duration_s - min(tracer.detach_reserve_s, duration_s / 2)
    next_interim_s = started_s + INTERIM_INTERVAL_S
    last_s, last = started_s, RunCost()
    while (now_s := time.monotonic()) < end_s:
        if signal.sigtimedwait(_STOP_SIGNALS, min(SAMPLE_INTERVAL_S, end_s - now_s)) is not None:
            return "the run was told to stop"
        now_s = time.monotonic()
        cost = _cost(tracer)
        _say(Sample(_elapsed_ms(started_s), cost))
        if (breach := _breach(plan, tool, cost, last, now_s - last_s)) and now_s < end_s:
            return breach
        last_s, last = now_s, cost
        if plan.run_kind is RunKind.TRACE and tracer.reads_live and next_interim_s <= now_s < end_s - SAMPLE_INTERVAL_S:
            _say_interim(tracer, started_s, min(INTERIM_LIMIT_S, end_s - now_s))
            next_interim_s = now_s + max(INTERIM_INTERVAL_S, INTERIM_DUTY * (time.monotonic() - now_s))
    return ""


def _say_interim(tracer: Tracer, started_s: float, limit_s: float) -> None:
    """An interim snapshot, unless it would take longer than it may: names of functions are slow to find at first."""
    try:
        with within(limit_s):
            snapshot = tracer.snapshot()
    except OutOfTime:
        return
    # The counters are read after the maps, so that an interim result never counts more than they do.
    _say(Measured(_elapsed_ms(started_s), _cost(tracer), snapshot, final=False))


def _breach(plan: ChildPlan, tool: ToolDefinition, cost: RunCost, last: RunCost, window_s: float) -> str:
    """The child's own breaker: what the last window measured against the ceilings of the plan."""
    if window_s <= 0:
        return ""
    events_per_s = (cost.events - last.events) / window_s
    hits_per_s = (cost.hits - last.hits) / window_s
    if events_per_s > plan.max_events_per_s:
        return f"stopped by the host: {events_per_s:,.0f} events/s are over the ceiling of {plan.max_events_per_s:,}"
    cpu_pct = tool.cost.cpu_pct(hits_per_s, events_per_s, (cost.traps - last.traps) / window_s)
    if cpu_pct > plan.max_cpu_pct:
        return (
            f"stopped by the host: the probes take {cpu_pct:.2f}% of one CPU, over the ceiling of {plan.max_cpu_pct:g}%"
        )
    if plan.one_liner is not None:
        printed_per_s = (cost.printing_events - last.printing_events) / window_s
        if reason := too_much_printed("the program", printed_per_s, plan.one_liner.max_printed_per_s):
            return f"stopped by the host: {reason}"
    return ""


def _cost(tracer: Tracer) -> RunCost:
    stats = tracer.stats()
    own = resource.getrusage(resource.RUSAGE_SELF)
    compiler = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = own.ru_utime + own.ru_stime + compiler.ru_utime + compiler.ru_stime
    return RunCost(
        hits=stats.hits,
        events=sum(stats.events_per_cpu),
        events_per_cpu=stats.events_per_cpu,
        lost_events=stats.lost_events,
        truncated_stacks=stats.truncated_stacks,
        map_bytes=stats.map_bytes,
        child_cpu_us=int(cpu_s * 1e6),
        child_peak_rss_bytes=_peak_rss_bytes(),
        bpf_run_time_ns=stats.bpf_run_time_ns,
        traps=stats.traps,
        printing_events=stats.printing_events,
    )


def _peak_rss_bytes() -> int:
    """The most memory that this process has held.

    Not ``ru_maxrss``: exec carries the parent's over, so that a large agent would be counted as its children.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _elapsed_ms(started_s: float) -> int:
    return int((time.monotonic() - started_s) * 1000)


def _say(message: ChildMessage) -> None:
    data = memoryview(encode(message))
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


if __name__ == "__main__":
    sys.exit(main())
