"""How a process that traces bounds itself, before it is told anything else: what it keeps, and what it can never do."""

import resource
from collections.abc import Collection

from node_agent.kernel.capabilities import confine
from node_agent.kernel.syscall_filter import forbid_syscalls

__all__ = ["confine_child"]

MAX_DATA_BYTES = 1 << 30
MAX_FILE_BYTES = 64 << 20
"""The largest file that it, its compiler or its bpftrace may write; a compiled tool takes some 30 KB."""
MAX_OPEN_FILES = 4096


def confine_child(capabilities: Collection[str]) -> None:
    """Keep these capabilities and no others, within limits of memory and files, and without the system calls that
    tracing does not need.

    Raises:
        Unfit: the process does not have one of the capabilities.
    """
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, MAX_DATA_BYTES),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
    ):
        _, hard = resource.getrlimit(limit)
        bounded = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (bounded, bounded))
    confine(capabilities)
    forbid_syscalls()
