"""System calls that Python has no function for, by number, through ctypes.

Numbers are ABI and differ between architectures: ``arch/x86/entry/syscalls/syscall_64.tbl`` and
``include/uapi/asm-generic/unistd.h`` in the kernel tree.
"""

import ctypes
import os
import platform
from enum import Enum

from fleettrace.errors import Unfit

__all__ = ["Syscall", "prctl", "syscall"]


class Syscall(Enum):
    """A system call with its numbers: on x86_64 and on aarch64."""

    BPF = (321, 280)
    PERF_EVENT_OPEN = (298, 241)
    MEMBARRIER = (324, 283)
    CAPSET = (126, 91)
    TIMER_CREATE = (222, 107)
    TIMER_SETTIME = (223, 110)


_COLUMNS = {"x86_64": 0, "aarch64": 1}
_MACHINE = platform.machine()
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def syscall(call: Syscall, *arguments: int | ctypes.Array[ctypes.c_char] | None) -> int:
    """Make one system call; integers travel as 64-bit registers, buffers as their address.

    Raises:
        OSError: the kernel refused; ``errno`` is set.
        Unfit: this machine's architecture is not one that fleettrace knows.
    """
    if _MACHINE not in _COLUMNS:
        raise Unfit(f"fleettrace traces on {' and '.join(_COLUMNS)}, not on {_MACHINE}; use --backend replay there")
    number = call.value[_COLUMNS[_MACHINE]]
    # A bare int would be passed as 32 bits: the upper half of the register would be whatever was there.
    registers = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *registers)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def prctl(option: int, *arguments: int) -> int:
    """prctl(2) with unused arguments zero, as most options demand.

    Raises:
        OSError: the kernel refused; ``errno`` is set.
    """
    padded = [*arguments, 0, 0, 0, 0][:4]
    result: int = _libc.prctl(ctypes.c_int(option), *(ctypes.c_ulong(value) for value in padded))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
