"""A process that does the work of a measurement, and is told how much of it."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.bench.light import LIGHT, light_command
from tests.bench.probe_cost import CALLS, CPU, LIGHT_PROGRAM
from tests.kernel.support import REPOSITORY

__all__ = ["Worker"]


class Worker:
    """Pinned to one CPU and in the cgroup."""

    def __init__(self, work: str, cgroup: Path) -> None:
        if work.startswith(LIGHT):
            command = light_command(work, LIGHT_PROGRAM)
        else:
            command = [sys.executable, "-m", "tests.bench.cost_worker", work, str(CALLS)]

        def enter() -> None:
            (cgroup / "cgroup.procs").write_text(str(os.getpid()))
            os.sched_setaffinity(0, {CPU})

        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            preexec_fn=enter,  # noqa: PLW1509  nothing else runs between fork and exec
        )

    def ns(self, count: int, period_ns: int = 0) -> float:
        """Do so many operations, one each period or at once; the mean time of one, in ns."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(count, period_ns, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline()) / count

    def count_for(self, window_s: float) -> int:
        """How many operations at once take so long, or ten times as long as a single one, which has to be begun too."""
        self._took_s(1)  # imports what it needs
        window_s = max(window_s, 10 * self._took_s(1))
        count = 1
        while (took_s := self._took_s(count)) < window_s / 2:
            count *= 2
        return max(int(count * window_s / took_s), 1)

    def _took_s(self, count: int) -> float:
        """The least of a few, since others may run meanwhile."""
        took_s = []
        for _ in range(3):
            began_s = time.monotonic()
            self.ns(count)
            took_s.append(time.monotonic() - began_s)
        return min(took_s)

    def close(self) -> None:
        """Wait for its end; it has nothing left to read."""
        with suppress(BrokenPipeError):
            self._process.communicate()
