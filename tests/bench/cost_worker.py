"""A process that does so much of a known workload as it is told, and answers with the CPU time that it took, in ns.

``python -m tests.bench.cost_worker NAME PATH``: NAME as in checks.toml, PATH of the program of
:mod:`tests.kernel.calls`. What it starts counts as its own, once it has ended. What follows the number in a line is for
those that have a rate (:mod:`tests.bench.light`).
"""

import gc
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.kernel.works import COMPILED, work_command, work_function

__all__ = ["do_work"]


def do_work(name: str, amount: int, calls: Path) -> None:
    """Do it once."""
    if name.startswith(COMPILED):
        subprocess.run(work_command(name, amount, calls), input=b"go\n", stdout=subprocess.DEVNULL, check=True)
    else:
        work_function(name)(amount)


def _cpu_s() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _by_itself(name: str) -> Callable[[int], float]:
    """CPU time in s of a function of this process."""

    def work(amount: int) -> float:
        before_s = _cpu_s()
        work_function(name)(amount)
        return _cpu_s() - before_s

    return work


def _by_program(command: Sequence[str]) -> Callable[[int], float]:
    """What a program says of itself, which is started once."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    given, said = process.stdin, process.stdout
    assert said.readline() == "ready\n"

    def work(amount: int) -> float:
        print(amount, file=given, flush=True)
        return float(said.readline().split()[1])

    return work


def main() -> None:
    name, calls = sys.argv[1], Path(sys.argv[2])
    gc.disable()
    work = _by_program(work_command(name, 1, calls)) if name.startswith(COMPILED) else _by_itself(name)
    for line in sys.stdin:
        print(f"{work(int(line.split()[0])) * 1e9:.0f}", flush=True)


if __name__ == "__main__":
    main()
