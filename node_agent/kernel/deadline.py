"""Ends that the kernel holds: they come even when this process, or its parent, cannot act."""

import ctypes
import os
import signal
import struct

from node_agent.kernel.syscalls import Syscall, prctl, syscall

__all__ = ["KillTimer", "WakeTimer", "die_with_parent"]

_PR_SET_PDEATHSIG = 1
_CLOCK_BOOTTIME = 7
_SIGEV_SIGNAL = 0
_SIGEVENT_BYTES = 64


def die_with_parent(expected_parent_pid: int) -> None:
    """Have the kernel kill this process when the thread that started it ends.

    The parent may have died before the request was made, in which case the process ends here. Changing the user id
    or gaining capabilities clears the request, so make it after such changes.

    Args:
        expected_parent_pid: the parent, as the parent itself knows it.
    """
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != expected_parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)


class _SignalTimer:
    """A timer of the kernel that sends this process a signal.

    The clock is CLOCK_BOOTTIME: time that the machine was suspended counts. An exec removes the timer, a fork does not
    inherit it.

    Raises:
        OSError: the kernel has no timer left for this user (RLIMIT_SIGPENDING).
    """

    def __init__(self, number: signal.Signals) -> None:
        # struct sigevent: a pointer-sized value, the signal, how to notify, padding.
        event = struct.pack("<qii", 0, number, _SIGEV_SIGNAL)
        timer_id = ctypes.create_string_buffer(4)
        syscall(Syscall.TIMER_CREATE, _CLOCK_BOOTTIME, ctypes.create_string_buffer(event, _SIGEVENT_BYTES), timer_id)
        self._number = int.from_bytes(timer_id.raw, "little")

    def arm(self, after_s: float) -> None:
        """Send it after a time, instead of when the timer was armed for before.

        Raises:
            ValueError: ``after_s`` is not positive (zero would disarm).
        """
        after_ns = round(after_s * 1e9)
        if after_ns <= 0:
            raise ValueError(f"a timer needs a positive time, not {after_s} s")
        # struct itimerspec: no interval, one value.
        times = struct.pack("<qqqq", 0, 0, after_ns // 1_000_000_000, after_ns % 1_000_000_000)
        syscall(Syscall.TIMER_SETTIME, self._number, 0, ctypes.create_string_buffer(times, len(times)), None)


class KillTimer(_SignalTimer):
    """A timer that kills this process: SIGKILL needs nobody to handle it, so that one that is stopped ends too."""

    def __init__(self) -> None:
        super().__init__(signal.SIGKILL)


class WakeTimer(_SignalTimer):
    """A timer that has this process go on where it was stopped (SIGSTOP): SIGCONT, which does nothing to one that runs.

    The kernel makes a stopped process run as it queues the signal (``prepare_signal()`` in kernel/signal.c).
    """

    def __init__(self) -> None:
        super().__init__(signal.SIGCONT)
