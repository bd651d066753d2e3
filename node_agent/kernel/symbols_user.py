"""Names of functions in sampled processes, also in those that end before the trace does.

When a process is first seen its mappings are noted and the mapped files opened; so files can be read when the
process, or even the file's name, is gone. One that was gone before that is known by the records that the kernel wrote
when it mapped its files. Everything is bounded: processes, open files, remembered names, time.
"""

import math
import os
import stat
import time
from collections import defaultdict
from collections.abc import Collection
from functools import partial
from pathlib import Path, PurePath

from node_agent.kernel.address_space import ANONYMOUS, AddressSpace, Mapping, ProcessLife, read_address_space
from node_agent.kernel.elf import Read
from node_agent.kernel.perf_map import open_perf_map, resolve_in_perf_map
from node_agent.kernel.process_history import ProcessHistory
from node_agent.kernel.symbols_elf import resolve_offsets
from node_agent.kernel.unwind_table import function_beginnings

__all__ = ["UNKNOWN_FRAME", "UserSymbols"]

UNKNOWN_FRAME = "[unknown]"
"""Stands for an address of a process that could not be looked at, or outside everything that it had mapped."""

_MAX_PROCESSES = 2048
_MAX_OPEN_FILES = 256
_MAX_PERF_MAPS = 128
_MAX_CACHED = 131_072
_DELETED = " (deleted)"


