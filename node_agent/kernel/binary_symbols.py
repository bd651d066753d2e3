"""Functions of a binary: listed by pattern, or found by name for a probe."""

import difflib
import fnmatch
import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from fleettrace.errors import BadInput
from node_agent.kernel.binaries import Binary
from node_agent.kernel.debug_files import debug_file_of
from node_agent.kernel.demangle import demangle
from node_agent.kernel.elf import ELF_ERRORS, ElfFile, Section

__all__ = ["MAX_PLACES", "BinaryFunction", "FunctionList", "find_function", "list_functions"]

MAX_PLACES = 16
"""The most functions of one name, such as static ones of several source files, that a probe is put on at once."""

_MAX_COMPARED = 50_000
_SUGGESTED = 4


@dataclass(frozen=True, slots=True, order=True)
class BinaryFunction:
    """A function: its name as the linker has it, and where it begins in the file and in the loaded program."""

    name: str
    file_offset: int
    address: int
    size: int

    @property
    def readable_name(self) -> str:
        """The name as people write it in C++ and Rust."""
        return demangle(self.name)


@dataclass(frozen=True, slots=True)
class FunctionList:
    """The first functions that matched, by name, out of ``matched`` in all.

    ``stripped``: only exported functions are known, or none at all.
    """

    functions: tuple[BinaryFunction, ...]
    matched: int
    stripped: bool


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    address: int
    size: int
    indirect: bool


def list_functions(binary: Binary, pattern: str = "*", limit: int = 1000) -> FunctionList:
    """Functions whose name, or readable name, matches a shell pattern (``*``, ``?``, ``[...]``).

    Functions that choose another one when the program is loaded (IFUNC) are left out: a probe there would fire once.

    Raises:
        BadInput: the file is damaged.
    """
    matches = re.compile(fnmatch.translate(pattern)).match
    whole = set(pattern) == {"*"}
    try:
        tables = _Tables(binary)
        matching = [
            found
            for found in tables.functions()
            if whole or matches(found.name) or (found.name.startswith("_Z") and matches(demangle(found.name)))
        ]
        functions = _direct(binary, matching)
    except ELF_ERRORS as error:
        raise BadInput(f"the symbols of {binary.name} cannot be read: {error}") from error
    return FunctionList(tuple(heapq.nsmallest(limit, functions)), len(functions), not tables.full)


def find_function(binary: Binary, name: str) -> tuple[BinaryFunction, ...]:
    """The functions of exactly this name, as the linker has it or as people write it (``ns::f`` or ``ns::f(int)``).

    Raises:
        BadInput: there is none, too many, or only one that chooses another (IFUNC); the message says what there is.
    """
    try:
        tables = _Tables(binary)
        found = [one for one in tables.functions() if _is_called(one.name, name)]
        places = {function.file_offset: function for function in _direct(binary, found)}
        if not places:
            raise BadInput(_not_found(binary, name, tables, chosen=bool(found)))
    except ELF_ERRORS as error:
        raise BadInput(f"the symbols of {binary.name} cannot be read: {error}") from error
    if len(places) > MAX_PLACES:
        raise BadInput(
            f"{len(places)} functions of {binary.name} are called {name}, more than the {MAX_PLACES} that are traced "
            "at once: give one of them in full, with its arguments"
        )
    return tuple(sorted(places.values()))


class _Tables:
    """The symbol tables that tell of a binary: its own, and that of its debug file. ``full``: not exports alone."""

    def __init__(self, binary: Binary) -> None:
        self._binary = binary
        self.full = False

    def functions(self) -> Iterator[_Found]:
        """Each function of each table; those in two come twice."""
        elf = self._binary.elf
        self.full = any(table.is_full for table in elf.symbol_tables)
        for table in elf.symbol_tables:
            yield from _functions_of(elf, table)
        if self.full:
            return
        if (inner := elf.debug_data()) is not None:
            yield from self._other(inner)
        with debug_file_of(elf, self._binary.path, self._binary.root) as debug:
            if debug is not None:
                yield from self._other(debug)

    def _other(self, elf: ElfFile) -> Iterator[_Found]:
        self.full = True
        for table in elf.symbol_tables:
            yield from _functions_of(elf, table)


def _functions_of(elf: ElfFile, table: Section) -> Iterator[_Found]:
    strings = elf.strings(table)
    for function in elf.functions(table):
        end = strings.find(b"\0", function.name_offset)
        # A full table may name the version of an exported symbol, after an @.
        name = strings[function.name_offset : end].decode("utf-8", "backslashreplace").partition("@")[0]
        if name:
            yield _Found(name, function.address, function.size, function.indirect)


def _direct(binary: Binary, found: Sequence[_Found]) -> set[BinaryFunction]:
    """Those that are called themselves. A debug file has the function that chooses as an ordinary one."""
    choosing = {one.address for one in found if one.indirect}
    return {
        BinaryFunction(one.name, offset, one.address, one.size)
        for one in found
        if one.address not in choosing and (offset := binary.elf.offset_of(one.address)) is not None
    }


def _is_called(symbol: str, name: str) -> bool:
    if symbol == name:
        return True
    if not symbol.startswith("_Z") or name.startswith("_Z"):
        return False
    readable = demangle(symbol)
    return readable == name or ("(" not in name and readable.partition("(")[0] == name)


def _not_found(binary: Binary, name: str, tables: _Tables, *, chosen: bool) -> str:
    names = {demangle(one.name) for one in islice(tables.functions(), _MAX_COMPARED) if not one.indirect}
    near = _near(name, names)
    there = f"; near it: {', '.join(near)}" if near else ""
    if chosen:
        return (
            f"{name} of {binary.name} only chooses the function when the program is loaded (IFUNC), so that no call "
            f"goes through it: trace the one that is chosen{there}"
        )
    if not names:
        return (
            f"{binary.name} is stripped: it names no function, so that {name} cannot be found; install its debug "
            "symbols, or trace a build that is not stripped"
        )
    if not tables.full:
        return (
            f"{binary.name} is stripped and exports no function {name}; install its debug symbols, or trace an "
            f"exported function{there}"
        )
    return f"{binary.name} has no function {name}{there or ': list them with fleettrace probes'}"


def _near(name: str, names: set[str]) -> list[str]:
    """Names like it: those that hold it first, the shortest first, and then those that are spelt like it."""
    lower = name.lower()
    holding = heapq.nsmallest(_SUGGESTED, (n for n in names if lower in n.lower()), key=lambda n: (len(n), n))
    alike = difflib.get_close_matches(name, names, n=_SUGGESTED) if len(holding) < _SUGGESTED else []
    return list(dict.fromkeys([*holding, *alike]))[:_SUGGESTED]
