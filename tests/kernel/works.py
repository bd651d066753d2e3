"""Workloads by the names that checks.toml gives them, whichever module or program has them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tests.kernel import file_workload, stir, tcp_workload, workload
from tests.kernel.processes import Workload, program_workload

__all__ = ["COMPILED", "MODULES", "start_work", "work_command", "work_function"]

MODULES = (workload, file_workload, tcp_workload, stir)
COMPILED = "calls:"
"""Before the name of what the program of :mod:`tests.kernel.calls` does."""


def work_command(name: str, amount: int, calls: Path) -> list[str]:
    """What follows the interpreter's name; or, of a compiled one, the whole command."""
    if name.startswith(COMPILED):
        return [str(calls), name.removeprefix(COMPILED), str(amount)]
    (module,) = (module.__name__ for module in MODULES if name in module.WORKLOADS)
    return ["-m", module, name, str(amount)]


def work_function(name: str) -> Callable[..., object]:
    """What a workload does, to be called with its amount; of those that are not compiled."""
    found: Callable[..., object]
    (found,) = (module.WORKLOADS[name] for module in MODULES if name in module.WORKLOADS)
    return found


def start_work(
    interpreter: str, name: str, amount: int, calls: Path, *, cgroup: Path | None = None
) -> AbstractContextManager[Workload]:
    """A workload that waits to be told; ``interpreter``'s file name is its process' name, as ``calls``' is."""
    command = work_command(name, amount, calls)
    if not name.startswith(COMPILED):
        command = [interpreter, *command]
    return program_workload(*command, cgroup=cgroup, has_processes=name in tcp_workload.WORKLOADS)
