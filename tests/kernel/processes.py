"""Workloads as processes of a test, which tells them when to begin."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from tests.kernel import workload as own_work

__all__ = ["Workload", "program_workload", "workload"]

_ROOT = Path(__file__).parents[2]
_END_S = 10


class Workload:
    """A workload that has not begun."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        self.cpu_s = 0.0

    def run(self) -> None:
        """Let it do all its work, and wait until it has."""
        self.begin()
        self.finish()

    def begin(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Let it go: when this returns it has ended."""
        self._process.communicate()

    def finish(self) -> None:
        assert self._process.stdout is not None
        word, cpu_s = self._process.stdout.readline().split()
        assert word == "done"
        self.cpu_s = float(cpu_s)


def workload(
    name: str, number: int, *arguments: str, cgroup: Path | None = None, module: str = ""
) -> AbstractContextManager[Workload]:
    """Start a workload of :mod:`tests.kernel.workload`, or of a module, in a cgroup if one is given.

    It ends with the context.
    """
    where = ["-m", module] if module else ["-I", own_work.__file__]
    own = bool(module)
    return program_workload(sys.executable, *where, name, str(number), *arguments, cgroup=cgroup, has_processes=own)


@contextmanager
def program_workload(*command: str, cgroup: Path | None = None, has_processes: bool = False) -> Iterator[Workload]:
    """The same of a program that keeps to the protocol; ``has_processes``: of its own, which it ends itself."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if cgroup is not None:
            (cgroup / "cgroup.procs").write_text(str(process.pid))
        yield Workload(process)
    finally:
        # A workload with processes of its own ends them when its input ends.
        if has_processes and process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_END_S)
        process.kill()
        process.communicate()
