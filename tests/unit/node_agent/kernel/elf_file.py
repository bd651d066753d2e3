"""A small ELF file, written by hand: one loadable segment and symbol tables."""

import lzma
import struct
from collections.abc import Sequence

Symbols = Sequence[tuple[int, int, str]]
"""(address, size, name) of functions."""

LOAD_OFFSET = 0x1000
LOAD_ADDRESS = 0x401000
LOAD_BYTES = 0x1000


def elf_file(*, symtab: Symbols = (), dynsym: Symbols = (), debugdata: Symbols = ()) -> bytes:
    body = bytearray(LOAD_OFFSET + LOAD_BYTES)
    headers = [struct.pack("<IIQQQQIIQQ", *([0] * 10))]
    section_names = bytearray(b"\0")

    def add(kind: int, name: str, content: bytes, link: int = 0) -> None:
        name_offset = len(section_names)
        section_names.extend(name.encode() + b"\0")
        headers.append(struct.pack("<IIQQQQIIQQ", name_offset, kind, 0, 0, len(body), len(content), link, 0, 0, 24))
        body.extend(content)

    for kind, name, symbols in ((2, ".symtab", symtab), (11, ".dynsym", dynsym)):
        if symbols:
            names = bytearray(b"\0")
            table = bytearray(24)
            for address, size, symbol in symbols:
                table += struct.pack("<IBBHQQ", len(names), 0x12, 0, 1, address, size)
                names += symbol.encode() + b"\0"
            add(kind, name, bytes(table), link=len(headers) + 1)
            add(3, name + "str", bytes(names))
    if debugdata:
        add(1, ".gnu_debugdata", lzma.compress(elf_file(symtab=debugdata)))
    add(3, ".shstrtab", b"")
    names_offset = len(body)
    body += section_names
    fields = list(struct.unpack("<IIQQQQIIQQ", headers[-1]))
    fields[4], fields[5] = names_offset, len(section_names)
    headers[-1] = struct.pack("<IIQQQQIIQQ", *fields)

    sections_at = len(body)
    body += b"".join(headers)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    struct.pack_into(
        "<16sHHIQQQIHHHHHH",
        body,
        0,
        *(ident, 3, 62, 1, 0, 64, sections_at, 0, 64, 56, 1, 64, len(headers), len(headers) - 1),
    )
    struct.pack_into("<IIQQQQQQ", body, 64, 1, 5, LOAD_OFFSET, LOAD_ADDRESS, 0, LOAD_BYTES, LOAD_BYTES, 0x1000)
    return bytes(body)
