"""bpftrace as another user than root.

bpftrace asks who its user is and refuses all but root, whatever they may do and whatever it is asked for. What it does
needs CAP_BPF and CAP_PERFMON alone. Where the agent is not root, cwrap's libuid_wrapper answers that one question in
its process; the kernel is told nothing, and what it permits is what the agent's user may.
"""

import os
import sysconfig
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from fleettrace.errors import Unfit
from fleettrace.oneliner.tree import AttachPoint, ProbeKind
from node_agent.kernel.tracefs import TRACEFS

__all__ = ["check_user", "user_environment"]

_LIBRARY = "libuid_wrapper.so"
_FOLDERS = (f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}", "/usr/lib64", "/usr/lib")
_FROM_TRACEFS = frozenset({ProbeKind.TRACEPOINT, ProbeKind.KPROBE, ProbeKind.KRETPROBE})


def user_environment(folders: Iterable[str] = _FOLDERS) -> Mapping[str, str]:
    """What bpftrace must find in its environment to run as this user; nothing as root.

    Raises:
        Unfit: this user is not root, and the library is not installed.
    """
    if os.geteuid() == 0:
        return {}
    for folder in folders:
        if (library := Path(folder) / _LIBRARY).exists():
            return {"LD_PRELOAD": str(library), "UID_WRAPPER": "1", "UID_WRAPPER_ROOT": "1"}
    raise Unfit(
        "one-liners need libuid_wrapper where the agent is not root, because bpftrace refuses every other user: "
        "apt-get install libuid-wrapper"
    )


def check_user(points: Iterable[AttachPoint], capabilities: Collection[str], tracefs: Path = TRACEFS) -> None:
    """Raise for what this process' user may not trace.

    Raises:
        Unfit: a probe needs a capability that is not there, or tracefs, which may not be read.
    """
    if os.geteuid() == 0:
        return
    for point in points:
        if point.kind.is_user_trap and "CAP_SYS_ADMIN" not in capabilities:
            raise Unfit(
                f"{point.text} needs CAP_SYS_ADMIN where the agent is not root: add it to the agent's service, to the "
                "host's file and to the grant, or use funclatency or usdt, which do without"
            )
        if point.kind in _FROM_TRACEFS and not os.access(tracefs / "events", os.R_OK | os.X_OK):
            raise Unfit(
                f"{point.text} is looked up in {tracefs}, which the agent may not read: give it to the agent's group "
                f"(mount -o remount,gid=GROUP,mode=750 {tracefs})"
            )
