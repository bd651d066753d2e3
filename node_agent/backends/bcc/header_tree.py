"""A kernel "header tree" for BCC that holds what differs between kernels, taken from the one that runs.

BCC compiles against the headers of a kernel source tree. Those installed may be of another version than the running
kernel; offsets are then wrong and nothing says so. C definitions printed from BTF are no way out either: BCC lays
records out for the host's architecture and makes code for BPF, and where the two differ (a struct padded to a cache
line is enough) field accesses miss without a warning. So kernel structs are never defined here. Programs read fields by
offset: ``FT_OFFSET_<struct>__<field>`` and ``FT_SIZE_<struct>__<field>`` are macros, and a field that this kernel does
not have is a macro that is not defined, which is how programs test for features. bpf's own types come with BCC.
"""

import os
from pathlib import Path

from node_agent.kernel.btf import KernelTypes

__all__ = ["STRUCTS", "TREE_VERSION", "layout_macros", "write_header_tree"]

TREE_VERSION = 6
"""Part of an object's identity: raise it when the tree changes what a program compiles to."""

STRUCTS = (
    "address_space",
    "block_device",
    "cfs_rq",
    "cgroup",
    "css_set",
    "dentry",
    "fdtable",
    "file",
    "file_system_type",
    "files_struct",
    "folio",
    "gendisk",
    "inet_sock",
    "inode",
    "kernfs_node",
    "linux_binprm",
    "mm_struct",
    "page",
    "path",
    "pt_regs",
    "qstr",
    "request",
    "request_queue",
    "rq",
    "sched_entity",
    "sk_buff",
    "sock",
    "sock_common",
    "socket",
    "super_block",
    "task_io_accounting",
    "task_struct",
    "tcp_skb_cb",
    "tcp_sock",
)
"""The structs that programs may read. A tool that needs another one adds it here."""

ENUMERATORS = {"pageflags": ("PG_head",)}
"""By enum, the names whose values programs may use, as ``FT_ENUM_<name>``."""

# What BCC's prelude (src/cc/export/helpers.h, src/cc/compat/linux/virtual_bpf.h) includes.
_HEADERS = (
    "linux/bpf_common.h",
    "linux/log2.h",
    "linux/types.h",
    "linux/version.h",
    "asm/page.h",
    "uapi/linux/bpf.h",
    "uapi/linux/if_packet.h",
)

_KCONFIG = """\
#ifndef FLEETTRACE_KCONFIG_H
#define FLEETTRACE_KCONFIG_H
typedef unsigned char u8, __u8;
typedef signed char s8, __s8;
typedef unsigned short u16, __u16, __le16, __be16, __sum16;
typedef signed short s16, __s16;
typedef unsigned int u32, __u32, __le32, __be32, __wsum;
typedef signed int s32, __s32, pid_t;
typedef unsigned long long u64, __u64, __le64, __be64;
typedef signed long long s64, __s64;
typedef _Bool bool;
typedef unsigned long size_t, uintptr_t;
typedef long ssize_t;
typedef u8 uint8_t;
typedef u16 uint16_t;
typedef u32 uint32_t;
typedef u64 uint64_t;
typedef s8 int8_t;
typedef s16 int16_t;
typedef s32 int32_t;
typedef s64 int64_t;
#define __aligned_u64 __u64 __attribute__((aligned(8)))
#define true 1
#define false 0
#define NULL ((void *)0)
#define __user
#define __always_inline inline __attribute__((always_inline))
#define offsetof(t, m) __builtin_offsetof(t, m)
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#define roundup_pow_of_two(n) ((n) <= 1 ? 1UL : (1UL << (64 - __builtin_clzll((unsigned long)(n) - 1))))
#define LINUX_VERSION_CODE KERNEL_VERSION(@VERSION@)
#define CONFIG_BPF_SYSCALL 1
#define CONFIG_SMP 1
#define CONFIG_64BIT 1
#define PAGE_SIZE @PAGE_SIZE@UL
@LAYOUT@
#endif
"""


def layout_macros(types: KernelTypes) -> str:
    """``#define`` lines with the offset and the size, in bytes, of every field of :data:`STRUCTS`, and with the
    values of :data:`ENUMERATORS`.
    """
    lines = []
    for name in STRUCTS:
        for field in types.fields(name):
            lines += [
                f"#define FT_OFFSET_{name}__{field.name} {field.offset}",
                f"#define FT_SIZE_{name}__{field.name} {field.size}",
            ]
    for enum, wanted in ENUMERATORS.items():
        lines += [f"#define FT_ENUM_{name} {value}" for name, value in types.enumerators(enum) if name in wanted]
    return "\n".join(lines)


def write_header_tree(directory: Path, types: KernelTypes) -> None:
    """Write the tree; BCC uses it when BCC_KERNEL_SOURCE names the directory.

    Raises:
        OSError: the directory cannot be written.
    """
    include = directory / "include"
    for header in _HEADERS:
        path = include / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#include <linux/kconfig.h>\n")
    text = _KCONFIG
    for mark, value in (
        ("@VERSION@", _version_arguments(os.uname().release)),
        ("@PAGE_SIZE@", str(os.sysconf("SC_PAGESIZE"))),
        ("@LAYOUT@", layout_macros(types)),
    ):
        text = text.replace(mark, value)
    (include / "linux/kconfig.h").write_text(text)


def _version_arguments(release: str) -> str:
    """``6, 1, 0`` of ``6.1.0-18-amd64``: three numbers, for KERNEL_VERSION()."""
    numbers = [part for part in release.partition("-")[0].split(".") if part.isdigit()]
    return ", ".join([*numbers, "0", "0"][:3])
