"""What programs map and when they begin, as the kernel tells it while a trace runs.

Processes that live for milliseconds are gone before anybody can look at /proc: these records, of every executable
mapping, fork and exec on the machine, keep what their addresses meant. It is what perf(1) records beside its samples:
``attr.mmap2``, ``attr.comm_exec`` and ``attr.task`` of perf_event_open(2), on a software event that never fires itself.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from node_agent.kernel.cpus import online_cpus
from node_agent.kernel.perf_events import open_mapping_records

__all__ = ["Began", "Forked", "Mapped", "MappingEvents"]

_BUFFER_BYTES = 128 << 10
"""For each CPU: some hundred programs that start between two looks."""

_HEADER = struct.Struct("<IHH")  # perf_event_header: type, misc, size
_RECORD_COMM, _RECORD_FORK, _RECORD_MMAP2 = 3, 7, 10
_MISC_COMM_EXEC = 1 << 13
_COMM = struct.Struct("<II")  # pid, tid
_FORK = struct.Struct("<IIII")  # pid, ppid, tid, ptid
_MMAP2 = struct.Struct("<IIQQQIIQQII")  # pid, tid, addr, len, pgoff, maj, min, ino, ino_generation, prot, flags
_TIME_BYTES = 8  # sample_id_all with PERF_SAMPLE_TIME: the last field of every record
_PROT_EXEC = 4
_HEAD_AT = 1024  # data_head and data_tail of struct perf_event_mmap_page
_MAX_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class Mapped:
    """A process mapped executable memory; ``at_ns`` is the clock of ``bpf_ktime_get_ns()``."""

    at_ns: int
    tgid: int
    start: int
    end: int
    file_offset: int
    file_id: str
    path: str


@dataclass(frozen=True, slots=True)
class Began:
    """A process began another program: what it had mapped is gone."""

    at_ns: int
    tgid: int


@dataclass(frozen=True, slots=True)
class Forked:
    """A process began as a copy of another."""

    at_ns: int
    tgid: int
    parent_tgid: int


MappingEvent = Mapped | Began | Forked


class MappingEvents:
    """The records since the last look; owns its events and buffers."""

    def __init__(self) -> None:
        """Begin to record.

        Raises:
            OSError: EACCES without CAP_PERFMON; EPERM over the limit of locked memory.
        """
        self._fds: list[int] = []
        self._buffers: list[mmap.mmap] = []
        try:
            for cpu in online_cpus():
                fd = open_mapping_records(cpu)
                self._fds.append(fd)
                self._buffers.append(mmap.mmap(fd, mmap.PAGESIZE + _BUFFER_BYTES))
        except BaseException:
            self.close()
            raise

    def read(self) -> list[MappingEvent]:
        """What came since the last call, in order of time; what did not fit into the buffers is missing."""
        events = [event for buffer in self._buffers for event in _drain(buffer)]
        events.sort(key=lambda event: event.at_ns)
        return events

    def close(self) -> None:
        """Stop; idempotent."""
        while self._buffers:
            self._buffers.pop().close()
        while self._fds:
            os.close(self._fds.pop())


def _drain(buffer: mmap.mmap) -> Iterator[MappingEvent]:
    head, tail = struct.unpack_from("<QQ", buffer, _HEAD_AT)
    for _ in range(_MAX_RECORDS):
        if tail >= head:
            break
        kind, misc, size = _HEADER.unpack(_at(buffer, tail, _HEADER.size))
        if size < _HEADER.size:
            tail = head  # nothing that the kernel writes: begin anew
            break
        if (event := _parse(kind, misc, _at(buffer, tail + _HEADER.size, size - _HEADER.size))) is not None:
            yield event
        tail += size
    struct.pack_into("<Q", buffer, _HEAD_AT + 8, tail)


def _at(buffer: mmap.mmap, position: int, size: int) -> bytes:
    """Bytes of the ring, which begins after the first page."""
    start = position % _BUFFER_BYTES
    first = min(size, _BUFFER_BYTES - start)
    begin = mmap.PAGESIZE + start
    return buffer[begin : begin + first] + buffer[mmap.PAGESIZE : mmap.PAGESIZE + size - first]


def _parse(kind: int, misc: int, body: bytes) -> MappingEvent | None:
    at_ns = int.from_bytes(body[-_TIME_BYTES:], "little")
    if kind == _RECORD_MMAP2:
        tgid, _, start, length, offset, major, minor, inode, _, protection, _ = _MMAP2.unpack_from(body)
        if not protection & _PROT_EXEC:
            return None
        path = body[_MMAP2.size : -_TIME_BYTES].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
        return Mapped(at_ns, tgid, start, start + length, offset, f"{major:02x}:{minor:02x}:{inode}", path)
    if kind == _RECORD_COMM and misc & _MISC_COMM_EXEC:
        return Began(at_ns, _COMM.unpack_from(body)[0])
    if kind == _RECORD_FORK:
        tgid, parent, _, _ = _FORK.unpack_from(body)
        return Forked(at_ns, tgid, parent) if tgid != parent else None
    return None
