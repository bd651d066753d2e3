"""Symbols of code made at run time: /tmp/perf-PID.map, which Java, Node.js, Python and others can write.

Each line is ``start size name`` with hexadecimal numbers (tools/perf/Documentation/jit-interface.txt).
"""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from node_agent.kernel.symbol_match import match_nearest_below

__all__ = ["parse_perf_map", "resolve_in_perf_map"]

_MAX_BYTES = 32 << 20


def resolve_in_perf_map(tgid: int, addresses: Collection[int], proc: Path = Path("/proc")) -> dict[int, str]:
    """Names for addresses in the generated code of a live process; addresses without one are left out."""
    text = _read(proc / str(tgid))
    if text is None:
        return {}
    matched = match_nearest_below(sorted(addresses), parse_perf_map(text))
    return {address: name for address, (start, (size, name)) in matched.items() if address < start + size}


def parse_perf_map(text: str) -> Iterator[tuple[int, tuple[int, str]]]:
    """(start, (size, name)) of each well-formed line."""
    for line in text.splitlines():
        start, _, rest = line.partition(" ")
        size, _, name = rest.partition(" ")
        try:
            entry = int(start, 16), (int(size, 16), name.strip())
        except ValueError:
            continue  # the process may be in the midst of writing it
        if entry[1][1]:
            yield entry


def _read(process: Path) -> str | None:
    """The file of a process, by the pid and in the /tmp that the process itself sees."""
    try:
        status = (process / "status").read_text()
        own_pid = next(line.split()[-1] for line in status.splitlines() if line.startswith("NSpid:"))
        owner = process.stat().st_uid
        # A process chooses what lies there: follow no link, wait for no pipe, believe no other user's file.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(process / f"root/tmp/perf-{own_pid}.map", flags)
    except (OSError, StopIteration):
        return None
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in {0, owner}:
            return None
        return file.read(_MAX_BYTES).decode("utf-8", "backslashreplace")
