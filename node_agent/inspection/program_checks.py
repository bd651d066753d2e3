"""What fleettrace itself needs on the host: privileges, programs, room on the disk."""

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from fleettrace.catalog import builtin_tools
from fleettrace.errors import FleettraceError, Unfit
from fleettrace.model.calibration import KIND_TEXTS, Calibration
from fleettrace.model.capability import TRACING_CAPABILITIES
from fleettrace.model.inspection import Check, Grade
from node_agent.backends.bcc.object_cache import ObjectCache, object_directory
from node_agent.backends.bcc.source import tool_source
from node_agent.backends.bpftrace.preflight import version_of
from node_agent.backends.bpftrace.process import find_bpftrace
from node_agent.calibration.keep import kept
from node_agent.kernel.capabilities import permitted_capabilities
from node_agent.kernel.own_cgroups import find_delegated
from node_agent.kernel.syscall_filter import is_available
from node_agent.leftovers import Leftovers

__all__ = [
    "check_calibration",
    "check_capabilities",
    "check_confinement",
    "check_leftovers",
    "check_programs",
    "check_state_directory",
]

NOISY_PCT = 50.0
"""Of a calibration that says so: the medians are still good for what they are used for."""
LEAST_ROOM_BYTES = 64 << 20
"""Compiled tools take some hundred KB; below this the disk is about to be full for everybody."""

_USES = {
    "CAP_SYS_ADMIN": "one-liners on uprobes and USDT probes, uprobes before Linux 6.6, and BPF statistics",
    "CAP_SYSLOG": "names of kernel functions",
    "CAP_SYS_PTRACE": "names of functions in other users' processes",
    "CAP_DAC_READ_SEARCH": "tracepoint: probes where tracefs is root's",
}


def check_capabilities(have: frozenset[str]) -> Check:
    """What the agent could hand on: two that everything needs, and some that single things need."""
    missing = [name for name in TRACING_CAPABILITIES if name not in have]
    if missing:
        return Check(
            "capabilities",
            Grade.FAULT,
            f"the agent lacks {' and '.join(missing)}: no program can be loaded",
            "add AmbientCapabilities=CAP_BPF CAP_PERFMON to its unit (or start it as root), and restart it",
        )
    lacking = [name for name in _USES if name not in have]
    if not lacking:
        return Check("capabilities", Grade.OK, "all that any tool can use can be handed on; none is in use")
    wanted = "; ".join(f"{name} for {_USES[name]}" for name in lacking)
    tools = builtin_tools().values()
    enough = sum(bool(tool.ways(have)) for tool in tools)
    useful = [name for name in (*TRACING_CAPABILITIES, *_USES) if name in have]
    return Check(
        "capabilities",
        Grade.NOTE,
        f"the agent can hand on {', '.join(useful)}, enough for {enough} of {len(tools)} tools; it cannot: {wanted}",
        f"AmbientCapabilities=CAP_BPF CAP_PERFMON {' '.join(lacking)} in the agent's unit, if those are wanted",
    )


def check_confinement() -> Iterator[Check]:
    """What holds a tracing child besides its capabilities and the kernel's deadline."""
    if is_available():
        yield Check("system calls", Grade.OK, "those that tracing never needs are refused to tracing children")
    else:
        yield Check(
            "system calls",
            Grade.WARNING,
            "python3-seccomp is missing: tracing children may make every system call",
            "apt-get install python3-seccomp",
        )
    delegated = find_delegated()
    if delegated is None:
        found = "none is delegated to the agent: runs are bounded by their own limits alone"
        yield Check("cgroup of runs", Grade.NOTE, found, "Delegate=memory pids in the agent's unit, if that is wanted")
    else:
        yield Check("cgroup of runs", Grade.OK, f"each run has its own below {delegated}")


def check_programs() -> Iterator[Check]:
    """BCC and bpftrace, with their versions."""
    yield _bcc()
    try:
        path = find_bpftrace()
        major, minor = version_of(path)
    except Unfit as error:
        yield Check(
            "bpftrace", Grade.WARNING, f"{str(error).partition(':')[0]}: one-liners fail", "apt-get install bpftrace"
        )
    else:
        yield Check("bpftrace", Grade.OK, f"{major}.{minor} ({path})")


