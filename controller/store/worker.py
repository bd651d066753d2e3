"""Runs the store on its one thread, so that SQLite never blocks the loop and is never used from two threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from controller.store.port import Store

__all__ = ["StoreWorker"]

Result = TypeVar("Result")


class StoreWorker:
    """``await worker.call(lambda store: store.jobs(50))`` runs on the store's thread; calls keep their order."""

    def __init__(self, opener: Callable[[], Store]) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._opener = opener
        self._store: Store | None = None

    async def open(self) -> None:
        """Open the store on its thread. Raises what the opener raises."""
        self._store = await asyncio.get_running_loop().run_in_executor(self._thread, self._opener)

    async def call(self, method: Callable[[Store], Result]) -> Result:
        """Run a function of the store and wait for its result."""
        store = self._store
        assert store is not None, "the store is not open"
        return await asyncio.get_running_loop().run_in_executor(self._thread, method, store)

    async def close(self) -> None:
        """Close the store; what was called before is done first."""
        if self._store is not None:
            await self.call(lambda store: store.close())
            self._store = None
        self._thread.shutdown()
