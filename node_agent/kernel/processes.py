"""Whether a process that a filter names is here."""

import os
import re
from pathlib import Path

from fleettrace.errors import BadInput

__all__ = ["check_process"]

_LEADER = re.compile(r"^Tgid:\t(\d+)$", re.MULTILINE)


def check_process(pid: int, proc: Path = Path("/proc")) -> None:
    """Make sure that a process of this number runs: a trace of one that does not would look like one that is idle.

    Raises:
        BadInput: there is none, or the number is that of a thread, which no program looks for.
    """
    try:
        status = (proc / str(pid) / "status").read_text()
    except OSError as error:
        if _is_hidden(pid):
            return
        raise BadInput(f"process {pid} is not on this host, or has ended: give one that runs") from error
    leader = _LEADER.search(status)
    if leader is not None and int(leader[1]) != pid:
        raise BadInput(f"{pid} is a thread of process {leader[1]}: give the process")


def _is_hidden(pid: int) -> bool:
    """Whether it is there all the same: procfs may be mounted so that it hides others' processes (``hidepid``)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
