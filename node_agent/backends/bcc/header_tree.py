"""A kernel "header tree" for BCC that holds what differs between kernels.

BCC compiles against the headers of a kernel source tree. Those installed may be of another version than the running
kernel; offsets are then wrong and nothing says so. C definitions printed from BTF are no way out either: BCC lays
records out for the host's architecture and makes code for BPF, and where the two differ (a struct padded to a cache
line is enough) field accesses miss without a warning. So kernel structs are never defined here. Programs read fields by
offset: ``FT_OFFSET_<struct>__<field>`` and ``FT_SIZE_<struct>__<field>`` are macros, and a field that this kernel does
not have is a macro that is not defined, which is how programs test for features. bpf's own types come with BCC.
"""

import os
import re
from pathlib import Path

from node_agent.kernel.btf import KernelTypes

__all__ = ["TREE_VERSION", "layout_macros", "write_header_tree"]

TREE_VERSION = 7
"""Part of an object's identity: raise it when the tree changes what a program compiles to."""

_READ_FIELD = re.compile(r"\bFT_READ\(.*?,\s*(\w+)\s*,\s*\w+\s*\)", re.DOTALL)
_FIELD_MACRO = re.compile(r"\bFT_(?:OFFSET|SIZE)_(\w+?)__")
_ENUM_MACRO = re.compile(r"\bFT_ENUM_(\w+?)__")

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


def layout_macros(types: KernelTypes, text: str) -> str:
    """``#define`` lines for what a program's text names.

    The offset and the size, in bytes, of every field of each struct that it reads of, and the values of each enum as
    ``FT_ENUM_<enum>__<name>``.
    """
    lines = []
    for name in sorted({*_READ_FIELD.findall(text), *_FIELD_MACRO.findall(text)}):
        for field in types.fields(name):
            lines += [
                f"#define FT_OFFSET_{name}__{field.name} {field.offset}",
                f"#define FT_SIZE_{name}__{field.name} {field.size}",
            ]
    for enum in sorted(set(_ENUM_MACRO.findall(text))):
        lines += [f"#define FT_ENUM_{enum}__{name} {value}" for name, value in types.enumerators(enum)]
    return "\n".join(lines)


def write_header_tree(directory: Path, types: KernelTypes, release: str, text: str) -> None:
    """Write the tree for a program's text; BCC uses it when BCC_KERNEL_SOURCE names the directory.

    Raises:
        OSError: the directory cannot be written.
    """
    include = directory / "include"
    for header in _HEADERS:
        path = include / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#include <linux/kconfig.h>\n")
    header = _KCONFIG
    for mark, value in (
        ("@VERSION@", _version_arguments(release)),
        ("@PAGE_SIZE@", str(os.sysconf("SC_PAGESIZE"))),
        ("@LAYOUT@", layout_macros(types, text)),
    ):
        header = header.replace(mark, value)
    (include / "linux/kconfig.h").write_text(header)


def _version_arguments(release: str) -> str:
    """``6, 1, 0`` of ``6.1.0-18-amd64``: three numbers, for KERNEL_VERSION()."""
    numbers = [part for part in release.partition("-")[0].split(".") if part.isdigit()]
    return ", ".join([*numbers, "0", "0"][:3])
