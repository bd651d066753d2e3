"""A cgroup for each run, below the agent's own, where a service manager has delegated that to it (cgroups(7)).

systemd marks what ``Delegate=`` gave away by the extended attribute ``user.delegate``; nothing else is touched.
Processes and cgroups with limits do not go together in one cgroup v2: the agent moves into one of its own beside those
of its runs.
"""

import os
import time
from pathlib import Path

from fleettrace.errors import Unfit
from node_agent.kernel.cgroups import find_cgroup2_mount

__all__ = ["AGENT_CGROUP", "DelegatedCgroup", "RunCgroup", "find_delegated", "take_delegated"]

AGENT_CGROUP = "agent"
MAX_MEMORY_BYTES = 1 << 30
"""Of a run with its compiler or bpftrace; the memory of its maps is charged to it as well."""
MAX_PROCESSES = 64
"""Threads, as the controller counts: those of an interpreter and a compiler."""
REMOVE_LIMIT_S = 1.0
"""How long the kernel is given to end what was in a cgroup."""

_DELEGATED = "user.delegate"
_RUN_PREFIX = "run-"
_LIMITS = {
    "memory": {"memory.max": str(MAX_MEMORY_BYTES), "memory.swap.max": "0", "memory.oom.group": "1"},
    "pids": {"pids.max": str(MAX_PROCESSES)},
}


class RunCgroup:
    """The cgroup of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def enter(self, pid: int) -> None:
        """Move a process into it; what it starts from then on is there too."""
        (self.path / "cgroup.procs").write_text(str(pid))

    def kill(self) -> None:
        """Kill all that is in it, also what has left its process group; nothing before Linux 5.14."""
        kill = self.path / "cgroup.kill"
        if kill.exists():
            kill.write_text("1")

    def remove(self) -> None:
        """Kill what is left and take it away."""
        until_s = time.monotonic() + REMOVE_LIMIT_S
        self.kill()
        while True:
            try:
                self.path.rmdir()
            except FileNotFoundError:
                return
            except OSError:
                if time.monotonic() > until_s:
                    return  # removed when the next agent starts
                time.sleep(0.002)
            else:
                return


class DelegatedCgroup:
    """What was delegated to this agent."""

    def __init__(self, path: Path, controllers: frozenset[str]) -> None:
        self.path = path
        self.controllers = controllers
        self._number = 0

    def make(self) -> RunCgroup:
        """A cgroup for one run, with limits of memory and processes where these controllers were delegated.

        Raises:
            OSError: the kernel refuses it.
        """
        self._number += 1
        path = self.path / f"{_RUN_PREFIX}{os.getpid()}-{self._number}"
        path.mkdir()
        for controller in sorted(self.controllers & _LIMITS.keys()):
            for name, value in _LIMITS[controller].items():
                # memory.swap.max is missing where the kernel accounts no swap.
                if (path / name).exists():
                    (path / name).write_text(value)
        return RunCgroup(path)


def find_delegated(status: str | None = None) -> Path | None:
    """The cgroup that was delegated to this process; None: there is none.

    Args:
        status: the text of /proc/self/cgroup; read from there when None.
    """
    text = status if status is not None else Path("/proc/self/cgroup").read_text()
    own = next((line[3:] for line in text.splitlines() if line.startswith("0::")), None)
    if own is None:
        return None
    try:
        path = find_cgroup2_mount() / own.lstrip("/")
    except Unfit:
        return None
    # An agent that was replaced by a newer one is where it has moved to.
    for candidate in (path, path.parent) if path.name == AGENT_CGROUP else (path,):
        try:
            if os.getxattr(candidate, _DELEGATED) == b"1" and os.access(candidate, os.W_OK):
                return candidate
        except OSError:
            continue
    return None


def take_delegated() -> DelegatedCgroup | None:
    """Make what was delegated ready for runs, and move this process out of their way; None where nothing was.

    To be called while this process has no children.
    """
    path = find_delegated()
    if path is None:
        return None
    try:
        for left in path.glob(f"{_RUN_PREFIX}*"):
            RunCgroup(left).remove()
        (path / AGENT_CGROUP).mkdir(exist_ok=True)
        RunCgroup(path / AGENT_CGROUP).enter(os.getpid())
        controllers = frozenset((path / "cgroup.controllers").read_text().split()) & _LIMITS.keys()
        for controller in sorted(controllers):
            (path / "cgroup.subtree_control").write_text(f"+{controller}")
    except OSError:
        return None  # it works without
    return DelegatedCgroup(path, controllers)