class UserSymbols:
    """Resolves addresses of processes; owns the files that it has opened."""

    def __init__(self, proc: Path = Path("/proc"), history: ProcessHistory | None = None) -> None:
        self._proc = proc
        self._history = history or ProcessHistory()
        self._spaces: dict[ProcessLife, AddressSpace | None] = {}
        self._files: dict[str, int] = {}
        self._perf_maps: dict[ProcessLife, int] = {}
        self._names: dict[tuple[str, int], str] = {}
        self._until_s = math.inf
        self.unread: set[str] = set()
        """The files that there was no time for, whose functions have no names."""

    def name_until(self, until_s: float) -> None:
        """From this moment of the monotonic clock on no further file is read for names; :attr:`unread` begins anew."""
        self._until_s = until_s
        self.unread.clear()

    def note(self, life: ProcessLife, seen_ns: int = 0) -> None:
        """Look at a process while it lives; to be called soon after it was first sampled. Cheap when known.

        ``seen_ns`` is when that was, by the clock of ``bpf_ktime_get_ns()``.
        """
        if life not in self._spaces and len(self._spaces) < _MAX_PROCESSES:
            self._look_at(life, seen_ns)
        space = self._spaces.get(life)
        if space is not None and space.has_generated_code:
            self._open_perf_map(life)

    def _look_at(self, life: ProcessLife, seen_ns: int) -> None:
        if not life.start_stack:
            self._spaces[life] = None
            return
        root = self._proc / str(life.tgid) / "root"
        space = read_address_space(life, self._proc)
        if space is None:
            root = Path("/")
            space = self._history.space_at(life.tgid, seen_ns) or self._space_of_parent(life, seen_ns)
        self._spaces[life] = space
        for mapping in space.mappings if space is not None else ():
            if mapping.path.startswith("/") and mapping.file_id not in self._files:
                self._open(life, mapping, root)

    def _space_of_parent(self, life: ProcessLife, seen_ns: int) -> AddressSpace | None:
        """Of a process that began as a copy of another and has ended: what the other has; a copy has the same stack."""
        parent = self._history.parent_at(life.tgid, seen_ns)
        if not parent:
            return None
        copied_from = ProcessLife(parent, life.start_stack)
        return self._spaces.get(copied_from) or read_address_space(copied_from, self._proc)

    def _open_perf_map(self, life: ProcessLife) -> None:
        if life in self._perf_maps or len(self._perf_maps) >= _MAX_PERF_MAPS:
            return
        if (fd := open_perf_map(life.tgid, self._proc)) is not None:
            self._perf_maps[life] = fd

    def _open(self, life: ProcessLife, mapping: Mapping, root: Path) -> None:
        if len(self._files) >= _MAX_OPEN_FILES:
            return
        gone = mapping.path.endswith(_DELETED)
        # As the process sees it, which may be in a container. A deleted program is still there as exe.
        path = self._proc / str(life.tgid) / "exe" if gone else root / mapping.path.lstrip("/")
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return
        status = os.fstat(fd)
        # The exe of a process whose deleted file is a library is another file, and so may be a path that only an ended
        # process saw. Inodes tell; device numbers do not: some file systems (btrfs, overlayfs) show others than /proc.
        same = mapping.file_id.endswith(f":{status.st_ino}") or not (gone or root == Path("/"))
        if stat.S_ISREG(status.st_mode) and same:
            self._files[mapping.file_id] = fd
        else:
            os.close(fd)

    def resolve(self, life: ProcessLife, addresses: Collection[int]) -> dict[int, str]:
        """A frame for every address: a function, ``[file+0xoffset]`` or :data:`UNKNOWN_FRAME`.

        The offset is that of the beginning of the function, where the file tells it, or of the address itself. A file
        that there is no time for any more (:meth:`name_until`) is one that tells nothing.
        """
        space = self._spaces.get(life)
        if space is not None and any(space.find(address) is None for address in addresses):
            space = self._with_later_mappings(life, space)  # something was loaded after the first look
        if space is None:
            return dict.fromkeys(addresses, UNKNOWN_FRAME)
        by_file: defaultdict[Mapping, list[int]] = defaultdict(list)
        frames: dict[int, str] = {}
        for address in addresses:
            if (mapping := space.find(address)) is None:
                frames[address] = UNKNOWN_FRAME
            else:
                by_file[mapping].append(address)
        for mapping, inside in by_file.items():
            frames |= self._in_mapping(life, mapping, inside)
        return frames

    def _with_later_mappings(self, life: ProcessLife, space: AddressSpace) -> AddressSpace:
        later = read_address_space(life, self._proc)
        if later is None:
            return space
        # What was seen first stays: a sample is older than this look.
        added = [mapping for mapping in later.mappings if space.find(mapping.start) is None]
        merged = AddressSpace([*space.mappings, *added])
        self._spaces[life] = merged
        for mapping in added:
            if mapping.path.startswith("/") and mapping.file_id not in self._files:
                self._open(life, mapping, self._proc / str(life.tgid) / "root")
        return merged

    def _in_mapping(self, life: ProcessLife, mapping: Mapping, addresses: list[int]) -> dict[int, str]:
        frames: dict[int, str] = {}
        if mapping.may_be_generated:
            self._open_perf_map(life)
            if (fd := self._perf_maps.get(life)) is not None:
                frames = resolve_in_perf_map(fd, addresses)
        left = [address for address in addresses if address not in frames]
        if mapping.path == ANONYMOUS:
            return frames | dict.fromkeys(left, UNKNOWN_FRAME)
        offsets = {address: address - mapping.start + mapping.file_offset for address in left}
        names = self._in_file(mapping, set(offsets.values()))
        return frames | {address: names[offset] for address, offset in offsets.items()}

    def _in_file(self, mapping: Mapping, offsets: Collection[int]) -> dict[int, str]:
        identity = mapping.file_id if mapping.path.startswith("/") else mapping.path
        unknown = [offset for offset in offsets if (identity, offset) not in self._names]
        if len(self._names) + len(unknown) > _MAX_CACHED:
            self._names.clear()
            unknown = list(offsets)
        name = PurePath(mapping.path.removesuffix(_DELETED)).name.strip("[]")
        fd = self._files.get(identity)
        if unknown and fd is not None and time.monotonic() >= self._until_s:
            self.unread.add(identity)
        elif unknown:
            found = _names_in(partial(os.pread, fd), unknown) if fd is not None else {}
            for offset in unknown:
                known = found.get(offset, offset)
                self._names[identity, offset] = known if isinstance(known, str) else f"[{name}+{known:#x}]"
        return {offset: self._names.get((identity, offset), f"[{name}+{offset:#x}]") for offset in offsets}

    def close(self) -> None:
        """Close the files; idempotent."""
        while self._files:
            os.close(self._files.popitem()[1])
        while self._perf_maps:
            os.close(self._perf_maps.popitem()[1])


def _names_in(read: Read, offsets: Collection[int]) -> dict[int, str | int]:
    """The function of each offset, or where the function begins that has no name: frames of one function are alike."""
    names = resolve_offsets(read, offsets)
    return {**function_beginnings(read, [offset for offset in offsets if offset not in names]), **names}
