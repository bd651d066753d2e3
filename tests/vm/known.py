"""What a tool must count of which work: a prime number of events, or bounds where the kernel has a say in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.kernel.file_workload import FILE_NAME
from tests.kernel.tcp_workload import CLIENT_CLOSES
from tests.kernel.workload import BLOCK_BYTES, OPENED_FILE

__all__ = ["KNOWN", "NOT_TRIED", "PID", "Known", "Snapshot"]

Snapshot = Mapping[str, Any]
"""A host's part of the JSON document of a job."""
PID = "{pid}"
"""In a parameter: the process id of the work."""

PRIME = 101
DISK = "vdb"
_OWN = {"pid": PID}


@dataclass(frozen=True, slots=True)
class Known:
    """A workload of tests/kernel/workload.py, and the number that a part must give, at least and at most."""

    work: str
    amount: int
    number: Callable[[Snapshot], float]
    least: float
    most: float
    params: Mapping[str, str] = field(default_factory=lambda: _OWN)
    events: str = ""
    """What is counted, for the table."""
    alternative: str = ""
    """The one that this kernel must choose, of a tool that has several."""


def exactly(work: str, amount: int, number: Callable[[Snapshot], float], expected: float, **more: Any) -> Known:
    return Known(work, amount, number, expected, expected, **more)


def counts(**labels: str) -> Callable[[Snapshot], float]:
    return lambda part: sum(row["count"] for row in part["counts"] if labels.items() <= row["key"].items())


def sums(unit: str, **labels: str) -> Callable[[Snapshot], float]:
    return lambda part: sum(row["sums"][unit] for row in part["counts"] if labels.items() <= row["key"].items())


def measured(**labels: str) -> Callable[[Snapshot], float]:
    return lambda part: sum(
        bucket["count"]
        for histogram in part["histograms"]
        if labels.items() <= histogram["key"].items()
        for bucket in histogram["buckets"]
    )


def kept(**labels: str) -> Callable[[Snapshot], float]:
    return lambda part: sum(labels.items() <= event["fields"].items() for event in part["events"])


def stacked(frame: str, name: str = "value") -> Callable[[Snapshot], float]:
    return lambda part: sum(stack[name] for stack in part["stacks"] if any(frame in f for f in stack["frames"]))


def everything(part: Snapshot) -> float:
    return float(part["cost"]["events"])


def a_second(part: Snapshot) -> float:
    return everything(part) / float(part["duration_s"])


NOT_TRIED: Mapping[str, str] = {
    "funclatency": "not tried",  # it needs a binary and a function of the guest
    "usdt": "not tried",  # it needs a binary of the guest with such probes
}
"""Tools of the catalogue that are not run in the guest, and why."""

_PAGES = 2_003
_TO_SERVER = {"port": str(CLIENT_CLOSES)}

KNOWN: Mapping[str, Known] = {
    # Of all processes, as the reference can do no less: the filesystem writes its journal as well.
    "biolatency": Known(
        "synced_writes", PRIME, measured(disk=DISK, operation="write"), PRIME, 4 * PRIME, {}, "writes to vdb"
    ),
    "biosnoop": exactly(
        "synced_writes",
        PRIME,
        kept(disk=DISK, operation="write", bytes=str(BLOCK_BYTES)),
        PRIME,
        params={"pid": PID, "min_us": "0"},
        events="writes of 64 KiB to vdb",
    ),
    "biotop": Known(
        "synced_writes",
        PRIME,
        sums("bytes", disk=DISK, operation="write"),
        PRIME * BLOCK_BYTES,
        PRIME * BLOCK_BYTES * 1.1,
        events="bytes to vdb",
    ),
    "cachestat": Known(
        "cached_reads",
        _PAGES,
        sums("missed"),
        _PAGES * 0.98,
        _PAGES * 1.02,
        events="pages read in",
        alternative="folio_kprobe",
    ),
    "execsnoop": exactly("execs", 31, counts(program="/bin/true", result="ok"), 31, params={}, events="programs"),
    "filetop": exactly("file_calls", PRIME, counts(file=FILE_NAME), 3 * PRIME, events="reads and writes"),
    "fsslower": exactly(
        "file_calls",
        PRIME,
        measured(operation="read"),
        2 * PRIME,
        params={"pid": PID, "threshold_us": "0"},
        events="reads",
    ),
    "futexwait": exactly("lock_waits", PRIME, measured(), PRIME, events="waits"),
    "killsnoop": exactly("signals", PRIME, counts(signal="SIGCONT"), PRIME, events="signals"),
    "offcputime": Known("sleeps", 31, stacked("nanosleep", "events"), 29, 32, events="sleeps"),
    "opensnoop": exactly("opens", PRIME, counts(path=OPENED_FILE, result="ok"), PRIME, events="opens"),
    "pagefaults": Known("touches", 10_007, everything, 10_007, 10_507, events="faults"),
    "profile": Known("checksum", 2_000, everything, 99, 2 * 99 * 1.1, events="samples of 2 s of CPU"),
    "runqlat": Known("waits", 31, everything, 31 * 5 * 0.9, 31 * 5 * 2, events="waits"),
    "runqlen": Known("stir", 5, a_second, 2 * 99 * 0.5, 2 * 99 * 1.1, {}, "samples a second of 2 CPUs"),
    "syscount": exactly("rare_syscalls", PRIME, counts(syscall="ioprio_get"), PRIME, events="ioprio_get"),
    "tcpaccept": exactly("two_sides", PRIME, counts(), PRIME, params=_TO_SERVER, events="accepted"),
    "tcpbalance": exactly("two_sides", PRIME, counts(), 4 * PRIME, params=_TO_SERVER, events="opened, closed"),
    "tcpconnect": exactly("sessions", PRIME, counts(peer="127.0.0.1", result="ok"), PRIME, events="connections"),
    "tcplife": exactly("two_sides", PRIME, counts(), 2 * PRIME, params=_TO_SERVER, events="sides of sessions"),
    "tcpretrans": Known(
        "unanswered", 17, counts(peer="127.0.0.1", state="syn_sent"), 17, 34, params={}, events="SYN sent again"
    ),
}
