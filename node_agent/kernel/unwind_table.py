"""Where functions begin in a file that does not name them: its table for unwinding, which stripping leaves.

Format of ``.eh_frame_hdr``: "Exception Frames" of the Linux Standard Base, core, generic. Linkers write its search
table as pairs of 32-bit numbers relative to the section, sorted by where functions begin; others are left alone.
"""

import struct
from bisect import bisect_right
from collections.abc import Collection

from node_agent.kernel.elf import ELF_ERRORS, ElfFile, Read

__all__ = ["function_beginnings"]

_START = struct.Struct("<BBBBiI")  # version, three encodings, pointer to .eh_frame, number of functions
_ENCODINGS = (1, 0x1B, 0x03, 0x3B)  # version 1; relative to here, absolute, relative to the section; 32 bits each
_PAIR = struct.Struct("<ii")
_MAX_BYTES = 16 << 20


def function_beginnings(read: Read, offsets: Collection[int]) -> dict[int, int]:
    """The file offset at which the function begins that each offset lies in; those before any are left out."""
    try:
        elf = ElfFile(read)
        section = elf.section(".eh_frame_hdr")
        if section is None or section.size > _MAX_BYTES:
            return {}
        data = elf.content(section, _MAX_BYTES)
        *encodings, _, count = _START.unpack_from(data)
        if tuple(encodings) != _ENCODINGS or _START.size + count * _PAIR.size > len(data):
            return {}
        pairs = _PAIR.iter_unpack(data[_START.size : _START.size + count * _PAIR.size])
        beginnings = [section.address + relative for relative, _ in pairs]
        found: dict[int, int] = {}
        for offset in offsets:
            address = elf.address_of(offset)
            index = bisect_right(beginnings, address) if address is not None else 0
            if index and (beginning := elf.offset_of(beginnings[index - 1])) is not None:
                found[offset] = beginning
    except ELF_ERRORS:
        return {}
    return found
