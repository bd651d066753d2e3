"""Whether binaries keep frame pointers: without them the kernel cannot walk their stacks.

Sound and not complete: functions are sampled over the whole symbol table and their first instructions read. A function
that sets its frame up later than that counts as one without. x86-64 only.
"""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from fleettrace.errors import BadInput, Unfit
from fleettrace.model.inspection import Check, Grade
from node_agent.kernel.binaries import Binary, open_binary, root_of_process
from node_agent.kernel.elf import ELF_ERRORS, ElfFunction

__all__ = ["busiest_executables", "check_frame_pointers", "share_with_frame_pointers"]

MAX_SAMPLED = 200
MIN_SAMPLED = 8
"""Fewer functions say nothing."""
MAX_EXECUTABLES = 4
MIN_FUNCTION_BYTES = 48
"""Smaller functions often call nothing and need no frame."""
MOSTLY = 0.6
"""Of the functions; compilers set some frames up late (shrink-wrapping)."""

_LOOKED_AT_BYTES = 24
_PUSH_RBP = b"\x55"
_MOVES = (b"\x48\x89\xe5", b"\x48\x8b\xec")  # mov %rsp,%rbp in its two encodings
_MAX_BETWEEN_BYTES = 12  # the compiler may put a few instructions between the two
_X86_64 = 62


def check_frame_pointers(proc: Path = Path("/proc")) -> Check:
    """libc and the executables that have used most CPU time on this host."""
    shares, unknown = [], []
    for path, pid in {**busiest_executables(proc), **_libc()}.items():
        name = Path(path).name
        share = _share(path, pid)
        if isinstance(share, str):
            unknown.append(f"{name} ({share})")
        else:
            shares.append((share, name))
    found = ", ".join(f"{name} {share:.0%}" for share, name in sorted(shares, reverse=True))
    text = f"sampled functions that set a frame up: {found}" if found else "nothing could be sampled"
    if unknown:
        text += f"; not known: {', '.join(unknown)}"
    cut = [name for share, name in sorted(shares) if share < MOSTLY]
    if not cut:
        return Check("frame pointers", Grade.OK if shares else Grade.NOTE, text)
    return Check(
        "frame pointers",
        Grade.NOTE,
        f"{text}. User stacks through {', '.join(cut)} are cut short",
        "run builds made with -fno-omit-frame-pointer where user stacks matter",
    )


def _share(path: str, pid: int) -> float | str:
    """The share of functions with frames, or why it is not known."""
    try:
        with open_binary(path, root_of_process(pid)) as binary:
            if binary.elf.machine != _X86_64:
                return "not x86-64 code"
            share, sampled = share_with_frame_pointers(binary)
    except (BadInput, Unfit):
        return "not to be read"
    except ELF_ERRORS:
        return "damaged"
    return share if sampled >= MIN_SAMPLED else "stripped"


def share_with_frame_pointers(binary: Binary) -> tuple[float, int]:
    """The share of sampled functions that begin by setting a frame up, and how many were sampled.

    Raises:
        Any of ELF_ERRORS: the file is damaged.
    """
    elf = binary.elf
    sampled = with_frame = 0
    for function in _spread(_large_functions(binary)):
        offset = elf.offset_of(function.address)
        if offset is None:
            continue
        sampled += 1
        with_frame += _sets_frame_up(elf.read(_LOOKED_AT_BYTES, offset))
    return (with_frame / sampled if sampled else 0.0), sampled


def _large_functions(binary: Binary) -> list[ElfFunction]:
    for table in binary.elf.symbol_tables:
        found = {
            function.address: function
            for function in binary.elf.functions(table)
            if function.size >= MIN_FUNCTION_BYTES and not function.indirect
        }
        if found:  # the full table comes first; exports alone are better than nothing
            return [found[address] for address in sorted(found)]
    return []


def _spread(functions: list[ElfFunction]) -> Iterable[ElfFunction]:
    """At most :data:`MAX_SAMPLED`, evenly over the program, so that no one library in it speaks for all."""
    step = max(len(functions) / MAX_SAMPLED, 1)
    return (functions[int(index * step)] for index in range(min(len(functions), MAX_SAMPLED)))


def _sets_frame_up(code: bytes) -> bool:
    push = code.find(_PUSH_RBP)
    if push < 0:
        return False
    after = code[push + 1 : push + 1 + _MAX_BETWEEN_BYTES + 3]
    return any(move in after for move in _MOVES)


def _libc() -> dict[str, int]:
    maps = Path("/proc/self/maps").read_text()
    return {line.split()[-1]: os.getpid() for line in maps.splitlines() if "/libc.so" in line}


def busiest_executables(proc: Path = Path("/proc"), count: int = MAX_EXECUTABLES) -> dict[str, int]:
    """The executables whose live processes have used most CPU time, each with the id of one of the processes."""
    ticks: Counter[str] = Counter()
    pids: dict[str, int] = {}
    for folder in proc.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            # After the name, which is in parentheses and may hold anything: fields 14 and 15, utime and stime.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            path = str((folder / "exe").readlink())
        except OSError:
            continue  # a kernel thread, or it has ended
        if not path.endswith(" (deleted)"):
            ticks[path] += int(fields[11]) + int(fields[12])
            pids[path] = int(folder.name)
    return {path: pids[path] for path, _ in ticks.most_common(count)}
