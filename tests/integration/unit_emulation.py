"""What a unit's settings do to a service, done without systemd as process 1: user, capabilities, system calls, mounts.

``python unit_emulation.py CALLS COMMAND ...`` allows these system calls (by commas) alone, and becomes the command.
"""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

__all__ = ["under_unit"]

# Its state stays writable, being a mount of its own, and temporary files have a place (PrivateTmp=), where nothing of
# this test is. What is not mounted here is left out.
_MOUNTS = """
mount -t tmpfs -o mode=1777 none /var/tmp
mount --bind "$0" "$0"
mount --bind /proc/sys /proc/sys
for one in /sys/kernel/tracing /sys/kernel/debug /proc/sys /sys /; do
    if mountpoint -q "$one"; then mount -o remount,bind,ro "$one"; fi
done
exec "$@"
"""


def under_unit(unit: Path, uid: int, state: Path) -> list[str]:
    """A command that runs another as this unit would, with ``state`` as its state directory."""
    settings = unit.read_text()
    names = "".join(f",+{name.removeprefix('CAP_').lower()}" for name in _values(settings, "AmbientCapabilities"))
    bounding = "".join(f",+{name.removeprefix('CAP_').lower()}" for name in _values(settings, "CapabilityBoundingSet"))
    assert "NoNewPrivileges=yes" in settings
    assert "ProtectSystem=strict" in settings
    assert "PrivateTmp=yes" in settings
    assert "ProtectKernelTunables=yes" in settings
    return [
        *("unshare", "--mount", "sh", "-ec", _MOUNTS, str(state)),
        *("setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "--no-new-privs"),
        *("--inh-caps", f"-all{names}", "--ambient-caps", f"-all{names}", "--bounding-set", f"-all{bounding}"),
        *("/usr/bin/python3", __file__, ",".join(sorted(_allowed_calls(settings)))),
    ]


def _values(settings: str, key: str) -> list[str]:
    return [word for line in re.findall(rf"^{key}=(.*)$", settings, re.MULTILINE) for word in line.split()]


def _allowed_calls(settings: str) -> set[str]:
    """By name, as systemd resolves its groups."""
    allowed: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", settings, re.MULTILINE):
        calls = {call for word in line.lstrip("~").split() for call in _resolve(word)}
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


def _resolve(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    shown = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    names = {line.strip() for line in shown[1:] if line.strip() and not line.strip().startswith("#")}
    return {call for name in names for call in _resolve(name)}


def main() -> None:
    import seccomp  # noqa: PLC0415

    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in sys.argv[1].split(","):
        if seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) >= 0:
            rules.add_rule(seccomp.ALLOW, name)
    rules.load()
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
