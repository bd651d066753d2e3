"""Repeated requests are one job, and a caller that hangs up stops nothing."""

import asyncio

import pytest

from controller.jobs.requests import RequestLedger, Submitted
from controller.store.worker import StoreWorker
from fleettrace.errors import StoreFailed
from tests.fakes.memory_store import MemoryStore


@pytest.mark.parametrize("request_id", ["", "r1"])
async def test_a_job_is_opened_to_its_end_when_the_caller_hangs_up(request_id: str) -> None:
    # GIVEN a caller whose job is just being written down
    worker = StoreWorker(MemoryStore)
    await worker.open()
    begun, go_on, opened = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def open_job() -> Submitted:
        begun.set()
        await go_on.wait()
        opened.set()
        return Submitted("j1")

    asking = asyncio.create_task(RequestLedger(worker).job_of(request_id, open_job))
    await begun.wait()
    # WHEN
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    go_on.set()
    # THEN
    await asyncio.wait_for(opened.wait(), 5)
    await worker.close()


async def test_an_error_that_nobody_waits_for_is_no_traceback_in_the_log() -> None:
    worker = StoreWorker(MemoryStore)
    await worker.open()
    begun, go_on = asyncio.Event(), asyncio.Event()
    unseen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))

    async def open_job() -> Submitted:
        begun.set()
        await go_on.wait()
        raise StoreFailed("the disk is full")

    asking = asyncio.create_task(RequestLedger(worker).job_of("", open_job))
    await begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    go_on.set()
    await worker.call(lambda _: None)
    await worker.close()
    assert unseen == []
