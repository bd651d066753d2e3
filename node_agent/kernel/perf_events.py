"""perf_event_open(2): sampling clocks and tracepoints that run a program."""

import ctypes
import fcntl
import struct
from pathlib import Path

from node_agent.kernel.syscalls import Syscall, syscall

__all__ = ["KPROBE_TYPE", "open_cpu_clock", "open_kprobe", "open_page_faults", "open_tracepoint", "run_program"]

_TYPE_SOFTWARE = 1
_TYPE_TRACEPOINT = 2
_SOFTWARE_CPU_CLOCK = 0
_SOFTWARE_PAGE_FAULTS = 2
_ATTR_BYTES = 112  # PERF_ATTR_SIZE_VER5
_FLAG_DISABLED = 1 << 0
_FLAG_FREQUENCY = 1 << 10  # the period field holds Hz
_OPEN_CLOEXEC = 8
_ALL_PROCESSES = -1
_NO_GROUP = -1
_IOC_SET_BPF = 0x4004_2408
_IOC_ENABLE = 0x2400


KPROBE_TYPE = Path("/sys/bus/event_source/devices/kprobe/type")
"""There when the kernel has kprobes."""
_KPROBE_RETURN = 1 << 0  # /sys/bus/event_source/devices/kprobe/format/retprobe


def _open(event_type: int, config: int, period_or_hz: int, flags: int, cpu: int, *, config1: int = 0) -> int:
    # perf_event_attr: type, size, config, period, sample and read format, flags, wakeup, breakpoint type, config1
    layout = struct.pack("<IIQQQQQIIQ", event_type, _ATTR_BYTES, config, period_or_hz, 0, 0, flags, 0, 0, config1)
    attributes = ctypes.create_string_buffer(layout, _ATTR_BYTES)
    return syscall(Syscall.PERF_EVENT_OPEN, attributes, _ALL_PROCESSES, cpu, _NO_GROUP, _OPEN_CLOEXEC)


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


def run_program(event_fd: int, program_fd: int) -> None:
    """Run a program on each hit of an event from now on, until the event is closed.

    Raises:
        OSError: the program is of the wrong type for the event.
    """
    fcntl.ioctl(event_fd, _IOC_SET_BPF, program_fd)
    fcntl.ioctl(event_fd, _IOC_ENABLE, 0)
