"""What can be said before bpftrace is started: this host lacks something that the program needs."""

import os
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fleettrace.errors import AttachFailed, Unfit
from fleettrace.oneliner import FieldStyle, Program
from fleettrace.oneliner.tree import AttachPoint, ProbeKind
from node_agent.backends.bpftrace.user import check_user, user_environment
from node_agent.kernel.capabilities import effective_capabilities

__all__ = ["check_host", "field_style", "matches", "version_of"]

_KPROBE_EVENTS = ("/sys/kernel/tracing/kprobe_events", "/sys/kernel/debug/tracing/kprobe_events")
_DOT_SINCE = (0, 20)
_RAW_TRACEPOINT_SINCE = (0, 20)
_OLDEST = (0, 16)
_LIST_LIMIT_S = 10
_NO_PROBES = "this kernel has no such probe; 'fleettrace probes' lists those that it has"
_LISTED_KINDS = frozenset({ProbeKind.UPROBE, ProbeKind.URETPROBE, ProbeKind.USDT})


@cache
def version_of(path: str) -> tuple[int, int]:
    """Major and minor version of a bpftrace.

    Raises:
        Unfit: it says none, or one that is too old.
    """
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unfit(f"{path} does not run here: {error}") from error
    found = re.search(r"v?(\d+)\.(\d+)", said)
    if found is None:
        raise Unfit(f"{path} does not say its version: reinstall bpftrace")
    version = int(found[1]), int(found[2])
    if version < _OLDEST:
        raise Unfit(f"bpftrace {found[1]}.{found[2]} is too old: install 0.16 or newer")
    return version


def matches(path: str, program: Program) -> Mapping[str, int]:
    """How many probes of this host each attach point that watches something stands for, by its text.

    bpftrace attaches what it finds and is silent about the rest, so that a symbol that is not there would count as
    one that is never called.

    Raises:
        AttachFailed: one matches nothing, or what it matches cannot be listed in time.
    """
    points = [point for probe in program.probes for point in probe.attach if not point.kind.is_own]
    return {point.text: _matches(path, point) for point in points}


def _matches(path: str, point: AttachPoint) -> int:
    if point.kind not in _LISTED_KINDS and not point.is_glob:
        return 1
    listed_as = point.text.replace("uretprobe:", "uprobe:", 1).replace("kretprobe:", "kprobe:", 1)
    try:
        done = subprocess.run(
            [path, "-l", listed_as],
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIST_LIMIT_S,
            env={**os.environ, **user_environment()},
        )
    except subprocess.TimeoutExpired as error:
        raise AttachFailed(
            f"what {point.text} matches on this host was not listed within {_LIST_LIMIT_S} s: name the ones that you "
            "need"
        ) from error
    found = len({line for line in done.stdout.splitlines() if line.strip()})
    if not found:
        why = "the binary has no such symbol or probe, or is stripped" if point.kind in _LISTED_KINDS else _NO_PROBES
        raise AttachFailed(f"{point.text} matches nothing on this host: {why}")
    return found


def field_style(version: tuple[int, int]) -> FieldStyle:
    """How this bpftrace wants fields of args written."""
    return FieldStyle.DOT if version >= _DOT_SINCE else FieldStyle.ARROW


def check_host(program: Program, version: tuple[int, int]) -> None:
    """Raise for what this host cannot run.

    Raises:
        Unfit: the agent's user may not trace it, or bpftrace is too old for a probe type.
        AttachFailed: the kernel has no kprobes, or there is no such binary.
    """
    points = [point for probe in program.probes for point in probe.attach]
    check_user(points, effective_capabilities())
    for point in points:
        if point.kind is ProbeKind.RAW_TRACEPOINT and version < _RAW_TRACEPOINT_SINCE:
            raise Unfit(
                f"bpftrace {version[0]}.{version[1]} of this host does not know {point.text}: use tracepoint:, or "
                "install bpftrace 0.20 or newer"
            )
        if point.kind in {ProbeKind.KPROBE, ProbeKind.KRETPROBE} and not any(map(os.path.exists, _KPROBE_EVENTS)):
            raise AttachFailed(
                f"{point.text}: this kernel has no kprobes (CONFIG_KPROBES is off): use a tracepoint that says the same"
            )
        if point.kind in _LISTED_KINDS and not point.is_glob and not Path(point.target[0]).is_file():
            raise AttachFailed(f"{point.text}: there is no file {point.target[0]} on this host")
