"""Capabilities of this process: what it has, and giving up all but what is needed."""

import ctypes
import struct
from pathlib import Path

from fleettrace.errors import Unfit
from fleettrace.model.capability import CAPABILITY_NAMES
from node_agent.kernel.syscalls import Syscall, prctl, syscall

__all__ = ["confine", "effective_capabilities"]

_STATUS = Path("/proc/self/status")
_CAPABILITY_VERSION_3 = 0x2008_0522
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38


def effective_capabilities(status: str | None = None) -> frozenset[str]:
    """What this process may do now, by name.

    Args:
        status: the text of /proc/self/status; read from there when None.
    """
    return _read_set("CapEff", status if status is not None else _STATUS.read_text())


def _read_set(name: str, status: str) -> frozenset[str]:
    mask = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith(f"{name}:"))
    return frozenset(name for number, name in enumerate(CAPABILITY_NAMES) if mask >> number & 1)


def confine(keep: frozenset[str]) -> None:
    """Give up every capability but ``keep``, for good: also for programs that this process starts.

    Permitted, effective and inheritable become exactly ``keep``; ambient ones shrink with them. The bounding set
    shrinks too where CAP_SETPCAP allows; ``no_new_privs`` closes the way back in any case. Being a subset of
    what was had, the change keeps a death signal that was set before (``commit_creds()`` in kernel/cred.c).

    Raises:
        Unfit: the process does not have one of ``keep``.
        ValueError: ``keep`` names something that is no capability.
    """
    if unknown := keep - set(CAPABILITY_NAMES):
        raise ValueError(f"no such capability: {', '.join(sorted(unknown))}")
    numbers = {CAPABILITY_NAMES.index(name) for name in keep}
    status = _STATUS.read_text()
    if missing := sorted(keep - _read_set("CapPrm", status)):
        raise Unfit(f"this process lacks {', '.join(missing)}; start the agent as root or grant it these capabilities")
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if "CAP_SETPCAP" in _read_set("CapEff", status):
        _cut_bounding_set(numbers)
    mask = sum(1 << number for number in numbers)
    halves = (mask & 0xFFFF_FFFF, mask >> 32)
    header = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITY_VERSION_3, 0), 8)
    # struct __user_cap_data_struct [2]: effective, permitted, inheritable of the low half, then of the high one
    data = ctypes.create_string_buffer(struct.pack("<6I", *(half for half in halves for _ in range(3))), 24)
    syscall(Syscall.CAPSET, header, data)


def _cut_bounding_set(keep: set[int]) -> None:
    number = 0
    while True:  # the kernel may know capabilities that this list does not
        try:
            bounded = prctl(_PR_CAPBSET_READ, number)
        except OSError:
            return  # EINVAL: past the last one
        if bounded and number not in keep:
            prctl(_PR_CAPBSET_DROP, number)
        number += 1
