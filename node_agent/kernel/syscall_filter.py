"""System calls that a tracing child never needs, refused by the kernel: seccomp(2), through libseccomp's own bindings.

A list of what is refused and not of what is allowed: interpreters, compilers and C libraries take up new calls with
every release, and a tracing child that fails on one of them is worse than one that could have made it. What is refused
is what would reach beyond tracing: other processes, mounts, modules, networks, and eBPF objects that would outlive it
or that are not its own. A filter is inherited by what a process starts and cannot be taken off.
"""

import errno
from typing import Any

__all__ = ["FORBIDDEN", "TRACING_COMMANDS", "forbid_programs", "forbid_syscalls", "is_available"]

FORBIDDEN = (
    # other processes
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"),
    # mounts, roots and namespaces
    *("mount", "umount2", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"),
    *("pivot_root", "chroot", "unshare", "setns"),
    # the kernel and the machine
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff"),
    *("acct", "quotactl", "quotactl_fd", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex"),
    *("sethostname", "setdomainname", "iopl", "ioperm", "vhangup", "modify_ldt"),
    # other users, and keys
    *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid"),
    *("add_key", "request_key", "keyctl", "mknod", "mknodat"),
    # networks: it speaks to its parent, by pipes
    "socket",
    # ways around a filter, or around permissions of paths
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "open_by_handle_at"),
    *("name_to_handle_at", "fanotify_init", "memfd_secret", "remap_file_pages"),
)
"""Refused with EPERM, whatever the arguments."""

TRACING_COMMANDS = (0, 1, 2, 3, 4, 5, 10, 15, 17, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 32, 35)
"""Of bpf(2), by ``enum bpf_cmd`` of include/uapi/linux/bpf.h: maps, loading, test runs, raw tracepoints, types, links,
statistics. Not: pinning and taking up what is pinned (6, 7), attaching to cgroups and the like (8, 9), other processes'
programs, maps and links by their ids (11-14, 16, 20, 29-31, 34), iterators (33), tokens (36), what comes later."""

_EXEC = ("execve", "execveat")
_UNKNOWN = -1  # __NR_SCMP_ERROR
# CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET
_NEW_NAMESPACES = (0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000)


def is_available() -> bool:
    """Whether the bindings are installed."""
    return _libseccomp() is not None


def forbid_syscalls() -> None:
    """Refuse from now on, in this process and what it starts, what tracing does not need; nothing without libseccomp.

    Needs ``no_new_privs``.
    """
    if (lib := _libseccomp()) is None:
        return
    refused = lib.ERRNO(errno.EPERM)
    rules = lib.SyscallFilter(lib.ALLOW)
    for name in FORBIDDEN:
        # An older libseccomp has not heard of the newest.
        if lib.resolve_syscall(lib.Arch.NATIVE, name) != _UNKNOWN:
            rules.add_rule(refused, name)
    for command in range(TRACING_COMMANDS[-1]):
        if command not in TRACING_COMMANDS:
            rules.add_rule(refused, "bpf", lib.Arg(0, lib.EQ, command))
    rules.add_rule(refused, "bpf", lib.Arg(0, lib.GT, TRACING_COMMANDS[-1]))
    for flag in _NEW_NAMESPACES:
        rules.add_rule(refused, "clone", lib.Arg(0, lib.MASKED_EQ, flag, flag))
    # Its flags are in memory, where a filter cannot look; told that there is none, C libraries use clone().
    rules.add_rule(lib.ERRNO(errno.ENOSYS), "clone3")
    rules.load()


def forbid_programs() -> None:
    """Refuse from now on that this process, or one that it forks, becomes another program."""
    if (lib := _libseccomp()) is None:
        return
    rules = lib.SyscallFilter(lib.ALLOW)
    for name in _EXEC:
        rules.add_rule(lib.ERRNO(errno.EPERM), name)
    rules.load()


def _libseccomp() -> Any:
    try:
        import seccomp  # noqa: PLC0415  Debian's python3-seccomp, which a host may be without
    except ImportError:
        return None
    return seccomp
