"""The workloads of tests/kernel, in the guest: one waits until it is told to go, and says when it has done its work."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kernel.works import COMPILED, MODULES, work_command
from tests.vm.guest import Guest

__all__ = ["CALLS", "GuestWork", "install_works", "work"]

_FOLDER = "/opt/works"
CALLS = f"{_FOLDER}/calls"
"""The compiled program of :mod:`tests.kernel.calls`, in the guest."""
DONE_LIMIT_S = 120.0

# Its input is a pipe that stays open, as the workloads want it; its output is looked at in a file.
_START = """
mkdir -p /run/works && cd /run/works && rm -f go said && mkfifo go && exec 3<>go
PYTHONPATH={folder} {command} <&3 >said 2>&1 &
until grep -q ready said; do kill -0 $! || exit 1; sleep 0.2; done
echo $!
"""
_DO = (
    "cd /run/works && echo go >go && until grep -q done said; do kill -0 {pid} || exit 1; sleep 0.2; done; date +%s.%N"
)


class GuestWork:
    """Work that has not begun."""

    def __init__(self, guest: Guest, pid: int) -> None:
        self._guest = guest
        self.pid = pid

    def run(self) -> float:
        """Let it do all its work, and wait until it has; returns when that was, in s since the epoch by its clock."""
        done = self._guest.run(_DO.format(pid=self.pid), limit_s=DONE_LIMIT_S, check=False)
        assert done.status == 0, self._guest.run("cat /run/works/said").out
        return float(done.out)


def install_works(guest: Guest, calls: Path) -> None:
    """Put the workloads into the guest; what they write to the disk goes to the second one."""
    guest.run(f"mkdir -p {_FOLDER}/tests/kernel {_FOLDER}/tests/vm && mount --bind /mnt /var/tmp")
    guest.push(CALLS, calls.read_bytes())
    guest.run(f"chmod +x {CALLS}")
    for module in MODULES:
        source = Path(str(module.__file__))
        guest.push(f"{_FOLDER}/{module.__name__.replace('.', '/')}.py", source.read_bytes())


@contextmanager
def work(guest: Guest, name: str, amount: int) -> Iterator[GuestWork]:
    """Start a workload; it ends with the context."""
    words = work_command(name, amount, Path(CALLS))
    command = shlex.join(words if name.startswith(COMPILED) else ["python3", "-s", *words])
    started = guest.run(_START.format(folder=_FOLDER, command=command), check=False)
    assert started.status == 0, guest.run("cat /run/works/said", check=False).out
    pid = int(started.out)
    try:
        yield GuestWork(guest, pid)
    finally:
        guest.run(f"kill -KILL {pid}", check=False)
