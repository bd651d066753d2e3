"""The measurement: programs that do nothing, on work of this process alone, with the probe and without, in turns.

Half a second or so, pinned to one CPU; CPU time of this thread is counted, so that what else runs here can disturb it
by way of caches alone. Needs CAP_BPF and CAP_PERFMON; kinds of probes that this process may not use are left out.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fleettrace.errors import AttachFailed
from fleettrace.model.calibration import Calibration, HitKind
from node_agent.calibration.functions import BARE, BARE_NOP, NOP, STEPPED, functions_file, has_functions
from node_agent.kernel.bpf import AttachType, ProgramType, enable_run_time_stats, program_load
from node_agent.kernel.fdinfo import read_fdinfo
from node_agent.kernel.probe import Load, Probe
from node_agent.kernel.probes import CpuClock, Kprobe, RawTracepoint, Tracepoint
from node_agent.kernel.uprobes import Place, UprobeEvents, UprobeLink

__all__ = ["measure"]

EMPTY_PROGRAM = bytes.fromhex("b7000000000000009500000000000000")  # r0 = 0; exit
SYSCALLS = 3_000
"""getppid(2) in one turn; some 0.5 ms."""
CALLS = 80
"""Of a function with a uprobe in one turn; some 1.5 ms where they are single-stepped."""
SPINS = 1_000_000
"""Rounds of an empty loop in one turn of sampling; some 7 ms."""
SAMPLE_HZ = 4_999
"""No divisor of the kernel's own tick; half of what perf lets anybody have."""
TURNS = 7
SYSCALL_TURNS = 15
"""Of the cheapest probes, whose cost is the hardest to see."""
SLOW_TURNS = 3
"""Of probes that take some 50 ms to attach and detach."""
INNER_TURNS = 5
"""Within one of those."""
STATISTICS_CALLS = 10_000

Work = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Turns:
    """CPU time in ns per hit (or per call that could be one), in turns without the probe and with it."""

    without_ns: Sequence[float]
    with_ns: Sequence[float]

    @property
    def hit_ns(self) -> float:
        """What a hit adds: between the lower quartiles, since what disturbs can only add."""
        return _lower_quartile(self.with_ns) - _lower_quartile(self.without_ns)

    @property
    def spread_ns(self) -> float:
        """The interquartile range of the differences, turn by turn."""
        low, _, high = statistics.quantiles([b - a for a, b in zip(self.without_ns, self.with_ns, strict=True)], n=4)
        return high - low


def measure() -> Calibration:
    """Measure every kind of probe that this process may use, one after the other.

    Raises:
        AttachFailed: not even an empty raw tracepoint.
    """
    before = os.sched_getaffinity(0)
    cpu = max(before)
    os.sched_setaffinity(0, {cpu})
    try:
        found = {**_system_calls(), **_slow_probes(), **_functions(), **_samples(cpu)}
        run_time_ns = _empty_run_time_ns()
    finally:
        os.sched_setaffinity(0, before)
    # A probe that seems to cost nothing was not hit, or drowned in noise: nothing is known of it.
    known = {kind: turns for kind, turns in found.items() if turns.hit_ns > 0}
    return Calibration(
        hit_ns={kind: round(turns.hit_ns, 1) for kind, turns in known.items()},
        empty_run_time_ns=round(run_time_ns, 1),
        spread_pct=round(max(turns.spread_ns / turns.hit_ns * 100 for turns in known.values()), 1),
        cpu_model=cpu_model(),
        measured_at_ms=int(time.time() * 1000),
    )


def cpu_model() -> str:
    """The name of the CPUs, as /proc/cpuinfo has it; empty where it has none."""
    fields = (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())
    named = {name.strip(): value.strip() for name, _, value in reversed(list(fields))}
    return named.get("model name") or named.get("CPU part", "")


def _system_calls() -> dict[HitKind, Turns]:
    """What a probe on every system call costs, and what a second one adds, which finds the slower way taken."""
    none: list[float] = []
    one: list[float] = []
    two: list[float] = []
    with _empty(Load(ProgramType.RAW_TRACEPOINT)) as program_fd:
        for _ in range(SYSCALL_TURNS):
            none.append(_cpu_ns(_getppid, SYSCALLS))
            with _attached(RawTracepoint("sys_enter"), program_fd):
                one.append(_cpu_ns(_getppid, SYSCALLS))
                with _attached(RawTracepoint("sys_exit"), program_fd):
                    two.append(_cpu_ns(_getppid, SYSCALLS))
    return {HitKind.SYSCALL: Turns(none, one), HitKind.RAW_TRACEPOINT: Turns(one, two)}


def _slow_probes() -> dict[HitKind, Turns]:
    """Probes on getppid(2) that take long to attach; without those that cannot be."""
    found = {}
    for kind, probe in (
        (HitKind.TRACEPOINT, Tracepoint("syscalls", "sys_enter_getppid")),
        (HitKind.KPROBE, Kprobe(_getppid_function())),
    ):
        without_ns: list[float] = []
        with_ns: list[float] = []
        try:
            with _empty(probe.load) as program_fd:
                for _ in range(SLOW_TURNS):
                    without_ns += [_cpu_ns(_getppid, SYSCALLS) for _ in range(INNER_TURNS)]
                    with _attached(probe, program_fd):
                        with_ns += [_cpu_ns(_getppid, SYSCALLS) for _ in range(INNER_TURNS)]
        except AttachFailed:
            continue
        found[kind] = Turns(without_ns, with_ns)
    return found


