"""How a run's bpftrace is set up: its bounds, and the cgroups that the program compares with."""

import os
from pathlib import Path

from fleettrace.errors import BadInput
from fleettrace.oneliner.tree import Call, Integer
from fleettrace.oneliner.walk import program_expressions
from node_agent.backends.bpftrace.program import RunProgram
from node_agent.kernel.cgroups import Scope

__all__ = ["scope_cgroups", "settings"]

MAX_SCOPE_CGROUPS = 32
VMLINUX_BTF = "/sys/kernel/btf/vmlinux"
OWN_PROBES = 32 + 3
"""Beside those that watch something: BEGIN, END and intervals of the program, and what a run adds."""
STRING_BYTES = 64


def settings(run: RunProgram, max_probes: int) -> dict[str, str]:
    """Environment variables that bound it."""
    return {
        "BPFTRACE_MAP_KEYS_MAX": str(run.max_keys),
        "BPFTRACE_STRLEN": str(max(STRING_BYTES, *_string_sizes(run))),
        "BPFTRACE_MAX_PROBES": str(max_probes + OWN_PROBES),
        # Named, because to find it by itself bpftrace goes through the kernel's BTF objects, for CAP_SYS_ADMIN alone.
        "BPFTRACE_BTF": VMLINUX_BTF,
        # Symbols of a process that ends during the trace are known only if they were read before.
        "BPFTRACE_CACHE_USER_SYMBOLS": "1",
    }


def _string_sizes(run: RunProgram) -> list[int]:
    return [0] + [
        size.value
        for one in program_expressions(run.program)
        if isinstance(one, Call) and one.name in {"str", "buf"}
        for size in one.arguments[1:]
        if isinstance(size, Integer)
    ]


def scope_cgroups(scope: Scope | None) -> list[int]:
    """The ids of a cgroup and of all below it: bpftrace tells the exact group of a task alone.

    Raises:
        BadInput: there are more than a program can compare with.
    """
    if scope is None or scope.level == 0:
        return []
    ids = [scope.cgroup_id]
    for directory, _, _ in os.walk(scope.path):
        if Path(directory) != scope.path:
            ids.append(Path(directory).stat().st_ino)
        if len(ids) > MAX_SCOPE_CGROUPS:
            raise BadInput(
                f"{scope.path} has more than {MAX_SCOPE_CGROUPS} cgroups, and a one-liner compares with each: narrow "
                "the agent's scope"
            )
    return ids
