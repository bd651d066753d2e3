"""What no eBPF program of this kernel sees: some kernels run none while a thread of process 1 is the current task.

Virtual machines are guarded so: an interrupt that finds their supervisor on the CPU is part of what is not seen,
whatever it is for. The kernel's own tracing (ftrace) sees it, and says whom it interrupted.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Completions", "completions_of"]

_TRACEFS = Path("/sys/kernel/tracing")
_EVENT = "events/block/block_rq_complete"
_LINE = re.compile(r"^.{16}-(\d+) +\[\d+\].*: block_rq_complete:", re.MULTILINE)
_BUFFER_KIB = 4096


class Completions:
    """Requests of a disk that have completed, as ftrace has them."""

    def __init__(self, instance: Path) -> None:
        self._instance = instance

    def counted(self) -> tuple[int, int]:
        """How many there were; and how many of them while a thread of process 1 was the current task."""
        (self._instance / _EVENT / "enable").write_text("0")
        pids = [int(pid) for pid in _LINE.findall((self._instance / "trace").read_text())]
        supervisors = {int(thread.name) for thread in Path("/proc/1/task").iterdir()}
        return len(pids), sum(pid in supervisors for pid in pids)


@contextmanager
def completions_of(disk: Path) -> Iterator[Completions]:
    """Count until asked; nothing of it is left in the end."""
    device = disk.stat().st_rdev
    instance = _TRACEFS / "instances" / f"fleettrace-test-{os.getpid()}"
    instance.mkdir()
    try:
        (instance / "buffer_size_kb").write_text(str(_BUFFER_KIB))
        # MKDEV() of include/linux/kdev_t.h
        (instance / _EVENT / "filter").write_text(f"dev == {os.major(device) << 20 | os.minor(device)}")
        (instance / _EVENT / "enable").write_text("1")
        yield Completions(instance)
    finally:
        instance.rmdir()
