"""USDT probes of a binary: what its programmers marked, as ``.note.stapsdt`` tells.

Format: https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation. A probe is a nop at each of its sites. One
with a semaphore is skipped, arguments and all, until the semaphore is above zero.
"""

import fnmatch
import re
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fleettrace.errors import BadInput, Unfit
from node_agent.kernel.address_space import parse_maps
from node_agent.kernel.binaries import Binary, open_binary, root_of_process
from node_agent.kernel.elf import ELF_ERRORS

__all__ = ["UsdtProbe", "UsdtSite", "find_usdt", "list_process_usdt", "list_usdt"]

_NT_STAPSDT = 3
_PLACES = struct.Struct("<QQQ")
_MAX_NOTES = 65_536
_MAX_BINARIES = 256
_LISTED = 12


@dataclass(frozen=True, slots=True, order=True)
class UsdtSite:
    """One place of a probe, in offsets into the file; ``semaphore_offset`` 0: it has none.

    ``arguments`` are as the assembler wrote them: ``-4@%edi 8@-8(%rbp) 4@$5``.
    """

    file_offset: int
    semaphore_offset: int
    arguments: str


@dataclass(frozen=True, slots=True)
class UsdtProbe:
    """A probe of one binary, with all its sites."""

    binary: str
    provider: str
    name: str
    sites: tuple[UsdtSite, ...]

    @property
    def full_name(self) -> str:
        """``provider:name``."""
        return f"{self.provider}:{self.name}"

    @property
    def argument_count(self) -> int:
        """How many arguments every site has."""
        return min(len(site.arguments.split()) for site in self.sites)


def list_usdt(binary: Binary, pattern: str = "*") -> tuple[UsdtProbe, ...]:
    """The probes whose ``provider:name`` matches a shell pattern, by name; a binary without any has none.

    Raises:
        BadInput: the file is damaged.
    """
    matches = re.compile(fnmatch.translate(pattern)).match
    sites: defaultdict[tuple[str, str], set[UsdtSite]] = defaultdict(set)
    try:
        for provider, name, site in islice(_sites(binary), _MAX_NOTES):
            if matches(f"{provider}:{name}"):
                sites[provider, name].add(site)
    except ELF_ERRORS as error:
        raise BadInput(f"the USDT probes of {binary.name} cannot be read: {error}") from error
    return tuple(
        UsdtProbe(binary.name, provider, name, tuple(sorted(sites[provider, name]))) for provider, name in sorted(sites)
    )


def list_process_usdt(pid: int, pattern: str = "*") -> tuple[UsdtProbe, ...]:
    """The probes of everything that a process has mapped: its program and libraries, as it sees them.

    Raises:
        BadInput: there is no such process.
        Unfit: this process may not look.
    """
    root = root_of_process(pid)
    try:
        mappings = parse_maps(Path(f"/proc/{pid}/maps").read_text(errors="surrogateescape"))
    except OSError as error:
        raise BadInput(f"process {pid} has ended, or cannot be looked at: {error.strerror}") from error
    probes: list[UsdtProbe] = []
    for path in islice(dict.fromkeys(m.path for m in mappings if m.path.startswith("/")), _MAX_BINARIES):
        try:
            with open_binary(path, root) as binary:
                probes += list_usdt(binary, pattern)
        except (BadInput, Unfit):
            continue  # deleted, no ELF file, or not to be read: what is there is listed all the same
    return tuple(probes)


def find_usdt(binary: Binary, provider: str, name: str) -> UsdtProbe:
    """The probe of exactly this name.

    Raises:
        BadInput: there is none; the message says what there is.
    """
    probes = list_usdt(binary)
    for probe in probes:
        if (probe.provider, probe.name) == (provider, name):
            return probe
    if not probes:
        raise BadInput(f"{binary.name} has no USDT probes: a build with them is needed (--enable-dtrace or the like)")
    same = [p for p in probes if p.provider == provider or p.name == name] or list(probes)
    names = ", ".join(probe.full_name for probe in same[:_LISTED])
    more = f" and {len(same) - _LISTED} more" if len(same) > _LISTED else ""
    raise BadInput(f"{binary.name} has no USDT probe {provider}:{name}; it has {names}{more}")


def _sites(binary: Binary) -> Iterator[tuple[str, str, UsdtSite]]:
    elf = binary.elf
    base_section = elf.section(".stapsdt.base")
    for note in elf.notes():
        if note.owner != b"stapsdt" or note.kind != _NT_STAPSDT:
            continue
        location, base, semaphore = _PLACES.unpack_from(note.content)
        texts = note.content[_PLACES.size :].split(b"\0")
        if len(texts) < 3:
            continue
        # Prelinking moves the file's addresses but does not touch notes: the base tells how far.
        moved = base_section.address - base if base_section is not None and base else 0
        offset = elf.offset_of(location + moved)
        semaphore_offset = elf.offset_of(semaphore + moved) if semaphore else 0
        if offset is not None and semaphore_offset is not None:
            provider, name, arguments = (text.decode("utf-8", "backslashreplace") for text in texts[:3])
            yield provider, name, UsdtSite(offset, semaphore_offset, arguments)
