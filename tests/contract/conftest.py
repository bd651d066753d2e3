"""Both stores, and the link over every transport, as fixtures."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from controller.admission.hosts import HostAdmission
from controller.admission.join_tokens import JoinTokens
from controller.fleet import Fleet
from controller.identity.authority import Authority
from controller.jobs.coordinator import Coordinator
from controller.policy.parse import default_policy
from controller.rpc.agent_link import AgentLinkService
from controller.store.port import Store
from controller.store.sqlite import SqliteStore
from controller.store.worker import StoreWorker
from tests.contract.dialling import EnrolledHosts, dialling, now_ms
from tests.contract.links import Link
from tests.contract.stores import Reopened
from tests.fakes.memory_store import MemoryStore
from tests.fakes.ordering import a_desk


@pytest.fixture(params=["memory", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopened]:
    if request.param == "memory":
        memory = MemoryStore()
        opened = Reopened(memory, memory.reopen)
    else:
        opened = _sqlite(tmp_path / "fleet.db")
    yield opened
    opened.store.close()


def _sqlite(path: Path) -> Reopened:
    def reopen() -> Store:
        opened.store.close()
        return SqliteStore.open(path, controller_id="test")

    opened = Reopened(SqliteStore.open(path, controller_id="test"), reopen)
    return opened


@pytest.fixture
def store(database: Reopened) -> Store:
    return database.store


@pytest.fixture(params=["memory", "unix", "tls"])
async def link(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Link]:
    store = MemoryStore()
    worker = StoreWorker(lambda: store)
    await worker.open()
    # Every look at the clock is a moment later than the one before.
    ticks = count(1_700_000_000_000)
    clock_ms = partial(next, ticks)
    fleet = Fleet([], clock_ms, a_desk())
    coordinator = Coordinator(fleet, worker, default_policy(), clock_ms)
    authority = Authority.create(tmp_path / "ca", now_ms())
    admission = HostAdmission(worker, fleet, authority, now_ms)
    hosts = EnrolledHosts(admission, JoinTokens(worker, authority, now_ms), authority)
    service = AgentLinkService(fleet, coordinator, admission, a_desk(), clock_ms)
    with tempfile.TemporaryDirectory(prefix="ft-") as folder:
        async with dialling(request.param, service, Path(folder), hosts) as dialler:
            yield Link(dialler, coordinator, fleet, store)
    await coordinator.close()
    await worker.close()
