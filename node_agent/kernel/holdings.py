"""What a process and its children hold of eBPF, and whether the kernel still has it."""

import errno
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path

from node_agent.kernel.bpf import Command, bpf

__all__ = ["held_by", "still_there", "take_away_events"]

_FIELDS = {"prog_id": "program", "map_id": "map", "link_id": "link"}
_BY_ID = {"program": Command.PROG_GET_FD_BY_ID, "map": Command.MAP_GET_FD_BY_ID, "link": Command.LINK_GET_FD_BY_ID}
_EVENTS = "events of process"
_EVENT = "event "
_EVENT_FILES = ("uprobe_events", "kprobe_events")
_TRACEFS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))


def held_by(pid: int) -> tuple[str, ...]:
    """What a process and its descendants hold: ``program 12``, ``map 3``, ``link 7``; and whose events to look for."""
    held = set()
    for one in (pid, *_descendants(pid)):
        held.add(f"{_EVENTS} {one}")
        with suppress(OSError):
            for info in Path(f"/proc/{one}/fdinfo").iterdir():
                with suppress(OSError):  # closed meanwhile
                    held |= _ids(info.read_text())
    return tuple(sorted(held))


def still_there(held: Sequence[str]) -> tuple[list[str], list[str]]:
    """Of these things, those that the kernel still has, and those that could not be looked for, with the reason."""
    left: list[str] = []
    unknown: list[str] = []
    events = _event_lines()
    for thing in held:
        kind, _, number = thing.rpartition(" ")
        if kind == _EVENTS:
            # BCC and bpftrace put the id of their process into the names of the events that they make.
            left += [f"{_EVENT}{line}" for line in events if f"_{number}_" in f"{line}_"]
        else:
            try:
                fd, _ = bpf(_BY_ID[kind], struct.pack("<I", int(number)))
            except OSError as error:
                if error.errno != errno.ENOENT:
                    unknown.append(f"{thing}: {os.strerror(error.errno or 0)}")
            else:
                os.close(fd)
                left.append(thing)
    return left, unknown


def take_away_events(things: Sequence[str]) -> list[str]:
    """Of things that are left, those that are events which nobody uses any more, and are now taken away.

    Whoever made them is dead: an event without its maker does nothing, and only its name is in the way. One that is in
    use stays (EBUSY), and so do all where this process may not write to tracefs. The syntax is that of the kernel's
    trace/uprobetracer.rst; the file is opened to append, since opening it anew would take everybody's events away.
    """
    wanted = {thing.removeprefix(_EVENT): thing for thing in things if thing.startswith(_EVENT)}
    for folder, name in product(_TRACEFS, _EVENT_FILES):
        for line in _lines(folder / name):
            if line in wanted:
                with suppress(OSError):
                    fd = os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
                    try:
                        os.write(fd, f"-:{line.partition(':')[2]}\n".encode())
                    finally:
                        os.close(fd)
    there = set(_event_lines())
    return [thing for line, thing in wanted.items() if line not in there]


def _descendants(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from _descendants(child)


def _ids(fdinfo: str) -> set[str]:
    fields = (line.split(":", 1) for line in fdinfo.splitlines() if ":" in line)
    # A link's descriptor names its program too, and an event's (prog_id) the one that runs on it.
    return {f"{_FIELDS[name]} {int(value)}" for name, value in fields if name in _FIELDS and int(value) > 0}


def _event_lines() -> list[str]:
    """The events that were made by hand in tracefs, by name; none where it cannot be read."""
    return sorted({line for folder, name in product(_TRACEFS, _EVENT_FILES) for line in _lines(folder / name)})


def _lines(file: Path) -> list[str]:
    with suppress(OSError):
        return [line.split()[0] for line in file.read_text().splitlines() if line.strip()]
    return []
