"""Results that operators look at."""

import asyncio
from collections.abc import AsyncIterator
from threading import Event, Lock
from typing import Any

import pytest

from controller import queries
from controller.fleet import Fleet
from controller.jobs.coordinator import Coordinator
from controller.jobs.results import ResultKeeper
from controller.policy.parse import default_policy
from controller.queries import MAX_RESULTS_AT_ONCE, Queries
from controller.store.worker import StoreWorker
from fleettrace.errors import NotFound
from fleettrace.snapshot import merge
from tests.fakes.memory_store import MemoryStore
from tests.fakes.ordering import a_desk
from tests.unit.controller.report import samples

WAITS = samples.latencies(120, 843, 2210)
JOB = samples.done_job().spec.job_id
ASKED = 3 * MAX_RESULTS_AT_ONCE


@pytest.fixture
async def store() -> AsyncIterator[StoreWorker]:
    worker = StoreWorker(MemoryStore)
    await worker.open()
    await worker.call(lambda store: store.save_job(samples.done_job()))
    yield worker
    await worker.close()


async def test_large_results_are_put_together_a_few_at_a_time(
    store: StoreWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN results that take as long as this test likes
    loop, full, go_on, lock = asyncio.get_running_loop(), asyncio.Event(), Event(), Lock()
    under_way, most = 0, 0

    def slowly(*_: Any) -> str:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
            if under_way == MAX_RESULTS_AT_ONCE:
                loop.call_soon_threadsafe(full.set)
        assert go_on.wait(10)
        with lock:
            under_way -= 1
        return "result"

    monkeypatch.setattr(queries, "_result", slowly)
    asked = queries_of(store)
    # WHEN several operators ask for one, and there was time enough for all to begin
    results = [asyncio.create_task(asked.job_result(JOB)) for _ in range(ASKED)]
    await full.wait()
    for _ in range(10 * ASKED):
        await store.call(lambda store: store.jobs(1, None))
    go_on.set()
    # THEN all have theirs, and few were put together at once
    assert list(map(str, await asyncio.gather(*results))) == ["result"] * ASKED
    assert most == MAX_RESULTS_AT_ONCE


def queries_of(store: StoreWorker) -> Queries:
    return Queries(store, Coordinator(Fleet([], lambda: 0, a_desk()), store, default_policy(), lambda: 0))


async def test_totals_of_a_job_that_has_ended_are_those_that_were_kept(store: StoreWorker) -> None:
    # GIVEN a job with parts and their merge
    for host in ("api-1", "api-2"):
        await store.call(lambda store, host=host: store.save_part(samples.part(host, WAITS)))  # type: ignore[misc]
    await ResultKeeper(store).merge(samples.done_job())
    # WHEN its totals are asked for THEN they are what its parts give
    totals = await queries_of(store).job_totals(JOB)
    assert totals.job == samples.done_job()
    assert totals.merged == merge([WAITS, WAITS]) == (await queries_of(store).job_result(JOB)).merged
    # AND nothing was added up again
    await store.call(lambda store: store.save_merged(JOB, WAITS))
    assert (await queries_of(store).job_totals(JOB)).merged == WAITS


async def test_totals_of_a_job_without_a_merge_are_added_up(store: StoreWorker) -> None:
    await store.call(lambda store: store.save_part(samples.part("api-1", WAITS)))
    assert (await queries_of(store).job_totals(JOB)).merged == WAITS


async def test_totals_of_no_job(store: StoreWorker) -> None:
    with pytest.raises(NotFound):
        await queries_of(store).job_totals("nope")


@pytest.mark.parametrize(
    ("asked", "told"),
    [("api-11x", "did you mean api-11"), ("db", r"its hosts are api-1, api-2, api-3, api-4, api-5 and 995 more$")],
)
async def test_of_a_host_that_the_job_was_not_for_a_few_others_are_told(
    store: StoreWorker, asked: str, told: str
) -> None:
    job = samples.done_job(spec=samples.spec(hosts=1_000))
    await store.call(lambda store: store.save_job(job))
    with pytest.raises(NotFound, match=told):
        await queries_of(store).job_result(job.spec.job_id, asked)
