"""Names of system calls by number, on this machine's architecture.

libseccomp has the tables of every architecture, is part of every systemd distribution, and is 200 KB; kernel headers
are not on production hosts, and BCC's own table would bring LLVM into the tracing process. What an old
libseccomp does not know is taken from the list below: since 5.1 new calls have the same number everywhere.
"""

import ctypes
from functools import cache
from typing import Any

__all__ = ["syscall_name"]

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
def _libseccomp() -> tuple[Any, Any] | None:
    """libseccomp's resolver, and libc's free for what it returns; None when it is not installed."""
    try:
        resolve = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_num_arch
    except (OSError, AttributeError):
        return None
    resolve.restype = ctypes.c_void_p
    resolve.argtypes = (ctypes.c_uint32, ctypes.c_int)
    free = ctypes.CDLL(None).free
    free.argtypes = (ctypes.c_void_p,)
    return resolve, free


@cache
def syscall_name(number: int) -> str:
    """The name of a 64-bit system call; ``syscall_N`` where no table knows it."""
    index = number - _FIRST_UNIFIED
    if 0 <= index < len(_UNIFIED):
        return _UNIFIED[index]
    library = _libseccomp()
    if library is not None and number < _FIRST_UNIFIED:
        resolve, free = library
        if text := resolve(_ARCH_NATIVE, number):
            name = ctypes.string_at(text).decode()
            free(text)
            return name
    return f"syscall_{number}"
