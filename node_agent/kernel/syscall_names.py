"""Names of system calls by number and numbers by name, on this machine's architecture.

libseccomp has the tables of every architecture, is part of every systemd distribution, and is 200 KB; kernel headers
are not on production hosts, and BCC's own table would bring LLVM into the tracing process. What an old
libseccomp does not know is taken from the list below: since 5.1 new calls have the same number everywhere.
"""

import ctypes
from functools import cache
from typing import Any

from fleettrace.errors import BadInput

__all__ = ["syscall_name", "syscall_number"]

_ARCH_NATIVE = 0
_FIRST_UNIFIED = 424

# include/uapi/asm-generic/unistd.h, from _FIRST_UNIFIED on.
_UNIFIED = (
    "pidfd_send_signal", "io_uring_setup", "io_uring_enter", "io_uring_register", "open_tree", "move_mount",
    "fsopen", "fsconfig", "fsmount", "fspick", "pidfd_open", "clone3", "close_range", "openat2", "pidfd_getfd",
    "faccessat2", "process_madvise", "epoll_pwait2", "mount_setattr", "quotactl_fd", "landlock_create_ruleset",
    "landlock_add_rule", "landlock_restrict_self", "memfd_secret", "process_mrelease", "futex_waitv",
    "set_mempolicy_home_node", "cachestat", "fchmodat2", "map_shadow_stack", "futex_wake", "futex_wait",
    "futex_requeue", "statmount", "listmount", "lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules",
    "mseal", "setxattrat", "getxattrat", "listxattrat", "removexattrat", "open_tree_attr", "file_getattr",
    "file_setattr",
)  # fmt: skip


@cache
def _libseccomp() -> Any | None:
    """The library, its functions with their types; None when it is not installed."""
    try:
        library = ctypes.CDLL("libseccomp.so.2")
        by_number, by_name = library.seccomp_syscall_resolve_num_arch, library.seccomp_syscall_resolve_name
    except (OSError, AttributeError):
        return None
    by_number.restype = ctypes.c_void_p
    by_number.argtypes = (ctypes.c_uint32, ctypes.c_int)
    by_name.restype = ctypes.c_int
    by_name.argtypes = (ctypes.c_char_p,)
    return library


@cache
def syscall_name(number: int) -> str:
    """The name of a 64-bit system call; ``syscall_N`` where no table knows it."""
    index = number - _FIRST_UNIFIED
    if 0 <= index < len(_UNIFIED):
        return _UNIFIED[index]
    library = _libseccomp()
    if library is None or number >= _FIRST_UNIFIED:
        return f"syscall_{number}"
    text = library.seccomp_syscall_resolve_num_arch(_ARCH_NATIVE, number)
    if not text:
        return f"syscall_{number}"
    name = ctypes.string_at(text).decode()
    free = ctypes.CDLL(None).free
    free.argtypes = (ctypes.c_void_p,)
    free(text)
    return name


def syscall_number(name: str) -> int:
    """The number of a 64-bit system call, also when it is spelled as :func:`syscall_name` does where no table knows it.

    Raises:
        BadInput: this machine has none of this name, or no table of names.
    """
    if name in _UNIFIED:
        return _FIRST_UNIFIED + _UNIFIED.index(name)
    prefix, _, digits = name.rpartition("_")
    if prefix == "syscall" and digits.isdecimal():
        return int(digits)
    library = _libseccomp()
    if library is None:
        raise BadInput(
            f"system calls cannot be named here: install libseccomp2, or ask for syscall_N instead of {name}"
        )
    number: int = library.seccomp_syscall_resolve_name(name.encode())
    if number < 0:  # unknown, or one of another architecture
        raise BadInput(f"this machine has no system call {name}; 'fleettrace run syscount' lists those that are made")
    return number
