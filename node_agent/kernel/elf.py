"""ELF files, as far as tracing needs them: segments, sections, functions, notes.

A file comes from whatever process or path was named, so nothing in it is trusted: it is read and not mapped (a mapped
file that shrinks kills its reader), what it says of itself is checked, and work and memory are bounded. Layouts:
elf(5), 64-bit little-endian.
"""

import lzma
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["ELF_ERRORS", "ElfFile", "ElfFunction", "Note", "Read", "Section"]

Read = Callable[[int, int], bytes]
"""Reads (size, offset) of a file, as ``os.pread`` does; fewer bytes at its end."""

ELF_ERRORS = (struct.error, ValueError, IndexError, OverflowError, OSError, lzma.LZMAError)
"""What reading a file that is cut off, or not what it says to be, can raise."""

_MAGIC = b"\x7fELF"
_IDENT = b"\x7fELF\x02\x01"  # magic, 64-bit, little-endian
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_NOTE = struct.Struct("<III")

_PT_LOAD, _PT_NOTE = 1, 4
_SHT_PROGBITS, _SHT_SYMTAB, _SHT_NOTE, _SHT_DYNSYM = 1, 2, 7, 11
_STT_FUNC, _STT_GNU_IFUNC = 2, 10
_FUNCTION_TYPES = frozenset({_STT_FUNC, _STT_GNU_IFUNC})
_NT_GNU_BUILD_ID = 3

_MAX_HEADERS = 1024
_MAX_SYMBOLS = 2_000_000
_SYMBOLS_PER_READ = 16_384
_MAX_NAME_BYTES = 2048
_MAX_STRINGS_BYTES = 128 << 20
_MAX_NOTE_BYTES = 4 << 20
_MAX_COMPRESSED_BYTES = 16 << 20
_MAX_DEBUGDATA_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Section:
    """A section's header; ``name`` is empty where the file does not tell."""

    name: str
    kind: int
    address: int
    offset: int
    size: int
    link: int

    @property
    def is_full(self) -> bool:
        """Of a symbol table: whether it has all functions, and not exported ones alone."""
        return self.kind == _SHT_SYMTAB


@dataclass(frozen=True, slots=True)
class ElfFunction:
    """An entry of a symbol table: a function, or (``indirect``) one that chooses the function when it is loaded."""

    address: int
    size: int
    name_offset: int
    indirect: bool


@dataclass(frozen=True, slots=True)
class Note:
    """One note: who defines it, of which type, and what it says."""

    owner: bytes
    kind: int
    content: bytes


