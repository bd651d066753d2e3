"""Measurements that are not ours, in the guest: Debian's libbpf-tools, bpftrace, and the stock tools of BCC."""

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from tests.checks.description import Reference
from tests.kernel.reference import FIRST_FIRES, LAST_FIRES, watched
from tests.vm.guest import Guest, Started
from tests.vm.work import CALLS

__all__ = ["check_refused", "running_references"]

START_LIMIT_S = 150.0
"""Until a stock tool of BCC has compiled its program on an emulated CPU."""
END_LIMIT_S = 60.0
QUIET_S = 10.0
"""Who has printed nothing for so long has nothing to print."""

HasAll = Callable[[Reference, str], bool]
"""Whether what a reference has printed is all that there is to print."""


# Each has a file of its own: what an earlier one said must not be taken for it.
_NUMBERS = count()


# A link, or a perf event that a program is on.
_FIND_PROBES = (
    "for child in $(pgrep --parent {pid}); do "
    "grep -ls link_type: -r /proc/$child/fdinfo; ls -l /proc/$child/fd | grep perf_event; done"
)


class Unattached(Exception):
    """A reference that ended instead of tracing; what it said."""


class _Running:
    def __init__(self, guest: Guest, reference: Reference, pid: int) -> None:
        self.reference = reference
        self._guest = guest
        self._output = f"/run/reference-{next(_NUMBERS)}"
        command = reference.command.replace("{pid}", str(pid)).replace("{calls}", CALLS)
        if reference.bpftrace:
            command = f"bpftrace -f json -e {shlex.quote(watched(command))}"
        # To a terminal they write line by line; to a file they would say that they have begun only in the end.
        script = f"script --quiet --flush --return --command {shlex.quote(f'exec {command}')} {self._output}"
        self._process: Started = guest.start(f"TERM=dumb PYTHONWARNINGS=ignore exec {script}")

    def wait_attached(self) -> None:
        """Wait until it prints its heading, or ends.

        Raises:
            Unattached: it ended.
        """

        def live() -> bool:
            if self._process.poll() is not None:
                raise Unattached(self._said())
            if self.reference.silent:
                find = _FIND_PROBES.format(pid=self._process.pid)
                return bool(self._guest.run(find, check=False).out)
            said = self._said()
            if self.reference.bpftrace:
                return FIRST_FIRES in said and LAST_FIRES in said
            lines = [line for line in said.splitlines() if line and not line.startswith("Script ")]
            return any(self.reference.ready in line for line in lines)

        self._guest.wait_until(f"{self.reference.command} to trace", live, START_LIMIT_S)

    def wait_ended(self) -> str:
        """Wait until it gives up; what it said."""
        self._process.wait(START_LIMIT_S)
        return self._said()

    def stop(self, has_all: HasAll) -> str:
        if self.reference.theirs.lines:
            self._wait_printed(has_all)
        self._guest.run(f"pkill -INT --parent {self._process.pid}", check=False)
        self._process.wait(END_LIMIT_S)
        return self._said()

    def _wait_printed(self, has_all: HasAll) -> None:
        """What prints a line for each event drops what it has not read when it is interrupted: it gets the time."""
        seen, quiet_since_s = "", time.monotonic()

        def printed() -> bool:
            nonlocal seen, quiet_since_s
            before, seen = seen, self._said()
            if seen != before:
                quiet_since_s = time.monotonic()
            return has_all(self.reference, seen) or time.monotonic() - quiet_since_s > QUIET_S

        self._guest.wait_until(f"all lines of {self.reference.command}", printed, END_LIMIT_S)

    def kill(self) -> None:
        self._guest.run(f"pkill -KILL --parent {self._process.pid}; kill -KILL {self._process.pid}", check=False)

    def _said(self) -> str:
        # Not by a program: there are references that see every program that is started, and say so.
        return self._guest.read(self._output).decode(errors="replace").replace("\r", "")


Stopped = Callable[[HasAll], list[tuple[Reference, str]]]
"""Ends all references, and says what each printed."""


@contextmanager
def running_references(guest: Guest, wanted: Sequence[Reference], pid: int) -> Iterator[Stopped]:
    """Start references and wait until all trace."""
    running = [_Running(guest, reference, pid) for reference in wanted]
    try:
        for one in running:
            one.wait_attached()
        yield lambda has_all: [(one.reference, one.stop(has_all)) for one in running]
    finally:
        for one in running:
            one.kill()


def check_refused(guest: Guest, references: Sequence[Reference], pid: int) -> None:
    """References that do not attach here say so."""
    running = [_Running(guest, reference, pid) for reference in references]
    try:
        for one in running:
            said = one.wait_ended()
            assert one.reference.refused["guest"] in said, f"{one.reference.name}: {said}"
    finally:
        for one in running:
            one.kill()
