"""A coordinator over a memory store, with hosts whose orders a test can read and answer."""

from collections.abc import AsyncIterator
from itertools import count

import pytest

from controller.fleet import Fleet
from controller.jobs.coordinator import Coordinator
from controller.policy.parse import default_policy
from controller.store.worker import StoreWorker
from tests.fakes.memory_store import MemoryStore
from tests.fakes.ordering import a_desk
from tests.unit.controller.house import Clock, House


@pytest.fixture
async def house() -> AsyncIterator[House]:
    store, clock = MemoryStore(), Clock()
    worker = StoreWorker(lambda: store)
    await worker.open()
    fleet = Fleet([], clock, a_desk())
    ids = (f"j{number}" for number in count(1))
    coordinator = Coordinator(fleet, worker, default_policy(), clock, lambda: next(ids))
    built = House(store, worker, fleet, coordinator, clock)
    yield built
    await built.coordinator.close()
    await worker.close()
