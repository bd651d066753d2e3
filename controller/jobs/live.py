"""Jobs that have not ended: event -> machine -> store -> perform -> event.

A transition is durable before anything that it asks for is sent.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Any

from controller.fleet import Fleet
from controller.jobs.admitting import Admitting
from controller.jobs.live_job import LiveJob
from controller.jobs.results import ResultKeeper
from controller.scheduler.draft import Execution
from controller.scheduler.events import (
    Event,
    HostGone,
    HostReturned,
    Instruction,
    SendStart,
    SendStop,
    TimePassed,
)
from controller.scheduler.ledger import Room
from controller.scheduler.machine import Transition, apply, next_wake_ms
from controller.scheduler.restarting import WAITING, interrupt
from controller.store.worker import StoreWorker
from fleettrace.errors import NotFound, StoreFailed
from fleettrace.model.job import Job, JobState
from fleettrace.wire.codec import run_key_to_wire
from fleettrace.wire.v1 import agent_link_pb2 as link_pb

__all__ = ["LiveJobs"]

STORE_RETRY_S = 1.0
"""How long a job waits for a store that has failed it, before it tries again."""

_log = logging.getLogger(__name__)


class LiveJobs:
    """The one place where jobs change.

    ``clock_ms`` gives Unix milliseconds, ``ended`` is told of each that ends, ``room_of`` says what a host bears.
    """

    def __init__(
        self,
        fleet: Fleet,
        store: StoreWorker,
        results: ResultKeeper,
        clock_ms: Callable[[], int],
        ended: Callable[[Job], None],
        *,
        room_of: Callable[[str], Room],
    ) -> None:
        self._fleet = fleet
        self._store = store
        self._results = results
        self._clock_ms = clock_ms
        self._ended = ended
        self._live: dict[str, LiveJob] = {}
        self._queue = Admitting(
            fleet, self._live, clock_ms, room_of=room_of, handle=self._handle_if_kept, later=self._later
        )
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many have not ended."""
        return len(self._live)

    @property
    def closing(self) -> bool:
        """Whether the controller is stopping: nothing is begun any more."""
        return self._queue.closed

    def get(self, job_id: str) -> LiveJob | None:
        """A job that has not ended; None when it has, or never was."""
        return self._live.get(job_id)

    def ids(self) -> list[str]:
        """Those that have not ended, oldest first."""
        return list(self._live)

    def jobs(self) -> list[Job]:
        """Those that have not ended, oldest first."""
        return [live.job for live in self._live.values()]

    async def job(self, job_id: str) -> Job:
        """A job as it stands now, up to the last report where it has not ended.

        Raises:
            NotFound: there is none.
        """
        if (live := self._live.get(job_id)) is not None:
            return live.job
        job = await self._store.call(lambda store: store.job(job_id))
        if job is None:
            raise NotFound(f"there is no job {job_id!r}; see 'fleettrace jobs'")
        return job

    async def open(self, opened: Transition, request_id: str) -> None:
        """Take in a job that was granted; it begins once that is durable and its hosts have room.

        Raises:
            StoreFailed: it could not be written down, and was not begun.
        """
        job = opened.execution.job
        job_id = job.spec.job_id
        live = LiveJob(opened.execution)
        self._live[job_id] = live
        async with live.lock:
            try:
                await self._store.call(lambda store: store.save_job(job, request_id))
            except StoreFailed:
                del self._live[job_id]
                raise
            self._perform_all(opened.instructions)
        self._schedule(job_id, live)
        await self._queue.admit()

    def resume(self, execution: Execution) -> None:
        """Take in a job of an earlier controller that waits, and is durable."""
        job_id = execution.job.spec.job_id
        live = self._live[job_id] = LiveJob(execution)
        self._schedule(job_id, live)

    def admit_in(self, delay_s: float) -> None:
        """Look at the queue in a while, when there is one."""
        asyncio.get_running_loop().call_later(delay_s, self._queue.look)

    async def tell_all(self, event: HostGone | HostReturned) -> None:
        """Tell the jobs that have runs on the event's host."""
        for job_id, live in list(self._live.items()):
            if any(key.host == event.host for key in live.job.runs):
                await self.handle(job_id, event)

    async def handle(self, job_id: str, event: Event) -> None:
        """Let one event change a job, if it has not ended.

        Raises:
            StoreFailed: what became of it could not be written down. Nothing was begun; what must stop is stopped.
        """
        if (live := self._live.get(job_id)) is not None:
            # Whose event it is may go away in the middle, as a stream does: what is durable must also be known here.
            await asyncio.shield(self._later(self._change(job_id, live, event)))

    async def _change(self, job_id: str, live: LiveJob, event: Event) -> None:
        async with live.lock:
            if self._live.get(job_id) is not live:
                return  # it has ended meanwhile, or could not be begun
            if isinstance(event, HostReturned):
                connection = self._fleet.connection(event.host)
                if connection is None or connection.number != event.connection:
                    return  # it has gone again: what it says when it next comes back counts
                # An order may have been sent since it greeted, though it was decided before.
                event = replace(event, keys=event.keys | (connection.ordered or frozenset()))
            transition = apply(live.execution, event)
            try:
                await self._make_durable(job_id, live, transition, isinstance(event, TimePassed))
            except StoreFailed:
                self._stop_in_doubt(live, transition)
                self._schedule(job_id, live, STORE_RETRY_S)
                raise
            self._perform_all(transition.instructions)
            live.announce()
        self._schedule(job_id, live)
        if transition.durable or isinstance(event, TimePassed):
            self._queue.look()

    def perform(self, stop: SendStop) -> None:
        """Send an order to stop; it needs no signature. A host that is gone is not told: its lease ends its runs."""
        message = link_pb.StopRun(run=run_key_to_wire(stop.key), reason=stop.reason)
        self._fleet.send(stop.key.host, link_pb.ControllerMessage(stop=message))

    def tell_to_stop(self, job_ids: Iterable[str], reason: str) -> None:
        """Tell every run of these jobs to stop, ahead of the event that ends them.

        All are told before the first one is written down: the store may be slow, or fail, and another event of a job
        may be waiting for it. The event tells them once more, since a host may have come back in between.
        """
        for job_id in job_ids:
            live = self._live.get(job_id)
            for run in live.job.runs.values() if live is not None else ():
                if not run.state.ended:
                    self.perform(SendStop(run.key, reason))

    async def close(self) -> None:
        """Stop what runs and leave the jobs in a state that says so; those that wait, to the next controller."""
        self._queue.closed = True
        self.tell_to_stop(self._live, "the controller is stopping")
        for job_id, live in list(self._live.items()):
            async with live.lock:
                if live.wake is not None:
                    live.wake.cancel()
                if not live.job.state.ended and live.job.state not in WAITING:
                    ended = interrupt(live.job, self._clock_ms())
                    try:
                        await self._finish(job_id, live, ended)
                    except StoreFailed as error:
                        _log.error("job %s is left to the next controller: %s", job_id, error)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _make_durable(self, job_id: str, live: LiveJob, transition: Transition, retry: bool) -> None:
        job = transition.execution.job
        if job.state.ended and not live.job.state.ended:
            await self._finish(job_id, live, job)
            return
        if transition.durable or (retry and live.unsaved):
            await self._store.call(lambda store: store.save_job(job))
            live.unsaved = False
        live.execution = transition.execution

    def _stop_in_doubt(self, live: LiveJob, transition: Transition) -> None:
        """What cannot be written down is not begun, but it is stopped: the job goes on from there, unsaved so far."""
        stopping = transition.execution.job.state is JobState.STOPPING
        if stopping and live.job.state is not JobState.STOPPING:
            live.execution, live.unsaved = transition.execution, True
        self._perform_all(tuple(order for order in transition.instructions if isinstance(order, SendStop)))

    async def _finish(self, job_id: str, live: LiveJob, job: Job) -> None:
        """Keep what lost hosts had sent, merge, and only then call the job ended."""
        await self._results.finish(job, live.interim)
        live.execution = replace(live.execution, job=job)
        self._live.pop(job_id, None)
        self._ended(job)
        if live.wake is not None:
            live.wake.cancel()
        live.announce()
        _log.info("job %s ended as %s %s", job_id, job.state, job.reason)

    def _perform_all(self, instructions: tuple[Instruction, ...]) -> None:
        for instruction in instructions:
            if isinstance(instruction, SendStop):
                self.perform(instruction)
        starts = [instruction.order for instruction in instructions if isinstance(instruction, SendStart)]
        if starts and not self._queue.closed:
            self._fleet.order(starts)

    def _schedule(self, job_id: str, live: LiveJob, retry_s: float | None = None) -> None:
        """Look at the job again when time alone changes it, or after ``retry_s``."""
        if live.wake is not None:
            live.wake.cancel()
        delay_s = retry_s
        if delay_s is None and (wake_ms := next_wake_ms(live.execution)) is not None:
            delay_s = max(wake_ms - self._clock_ms(), 0) / 1000 + 0.001
        if delay_s is not None:
            live.wake = asyncio.get_running_loop().call_later(delay_s, self._wake, job_id)

    def _wake(self, job_id: str) -> None:
        self._later(self._pass_time(job_id))

    def _later(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), StoreFailed):
            # Whoever waits for it raises it; it is seen here, should nobody be left.
            _log.debug("the store failed: %s", error)

    async def _pass_time(self, job_id: str) -> None:
        await self._handle_if_kept(job_id, TimePassed(self._clock_ms()))

    async def _handle_if_kept(self, job_id: str, event: Event) -> bool:
        """Like :meth:`handle`; what the store could not keep is tried again when the job is next looked at."""
        try:
            await self.handle(job_id, event)
        except StoreFailed as error:
            _log.error("job %s waits for the store: %s", job_id, error)
            return False
        return True
