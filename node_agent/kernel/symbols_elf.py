"""Function names from an ELF file's symbol tables, for given offsets into the file.

The file comes from whatever process was sampled, so nothing in it is trusted: it is read and not mapped (a mapped file
that shrinks kills its reader), what it says of itself is checked, and work and memory are bounded. Layouts: elf(5),
64-bit little-endian.
"""

import lzma
import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from node_agent.kernel.demangle import demangle
from node_agent.kernel.symbol_match import match_nearest_below

__all__ = ["Read", "resolve_offsets"]

Read = Callable[[int, int], bytes]
"""Reads (size, offset) of a file, as ``os.pread`` does; fewer bytes at its end."""

_IDENT = b"\x7fELF\x02\x01"  # magic, 64-bit, little-endian
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")

_PT_LOAD = 1
_SHT_PROGBITS, _SHT_SYMTAB, _SHT_DYNSYM = 1, 2, 11
_FUNCTION_TYPES = frozenset({2, 10})  # STT_FUNC, STT_GNU_IFUNC

_MAX_HEADERS = 1024
_MAX_SYMBOLS = 2_000_000
_SYMBOLS_PER_READ = 16_384
_MAX_NAME_BYTES = 2048
_MAX_COMPRESSED_BYTES = 16 << 20
_MAX_DEBUGDATA_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class _Section:
    name_offset: int
    kind: int
    offset: int
    size: int
    link: int


class _Elf:
    """The parts of a file that lead to its symbols."""

    def __init__(self, read: Read) -> None:
        self._read = read
        header = _HEADER.unpack(read(_HEADER.size, 0))
        if header[0][:6] != _IDENT:
            raise ValueError("not a 64-bit little-endian ELF file")
        _, _, _, _, _, segments, sections, _, _, segment_size, segment_count, section_size, section_count, names = (
            header
        )
        self._segments = (segments, segment_size, min(segment_count, _MAX_HEADERS))
        self.sections = [
            _Section(fields[0], fields[1], fields[4], fields[5], fields[6])
            for fields in self._headers(_SECTION_HEADER, sections, section_size, min(section_count, _MAX_HEADERS))
        ]
        self._names_index: int = names

    def _headers(self, layout: struct.Struct, first: int, step: int, count: int) -> Iterator[tuple[int, ...]]:
        for index in range(count):
            yield layout.unpack(self._read(layout.size, first + index * step))

    def addresses(self, offsets: Collection[int]) -> dict[int, int]:
        """Where the loader would map each file offset: symbols have such addresses."""
        loads = [
            (offset, offset + file_bytes, address - offset)
            for kind, _, offset, address, _, file_bytes, _, _ in self._headers(_PROGRAM_HEADER, *self._segments)
            if kind == _PT_LOAD
        ]
        return {wanted: wanted + shift for wanted in offsets for start, end, shift in loads if start <= wanted < end}

    def section_name(self, section: _Section) -> bytes:
        """A section's name."""
        return self._text(self.sections[self._names_index].offset + section.name_offset)

    def content(self, section: _Section, max_bytes: int) -> bytes:
        """A section's bytes, or none when it is larger than allowed."""
        return self._read(section.size, section.offset) if section.size <= max_bytes else b""

    def functions(self, table: _Section, addresses: Collection[int]) -> dict[int, str]:
        """The names of the functions of a table that the addresses lie in."""
        names = self.sections[table.link]
        matched = match_nearest_below(sorted(addresses), self._sized_functions(table))
        found: dict[int, str] = {}
        for address, (start, (size, name_offset)) in matched.items():
            if address < start + size and (name := self._text(names.offset + name_offset)):
                found[address] = name.decode("utf-8", "backslashreplace")
        return found

    def _sized_functions(self, table: _Section) -> Iterator[tuple[int, tuple[int, int]]]:
        count = min(table.size // _SYMBOL.size, _MAX_SYMBOLS)
        for first in range(0, count, _SYMBOLS_PER_READ):
            wanted = min(_SYMBOLS_PER_READ, count - first)
            block = self._read(wanted * _SYMBOL.size, table.offset + first * _SYMBOL.size)
            if len(block) < wanted * _SYMBOL.size:
                return
            for name, info, _, section, value, size in _SYMBOL.iter_unpack(block):
                if size and section and info & 0xF in _FUNCTION_TYPES:
                    yield value, (size, name)

    def _text(self, offset: int) -> bytes:
        return self._read(_MAX_NAME_BYTES, offset).split(b"\0", 1)[0]


def resolve_offsets(read: Read, offsets: Collection[int]) -> dict[int, str]:
    """The function that each file offset lies in; offsets in none, and all of a file that is no ELF, are left out.

    Tables are asked in turn for what is still open: ``.symtab``, the compressed ``.gnu_debugdata`` that some
    distributions put in place of it, and ``.dynsym``, which has exported functions only.
    """
    try:
        elf = _Elf(read)
        addresses = elf.addresses(offsets)
        found: dict[int, str] = {}
        for kind in (_SHT_SYMTAB, _SHT_PROGBITS, _SHT_DYNSYM):
            for section in elf.sections:
                left = {address for address in addresses.values() if address not in found}
                if left and section.kind == kind:
                    found |= _from_section(elf, section, left)
    except (struct.error, ValueError, IndexError, OverflowError, OSError, lzma.LZMAError):
        return {}  # cut off, or not what it says to be
    return {offset: demangle(found[address]) for offset, address in addresses.items() if address in found}


def _from_section(elf: _Elf, section: _Section, addresses: Collection[int]) -> dict[int, str]:
    if section.kind != _SHT_PROGBITS:
        return elf.functions(section, addresses)
    if elf.section_name(section) != b".gnu_debugdata":
        return {}
    # An xz-compressed ELF file with a symbol table and no code.
    unpacker = lzma.LZMADecompressor(memlimit=_MAX_DEBUGDATA_BYTES)
    data = unpacker.decompress(elf.content(section, _MAX_COMPRESSED_BYTES), _MAX_DEBUGDATA_BYTES)
    inner = _Elf(lambda size, offset: data[offset : offset + size])
    found: dict[int, str] = {}
    for table in inner.sections:
        if table.kind == _SHT_SYMTAB:
            found |= inner.functions(table, addresses)
    return found
