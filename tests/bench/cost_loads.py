"""The loads under which tools are measured: how often their events come, and what else the CPUs do meanwhile."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.light import LIGHT
from tests.bench.probe_cost import CPU, Subject

__all__ = ["LOADS", "Load", "loads_of", "neighbours"]

_HOG = "d = bytearray(32 << 20)\nwhile True:\n    for i in range(0, len(d), 64): d[i] = 1\n"


@dataclass(frozen=True)
class Load:
    """One of them.

    ``operations_per_s`` of the work, None: they follow each other at once. ``sample_hz``: of a tool that samples, which
    has a rate of its own, None: the highest. ``cpus``: where neighbours compute.
    """

    name: str
    operations_per_s: int | None = None
    sample_hz: int | None = None
    cpus: tuple[int, ...] = ()

    @property
    def period_ns(self) -> int:
        """From one operation's beginning to the next; 0: at once."""
        return 10**9 // self.operations_per_s if self.operations_per_s else 0

    def of(self, subject: Subject) -> str:
        """What it is for this subject."""
        return f"{self.sample_hz} Hz" if self.sample_hz and subject.tracers > 1 else self.name


EVERY_CPU = tuple(sorted(os.sched_getaffinity(0)))
LOADS = (
    Load("at once"),
    Load("10,000/s", 10_000, 499),
    Load("1,000/s", 1_000, 99),
    Load("at once, cold caches", cpus=(CPU,)),
    Load("at once, every CPU busy", cpus=EVERY_CPU),
)


def loads_of(subject: Subject) -> tuple[Load, ...]:
    """Those that can be made: only light work has a rate, and only samples have one without work."""
    paced = subject.work.startswith(LIGHT) or subject.tracers > 1
    return tuple(load for load in LOADS if paced or load.operations_per_s is None)


@contextmanager
def neighbours(cpus: Sequence[int]) -> Iterator[None]:
    """A process on each of these CPUs that leaves its caches cold."""
    command = [sys.executable, "-I", "-S", "-c", _HOG]
    hogs = [subprocess.Popen(["taskset", "-c", str(cpu), *command]) for cpu in cpus]
    try:
        yield
    finally:
        for hog in hogs:
            hog.send_signal(signal.SIGKILL)
            hog.wait()
