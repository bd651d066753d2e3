"""Debug files: the symbol tables that distributions install apart from the stripped program.

Where they are: "Debugging Information in Separate Files" of GDB's manual.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from node_agent.kernel.elf import ELF_ERRORS, ElfFile

__all__ = ["debug_file_of"]

_MAX_LINK_BYTES = 4096


@contextmanager
def debug_file_of(elf: ElfFile, path: Path | None = None, root: Path = Path("/")) -> Iterator[ElfFile | None]:
    """The debug file of a program, while the block runs; None where none is installed.

    It is looked for by build id and, where ``path`` is given (as seen below ``root``), by the name that the program
    gives, and is taken only when its build id is the program's own.
    """
    build_id = elf.build_id
    for candidate in _candidates(elf, build_id, path) if build_id else ():
        try:
            fd = os.open(root / candidate.relative_to("/"), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            found = _same_build(fd, build_id)
            if found is not None:
                yield found
                return
        finally:
            os.close(fd)
    yield None


def _same_build(fd: int, build_id: str) -> ElfFile | None:
    try:
        found = ElfFile(partial(os.pread, fd)) if stat.S_ISREG(os.fstat(fd).st_mode) else None
        return found if found is not None and found.build_id == build_id else None
    except ELF_ERRORS:
        return None


def _candidates(elf: ElfFile, build_id: str, path: Path | None) -> Iterator[Path]:
    debug = Path("/usr/lib/debug")
    yield debug / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug"
    section = elf.section(".gnu_debuglink")
    if section is None or path is None:
        return
    name = elf.content(section, _MAX_LINK_BYTES).split(b"\0", 1)[0].decode(errors="replace")
    if name and "/" not in name:
        yield path.parent / name
        yield path.parent / ".debug" / name
        yield debug / path.parent.relative_to("/") / name
