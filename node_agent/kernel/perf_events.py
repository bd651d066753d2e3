"""perf_event_open(2): sampling clocks, tracepoints and uprobes that run a program."""

import ctypes
import errno
import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from fleettrace.errors import AttachFailed
from node_agent.kernel.syscalls import Syscall, syscall

__all__ = [
    "KPROBE_TYPE",
    "open_cpu_clock",
    "open_kprobe",
    "open_mapping_records",
    "open_page_faults",
    "open_tracepoint",
    "open_uprobe",
    "run_on_events",
]

_TYPE_SOFTWARE = 1
_TYPE_TRACEPOINT = 2
_SOFTWARE_CPU_CLOCK = 0
_SOFTWARE_PAGE_FAULTS = 2
_ATTR_BYTES = 112  # PERF_ATTR_SIZE_VER5
_FLAG_DISABLED = 1 << 0
_FLAG_FREQUENCY = 1 << 10  # the period field holds Hz
_SOFTWARE_DUMMY = 9
_SAMPLE_TIME = 1 << 2
# mmap, comm, task, sample_id_all, mmap2, comm_exec, use_clockid of struct perf_event_attr
_MAPPING_FLAGS = 1 << 8 | 1 << 9 | 1 << 13 | 1 << 18 | 1 << 23 | 1 << 24 | 1 << 25
_OPEN_CLOEXEC = 8
_ALL_PROCESSES = -1
_ALL_CPUS = -1
_NO_GROUP = -1
_IOC_SET_BPF = 0x4004_2408
_IOC_ENABLE = 0x2400
_UPROBE_PMU = Path("/sys/bus/event_source/devices/uprobe")
_UPROBE_RETURN = 1 << 0  # format/retprobe there
_SEMAPHORE_SHIFT = 32  # format/ref_ctr_offset there


_SYSCTLS = Path("/proc/sys")
_PERF_EVENT_PARANOID = "kernel.perf_event_paranoid"
_MAX_PERF_EVENT_PARANOID = 2

KPROBE_TYPE = Path("/sys/bus/event_source/devices/kprobe/type")
"""There when the kernel has kprobes."""
_KPROBE_RETURN = 1 << 0  # /sys/bus/event_source/devices/kprobe/format/retprobe


def _open(event_type: int, config: int, period_or_hz: int, flags: int, cpu: int, *, config1: int = 0) -> int:
    # perf_event_attr: type, size, config, period, sample and read format, flags, wakeup, breakpoint type, config1
    layout = struct.pack("<IIQQQQQIIQ", event_type, _ATTR_BYTES, config, period_or_hz, 0, 0, flags, 0, 0, config1)
    attributes = ctypes.create_string_buffer(layout, _ATTR_BYTES)
    return syscall(Syscall.PERF_EVENT_OPEN, attributes, _ALL_PROCESSES, cpu, _NO_GROUP, _OPEN_CLOEXEC)


def open_uprobe(path: bytes, offset: int, *, semaphore_offset: int, on_return: bool, pid: int) -> int:
    """One place of a file, or the return from the function that begins there; not yet running.

    A program on it runs for hits on all CPUs, and in all threads of the process ``pid`` (0: of all processes).

    Raises:
        OSError: ENOENT where the kernel has no uprobes, EACCES without CAP_SYS_ADMIN (CAP_PERFMON is not enough:
            perf_uprobe_event_init() in kernel/events/core.c), ESRCH when the process has ended.
    """
    event_type = int((_UPROBE_PMU / "type").read_text())
    config = (_UPROBE_RETURN if on_return else 0) | semaphore_offset << _SEMAPHORE_SHIFT
    name = ctypes.create_string_buffer(path)
    layout = struct.pack(
        "<IIQQQQQIIQQ",
        *(event_type, _ATTR_BYTES, config, 1, 0, 0, _FLAG_DISABLED, 0, 0, ctypes.addressof(name), offset),
    )
    attributes = ctypes.create_string_buffer(layout, _ATTR_BYTES)
    who = (pid, _ALL_CPUS) if pid else (_ALL_PROCESSES, 0)
    return syscall(Syscall.PERF_EVENT_OPEN, attributes, *who, _NO_GROUP, _OPEN_CLOEXEC)


