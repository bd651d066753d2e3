"""What every tracer must do, whatever does the tracing."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleettrace.catalog import builtin_tools
from fleettrace.errors import Unfit
from fleettrace.model.run import RunKind
from fleettrace.snapshot import EMPTY, merge
from node_agent.backends import TracePlan, Tracer, open_tracer
from tests.checks.description import checks_of
from tests.kernel.support import recorded, require_kernel

MAX_MAP_BYTES = 64 << 20
LIBC = next(line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/libc.so" in line)
NAMED = {"{libc}": LIBC, "{python}": str(Path(sys.executable).resolve())}

DISK = Path("/var/tmp")  # not in memory

Open = Callable[[RunKind], Tracer]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(params=sorted(builtin_tools()))
def tool(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["replay", pytest.param("bcc", marks=pytest.mark.kernel)])
def tracer_of(request: pytest.FixtureRequest, tool: str, state: Path) -> Iterator[Open]:
    """Opens tracers of the tool, and closes them in the end."""
    backend = str(request.param)
    if backend == "bcc":
        require_kernel()
    opened: list[Tracer] = []

    def open_one(kind: RunKind) -> Tracer:
        definition = builtin_tools()[tool]
        given = checks_of(definition).any_work
        params = {name: NAMED.get(str(value), value) for name, value in given.items()}
        plan = TracePlan(definition, kind, definition.resolve_params(params), None, MAX_MAP_BYTES, str(state))
        opened.append(open_tracer(backend, plan))
        return opened[-1]

    yield open_one
    for tracer in opened:
        tracer.close()


def work() -> None:
    """Something for each tool to see: calls, switches, CPU time, a program, a signal, a connection, a disk, a lock."""
    subprocess.run(["/bin/true"], check=True)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        server.accept()[0].close()
    with tempfile.NamedTemporaryFile(dir=DISK) as file:
        file.write(os.urandom(4096))
        file.flush()
        os.fsync(file.fileno())
    lock = threading.Lock()
    with lock:
        threading.Thread(target=lock.acquire).start()
        time.sleep(0.005)
    until_s = time.process_time() + 0.06
    while time.process_time() < until_s:
        sum(range(20_000))
        os.sched_yield()
        Path("/dev/null").read_bytes()


def test_events_are_recorded_or_declared_lost(tracer_of: Open, tool: str) -> None:
    tracer = tracer_of(RunKind.TRACE)
    tracer.attach()
    work()
    tracer.detach()
    snapshot, stats = tracer.snapshot(), tracer.stats()
    assert stats.events == recorded(tool, snapshot) + stats.lost_events
    assert stats.hits >= stats.events >= (not checks_of(builtin_tools()[tool]).quiet)
    assert 0 < stats.map_bytes <= MAX_MAP_BYTES


class StopError(Exception):
    """Raised by a test."""


def test_it_waits_before_its_first_probe_and_what_the_wait_raises_leaves_nothing(tracer_of: Open) -> None:
    def stop() -> None:
        raise StopError

    tracer = tracer_of(RunKind.TRACE)
    with pytest.raises(StopError):
        tracer.attach(stop)
    tracer.close()


def test_a_snapshot_is_valid_and_canonical(tracer_of: Open) -> None:
    tracer = tracer_of(RunKind.TRACE)
    tracer.attach()
    work()
    tracer.detach()
    snapshot = tracer.snapshot()
    snapshot.check_valid()
    assert merge([snapshot]) == snapshot
    assert tracer.snapshot() == snapshot


def test_counters_only_grow_and_interim_snapshots_are_never_ahead(tracer_of: Open, tool: str) -> None:
    tracer = tracer_of(RunKind.TRACE)
    tracer.attach()
    last = tracer.stats()
    for _ in range(3):
        work()
        interim = tracer.snapshot()
        stats = tracer.stats()
        assert stats.hits >= last.hits
        assert all(now >= then for now, then in zip(stats.events_per_cpu, last.events_per_cpu, strict=True))
        assert recorded(tool, interim) + stats.lost_events <= stats.events
        last = stats
    tracer.detach()
    assert tracer.stats().events >= last.events


def test_a_frequency_check_counts_and_records_nothing(tracer_of: Open, tool: str) -> None:
    tracer = tracer_of(RunKind.FREQUENCY_CHECK)
    tracer.attach()
    work()
    tracer.detach()
    stats = tracer.stats()
    assert stats.hits >= stats.events >= (not checks_of(builtin_tools()[tool]).quiet)
    assert stats.lost_events == 0
    assert stats.map_bytes < 64 << 10, "it pins next to nothing"
    assert tracer.snapshot() == EMPTY


def test_after_detach_everything_stays_as_it_is(tracer_of: Open) -> None:
    tracer = tracer_of(RunKind.TRACE)
    tracer.attach()
    work()
    tracer.detach()
    stats = tracer.stats()
    work()
    tracer.detach()
    assert replace(tracer.stats(), truncated_stacks=0) == replace(stats, truncated_stacks=0)


def test_ending_twice_or_before_the_beginning_is_harmless(tracer_of: Open) -> None:
    never = tracer_of(RunKind.TRACE)
    never.detach()
    never.close()
    never.close()
    tracer = tracer_of(RunKind.TRACE)
    tracer.attach()
    tracer.close()
    tracer.detach()
    tracer.close()


def test_what_was_not_attached_cannot_be_read(tracer_of: Open) -> None:
    tracer = tracer_of(RunKind.TRACE)
    with pytest.raises(Unfit, match="nothing was attached"):
        tracer.stats()
    with pytest.raises(Unfit, match="nothing was attached"):
        tracer.snapshot()


def test_a_tracer_says_what_it_is(tracer_of: Open) -> None:
    assert tracer_of(RunKind.TRACE).backend in {"bcc", "replay"}
