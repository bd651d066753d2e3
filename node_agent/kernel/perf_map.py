"""Symbols of code made at run time: /tmp/perf-PID.map, which Java, Node.js, Python and others can write.

Each line is ``start size name`` with hexadecimal numbers (tools/perf/Documentation/jit-interface.txt).
"""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from node_agent.kernel.symbol_match import match_nearest_below

__all__ = ["open_perf_map", "parse_perf_map", "resolve_in_perf_map"]

_MAX_BYTES = 32 << 20


def resolve_in_perf_map(fd: int, addresses: Collection[int]) -> dict[int, str]:
    """Names for addresses in generated code, by a file of :func:`open_perf_map`; addresses without one are left out."""
    text = os.pread(fd, _MAX_BYTES, 0).decode("utf-8", "backslashreplace")
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


def open_perf_map(tgid: int, proc: Path = Path("/proc")) -> int | None:
    """A descriptor of the file of a live process, by the pid and in the /tmp that the process itself sees.

    It can be read when the process has ended, and its names with it.
    """
    process = proc / str(tgid)
    try:
        status = (process / "status").read_text()
        own_pid = next(line.split()[-1] for line in status.splitlines() if line.startswith("NSpid:"))
        owner = process.stat().st_uid
        # A process chooses what lies there: follow no link, wait for no pipe, believe no other user's file.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(process / f"root/tmp/perf-{own_pid}.map", flags)
    except (OSError, StopIteration):
        return None
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode) and found.st_uid in {0, owner}:
        return fd
    os.close(fd)
    return None
