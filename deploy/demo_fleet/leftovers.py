"""What a demonstration may have left on the machine."""

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from fleettrace.catalog import builtin_tools
from node_agent.kernel.inventory import program_ids, program_name

__all__ = ["held_program_ids", "leftover_programs"]

RELEASE_LIMIT_S = 3.0
"""The kernel frees a program up to 100 ms after its last owner died; a loaded machine takes longer."""

NAME_BYTES = 15
"""What the kernel keeps of a program's name."""

_PROGRAM_ID = re.compile(r"^prog_id:\s*(\d+)$", re.MULTILINE)


def leftover_programs(
    before: frozenset[int],
    list_programs: Callable[[], Iterable[int]] = program_ids,
    list_held: Callable[[], frozenset[int]] | None = None,
    limit_s: float = RELEASE_LIMIT_S,
) -> list[str]:
    """The names of tools' programs that are newer than ``before`` and stay although no process owns them.

    One that is attached or pinned without an owner would run on for ever: that is what must not be left. A program of
    somebody else has an owner, or another name: systemd owns none of those that it attaches to cgroups, and the kernel
    takes seconds to free the hundreds that a tracer of all system calls has left.
    """
    ours = {attach.program[:NAME_BYTES] for tool in builtin_tools().values() for attach in tool.attach}
    deadline = time.monotonic() + limit_s
    while True:
        newer = set(list_programs()) - before
        ownerless = newer and newer - (list_held or held_program_ids)()
        names = [name for program in sorted(ownerless) if (name := program_name(program)) in ours]
        if not names or time.monotonic() > deadline:
            return names
        time.sleep(0.05)


def held_program_ids(proc: Path = Path("/proc")) -> frozenset[int]:
    """The programs that some process holds a descriptor of, directly or by a link."""
    found: set[int] = set()
    for directory in proc.glob("[0-9]*/fdinfo"):
        try:
            for entry in directory.iterdir():
                found.update(int(program) for program in _PROGRAM_ID.findall(entry.read_text()))
        except OSError:
            continue  # the process ended meanwhile
    return frozenset(found)
