"""Starting programs, and ending them by a process id that is certain to be theirs."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Process", "end", "load", "save", "start"]

GRACE_S = 5.0
"""How long a program may take to end by itself; an agent ends its runs and hands in their parts."""
KILL_LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was started here. A process id comes again; with the start time (clock ticks) it does not."""

    name: str
    pid: int
    started_ticks: int


def start(
    name: str, command: Sequence[str], log: Path, environment: Mapping[str, str], *, end_with_this: bool
) -> tuple[Process, subprocess.Popen[bytes]]:
    """Start a program in a session of its own, so that Ctrl-C reaches only the one who asked for it.

    Its output goes to ``log``. With ``end_with_this`` the kernel kills it when this process dies, however that is.
    """
    prefix = ["setpriv", "--pdeathsig", "KILL", "--"] if end_with_this else []
    with log.open("ab") as output:
        child = subprocess.Popen(
            [*prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            start_new_session=True,
        )
    return Process(name, child.pid, _started_ticks(child.pid)), child


def end(processes: Sequence[Process]) -> list[Process]:
    """End all of them, by request and then by force; returns those that are still there."""
    handles = {process: handle for process in processes if (handle := _open(process)) is not None}
    try:
        for number, limit_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, KILL_LIMIT_S)):
            for handle in handles.values():
                _send(handle, number)
            handles = _wait(handles, limit_s)
        return list(handles)
    finally:
        for handle in handles.values():
            os.close(handle)


def save(path: Path, processes: Sequence[Process]) -> None:
    """Write them down, for :func:`load` in another process."""
    path.write_text(json.dumps([asdict(process) for process in processes]))


def load(path: Path) -> list[Process]:
    """What :func:`save` wrote."""
    return [Process(**fields) for fields in json.loads(path.read_text())]


def _started_ticks(pid: int) -> int:
    # Field 22 of proc(5)'s stat; the name in field 2 may hold spaces and brackets.
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def _open(process: Process) -> int | None:
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    try:
        if _started_ticks(process.pid) == process.started_ticks:
            return handle
    except (FileNotFoundError, ProcessLookupError):
        pass
    os.close(handle)
    return None


def _send(handle: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return


def _wait(handles: dict[Process, int], limit_s: float) -> dict[Process, int]:
    """Close the handles of processes that end within the limit (a zombie has ended), and return the others."""
    deadline = time.monotonic() + limit_s
    while handles:
        remaining_s = deadline - time.monotonic()
        ready = set(select.select(list(handles.values()), [], [], max(0.0, remaining_s))[0])
        for handle in ready:
            os.close(handle)
        handles = {process: handle for process, handle in handles.items() if handle not in ready}
        if remaining_s <= 0:
            break
    return handles
