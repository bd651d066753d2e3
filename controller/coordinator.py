"""Event -> machine -> store -> perform -> event: the one place where jobs change.

A transition is durable before anything that it asks for is sent, and a part is durable before it is acknowledged.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from controller.fleet import Fleet
from controller.policy.model import Policy
from controller.requests import RequestLedger
from controller.results import ResultKeeper
from controller.scheduler.events import (
    CancelAsked,
    Event,
    HostGone,
    HostReturned,
    Instruction,
    RunEnded,
    RunProgressed,
    SendStart,
    SendStop,
    TimePassed,
)
from controller.scheduler.machine import Execution, Transition, apply, interrupt, next_wake_ms
from controller.store.worker import StoreWorker
from controller.submission import Asked, open_job, plan_job
from fleettrace.errors import NotFound, Refused, StoreFailed, Unreachable
from fleettrace.model.host import Host
from fleettrace.model.job import HostPart, Job, JobState, RunState
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunOutcome
from fleettrace.wire.codec import run_key_to_wire, start_run_to_wire
from fleettrace.wire.v1 import agent_link_pb2 as link_pb

__all__ = ["Coordinator"]

WATCH_INTERVAL_S = 0.1
"""A watcher gets at most one update in this time; what comes in between is one update."""
MAX_LIVE_JOBS = 64
"""Jobs that may be running at once; more are refused until one has ended."""
STORE_RETRY_S = 1.0
"""How long a job waits for a store that has failed it, before it tries again."""

_log = logging.getLogger(__name__)


class _LiveJob:
    """A job that has not ended, with the newest interim part of each run."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.lock = asyncio.Lock()
        self.interim: dict[RunKey, HostPart] = {}
        self.wake: asyncio.TimerHandle | None = None
        self.unsaved = False
        """Whether the execution is ahead of the store."""
        self.changed = asyncio.Event()

    def announce(self) -> None:
        """Wake the watchers."""
        self.changed.set()
        self.changed = asyncio.Event()


