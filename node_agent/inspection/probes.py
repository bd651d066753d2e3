"""Which probes this host has: the kernel's, or those of a binary or a process; spelt as one-liners spell them."""

import fnmatch
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from fleettrace.errors import BadInput, Unfit
from fleettrace.model.inspection import ProbeArgument, ProbeList, ProbePoint, ProbesQuestion
from fleettrace.wire.limits import MAX_PROBES
from node_agent.kernel.binaries import Binary, open_binary, root_of_process
from node_agent.kernel.binary_symbols import BinaryFunction, list_functions
from node_agent.kernel.btf import read_btf
from node_agent.kernel.btf_tracepoints import read_raw_tracepoints
from node_agent.kernel.tracefs import read_fields, tracepoint_names
from node_agent.kernel.usdt import UsdtProbe, list_process_usdt, list_usdt

__all__ = ["find_probes", "matcher"]

MAX_ARGUMENTS = 32


def find_probes(asked: ProbesQuestion) -> ProbeList:
    """The probes that match, the first of them with their arguments.

    Raises:
        BadInput: there is no such binary or process, or both were named.
        Unfit: it may not be looked at.
    """
    if asked.binary and not asked.binary.startswith("/"):
        raise BadInput(f"{asked.binary} is no path from the root: give it as the host has it, such as /usr/bin/x")
    limit = min(asked.max_probes or MAX_PROBES, MAX_PROBES)
    if asked.usdt and not asked.binary and not asked.pid:
        raise BadInput("USDT probes are those of a binary or a process: give --binary PATH or --pid PID")
    if asked.binary or asked.pid:
        return _of_programs(asked, limit)
    return _of_kernel(matcher(asked.pattern), limit)


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a probe's name matches: a glob matches the name, whole or from any colon on; a text a part of it."""
    if not pattern:
        return lambda _: True
    if not any(sign in pattern for sign in "*?["):
        return lambda name: pattern.lower() in name.lower()
    whole = re.compile(fnmatch.translate(pattern)).match

    def matches(name: str) -> bool:
        pieces = name.split(":")
        return any(whole(":".join(pieces[first:])) for first in range(len(pieces)))

    return matches


def _of_kernel(matches: Callable[[str], bool], limit: int) -> ProbeList:
    notes: list[str] = []
    unlisted: list[str] = []
    raw: list[ProbePoint] = []
    ordinary: list[str] = []
    try:
        raw = _raw_tracepoints(matches)
    except Unfit as error:
        unlisted.append("rawtracepoint")
        notes.append(f"raw tracepoints are not listed: {error}")
    try:
        ordinary = sorted(filter(matches, (f"tracepoint:{name}" for name in tracepoint_names())))
    except Unfit as error:
        unlisted.append("tracepoint")
        notes.append(f"tracepoints by category are not listed: {error}")
    # An equal share for each kind, as far as both need it.
    kept = ordinary[: max(limit - len(raw), (limit + 1) // 2)]
    described = [ProbePoint(name, _arguments(read_fields(name.partition(":")[2]))) for name in kept]
    named = sorted((*described, *raw[: limit - len(kept)]), key=lambda probe: probe.name)
    return ProbeList(tuple(named), len(raw) + len(ordinary), tuple(notes), tuple(unlisted))


def _raw_tracepoints(matches: Callable[[str], bool]) -> list[ProbePoint]:
    found = read_raw_tracepoints(read_btf())
    points = (ProbePoint(f"rawtracepoint:{one.name}", _arguments(one.arguments)) for one in found)
    return [point for point in points if matches(point.name)]


def _arguments(pairs: Iterable[tuple[str, str]]) -> tuple[ProbeArgument, ...]:
    return tuple(ProbeArgument(name, spelt) for name, spelt in list(pairs)[:MAX_ARGUMENTS])


def _of_programs(asked: ProbesQuestion, limit: int) -> ProbeList:
    root = root_of_process(asked.pid) if asked.pid else Path("/")
    notes: list[str] = []
    points: list[ProbePoint] = []
    matched = 0
    binary = asked.binary or _executable(asked.pid)
    if not asked.usdt:
        with open_binary(binary, root) as opened:
            notes.append(_identity(opened))
            points, matched = _functions(opened, asked.pattern, limit, notes)
    if asked.binary:
        with open_binary(binary, root) as opened:
            usdt = list_usdt(opened)
    else:
        usdt = list_process_usdt(asked.pid)
    markers = _usdt(usdt, matcher(asked.pattern))
    kept = markers[: max(limit - len(points), (limit + 1) // 2)]
    named = sorted((*points[: limit - len(kept)], *kept), key=lambda probe: probe.name)
    if asked.usdt and not usdt:
        notes.append(f"{binary} has no USDT probes: a build with them is needed (--enable-dtrace or the like)")
    return ProbeList(tuple(named), matched + len(markers), tuple(notes))


def _executable(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115  as the process sees it, and not resolved here
    except OSError as error:
        raise BadInput(f"process {pid} is not on this host, or may not be looked at: {error.strerror}") from error


def _identity(binary: Binary) -> str:
    return f"{binary.name} is build {binary.build_id}" if binary.build_id else f"{binary.name} has no build id"


def _functions(binary: Binary, pattern: str, limit: int, notes: list[str]) -> tuple[list[ProbePoint], int]:
    glob = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    found = list_functions(binary, glob.rpartition(":")[2], limit)
    if found.stripped:
        notes.append(
            f"{binary.name} is stripped: only the functions that it exports are listed; its debug symbols name all"
        )
    return [_function(binary, one) for one in found.functions], found.matched


def _function(binary: Binary, function: BinaryFunction) -> ProbePoint:
    readable = function.readable_name
    return ProbePoint(f"uprobe:{binary.name}:{function.name}", readable=readable if readable != function.name else "")


def _usdt(probes: Iterable[UsdtProbe], matches: Callable[[str], bool]) -> list[ProbePoint]:
    points = (
        ProbePoint(
            f"usdt:{probe.binary}:{probe.full_name}",
            tuple(ProbeArgument(f"arg{index}", "") for index in range(min(probe.argument_count, MAX_ARGUMENTS))),
        )
        for probe in probes
    )
    return [point for point in points if matches(point.name)]
