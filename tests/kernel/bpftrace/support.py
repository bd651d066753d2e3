"""What tests of one-liners on the real kernel share."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleettrace.errors import Unfit
from fleettrace.model.run import OneLinerBounds, RunKind
from fleettrace.oneliner import parse
from fleettrace.snapshot import Snapshot
from node_agent.backends.bpftrace.plan import OneLinerPlan
from node_agent.backends.bpftrace.process import find_bpftrace
from node_agent.backends.bpftrace.tracer import BpftraceTracer
from node_agent.backends.port import ProbeStats
from node_agent.kernel.cgroups import Scope
from tests.kernel.support import REQUIRE, require_kernel

MAX_MAP_BYTES = 64 << 20
BOUNDS = OneLinerBounds(max_probes=20, max_keys=16_384, max_printed_per_s=1e6)
LIBC = str(Path("/lib/x86_64-linux-gnu/libc.so.6").resolve())
PYTHON = str(Path(sys.executable).resolve())


def require_bpftrace() -> None:
    """Skip without bpftrace; fail instead where kernel tests are required."""
    require_kernel()
    try:
        find_bpftrace()
    except Unfit as error:
        if os.environ.get(REQUIRE):
            pytest.fail(str(error))
        pytest.skip(str(error))


@dataclass(frozen=True)
class Outcome:
    """What one run gave."""

    snapshot: Snapshot
    stats: ProbeStats
    notes: tuple[str, ...]
    events_per_probe: dict[int, int]

    def counts(self) -> dict[tuple[str, ...], int]:
        return {tuple(value for _, value in count.key): count.count for count in self.snapshot.counts}


def plan(
    text: str, *, kind: RunKind = RunKind.TRACE, scope: Scope | None = None, max_map_bytes: int = MAX_MAP_BYTES
) -> OneLinerPlan:
    return OneLinerPlan(parse(text), kind, scope, 30_000, max_map_bytes, BOUNDS)


@contextmanager
def attached(text: str, kind: RunKind = RunKind.TRACE) -> Iterator[BpftraceTracer]:
    tracer = BpftraceTracer(plan(text, kind=kind))
    try:
        tracer.attach()
        yield tracer
    finally:
        tracer.close()


def traced(text: str, work: Callable[[], object], kind: RunKind = RunKind.TRACE) -> Outcome:
    """Trace some work."""
    with attached(text, kind) as tracer:
        work()
        tracer.stats()
        tracer.detach()
        snapshot = tracer.snapshot()
        snapshot.check_valid()
        return Outcome(snapshot, tracer.stats(), tracer.notes(), tracer.events_per_probe())


def busy(seconds: float) -> None:
    """User and kernel mode, on the CPU."""
    until_s = time.process_time() + seconds
    with Path("/dev/zero").open("rb", buffering=0) as zeros:
        while time.process_time() < until_s:
            zeros.read(4096)
            sum(range(2_000))
