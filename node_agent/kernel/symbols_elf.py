"""Function names from an ELF file's symbol tables, for given offsets into the file."""

from collections.abc import Collection, Iterator

from node_agent.kernel.debug_files import debug_file_of
from node_agent.kernel.demangle import demangle
from node_agent.kernel.elf import ELF_ERRORS, ElfFile, Read, Section
from node_agent.kernel.symbol_match import match_nearest_below

__all__ = ["resolve_offsets"]


def resolve_offsets(read: Read, offsets: Collection[int]) -> dict[int, str]:
    """The function that each file offset lies in; offsets in none, and all of a file that is no ELF, are left out.

    Tables are asked in turn for what is still open: ``.symtab``, the compressed ``.gnu_debugdata`` that some
    distributions put in place of it, the debug file that others install apart, and ``.dynsym``, which has exported
    functions only.
    """
    found: dict[int, str] = {}
    try:
        elf = ElfFile(read)
        addresses = {offset: address for offset in offsets if (address := elf.address_of(offset)) is not None}
        for file, table in _tables(elf):
            if not (left := set(addresses.values()) - found.keys()):
                break
            found |= _names(file, table, left)
    except ELF_ERRORS:
        return {}  # cut off, or not what it says to be
    return {offset: demangle(found[address]) for offset, address in addresses.items() if address in found}


def _tables(elf: ElfFile) -> Iterator[tuple[ElfFile, Section]]:
    full = [table for table in elf.symbol_tables if table.is_full]
    yield from ((elf, table) for table in full)
    if (inner := elf.debug_data()) is not None:
        yield from ((inner, table) for table in inner.symbol_tables)
    if not full:
        with debug_file_of(elf) as debug:
            if debug is not None:
                yield from ((debug, table) for table in debug.symbol_tables)
    yield from ((elf, table) for table in elf.symbol_tables if not table.is_full)


def _names(elf: ElfFile, table: Section, addresses: Collection[int]) -> dict[int, str]:
    """The names of the functions of a table that the addresses lie in."""
    sized = ((function.address, function.size) for function in elf.functions(table))
    begins = {
        address: start
        for address, (start, size) in match_nearest_below(sorted(addresses), sized).items()
        if address < start + size
    }
    wanted, names_at = set(begins.values()), elf.strings_of(table).offset
    aliases: dict[int, list[str]] = {}
    for function in elf.functions(table):
        if function.address in wanted:
            aliases.setdefault(function.address, []).append(elf.text(names_at + function.name_offset))
    names = {start: min(filter(None, of_one), key=_plainness, default="") for start, of_one in aliases.items()}
    return {address: names[start] for address, start in begins.items() if names.get(start)}


def _plainness(name: str) -> tuple[int, int, str]:
    """Puts first, of the names of one function, the one that people know: ``read``, not ``__libc_read``."""
    return len(name) - len(name.lstrip("_")), len(name), name
