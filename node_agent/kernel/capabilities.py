"""Capabilities of this process: those it has, those it hands on, and giving up all but what is needed.

Four sets matter (capabilities(7)): *permitted* is what a process may take up, *effective* what it uses, *ambient* what
a program that it starts begins with, and the *bounding set* what no program that it starts can ever have. They belong
to a thread: what is said here of a process holds for the thread that asks, and for what it starts.
"""

import ctypes
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from fleettrace.errors import Unfit
from fleettrace.model.capability import CAPABILITY_NAMES
from node_agent.kernel.syscalls import Syscall, prctl, syscall

__all__ = ["confine", "effective_capabilities", "handing_on", "permitted_capabilities", "put_down"]

_STATUS = Path("/proc/thread-self/status")
_CAPABILITY_VERSION_3 = 0x2008_0522
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_PR_CAP_AMBIENT_CLEAR_ALL = 4


def effective_capabilities(status: str | None = None) -> frozenset[str]:
    """What this process may do now, by name.

    Args:
        status: the text of /proc/self/status; read from there when None.
    """
    return _read_set("CapEff", status if status is not None else _STATUS.read_text())


def permitted_capabilities() -> frozenset[str]:
    """What this process may take up, or hand on to a program that it starts."""
    return _read_set("CapPrm", _STATUS.read_text())


def _read_set(name: str, status: str) -> frozenset[str]:
    mask = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith(f"{name}:"))
    return frozenset(name for number, name in enumerate(CAPABILITY_NAMES) if mask >> number & 1)


def put_down(keep: Collection[str]) -> None:
    """Use no capability from now on, and keep those of ``keep`` to hand on: the others are gone for good.

    What is started gets none, but inside :func:`handing_on`; ``no_new_privs`` keeps set-user-ID programs and files with
    capabilities from giving more.
    """
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    kept = permitted_capabilities() & frozenset(keep)
    _set(frozenset(), kept, kept)


@contextmanager
def handing_on(capabilities: Collection[str]) -> Iterator[None]:
    """What is started meanwhile, by this thread, begins with exactly these capabilities.

    An exception: the kernel gives a program that root starts all that root is permitted.

    Raises:
        Unfit: this process does not have one of them.
    """
    _check_permitted(names := frozenset(capabilities))
    # Only what is inheritable can be ambient.
    _set(effective_capabilities(), permitted_capabilities(), _read_set("CapInh", _STATUS.read_text()) | names)
    _raise_ambient(names)
    try:
        yield
    finally:
        prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)


def confine(keep: Collection[str]) -> None:
    """Give up every capability but ``keep``, for good: also for programs that this process starts, which get these.

    ``keep`` is taken up where it was permitted alone. Permitted, effective, inheritable and ambient become exactly
    ``keep``. The bounding set shrinks to it where CAP_SETPCAP allows; ``no_new_privs`` closes the way back in any case.
    Being a subset of what was had, the change keeps a death signal that was set before (``commit_creds()`` in
    kernel/cred.c).

    Raises:
        Unfit: the process does not have one of ``keep``.
        ValueError: ``keep`` names something that is no capability.
    """
    names = frozenset(keep)
    _check_permitted(names)
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if "CAP_SETPCAP" in effective_capabilities():
        _cut_bounding_set(_numbers(names))
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    _set(names, names, names)
    _raise_ambient(names)


def _check_permitted(names: frozenset[str]) -> None:
    if unknown := names - set(CAPABILITY_NAMES):
        raise ValueError(f"no such capability: {', '.join(sorted(unknown))}")
    if missing := sorted(names - permitted_capabilities()):
        raise Unfit(f"this process lacks {', '.join(missing)}; start the agent as root or grant it these capabilities")


def _raise_ambient(capabilities: Collection[str]) -> None:
    for number in _numbers(capabilities):
        prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number)


def _set(effective: frozenset[str], permitted: frozenset[str], inheritable: frozenset[str]) -> None:
    masks = [sum(1 << number for number in _numbers(names)) for names in (effective, permitted, inheritable)]
    header = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITY_VERSION_3, 0), 8)
    # struct __user_cap_data_struct [2]: effective, permitted, inheritable of the low half, then of the high one
    halves = [mask & 0xFFFF_FFFF for mask in masks] + [mask >> 32 for mask in masks]
    syscall(Syscall.CAPSET, header, ctypes.create_string_buffer(struct.pack("<6I", *halves), 24))


def _numbers(names: Collection[str]) -> set[int]:
    return {CAPABILITY_NAMES.index(name) for name in names}


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