def _functions() -> dict[HitKind, Turns]:
    """Uprobes on functions of a file of our own, in this process alone; empty where there can be none."""
    if not has_functions():
        return {}
    with functions_file() as (path, call):
        by_link = Load(ProgramType.KPROBE, AttachType.UPROBE_MULTI)
        for make, load in ((UprobeLink, by_link), (UprobeEvents, Load(ProgramType.KPROBE))):
            place = partial(make, path, pid=os.getpid(), build_id="", load=load)
            try:
                with _empty(load) as program_fd:
                    on_stepped = place((Place(STEPPED),), on_return=False)
                    on_nop = place((Place(NOP),), on_return=False)
                    stepped = _beside(on_stepped, program_fd, call[STEPPED], call[BARE])
                    emulated = _beside(on_nop, program_fd, call[NOP], call[BARE_NOP])
                    with _attached(on_nop, program_fd):
                        at_return = place((Place(NOP),), on_return=True)
                        both = _beside(at_return, program_fd, call[NOP], call[BARE_NOP])
            except AttachFailed:
                continue
            return {
                HitKind.UPROBE: stepped,
                HitKind.UPROBE_EMULATED: emulated,
                HitKind.URETPROBE: Turns(emulated.with_ns, both.with_ns),
            }
    return {}


def _beside(probe: Probe, program_fd: int, probed: Callable[[], None], bare: Callable[[], None]) -> Turns:
    """Calls of a function with a probe beside calls of one like it without."""
    without_ns, with_ns = [], []
    with _attached(probe, program_fd):
        for _ in range(TURNS):
            without_ns.append(_cpu_ns(partial(_call, bare), CALLS))
            with_ns.append(_cpu_ns(partial(_call, probed), CALLS))
    return Turns(without_ns, with_ns)


def _samples(cpu: int) -> dict[HitKind, Turns]:
    """A timer on this CPU while this process computes; its hits are told from the time that they had to come in."""
    probe = CpuClock(SAMPLE_HZ)
    without_ns, with_ns = [], []
    try:
        with _empty(probe.load) as program_fd:
            for _ in range(TURNS):
                bare_ns = _cpu_ns(_spin, SPINS) * SPINS
                with _closing(probe.attach_on((cpu,), program_fd)):
                    sampled_ns = _cpu_ns(_spin, SPINS) * SPINS
                hits = SAMPLE_HZ * sampled_ns / 1e9
                without_ns.append(bare_ns / hits)
                with_ns.append(sampled_ns / hits)
    except AttachFailed:
        return {}
    return {HitKind.SAMPLE: Turns(without_ns, with_ns)}


def _empty_run_time_ns() -> float:
    """What the kernel's statistics count for a run that does nothing; 0 where this process may not turn them on."""
    try:
        statistics_fd = enable_run_time_stats()
    except OSError:
        return 0.0
    try:
        with _empty(Load(ProgramType.RAW_TRACEPOINT)) as program_fd, _attached(RawTracepoint("sys_enter"), program_fd):
            _getppid(STATISTICS_CALLS)
            counted = read_fdinfo(program_fd)
        return int(counted["run_time_ns"]) / max(int(counted["run_cnt"]), 1)
    finally:
        os.close(statistics_fd)


@contextmanager
def _empty(load: Load) -> Iterator[int]:
    """A loaded program that does nothing."""
    fd, _ = program_load(load.program_type, EMPTY_PROGRAM, "ft_empty", want_log=False, attach_type=load.attach_type)
    if fd < 0:
        raise AttachFailed(f"the kernel refused a program that does nothing: {os.strerror(-fd)}")
    try:
        yield fd
    finally:
        os.close(fd)


def _attached(probe: Probe, program_fd: int) -> AbstractContextManager[None]:
    """A probe, as long as the context lasts."""
    return _closing(probe.attach(program_fd))


@contextmanager
def _closing(fds: Sequence[int]) -> Iterator[None]:
    try:
        yield
    finally:
        for fd in fds:
            os.close(fd)


def _lower_quartile(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=4)[0]


def _getppid_function() -> str:
    return {"x86_64": "__x64_sys_getppid", "aarch64": "__arm64_sys_getppid"}.get(platform.machine(), "sys_getppid")


def _cpu_ns(work: Work, count: int) -> float:
    """CPU time of this thread for each of so many."""
    before_ns = time.thread_time_ns()
    work(count)
    return (time.thread_time_ns() - before_ns) / count


def _getppid(count: int) -> None:
    call = os.getppid
    for _ in range(count):
        call()


def _call(function: Callable[[], None], count: int) -> None:
    for _ in range(count):
        function()


def _spin(count: int) -> None:
    for _ in range(count):
        pass
