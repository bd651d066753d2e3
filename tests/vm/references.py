"""Measurements that are not ours, in the guest: Debian's libbpf-tools, and the stock tools of BCC where they attach."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests.kernel.reference import counts_of, histogram_of
from tests.kernel.workload import NO_SUCH_FILE, OPENED_FILE
from tests.vm.guest import Guest, Started
from tests.vm.known import DISK, PID, Snapshot

__all__ = ["REFERENCES", "Counts", "Reference", "Unattached", "references"]

Counts = Mapping[str, int]
"""What two measurements of the same thing are compared by: a total, or one number a bucket or name."""
START_LIMIT_S = 120.0
END_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Reference:
    """A command, how to read what it printed, and how to read the same out of a part of ours.

    ``refused``: what this kernel says to it instead, of a tool that is known not to attach here.
    """

    command: str
    theirs: Callable[[str], Counts]
    ours: Callable[[Snapshot], Counts]
    refused: str = ""

    @property
    def name(self) -> str:
        return self.command.split()[0]


def buckets(**labels: str) -> Callable[[Snapshot], Counts]:
    """Of all histograms with these labels together, by the index of the scheme "log2"."""

    def added_up(part: Snapshot) -> Counts:
        found = Counter[str]()
        for histogram in part["histograms"]:
            if labels.items() <= histogram["key"].items():
                for bucket in histogram["buckets"]:
                    found[str(max(bucket["low"].bit_length() - 1, 0))] += bucket["count"]
        return found

    return added_up


def printed_buckets(output: str) -> Counts:
    return {str(index): count for index, count in histogram_of(output).items()}


def lines_with(pattern: str) -> Callable[[str], Counts]:
    return lambda output: {"total": sum(bool(re.search(pattern, line)) for line in output.splitlines())}


def rows(by: str, *values: str) -> Callable[[Snapshot], Counts]:
    return lambda part: {"total": sum(row["count"] for row in part["counts"] if row["key"][by] in values)}


def by_syscall(part: Snapshot) -> Counts:
    found = Counter[str]()
    for row in part["counts"]:
        found[row["key"]["syscall"]] += row["count"]
    return found


def events(part: Snapshot) -> Counts:
    return {"total": len(part["events"])}


_OPENED = f"{OPENED_FILE}|{NO_SUCH_FILE}"

REFERENCES: Mapping[str, tuple[Reference, ...]] = {
    "biolatency": (
        Reference(f"biolatency -d {DISK}", printed_buckets, buckets(disk=DISK)),
        Reference("biolatency-bpfcc", printed_buckets, buckets(disk=DISK), refused="blk_account_io_done"),
    ),
    "biosnoop": (
        Reference(
            f"biosnoop -d {DISK}",
            lines_with(rf"\b{DISK}\b.* 65536 "),
            events,
            refused="BTF type ID of 'blk_account_io_",
        ),
    ),
    "execsnoop": (
        Reference("execsnoop", lines_with(r"/bin/true"), rows("program", "/bin/true")),
        Reference("execsnoop-bpfcc", lines_with(r"/bin/true"), rows("program", "/bin/true")),
    ),
    "opensnoop": (
        Reference(f"opensnoop -p {PID}", lines_with(_OPENED), rows("path", OPENED_FILE, NO_SUCH_FILE)),
        Reference(f"opensnoop-bpfcc -p {PID}", lines_with(_OPENED), rows("path", OPENED_FILE, NO_SUCH_FILE)),
    ),
    "runqlat": (Reference(f"runqlat -p {PID}", printed_buckets, buckets()),),
    "syscount": (Reference(f"syscount -p {PID}", counts_of, by_syscall),),
    "tcpconnect": (
        Reference(f"tcpconnect -p {PID}", lines_with(r"127\.0\.0\.1 "), rows("peer", "127.0.0.1")),
        Reference(f"tcpconnect-bpfcc -p {PID}", lines_with(r"127\.0\.0\.1 "), rows("peer", "127.0.0.1")),
    ),
}


class Unattached(Exception):
    """A reference that ended instead of tracing; what it said."""


class _Running:
    def __init__(self, guest: Guest, number: int, reference: Reference, pid: int) -> None:
        self.reference = reference
        self._guest = guest
        self._output = f"/run/reference-{number}"
        command = reference.command.replace(PID, str(pid))
        # To a terminal they write line by line; to a file they would say that they have begun only in the end.
        started = (
            f"rm -f {self._output}; exec script --quiet --flush --return --command 'exec {command}' {self._output}"
        )
        self._process: Started = guest.start(f"TERM=dumb PYTHONWARNINGS=ignore {started}")

    def wait_attached(self) -> None:
        """Wait until it prints its heading, or ends.

        Raises:
            Unattached: it ended.
        """

        def live() -> bool:
            if self._process.poll() is not None:
                raise Unattached(self._said())
            return any(line for line in self._said().splitlines() if not line.startswith("Script "))

        self._guest.wait_until(f"{self.reference.command} to trace", live, START_LIMIT_S)

    def wait_ended(self) -> str:
        """Wait until it gives up; what it said."""
        self._process.wait(START_LIMIT_S)
        return self._said()

    def stop(self) -> str:
        self._guest.run(f"pkill -INT --parent {self._process.pid}", check=False)
        self._process.wait(END_LIMIT_S)
        return self._said()

    def kill(self) -> None:
        self._guest.run(f"pkill -KILL --parent {self._process.pid}; kill -KILL {self._process.pid}", check=False)

    def _said(self) -> str:
        return self._guest.run(f"cat {self._output}", check=False).out.replace("\r", "")


@contextmanager
def references(guest: Guest, tool: str, pid: int) -> Iterator[Callable[[], list[tuple[Reference, str]]]]:
    """Start all of a tool's references and wait until they trace; gives a function that ends them, with what they said.

    Those that must be refused are started first, and are gone when the others start.
    """
    for number, reference in enumerate(REFERENCES.get(tool, ())):
        if reference.refused:
            _check_refused(_Running(guest, number, reference, pid))
    wanted = [reference for reference in REFERENCES.get(tool, ()) if not reference.refused]
    running = [_Running(guest, number, reference, pid) for number, reference in enumerate(wanted)]
    try:
        for one in running:
            one.wait_attached()
        yield lambda: [(one.reference, one.stop()) for one in running]
    finally:
        for one in running:
            one.kill()


def _check_refused(running: _Running) -> None:
    try:
        said = running.wait_ended()
    finally:
        running.kill()
    assert running.reference.refused in said, f"{running.reference.name}: {said}"
