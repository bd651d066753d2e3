"""The store's worker without its thread: calls take time, keep their order, fail by seed, and die with the process."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from controller.store.port import Store
from controller.store.worker import StoreWorker
from fleettrace.errors import StoreFailed
from fleettrace.model.audit import AuditEntry
from fleettrace.model.host import Host
from fleettrace.model.job import HostPart, Job
from fleettrace.model.order import Authority
from fleettrace.snapshot import Snapshot
from tests.fakes.memory_store import MemoryStore
from tests.simulation.loop import VirtualLoop

__all__ = ["Disk", "KilledError", "SimulatedWorker", "WatchedStore"]

Result = TypeVar("Result")


class KilledError(BaseException):
    """The process died in the middle of a call, after a write of it."""


class Disk:
    """How the disk fares: ``failing`` is the share of calls that fail, ``slow_s`` what each may take at most."""

    def __init__(self, loop: VirtualLoop, rng: random.Random) -> None:
        self.loop = loop
        self.rng = rng
        self.failing = 0.0
        self.slow_s = 0.004
        self.on_commit: Callable[[str, Any], None] = lambda *_: None
        self.kept = WatchedStore()
        self.kept.disk = self

    def reopen(self) -> "WatchedStore":
        """What a controller that starts finds."""
        self.kept = self.kept.reopen()
        self.kept.disk = self
        return self.kept

    def peek(self) -> MemoryStore:
        """What is durable now, for those who look from outside; opening it changes nothing."""
        view = MemoryStore()
        view._kept = self.kept._kept
        return view


class WatchedStore(MemoryStore):
    """The memory store; every write may fail whole, and is seen when it is durable."""

    disk: Disk

    def _write(self) -> None:
        if self.disk.rng.random() < self.disk.failing:
            raise StoreFailed("the database could not be written: disk I/O error")

    def save_host(self, host: Host, audit: Sequence[AuditEntry] = ()) -> None:
        self._write()
        super().save_host(host, audit)

    def save_job(self, job: Job, request_id: str = "", audit: Sequence[AuditEntry] = ()) -> None:
        self._write()
        super().save_job(job, request_id, audit)
        self.disk.on_commit("job", job)

    def begin_epoch(self, controller_id: str, at_ms: int, at_least: int = 1) -> Authority:
        self._write()
        return super().begin_epoch(controller_id, at_ms, at_least)

    def audit(self, entries: Sequence[AuditEntry]) -> None:
        self._write()
        super().audit(entries)

    def save_part(self, part: HostPart) -> bool:
        self._write()
        changed = super().save_part(part)
        self.disk.on_commit("part", part)
        return changed

    def save_merged(self, job_id: str, merged: Snapshot) -> None:
        self._write()
        super().save_merged(job_id, merged)
        self.disk.on_commit("merged", job_id)


class SimulatedWorker(StoreWorker):
    """One call after the other: it takes a while, happens at one moment, and its result takes a while to be seen."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._open: WatchedStore | None = None
        self._waiting: deque[tuple[Callable[[Store], Any], asyncio.Future[Any]]] = deque()
        self._busy = False
        self._seen_s = 0.0

    async def open(self) -> None:
        self._open = self._disk.reopen()

    async def call(self, method: Callable[[Store], Result]) -> Result:
        assert self._open is not None
        done: asyncio.Future[Result] = self._disk.loop.create_future()
        self._waiting.append((method, done))
        if not self._busy:
            self._next()
        return await done

    async def close(self) -> None:
        if self._open is not None:
            await self.call(lambda store: store.close())
            self._open = None

    def _next(self) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            # Scheduled in the caller's context: a killed controller takes its pending calls along.
            self._disk.loop.call_later(self._disk.rng.uniform(0.0, self._disk.slow_s), self._perform)

    def _perform(self) -> None:
        method, done = self._waiting.popleft()
        # Results are seen in the order of the calls.
        self._seen_s = max(self._seen_s, self._disk.loop.time() + self._disk.rng.uniform(0.0, 0.0005))
        # As an executor does, a call whose caller has gone before it began is not made.
        if done.cancelled():
            self._next()
            return
        try:
            assert self._open is not None
            result = method(self._open)
        except KilledError:
            return
        except Exception as error:  # noqa: BLE001  the caller's to handle
            self._disk.loop.call_at(self._seen_s, _settle, done, None, error)
        else:
            self._disk.loop.call_at(self._seen_s, _settle, done, result, None)
        self._next()


def _settle(done: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