class ElfFile:
    """One file's structure; whatever else it is asked for may raise :data:`ELF_ERRORS`."""

    def __init__(self, read: Read) -> None:
        """Read the headers.

        Raises:
            ValueError: not an ELF file of 64 bits, little-endian.
        """
        self.read = read
        header = read(_HEADER.size, 0)
        if header[:4] != _MAGIC:
            raise ValueError("not an ELF file")
        if header[:6] != _IDENT:
            raise ValueError("not a 64-bit little-endian ELF file")
        fields = _HEADER.unpack(header)
        self.machine: int = fields[2]
        _, segments, sections, _, _, segment_size, segment_count, section_size, section_count, names = fields[4:]
        self._loads: list[tuple[int, int, int]] = []
        self._note_ranges: list[tuple[int, int]] = []
        for kind, _, offset, address, _, file_bytes, _, _ in self._headers(
            _PROGRAM_HEADER, segments, segment_size, segment_count
        ):
            if kind == _PT_LOAD:
                self._loads.append((offset, offset + file_bytes, address - offset))
            elif kind == _PT_NOTE:
                self._note_ranges.append((offset, file_bytes))
        self.sections = self._sections(
            list(self._headers(_SECTION_HEADER, sections, section_size, section_count)), names
        )

    def _headers(self, layout: struct.Struct, first: int, step: int, count: int) -> Iterator[tuple[int, ...]]:
        for index in range(min(count, _MAX_HEADERS)):
            yield layout.unpack(self.read(layout.size, first + index * step))

    def _sections(self, headers: list[tuple[int, ...]], names_index: int) -> list[Section]:
        names_offset = headers[names_index][4] if names_index < len(headers) else None
        return [
            Section(
                "" if names_offset is None else self.text(names_offset + fields[0]),
                *(fields[1], fields[3], fields[4], fields[5], fields[6]),
            )
            for fields in headers
        ]

    def section(self, name: str) -> Section | None:
        """The first section of this name."""
        return next((section for section in self.sections if section.name == name), None)

    def address_of(self, offset: int) -> int | None:
        """Where the loader would map a byte of the file, as symbols count addresses."""
        return next((offset + shift for start, end, shift in self._loads if start <= offset < end), None)

    def offset_of(self, address: int) -> int | None:
        """The byte of the file that the loader maps to an address; None: in no segment."""
        return next((address - shift for start, end, shift in self._loads if start <= address - shift < end), None)

    def content(self, section: Section, max_bytes: int) -> bytes:
        """A section's bytes, or none when it is larger than allowed."""
        return self.read(section.size, section.offset) if section.size <= max_bytes else b""

    def text(self, offset: int) -> str:
        """The zero-terminated text at an offset of the file."""
        return self.read(_MAX_NAME_BYTES, offset).split(b"\0", 1)[0].decode("utf-8", "backslashreplace")

    @property
    def symbol_tables(self) -> list[Section]:
        """Tables of functions: the full one first, and then that of exported functions."""
        return [s for kind in (_SHT_SYMTAB, _SHT_DYNSYM) for s in self.sections if s.kind == kind]

    def functions(self, table: Section) -> Iterator[ElfFunction]:
        """The functions of a symbol table that this file itself defines, in the table's order."""
        count = min(table.size // _SYMBOL.size, _MAX_SYMBOLS)
        for first in range(0, count, _SYMBOLS_PER_READ):
            wanted = min(_SYMBOLS_PER_READ, count - first)
            block = self.read(wanted * _SYMBOL.size, table.offset + first * _SYMBOL.size)
            if len(block) < wanted * _SYMBOL.size:
                return
            for name, info, _, section, value, size in _SYMBOL.iter_unpack(block):
                kind = info & 0xF
                if size and section and kind in _FUNCTION_TYPES:
                    yield ElfFunction(value, size, name, kind == _STT_GNU_IFUNC)

    def strings_of(self, table: Section) -> Section:
        """The section that holds the names of a symbol table."""
        return self.sections[table.link]

    def strings(self, table: Section) -> bytes:
        """The names of a symbol table, all of them; none when they are more than fits."""
        return self.content(self.strings_of(table), _MAX_STRINGS_BYTES)

    def debug_data(self) -> "ElfFile | None":
        """The symbol table that some distributions leave in a stripped file: ``.gnu_debugdata``, an xz-compressed ELF
        file without code.
        """
        section = self.section(".gnu_debugdata")
        if section is None or section.kind != _SHT_PROGBITS:
            return None
        unpacker = lzma.LZMADecompressor(memlimit=_MAX_DEBUGDATA_BYTES)
        data = unpacker.decompress(self.content(section, _MAX_COMPRESSED_BYTES), _MAX_DEBUGDATA_BYTES)
        return ElfFile(lambda size, offset: data[offset : offset + size])

    def notes(self) -> Iterator[Note]:
        """All notes, of sections and of segments; those that are in both come twice."""
        places = [(s.offset, s.size) for s in self.sections if s.kind == _SHT_NOTE] + self._note_ranges
        for offset, size in dict.fromkeys(places):
            data = self.read(min(size, _MAX_NOTE_BYTES), offset)
            at = 0
            while at + _NOTE.size <= len(data):
                owner_bytes, content_bytes, kind = _NOTE.unpack_from(data, at)
                owner_at = at + _NOTE.size
                content_at = owner_at + (owner_bytes + 3) // 4 * 4
                content = data[content_at : content_at + content_bytes]
                yield Note(data[owner_at : owner_at + owner_bytes].rstrip(b"\0"), kind, content)
                at = content_at + (content_bytes + 3) // 4 * 4

    @property
    def build_id(self) -> str:
        """What tells one build from all others, in hexadecimal digits; empty: it was linked without one."""
        found = (note for note in self.notes() if note.owner == b"GNU" and note.kind == _NT_GNU_BUILD_ID)
        return next((note.content[:32].hex() for note in found), "")