def open_cpu_clock(cpu: int, frequency_hz: int) -> int:
    """A timer that fires ``frequency_hz`` times a second on one CPU, whatever runs there; not yet running.

    A software event, so that it works where virtual machines have no performance counters.

    Raises:
        OSError: EACCES without CAP_PERFMON, EINVAL over kernel.perf_event_max_sample_rate, ENODEV off-line.
    """
    return _open(_TYPE_SOFTWARE, _SOFTWARE_CPU_CLOCK, frequency_hz, _FLAG_DISABLED | _FLAG_FREQUENCY, cpu)


def open_page_faults(cpu: int) -> int:
    """Every page fault on one CPU, whatever runs there; not yet running.

    Raises:
        OSError: EACCES without CAP_PERFMON, ENODEV off-line.
    """
    return _open(_TYPE_SOFTWARE, _SOFTWARE_PAGE_FAULTS, 1, _FLAG_DISABLED, cpu)


def open_mapping_records(cpu: int) -> int:
    """Records of what processes map, fork and execute on one CPU, for a buffer that the caller maps; it is running.

    Raises:
        OSError: EACCES without CAP_PERFMON, ENODEV off-line.
    """
    layout = struct.pack(
        "<IIQQQQQIIQQQQIIQI",
        *(_TYPE_SOFTWARE, _ATTR_BYTES, _SOFTWARE_DUMMY, 0, _SAMPLE_TIME, 0, _MAPPING_FLAGS),
        *(0, 0, 0, 0, 0, 0, 0, time.CLOCK_MONOTONIC, 0, 0),
    )
    attributes = ctypes.create_string_buffer(layout, _ATTR_BYTES)
    return syscall(Syscall.PERF_EVENT_OPEN, attributes, _ALL_PROCESSES, cpu, _NO_GROUP, _OPEN_CLOEXEC)


def open_tracepoint(tracepoint_id: int, cpu: int) -> int:
    """A tracepoint by its tracefs id. One CPU's event is enough: a program on it runs for hits on all CPUs.

    Raises:
        OSError: EACCES without CAP_PERFMON.
    """
    return _open(_TYPE_TRACEPOINT, tracepoint_id, 1, _FLAG_DISABLED, cpu)


def open_kprobe(function: str, cpu: int, *, at_return: bool) -> int:
    """A kernel function's beginning or return. It lives with its descriptor: nothing is written to tracefs, so that
    nothing stays when its owner is killed. One CPU's event is enough, as with a tracepoint.

    Raises:
        OSError: ENOENT where the kernel has no kprobes or no such function, EINVAL where it may not be probed, EACCES
            without CAP_PERFMON.
    """
    kind = int(KPROBE_TYPE.read_text())
    name = ctypes.create_string_buffer(function.encode())
    config = _KPROBE_RETURN if at_return else 0
    return _open(kind, config, 0, _FLAG_DISABLED, cpu, config1=ctypes.addressof(name))


def _run_program(event_fd: int, program_fd: int) -> None:
    """Run a program on each hit of an event from now on, until the event is closed.

    Raises:
        OSError: the program is of the wrong type for the event.
    """
    fcntl.ioctl(event_fd, _IOC_SET_BPF, program_fd)
    fcntl.ioctl(event_fd, _IOC_ENABLE, 0)


def run_on_events(opens: Iterable[Callable[[], int]], program_fd: int, what: str) -> list[int]:
    """Open events and run a program on each from now on, until they are closed; all or none.

    Raises:
        AttachFailed: the kernel refused; the message begins with ``what``.
    """
    opened: list[int] = []
    try:
        for open_event in opens:
            opened.append(open_event())
            _run_program(opened[-1], program_fd)
    except OSError as error:
        for fd in opened:
            os.close(fd)
        raise AttachFailed(f"{what}: {error.strerror}{_way_out(error)}") from error
    return opened


def _way_out(error: OSError) -> str:
    """Debian's kernels know a level 3 (their default) at which CAP_PERFMON is not enough for a perf event."""
    if error.errno == errno.EACCES and _perf_event_paranoid() > _MAX_PERF_EVENT_PARANOID:
        return (
            f"; this host keeps perf events from all but CAP_SYS_ADMIN: sysctl -w {_PERF_EVENT_PARANOID}="
            f"{_MAX_PERF_EVENT_PARANOID}"
        )
    return ""


def _perf_event_paranoid() -> int:
    try:
        return int((_SYSCTLS / _PERF_EVENT_PARANOID.replace(".", "/")).read_text())
    except (OSError, ValueError):
        return _MAX_PERF_EVENT_PARANOID
