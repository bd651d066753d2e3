"""Functions of a file of our own, to be probed: where they are, what they do and how they are called is known."""

import ctypes
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fleettrace.errors import AttachFailed

__all__ = ["BARE", "BARE_NOP", "NOP", "STEPPED", "functions_file", "has_functions"]

# Functions of a page of our own: one whose first instruction (an immediate into a register) is no business of the
# kernel's emulation, one that begins with a nop, and one like the first that has no probe. Offsets are far apart.
_CODE = {
    "x86_64": (bytes.fromhex("b800000000c3"), bytes.fromhex("90c3")),
    "aarch64": (bytes.fromhex("000080d2c0035fd6"), bytes.fromhex("1f2003d5c0035fd6")),
}
STEPPED, NOP, BARE, BARE_NOP = 0, 64, 128, 192
_PAGE_BYTES = 4096
_PROT_READ_EXEC = 1 | 4
_MAP_PRIVATE = 2  # a shared mapping gets no uprobes: valid_vma() in kernel/events/uprobes.c


def has_functions() -> bool:
    """Whether this machine's instructions are known."""
    return platform.machine() in _CODE


@contextmanager
def functions_file() -> Iterator[tuple[Path, dict[int, Callable[[], None]]]]:
    """A file with the functions, in memory, and what calls them, by offset."""
    stepped, nop = _CODE[platform.machine()]
    page = bytearray(_PAGE_BYTES)
    for offset, code in ((STEPPED, stepped), (NOP, nop), (BARE, stepped), (BARE_NOP, nop)):
        page[offset : offset + len(code)] = code
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    fd = os.memfd_create("fleettrace-calibration")
    try:
        os.write(fd, bytes(page))
        address = libc.mmap(None, _PAGE_BYTES, _PROT_READ_EXEC, _MAP_PRIVATE, fd, 0)
        if address in {None, ctypes.c_void_p(-1).value}:
            raise AttachFailed(f"no function of our own can be made: {os.strerror(ctypes.get_errno())}")
        try:
            function = ctypes.CFUNCTYPE(None)
            calls: dict[int, Callable[[], None]] = {
                offset: function(address + offset) for offset in (STEPPED, NOP, BARE, BARE_NOP)
            }
            yield Path(f"/proc/{os.getpid()}/fd/{fd}"), calls
        finally:
            libc.munmap(address, _PAGE_BYTES)
    finally:
        os.close(fd)