def _bcc() -> Check:
    spec = importlib.util.find_spec("bcc")
    mend = "apt-get install python3-bpfcc (pip's package bcc is another one), and restart the agent"
    if spec is None or spec.origin is None:
        return Check("BCC", Grade.FAULT, "missing: no tool can be compiled", mend)
    try:
        found = re.search(r"""__version__\s*=\s*['"]([^'"]+)""", Path(spec.origin).with_name("version.py").read_text())
    except OSError:
        found = None
    if found is None:
        return Check("BCC", Grade.FAULT, f"the module at {spec.origin} is not iovisor's", f"pip uninstall bcc; {mend}")
    return Check("BCC", Grade.OK, found[1])


def check_state_directory(state_directory: Path, *, look_at_tools: bool) -> Iterator[Check]:
    """Where compiled tools are kept: whether there is room, and, ``look_at_tools``, how many are ready."""
    # os.path: a folder that may not be looked into is not there for the agent, and no error.
    existing = next(path for path in (state_directory, *state_directory.absolute().parents) if os.path.exists(path))  # noqa: PTH110
    free_bytes = shutil.disk_usage(existing).free
    found = f"{free_bytes / 1e9:.1f} GB free at {state_directory}"
    if not os.access(existing, os.W_OK):
        yield Check(
            "disk",
            Grade.WARNING,
            f"{state_directory} cannot be written: compiled tools cannot be kept",
            "make it the agent's user's own, or give --state-directory another place",
        )
    elif free_bytes < LEAST_ROOM_BYTES:
        yield Check("disk", Grade.WARNING, found, "free some room there, or give --state-directory a place with more")
    else:
        yield Check("disk", Grade.OK, found)
    if look_at_tools:
        yield _compiled(state_directory)


def check_leftovers(state_directory: Path) -> Check:
    """Whether a run has left something in the kernel, which keeps the host from taking others."""
    if reason := Leftovers(state_directory).reason:
        return Check("leftovers", Grade.FAULT, reason, "end what holds it, then 'fleettrace-agent clear' on this host")
    if "CAP_SYS_ADMIN" not in permitted_capabilities():
        found = "no run is known to have left anything; without CAP_SYS_ADMIN only events in tracefs can be looked for"
        return Check("leftovers", Grade.OK, found)
    return Check("leftovers", Grade.OK, "no run has left programs, maps, links or events behind")


def check_calibration(state_directory: Path) -> Check:
    """What probes cost here, as the agent has measured it when it started."""
    found = kept(state_directory)
    if found is None:
        return Check(
            "calibration",
            Grade.NOTE,
            "what probes cost on this host was not measured: costs are predicted from figures of another machine",
            "restart the agent, which measures it in less than a second",
        )
    costs = ", ".join(f"{KIND_TEXTS[kind]} {_ns_text(ns)}" for kind, ns in found.hit_ns.items())
    noisy = f"; measured while the machine was busy (spread {found.spread_pct:.0f}%)"
    return Check("calibration", Grade.OK, f"a hit of an empty probe takes: {costs}{noisy if _is_noisy(found) else ''}")


def _is_noisy(calibration: Calibration) -> bool:
    return calibration.spread_pct > NOISY_PCT


def _ns_text(ns: float) -> str:
    return f"{ns / 1000:.1f} us" if ns >= 1000 else f"{ns:.0f} ns"


def _compiled(state_directory: Path) -> Check:
    tools = builtin_tools()
    directory = object_directory(state_directory)
    try:
        # Looked for and not made: a look must not change what is there.
        cache = ObjectCache(directory) if directory.exists() else None
        ready = sum(cache.path_of(tool_source(tool)).exists() for tool in tools.values()) if cache else 0
    except FleettraceError as error:
        return Check("compiled tools", Grade.WARNING, str(error))
    found = f"{ready} of {len(tools)} were kept ready"
    if ready < len(tools):
        return Check("compiled tools", Grade.NOTE, f"{found}; the others are compiled when they are first used", "")
    return Check("compiled tools", Grade.OK, found)
