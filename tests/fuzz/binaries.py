"""Files and names of programs that anybody on a host can start: read by agents that name their functions."""

import platform
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fleettrace.errors import BadInput, Unfit
from node_agent.kernel.binaries import Binary
from node_agent.kernel.binary_symbols import find_function, list_functions
from node_agent.kernel.demangle import demangle
from node_agent.kernel.elf import ELF_ERRORS, ElfFile, Read
from node_agent.kernel.perf_map import parse_perf_map
from node_agent.kernel.symbols_elf import resolve_offsets
from node_agent.kernel.unwind_table import function_beginnings
from node_agent.kernel.usdt import list_usdt
from node_agent.kernel.usdt_arguments import parse_argument
from tests.fuzz.target import Target
from tests.unit.node_agent.kernel.elf_file import LOAD_OFFSET, elf_file

__all__ = ["TARGETS"]

OFFSETS = (0, LOAD_OFFSET, LOAD_OFFSET + 0x10, 1 << 40)
MAX_OFF_T = (1 << 63) - 1


def _reading(data: bytes) -> Read:
    """As ``os.pread`` reads a file with these bytes."""

    def read(size: int, offset: int) -> bytes:
        if offset > MAX_OFF_T or size > MAX_OFF_T:
            raise OverflowError("Python int too large to convert to C long")
        return data[offset : offset + size]

    return read


def _elf(data: bytes) -> None:
    read = _reading(data)
    resolve_offsets(read, OFFSETS)
    function_beginnings(read, OFFSETS)
    try:
        elf = ElfFile(read)
        binary = Binary("/b", Path("/b"), Path("/"), elf, elf.build_id)
    except ELF_ERRORS:
        return
    for look in (list_functions, list_usdt, lambda one: find_function(one, "work")):
        with suppress(BadInput, Unfit):
            look(binary)


def _names(data: bytes) -> None:
    text = data.decode("utf-8", "backslashreplace")
    list(parse_perf_map(text))
    for line in text.splitlines()[:8]:
        demangle(line)


def _argument() -> Callable[[bytes], None]:
    machines = {platform.machine(), "x86_64", "aarch64"}

    def check(data: bytes) -> None:
        text = data.decode("utf-8", "backslashreplace")
        for machine in machines:
            for number in (0, 1, 11):
                with suppress(BadInput, Unfit):
                    parse_argument(text, number, machine)

    return check


def _elf_seeds() -> list[bytes]:
    work = [(0x401000, 32, "work"), (0x401020, 16, "_ZN4deep4downEv")]
    return [elf_file(symtab=work), elf_file(dynsym=work, debugdata=work), elf_file()]


TARGETS = {
    "elf": Target(_elf, _elf_seeds),
    "names": Target(
        _names,
        lambda: [
            b"7f0000001000 20 py::work:/a.py\n",
            b"00400000-00401000 r-xp 00000000 fe:00 7 /bin/b\n",
            b"_ZN1a1bEv",
        ],
    ),
    "argument": Target(_argument(), lambda: [b"-4@%eax 8@-8(%rbp) 8@$7", b"8@[sp, 16] -4@x0 4@8(%rax,%rbx,4)"]),
}
