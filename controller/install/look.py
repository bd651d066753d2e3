"""A first look at a host, before anything is put on it: what is asked, what it says, and what it lacks. Pure."""

import re
import shlex
from dataclasses import dataclass

from controller.install.outcome import Fault, HostFailed

__all__ = ["LOOK", "HostLook", "check_look", "parse_look"]

NEEDED_BYTES = 512 << 20
"""Two versions of the package side by side, and what the agent compiles."""
LEAST_PYTHON = (3, 11)
LEAST_GLIBC = (2, 28)
"""What the copied wheels are linked against: Debian 10, RHEL 8, Ubuntu 18.10 and later."""
ARCHITECTURES = ("x86_64", "aarch64")
PYTHON = "/usr/bin/python3"
"""The interpreter that distributions build their bcc for."""

# A host's plain shell answers, for a host may have nothing else. /opt need not be there yet: its parent answers then.
LOOK = f"""
echo look=1
echo "name=$(uname -n)"
echo "system=$(uname -s)"
echo "arch=$(uname -m)"
echo "release=$(uname -r)"
echo "uid=$(id -u)"
if [ "$(id -u)" = 0 ]; then echo root=direct
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then echo root=sudo
else echo root=no; fi
echo "python=$({PYTHON} -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)"
echo "bcc=$({PYTHON} -I -c 'from bcc import BPF; print(1)' 2>/dev/null)"
echo "glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null)"
echo "btf=$(test -r /sys/kernel/btf/vmlinux && echo 1)"
echo "init=$(cat /proc/1/comm 2>/dev/null)"
echo "systemd=$(test -d /run/systemd/system && echo 1)"
d=/opt; test -d "$d" || d=/
echo "room=$(df -Pk "$d" 2>/dev/null | tail -n 1)"
"""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class HostLook:
    """What a host is like. ``python`` and ``glibc`` are (0, 0) when there is none."""

    name: str
    system: str
    arch: str
    release: str
    root: str
    python: tuple[int, int]
    has_bcc: bool
    glibc: tuple[int, int]
    has_btf: bool
    has_systemd: bool
    room_bytes: int

    @property
    def as_root(self) -> tuple[str, ...]:
        """What comes before a command that root is to run."""
        return ("sudo", "-n") if self.root == "sudo" else ()

    def root_command(self, *words: str) -> str:
        """A command of root's, quoted for the host's shell."""
        return shlex.join((*self.as_root, *words))


def parse_look(text: str) -> HostLook:
    """What the answer to :data:`LOOK` says; whatever it does not say is taken for not there.

    Raises:
        HostFailed: it is no answer at all: the login runs something else than a shell.
    """
    fields = dict(line.partition("=")[::2] for line in text.splitlines()[:100] if "=" in line)
    if fields.get("look") != "1":
        raise HostFailed(
            Fault.COMMAND, "its login runs no shell that answers: give it a user whose login shell is a POSIX shell"
        )
    name = fields.get("name", "").strip()
    return HostLook(
        name=name if _NAME.fullmatch(name) else "",
        system=fields.get("system", ""),
        arch=fields.get("arch", ""),
        release=fields.get("release", "")[:100],
        root=fields.get("root", "no"),
        python=_version(fields.get("python", "")),
        has_bcc=fields.get("bcc") == "1",
        glibc=_version(fields.get("glibc", "")),
        has_btf=fields.get("btf") == "1",
        has_systemd=fields.get("systemd") == "1" and fields.get("init", "").strip() == "systemd",
        room_bytes=_room_bytes(fields.get("room", "")),
    )


def check_look(look: HostLook, *, already: bool = False) -> None:
    """Whether an agent can live on this host; ``already``: one does, and needs no more room.

    Raises:
        HostFailed: it cannot; one sentence with the way out.
    """
    if look.system != "Linux" or look.arch not in ARCHITECTURES:
        raise HostFailed(
            Fault.WRONG_SYSTEM,
            f"it is {look.system or 'an unknown system'} on {look.arch or 'an unknown architecture'}, and agents run "
            f"on Linux on {' and '.join(ARCHITECTURES)}: leave it out",
        )
    if look.root == "no":
        raise HostFailed(
            Fault.NOT_ROOT,
            "the user that logs in is neither root nor may it become root: log in as root, or let sudo run without a "
            "password for it (NOPASSWD)",
        )
    if look.python == (0, 0):
        raise HostFailed(
            Fault.NO_PYTHON, f"there is no {PYTHON}: install it there (apt-get install python3 python3-bpfcc)"
        )
    if look.python < LEAST_PYTHON:
        raise HostFailed(
            Fault.WRONG_PYTHON,
            f"its {PYTHON} is {_text(look.python)} and an agent needs {_text(LEAST_PYTHON)} or later: "
            "use a newer release of its distribution",
        )
    if look.glibc < LEAST_GLIBC:
        found = f"glibc {_text(look.glibc)}" if look.glibc != (0, 0) else "no glibc"
        raise HostFailed(
            Fault.WRONG_SYSTEM,
            f"it has {found} and the copied packages need glibc {_text(LEAST_GLIBC)} or later: "
            "use a newer release of its distribution",
        )
    if not look.has_btf:
        raise HostFailed(
            Fault.NO_BTF,
            f"its kernel {look.release} gives no types at /sys/kernel/btf/vmlinux, so that no tool can be made to fit "
            "it: boot a kernel with CONFIG_DEBUG_INFO_BTF=y",
        )
    if not look.has_bcc:
        raise HostFailed(
            Fault.NO_BCC,
            "iovisor's BCC is missing for its /usr/bin/python3, without which nothing can be traced: "
            "apt-get install python3-bpfcc (and bpftrace, for one-liners)",
        )
    if look.room_bytes < NEEDED_BYTES and not already:
        raise HostFailed(
            Fault.DISK_FULL,
            f"the disk of /opt has {look.room_bytes >> 20} MiB left and an agent with its packages takes up to "
            f"{NEEDED_BYTES >> 20} MiB: make room there",
        )


def _version(text: str) -> tuple[int, int]:
    match = re.search(r"\b(\d{1,3})\.(\d{1,4})\b", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _room_bytes(line: str) -> int:
    """The available room in a line of ``df -Pk``, whose last field but two it is."""
    words = line.split()
    return int(words[3]) * 1024 if len(words) >= 6 and words[3].isdecimal() else 0


def _text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
