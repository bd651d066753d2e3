"""Waiting until programs that were just detached have run to their end."""

import time

from node_agent.kernel.syscalls import Syscall, syscall

__all__ = ["wait_for_running_programs"]

_MEMBARRIER_CMD_GLOBAL = 1
_FALLBACK_WAIT_S = 0.05


def wait_for_running_programs() -> None:
    """Return when no program that was detached before the call is still running on any CPU.

    Detaching unhooks a program but does not wait for a CPU that is in the midst of it, which may still add to a
    map. Programs run within an RCU read-side section, and ``membarrier(MEMBARRIER_CMD_GLOBAL)`` is
    ``synchronize_rcu()`` (kernel/sched/membarrier.c): it returns when all such sections have ended, in
    some 10 ms. Kernels with nohz_full CPUs refuse it; there, far longer than a program can take is waited.
    """
    try:
        syscall(Syscall.MEMBARRIER, _MEMBARRIER_CMD_GLOBAL, 0, 0)
    except OSError:
        time.sleep(_FALLBACK_WAIT_S)
