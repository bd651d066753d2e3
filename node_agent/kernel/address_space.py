"""What a process has mapped where, as /proc shows it: which file an address of it belongs to.

Reading another user's process needs CAP_SYS_PTRACE (ptrace(2), PTRACE_MODE_READ), and works only while it lives.
"""

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ANONYMOUS", "AddressSpace", "Mapping", "ProcessLife", "parse_maps", "read_address_space"]

ANONYMOUS = ""
_GENERATED = ("[anon", "//anon", "/memfd:", "/dev/zero")
_MAX_MAPPINGS = 4096
_STAT_START_STACK = 28  # fields of /proc/PID/stat, counted from 1: proc(5)


@dataclass(frozen=True, slots=True, order=True)
class ProcessLife:
    """A process between two execs. ``start_stack`` is random in each (ASLR); 0 for a kernel thread."""

    tgid: int
    start_stack: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Executable memory: addresses [start, end) are the bytes of ``path`` from ``file_offset`` on.

    ``file_id`` (device and inode) tells files of one path apart; ``path`` is :data:`ANONYMOUS`, ``[vdso]`` and the
    like, or a file as the process sees it, with `` (deleted)`` when it is gone.
    """

    start: int
    end: int
    file_offset: int
    file_id: str
    path: str

    @property
    def may_be_generated(self) -> bool:
        """Whether a compiler at run time could have put code there."""
        return self.path == ANONYMOUS or self.path.startswith(_GENERATED)


class AddressSpace:
    """The executable mappings of one process life."""

    def __init__(self, mappings: list[Mapping]) -> None:
        self.mappings = sorted(mappings, key=lambda mapping: mapping.start)
        self._starts = [mapping.start for mapping in self.mappings]

    @property
    def has_generated_code(self) -> bool:
        """Whether a compiler at run time may have put code somewhere."""
        return any(mapping.may_be_generated for mapping in self.mappings)

    def find(self, address: int) -> Mapping | None:
        """The mapping that an address lies in."""
        index = bisect_right(self._starts, address) - 1
        if index >= 0 and address < self.mappings[index].end:
            return self.mappings[index]
        return None


def parse_maps(text: str) -> list[Mapping]:
    """The executable mappings in the text of /proc/PID/maps."""
    mappings = []
    for line in text.splitlines():
        # start-end permissions offset device inode [path]
        fields = line.split(None, 5)
        if "x" in fields[1]:
            start, _, end = fields[0].partition("-")
            path = fields[5] if len(fields) > 5 else ANONYMOUS
            file_id = f"{fields[3]}:{fields[4]}"
            mappings.append(Mapping(int(start, 16), int(end, 16), int(fields[2], 16), file_id, path))
            if len(mappings) == _MAX_MAPPINGS:
                break
    return mappings


def read_address_space(life: ProcessLife, proc: Path = Path("/proc")) -> AddressSpace | None:
    """The mappings of a process; None when it is gone, is another program by now, or may not be read."""
    directory = proc / str(life.tgid)
    try:
        text = (directory / "maps").read_text(errors="surrogateescape")
        if life.start_stack != _start_stack((directory / "stat").read_text(errors="replace")):
            return None
    except OSError:
        return None
    mappings = parse_maps(text)
    return AddressSpace(mappings) if mappings else None


def _start_stack(stat: str) -> int:
    """The start of the stack; 0 where the reader may not know it."""
    after_name = stat.rpartition(")")[2].split()  # the name may hold anything; what follows starts with field 3
    return int(after_name[_STAT_START_STACK - 3])
