"""A database that is restored from an older copy: what it does not know is stopped, and nothing runs a second time."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from controller.fleet import Fleet
from controller.jobs.coordinator import Coordinator
from controller.policy.parse import default_policy
from controller.store.sqlite import SqliteStore
from controller.store.worker import StoreWorker
from fleettrace.model.job import JobState
from fleettrace.model.run import RunKind
from tests.fakes.memory_store import MemoryStore
from tests.fakes.ordering import CHALLENGE, a_desk
from tests.unit.controller.house import ASKED, Clock, House, host


@asynccontextmanager
async def controller_on(path: Path, clock: Clock) -> AsyncIterator[House]:
    worker = StoreWorker(lambda: SqliteStore.open(path, controller_id="c"))
    await worker.open()
    fleet = Fleet(await worker.call(lambda store: store.hosts()), clock, a_desk())
    coordinator = Coordinator(fleet, worker, default_policy(), clock)
    await coordinator.recover()
    yield House(MemoryStore(), worker, fleet, coordinator, clock)
    await worker.close()


def copy_of(path: Path, copy: Path) -> Callable[[], None]:
    """A consistent copy, as a backup makes it; what is given puts it back."""
    with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()

    def restore() -> None:
        for log in path.parent.glob(f"{path.name}-*"):
            log.unlink()
        shutil.copy(copy, path)

    return restore


async def test_runs_that_the_copy_does_not_know_are_stopped_and_their_parts_are_nobodys(tmp_path: Path) -> None:
    path, clock = tmp_path / "fleet.db", Clock()
    # GIVEN a copy from before a job, which is then tracing when the controller dies
    async with controller_on(path, clock) as house:
        await house.join(host("a"))
        restore = copy_of(path, tmp_path / "copy.db")
        forgotten = (await house.coordinator.submit(ASKED)).job_id
        (check,) = house.orders("a")
        await house.answer(check)
        (trace,) = house.orders("a")
        assert trace.kind is RunKind.TRACE
    # WHEN the copy is put in its place
    restore()
    async with controller_on(path, clock) as house:
        # THEN the host that greets with the run is told to stop it, and its part is acknowledged and dropped
        clock.now_ms += 1
        house.connections["a"] = house.fleet.connect(replace(host("a"), last_seen_ms=clock.now_ms), CHALLENGE)
        await house.coordinator.host_connected(house.fleet.hosts()[0], frozenset({trace.run}))
        assert house.stops("a") == ["its job has ended"]
        assert await house.answer(trace)
        assert await house.coordinator.job_or_none(forgotten) is None
        # AND no run has the key of one that was, so that a host takes what it is ordered to do now
        again = (await house.coordinator.submit(ASKED)).job_id
        assert again != forgotten
        assert {order.run for order in house.orders("a")}.isdisjoint({check.run, trace.run})
        assert (await house.coordinator.job(again)).state is JobState.CHECKING
