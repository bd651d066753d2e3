"""Linux capabilities by name; a capability's number is its place in :data:`CAPABILITY_NAMES`."""

import difflib
from collections.abc import Iterable

from fleettrace.errors import BadInput

__all__ = ["CAPABILITY_NAMES", "TRACING_CAPABILITIES", "check_capabilities"]

_NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT "
    "SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL "
    "SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)

CAPABILITY_NAMES = tuple(f"CAP_{name}" for name in _NAMES.split())
"""All capabilities up to Linux 6.18, in the order of include/uapi/linux/capability.h."""

TRACING_CAPABILITIES = ("CAP_BPF", "CAP_PERFMON")
"""What any tracing program needs."""


def check_capabilities(names: Iterable[str], place: str) -> tuple[str, ...]:
    """The names, sorted and each once; ``place`` is how an error names where they stand.

    Raises:
        BadInput: one is not a capability.
    """
    for name in names:
        if name not in CAPABILITY_NAMES:
            close = difflib.get_close_matches(name.upper(), CAPABILITY_NAMES, n=1)
            raise BadInput(f"{place} has {name!r}, which is no capability; write {close[0] if close else 'CAP_BPF'}")
    return tuple(sorted(set(names)))
