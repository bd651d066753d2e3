"""Both stores, as fixtures."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.store.port import Store
from controller.store.sqlite import SqliteStore
from tests.contract.stores import Reopened
from tests.fakes.memory_store import MemoryStore


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
