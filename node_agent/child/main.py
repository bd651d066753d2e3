"""Holds the probes of one run: attach, watch the cost, detach on time, hand in the result.

The process bounds itself before it touches the kernel's tracing: it dies with its parent, a kernel timer kills it
(even when it is stopped) should it outlive its duration, and it keeps only the capabilities of its plan.
"""

import os
import signal
import sys
import time
from functools import partial

from fleettrace.catalog import find_tool
from fleettrace.errors import DigestMismatch, FleettraceError, Refused
from fleettrace.model.run import STOPPED_BY_HOST, RunKind
from fleettrace.model.tool import ToolDefinition
from fleettrace.oneliner import read_one_liner
from fleettrace.snapshot import EMPTY
from node_agent.backends import OneLinerPlan, TracePlan, Tracer, open_one_liner, open_tracer
from node_agent.child.breaker import Breaker
from node_agent.child.confinement import confine_child
from node_agent.child.meter import Meter
from node_agent.child.protocol import Attached, ChildMessage, ChildPlan, Failed, Measured, Sample, decode_plan, encode
from node_agent.child.time_limit import OutOfTime, within
from node_agent.kernel.bpf import enable_run_time_stats
from node_agent.kernel.cgroups import resolve_scope
from node_agent.kernel.deadline import KillTimer, WakeTimer, die_with_parent
from node_agent.kernel.holdings import held_by
from node_agent.kernel.syscall_filter import forbid_programs

__all__ = ["main"]

START_LIMIT_S = 30.0
"""From the start of the process to the first attached probe; compiling takes most of it, where it is needed."""
OVERRUN_LIMIT_S = 1.0
"""Beyond the duration with probes attached, before the kernel kills the process."""
WAKE_AFTER_S = 0.02
"""Beyond the duration, when the kernel has a process go on that was stopped."""
ONE_LINER_OVERRUN_LIMIT_S = 1.8
"""The same for a one-liner, whose bpftrace is told to detach; where that takes long, before the end of the duration."""
FINISH_LIMIT_S = 20.0
"""From detaching to the handed-in result; reading maps and resolving symbols."""
BREAKER_INTERVAL_S = 0.125
"""How often the cost is looked at. A breach is seen at the latest in the second look after its beginning."""
REPORT_INTERVAL_S = 0.25
"""How often the agent is told of it."""
INTERIM_INTERVAL_S = 1.0
INTERIM_LIMIT_S = 1.0
"""An interim snapshot that takes longer is given up."""
INTERIM_DUTY = 10
"""Interim snapshots take at most one part in so many of the child's time."""

_STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})


def main() -> int:
    """Perform the plan on standard input; 0 once a result or a failure was handed in."""
    # Blocked and then waited for: a stop is seen at one place, between two samples, and never in the middle of a read.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    plan = decode_plan(sys.stdin.buffer.readline())
    timer, wake = KillTimer(), WakeTimer()
    try:
        die_with_parent(plan.parent_pid)
        timer.arm(START_LIMIT_S)
        # Before the capability for it is given up, and for a trial alone: with statistics on, every program of the host
        # takes some 80 ns a run longer.
        statistics_fd = _statistics() if plan.run_kind is RunKind.TRIAL else -1
        confine_child(plan.capabilities)
        _perform(plan, timer, wake)
        if statistics_fd >= 0:
            os.close(statistics_fd)
    except FleettraceError as error:
        _say(Failed(error.code, str(error)))
    except Exception as error:  # noqa: BLE001  the parent gets one sentence, whatever happened here
        _say(Failed("internal", f"the tracing child failed: {type(error).__name__}: {error}"))
    return 0


def _perform(plan: ChildPlan, timer: KillTimer, wake: WakeTimer) -> None:
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
        tracer.attach(partial(_wait_until, plan.attach_at_s, timer))
        forbid_programs()  # compilers and bpftrace have been started by now
        timer.arm(plan.duration_ms / 1000 + (OVERRUN_LIMIT_S if plan.one_liner is None else ONE_LINER_OVERRUN_LIMIT_S))
        started_s, held = time.monotonic(), held_by(os.getpid())
        _say(Attached(int(time.time() * 1000), tracer.backend, tracer.alternative, tracer.build_id, started_s, held))
        # One that was stopped goes on at its deadline, and detaches as it would have.
        wake.arm(plan.duration_ms / 1000 + WAKE_AFTER_S)
        meter = Meter(tracer)
        stopped = _watch(plan, tool, tracer, meter)
        ended_s = tracer.detach(hurry=stopped.startswith(STOPPED_BY_HOST))
        timer.arm(FINISH_LIMIT_S)
        snapshot = tracer.snapshot() if plan.run_kind is RunKind.TRACE else EMPTY
        cost, notes = meter.read(whole=True).cost, tracer.notes()
        elapsed_ms = int((ended_s - meter.started_s) * 1000)
        _say(Measured(elapsed_ms, cost, snapshot, final=True, stopped=stopped, notes=notes))
    finally:
        tracer.close()


