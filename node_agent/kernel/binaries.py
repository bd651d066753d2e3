"""Binaries that an operator names: found as the traced process sees them, opened once, and told apart by build.

A path is that of the host, or, below ``root``, that of a container or a process (``/proc/PID/root``).
"""

import os
import platform
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fleettrace.errors import BadInput, Unfit
from node_agent.kernel.elf import ELF_ERRORS, ElfFile

__all__ = ["HOST_ROOT", "Binary", "open_binary", "root_of_process"]

HOST_ROOT = Path("/")

_MACHINES = {62: "x86_64", 183: "aarch64", 3: "i386", 40: "arm", 243: "riscv", 22: "s390x", 21: "ppc64le"}
"""``e_machine`` of elf(5), as uname(1) calls them."""


@dataclass(frozen=True, slots=True)
class Binary:
    """An open ELF file of this host's architecture.

    ``name`` is the path as it was asked for, ``kernel_path`` where this process, and so the kernel, finds it.
    """

    name: str
    kernel_path: Path
    root: Path
    elf: ElfFile
    build_id: str

    @property
    def path(self) -> Path:
        """Where it is below its root."""
        return Path(self.name)


@contextmanager
def open_binary(name: str, root: Path = HOST_ROOT) -> Iterator[Binary]:
    """The binary at an absolute path below ``root``, open while the block runs.

    Raises:
        BadInput: there is no such file, or it is not a program or library that this host can run.
        Unfit: this process may not read it.
    """
    path = root / name.lstrip("/")
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except PermissionError as error:
        raise Unfit(
            f"{name} may not be read on this host: let everybody read it, or give the agent CAP_DAC_READ_SEARCH "
            "(CAP_SYS_PTRACE for what is in a container)"
        ) from error
    except OSError as error:
        raise BadInput(f"{name} is not on this host ({error.strerror}): give the path as this host has it") from error
    try:
        yield _checked(fd, name, path, root)
    finally:
        os.close(fd)


def _checked(fd: int, name: str, path: Path, root: Path) -> Binary:
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        what = "a directory" if stat.S_ISDIR(mode) else "no regular file"
        raise BadInput(f"{name} is {what}: give the path of a program or a library")
    try:
        elf = ElfFile(partial(os.pread, fd))
        build_id = elf.build_id
    except ELF_ERRORS as error:
        raise BadInput(f"{name} cannot be traced: it is {_what_it_is(fd, error)}") from error
    own = platform.machine()
    if (machine := _MACHINES.get(elf.machine, f"machine {elf.machine}")) != own:
        raise BadInput(f"{name} is built for {machine} and this host is {own}: give a binary that runs here")
    return Binary(name, path, root, elf, build_id)


def _what_it_is(fd: int, error: Exception) -> str:
    start = os.pread(fd, 128, 0)
    if start.startswith(b"#!"):
        interpreter = start[2:].split(b"\n", 1)[0].decode(errors="replace").strip()
        return f"a script; its interpreter, {interpreter.split()[0] if interpreter else 'unnamed'}, is the program"
    if not start:
        return "empty"
    return str(error) if isinstance(error, ValueError) else "an ELF file that is cut off or damaged"


def root_of_process(pid: int, proc: Path = Path("/proc")) -> Path:
    """The root directory as a process sees it; :data:`HOST_ROOT` where it is this process' own.

    Raises:
        BadInput: there is no such process.
        Unfit: this process may not look.
    """
    root = proc / str(pid) / "root"
    try:
        theirs, own = root.stat(), HOST_ROOT.stat()
    except PermissionError as error:
        raise Unfit(f"the files of process {pid} cannot be looked at: the agent needs CAP_SYS_PTRACE") from error
    except OSError as error:
        raise BadInput(f"process {pid} is not on this host, or has ended: give one that runs") from error
    return HOST_ROOT if (theirs.st_dev, theirs.st_ino) == (own.st_dev, own.st_ino) else root
