"""Requests that may be repeated: the same request is the same job, also while the first answer is on its way."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from controller.store.worker import StoreWorker

__all__ = ["RequestLedger", "Submitted"]


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job of a request; ``shared``: an identical one that was under way."""

    job_id: str
    shared: bool = False


class RequestLedger:
    """``job_of(request_id, open_job)`` opens a job for the first of equal requests and finds it for the others."""

    def __init__(self, store: StoreWorker) -> None:
        self._store = store
        self._opening: dict[str, asyncio.Task[Submitted]] = {}

    async def job_of(self, request_id: str, open_job: Callable[[], Coroutine[Any, Any, Submitted]]) -> Submitted:
        """The job; a request without an id is always a new one.

        A caller that hangs up stops nothing: a job that is being written down is also begun, or it would never end,
        and one that asks again gets it.
        """
        if not request_id:
            return await asyncio.shield(_begin(open_job()))
        if request_id not in self._opening:
            opening = _begin(self._find_or_open(request_id, open_job))
            self._opening[request_id] = opening
            opening.add_done_callback(lambda _: self._opening.pop(request_id, None))
        return await asyncio.shield(self._opening[request_id])

    async def _find_or_open(self, request_id: str, open_job: Callable[[], Coroutine[Any, Any, Submitted]]) -> Submitted:
        known = await self._store.call(lambda store: store.job_id_of_request(request_id))
        return Submitted(known) if known is not None else await open_job()


def _begin(opening: Coroutine[Any, Any, Submitted]) -> asyncio.Task[Submitted]:
    task = asyncio.get_running_loop().create_task(opening)
    # Should nobody be left to hear of an error, it is no fault of the program.
    task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return task
