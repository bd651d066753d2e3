"""Names of kernel functions, from /proc/kallsyms; those of modules with the module: ``nft_do_chain [nf_tables]``.

Without CAP_SYSLOG the kernel shows every address as zero (kernel.kptr_restrict); frames then have no name.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from node_agent.kernel.symbol_match import match_nearest_below

__all__ = ["UNKNOWN_KERNEL_FRAME", "KernelSymbols"]

UNKNOWN_KERNEL_FRAME = "[kernel]"
"""Stands for an address without a name: the address would differ from boot to boot, and tell where the kernel is."""

_KALLSYMS = Path("/proc/kallsyms")
_TEXT_TYPES = frozenset((b"t", b"T", b"w", b"W"))
_MAX_CACHED = 65_536


class KernelSymbols:
    """Resolves addresses, in one pass over the file for all that are new."""

    def __init__(self, kallsyms: Path = _KALLSYMS) -> None:
        self._kallsyms = kallsyms
        self._names: dict[int, str] = {}

    def resolve(self, addresses: Collection[int]) -> dict[int, str]:
        """A name for every address."""
        unknown = sorted({address for address in addresses if address not in self._names})
        if unknown:
            if len(self._names) + len(unknown) > _MAX_CACHED:
                self._names.clear()
                unknown = sorted(set(addresses))
            matched = match_nearest_below(unknown, self._symbols())
            self._names.update({a: _name(matched[a][1]) if a in matched else UNKNOWN_KERNEL_FRAME for a in unknown})
        return {address: self._names[address] for address in addresses}

    def _symbols(self) -> Iterator[tuple[int, bytes]]:
        """Where functions begin, and what the file says of them, which is looked at for a few of them only."""
        try:
            with self._kallsyms.open("rb") as lines:
                for line in lines:  # "ffffffff81000000 T _text" and, for modules, "\t[module]"
                    address, kind, rest = line.split(None, 2)
                    if kind in _TEXT_TYPES and (start := int(address, 16)):
                        yield start, rest
        except OSError:
            return  # no /proc/kallsyms: frames without a name


def _name(rest: bytes) -> str:
    """A module's function says which; the names of two may be alike."""
    return " ".join(rest.decode(errors="replace").split())