class Coordinator:
    """Owns the live jobs. ``clock_ms`` gives Unix milliseconds, ``new_id`` an id that no job has."""

    def __init__(
        self,
        fleet: Fleet,
        store: StoreWorker,
        policy: Policy,
        clock_ms: Callable[[], int],
        new_id: Callable[[], str] = lambda: f"j{secrets.token_hex(4)}",
    ) -> None:
        self._fleet = fleet
        self._store = store
        self._policy = policy
        self._clock_ms = clock_ms
        self._new_id = new_id
        self._live: dict[str, _LiveJob] = {}
        self._requests = RequestLedger(store)
        self._results = ResultKeeper(store)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    async def recover(self) -> int:
        """Leave every job that an earlier controller did not finish in a state that says so; how many there were."""
        unfinished = await self._store.call(lambda store: store.unfinished_jobs())
        for job in unfinished:
            await self._results.finish(interrupt(job, self._clock_ms()), {})
        return len(unfinished)

    async def submit(self, asked: Asked) -> str:
        """Open a job, or find the one that the same request has opened; its id.

        Raises:
            BadInput, NoHostMatches: see :func:`controller.submission.plan_job`.
            Refused: policy said no, or too many jobs are running.
            StoreFailed: the job could not be written down, and was not begun.
            Unreachable: the controller is stopping.
        """
        return await self._requests.job_of(asked.request_id, lambda: self._submit(asked))

    async def _submit(self, asked: Asked) -> str:
        if len(self._live) >= MAX_LIVE_JOBS:
            raise Refused(f"{MAX_LIVE_JOBS} jobs are running; wait for one to end or cancel one", "jobs.max_live")
        if self._closing:
            raise Unreachable("the controller is stopping: ask again when it is back")
        plan = plan_job(asked, self._fleet.hosts())
        job_id = self._new_id()
        opened = open_job(plan, self._policy, job_id, self._clock_ms())
        if isinstance(opened, Job):
            await self._store.call(lambda store: store.save_job(opened, asked.request_id))
            raise Refused(opened.reason, opened.decisions[0].rule)
        live = _LiveJob(opened.execution)
        self._live[job_id] = live
        async with live.lock:
            try:
                await self._store.call(lambda store: store.save_job(opened.execution.job, asked.request_id))
            except StoreFailed:
                del self._live[job_id]
                raise
            self._perform_all(opened.instructions)
        self._schedule(job_id, live)
        _log.info("job %s: %s on %s", job_id, asked.tool, asked.selector)
        return job_id

    async def cancel(self, job_id: str, operator: str) -> Job:
        """End a job; the orders to stop are on their way when this returns."""
        await self._handle(job_id, CancelAsked(self._clock_ms(), operator))
        return await self.job(job_id)

    def live_job(self, job_id: str) -> Job | None:
        """A job that has not ended, up to the last report; None when it has, or never was."""
        live = self._live.get(job_id)
        return live.execution.job if live is not None else None

    async def job(self, job_id: str) -> Job:
        """A job as it stands now.

        Raises:
            NotFound: there is none.
        """
        if (live := self.live_job(job_id)) is not None:
            return live
        job = await self._store.call(lambda store: store.job(job_id))
        if job is None:
            raise NotFound(f"there is no job {job_id!r}; see 'fleettrace jobs'")
        return job

    async def watch(self, job_id: str) -> AsyncIterator[Job]:
        """The job now, and after changes, until it has ended."""
        while True:
            live = self._live.get(job_id)
            changed = live.changed if live is not None else None
            job = await self.job(job_id)
            yield job
            if changed is None or job.state.ended:
                return
            await changed.wait()
            await asyncio.sleep(WATCH_INTERVAL_S)

    async def host_connected(self, host: Host, keys: frozenset[RunKey]) -> None:
        """A host greeted, with these runs alive or unsent; runs of jobs that have ended are told to stop."""
        await self._store.call(lambda store: store.save_host(host))
        for key in sorted(keys):
            if key.job_id not in self._live:
                self._perform(SendStop(key, "its job has ended"))
        await self._tell_all(HostReturned(self._clock_ms(), host.last_seen_ms, host.name, keys))

    async def host_gone(self, host: Host) -> None:
        """A host's stream is over."""
        await self._store.call(lambda store: store.save_host(host))
        await self._tell_all(HostGone(self._clock_ms(), host.name, host.missing_reason))

    async def progressed(self, key: RunKey, elapsed_ms: int, cost: RunCost) -> None:
        """A host reports a live run."""
        await self._handle(key.job_id, RunProgressed(self._clock_ms(), key, elapsed_ms, cost))

    async def part_arrived(self, host_part: HostPart) -> bool:
        """Take in a part; True when it may be acknowledged (it is durable, or nobody wants it)."""
        part = host_part.part
        live = self._live.get(part.run.job_id)
        if not part.final:
            if live is not None and part.run in live.execution.job.runs:
                live.interim[part.run] = host_part
            return False
        job = await self.job_or_none(part.run.job_id)
        if job is None or part.run not in job.runs:
            _log.warning("%s sent a part of a run that was never ordered: %s", part.run.host, part.run)
            return True
        await self._results.keep(host_part)
        await self._handle(part.run.job_id, _ended(part, self._clock_ms()))
        ended = live.execution.job if live is not None else job
        if ended.state.ended and ended.runs[part.run].state is RunState.LOST:
            # The job ended without this part. Also when it was kept before: between keeping and merging the store may
            # have failed, or the controller ended.
            await self._results.merge(part.run.job_id)
        return True

    async def part_refused(self, key: RunKey, host: Host, reason: str) -> bool:
        """Take in that a final part cannot be used, which is then what came of the run; True as above."""
        job = await self.job_or_none(key.job_id)
        kind = job.runs[key].kind if job is not None and key in job.runs else RunKind.TRACE
        part = Part(key, kind, RunOutcome.FAILED, reason, host.facts.backend, started_at_ms=0, duration_ms=0)
        return await self.part_arrived(HostPart(part, host.labels, host.host_class))

    async def job_or_none(self, job_id: str) -> Job | None:
        """Like :meth:`job`, for ids that a peer sent."""
        try:
            return await self.job(job_id)
        except NotFound:
            return None

    async def close(self) -> None:
        """Stop what runs and leave the jobs in a state that says so."""
        self._closing = True
        # All of them are told before the first one is written down: the store may be slow, or fail.
        for live in self._live.values():
            for run in live.execution.job.runs.values():
                if not run.state.ended:
                    self._perform(SendStop(run.key, "the controller is stopping"))
        for job_id, live in list(self._live.items()):
            async with live.lock:
                if not live.execution.job.state.ended:
                    ended = interrupt(live.execution.job, self._clock_ms())
                    try:
                        await self._finish(job_id, live, ended)
                    except StoreFailed as error:
                        _log.error("job %s is left to the next controller: %s", job_id, error)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tell_all(self, event: HostGone | HostReturned) -> None:
        for job_id, live in list(self._live.items()):
            if any(key.host == event.host for key in live.execution.job.runs):
                await self._handle(job_id, event)

    async def _handle(self, job_id: str, event: Event) -> None:
        live = self._live.get(job_id)
        if live is None:
            return
        async with live.lock:
            if self._live.get(job_id) is not live:
                return  # it has ended meanwhile, or could not be begun
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

    async def _make_durable(self, job_id: str, live: _LiveJob, transition: Transition, retry: bool) -> None:
        job = transition.execution.job
        if job.state.ended and not live.execution.job.state.ended:
            await self._finish(job_id, live, job)
            return
        if transition.durable or (retry and live.unsaved):
            await self._store.call(lambda store: store.save_job(job))
            live.unsaved = False
        live.execution = transition.execution

    def _stop_in_doubt(self, live: _LiveJob, transition: Transition) -> None:
        """What cannot be written down is not begun, but it is stopped: the job goes on from there, unsaved so far."""
        stopping = transition.execution.job.state is JobState.STOPPING
        if stopping and live.execution.job.state is not JobState.STOPPING:
            live.execution, live.unsaved = transition.execution, True
        self._perform_all(tuple(order for order in transition.instructions if isinstance(order, SendStop)))

    async def _finish(self, job_id: str, live: _LiveJob, job: Job) -> None:
        """Keep what lost hosts had sent, merge, and only then call the job ended."""
        await self._results.finish(job, live.interim)
        live.execution = replace(live.execution, job=job)
        self._live.pop(job_id, None)
        if live.wake is not None:
            live.wake.cancel()
        live.announce()
        _log.info("job %s ended as %s %s", job_id, job.state, job.reason)

    def _perform_all(self, instructions: tuple[Instruction, ...]) -> None:
        for instruction in instructions:
            self._perform(instruction)

    def _perform(self, instruction: Instruction) -> None:
        """Send an order. One to a host that is gone is not sent: the run's deadline, or the host's lease, ends it."""
        match instruction:
            case SendStart(order):
                if self._closing:
                    return
                message = link_pb.ControllerMessage(start=start_run_to_wire(order))
                self._fleet.send(order.run.host, message)
            case SendStop(key, reason):
                stop = link_pb.StopRun(run=run_key_to_wire(key), reason=reason)
                self._fleet.send(key.host, link_pb.ControllerMessage(stop=stop))

    def _schedule(self, job_id: str, live: _LiveJob, retry_s: float | None = None) -> None:
        """Look at the job again when time alone changes it, or after ``retry_s``."""
        if live.wake is not None:
            live.wake.cancel()
        delay_s = retry_s
        if delay_s is None and (wake_ms := next_wake_ms(live.execution)) is not None:
            delay_s = max(wake_ms - self._clock_ms(), 0) / 1000 + 0.001
        if delay_s is not None:
            live.wake = asyncio.get_running_loop().call_later(delay_s, self._wake, job_id)

    def _wake(self, job_id: str) -> None:
        task = asyncio.get_running_loop().create_task(self._pass_time(job_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_time(self, job_id: str) -> None:
        try:
            await self._handle(job_id, TimePassed(self._clock_ms()))
        except StoreFailed as error:
            _log.error("job %s waits for the store: %s", job_id, error)


def _ended(part: Part, at_ms: int) -> RunEnded:
    return RunEnded(at_ms, part.run, part.outcome, part.reason, part.duration_ms, part.cost)