def _statistics() -> int:
    """Have the kernel count the programs' run time while this is open; -1 where it may not be had."""
    try:
        return enable_run_time_stats()
    except OSError:
        return -1


def _wait_until(attach_at_s: float, timer: KillTimer) -> None:
    """Wait for the moment at which the other hosts of the wave attach too."""
    while (left_s := attach_at_s - time.monotonic()) > 0:
        if signal.sigtimedwait(_STOP_SIGNALS, left_s) is not None:
            raise Refused("the run was told to stop before it began", "run.stopped")
    # The wait takes nothing of the time in which to attach.
    timer.arm(START_LIMIT_S)


def _open(plan: ChildPlan, tool: ToolDefinition) -> Tracer:
    scope = resolve_scope(plan.scope) if plan.scope else None
    if plan.one_liner is None:
        traced = TracePlan(tool, plan.run_kind, plan.params, scope, plan.max_map_bytes, plan.state_directory)
        return open_tracer(plan.backend, traced)
    program = read_one_liner(plan.program).program
    one_liner = OneLinerPlan(program, plan.run_kind, scope, plan.duration_ms, plan.max_map_bytes, plan.one_liner)
    return open_one_liner(plan.backend, one_liner)


def _watch(plan: ChildPlan, tool: ToolDefinition, tracer: Tracer, meter: Meter) -> str:
    """Wait out the duration, watching the cost; return why it ended early, or an empty string."""
    started_s, duration_s = meter.started_s, plan.duration_ms / 1000
    # Detaching takes its time; a short run gives half of its own for it at most.
    end_s = started_s + duration_s - min(tracer.detach_reserve_s, duration_s / 2)
    next_report_s, next_interim_s = started_s + REPORT_INTERVAL_S, started_s + INTERIM_INTERVAL_S
    breaker = Breaker(plan, tool.cost_with(plan.params), meter.read())
    while (now_s := time.monotonic()) < end_s:
        if signal.sigtimedwait(_STOP_SIGNALS, min(BREAKER_INTERVAL_S, end_s - now_s)) is not None:
            return "the run was told to stop"
        reading = meter.read()
        now_s = reading.ended_s
        if now_s >= next_report_s:
            _say(Sample(meter.elapsed_ms(), meter.read(whole=True).cost))
            next_report_s = now_s + REPORT_INTERVAL_S - BREAKER_INTERVAL_S / 2
        if (breach := breaker.judge(reading)) and now_s < end_s:
            return breach
        if plan.run_kind is RunKind.TRACE and tracer.reads_live and next_interim_s <= now_s < end_s - REPORT_INTERVAL_S:
            if breach := _say_interim(tracer, meter, breaker, min(INTERIM_LIMIT_S, end_s - now_s)):
                return breach
            next_interim_s = now_s + max(INTERIM_INTERVAL_S, INTERIM_DUTY * (time.monotonic() - now_s))
    return ""


def _say_interim(tracer: Tracer, meter: Meter, breaker: Breaker, limit_s: float) -> str:
    """An interim snapshot, unless it would take longer than it may: names of functions are slow to find at first.

    The breaker goes on meanwhile; returns why it ends the run, or an empty string.
    """
    try:
        with within(limit_s, BREAKER_INTERVAL_S, lambda: breaker.judge(meter.read())):
            snapshot = tracer.snapshot()
    except OutOfTime as error:
        return str(error)
    # The counters are read after the maps, so that an interim result never counts more than they do.
    _say(Measured(meter.elapsed_ms(), meter.read(whole=True).cost, snapshot, final=False))
    return ""


def _say(message: ChildMessage) -> None:
    data = memoryview(encode(message))
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


if __name__ == "__main__":
    sys.exit(main())
