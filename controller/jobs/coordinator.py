"""What operators and hosts ask of jobs, brought to the live ones and to the store.

A part is durable before it is acknowledged.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from controller.fleet import Fleet
from controller.jobs.asking import Asked
from controller.jobs.intake import Intake, Recovered
from controller.jobs.live import LiveJobs
from controller.jobs.requests import Submitted
from controller.jobs.results import ResultKeeper
from controller.policy.model import Policy
from controller.scheduler.events import (
    Approved,
    CancelAsked,
    Disapproved,
    HostGone,
    HostReturned,
    RunEnded,
    RunProgressed,
    SendStop,
)
from controller.scheduler.ledger import Room
from controller.store.worker import StoreWorker
from fleettrace.errors import NotFound, Unreachable
from fleettrace.model.audit import AuditEntry
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.job import HostPart, Job, RunState
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunOutcome
from fleettrace.wire.v1 import agent_link_pb2 as link_pb

__all__ = ["Coordinator"]

WATCH_INTERVAL_S = 0.1
"""A watcher gets at most one update in this time; what comes in between is one update."""
CLEAR_LIMIT_S = 8.0
"""How long an agent may take to look again for what a run has left."""
MAX_RUNS_UNSAID = 2
"""Runs at a time on a host whose agent does not say how many its policy allows."""

_log = logging.getLogger(__name__)


class Coordinator:
    """``clock_ms`` gives Unix milliseconds, ``new_id`` an id that no job has."""

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
        self._clock_ms = clock_ms
        self._results = ResultKeeper(store)
        self._live = LiveJobs(fleet, store, self._results, clock_ms, self._ended, room_of=self._room_of)
        self._intake = Intake(fleet, store, self._live, policy, clock_ms, new_id=new_id)

    async def recover(self) -> Recovered:
        """See :meth:`Intake.recover`."""
        return await self._intake.recover(self._results)

    @property
    def policy(self) -> Policy:
        """What holds now."""
        return self._intake.policy

    async def submit(self, asked: Asked, may_see: Callable[[Host], bool] = lambda _: True) -> Submitted:
        """See :meth:`Intake.submit`."""
        return await self._intake.submit(asked, may_see)

    async def jobs_today(self, team: str) -> Mapping[str, int]:
        """How many of a team's jobs each rule has let run within 24 hours, where some grant limits that."""
        return await self._intake.jobs_today(team)

    async def change_policy(self, policy: Policy, operator: str) -> list[str]:
        """See :meth:`Intake.change_policy`."""
        return await self._intake.change_policy(policy, operator)

    async def refuse_policy(self, origin: str, reason: str, operator: str) -> None:
        """Write down that a policy was to hold and does not; the one in force goes on.

        Raises:
            StoreFailed: it could not be written down.
        """
        detail = {"file": origin, "reason": reason}
        held = self.policy.version
        entry = AuditEntry(self._clock_ms(), operator, "", "policy.change", held, "refused", detail=detail)
        await self._store.call(lambda store: store.audit([entry]))

    async def tell(self, job_id: str, event: Approved | Disapproved) -> Job:
        """Let a second person's word change a job; it as it stands then."""
        await self._live.handle(job_id, event)
        return await self.job(job_id)

    def _ended(self, job: Job) -> None:
        self._intake.ended(job)

    def _room_of(self, name: str) -> Room:
        host = self._fleet.host(name)
        allowed = host.facts.max_runs if host is not None else None
        max_runs = MAX_RUNS_UNSAID if allowed is None else allowed
        return Room(max_runs, self.policy.limits.max_host_cpu_pct, self._intake.closed(name))

    async def cancel(self, job_id: str, operator: str) -> Job:
        """End a job; the orders to stop are on their way when this returns."""
        await self._end([job_id], operator)
        return await self.job(job_id)

    async def cancel_all(self, operator: str, may_stop: Callable[[Job], bool] = lambda _: True) -> list[Job]:
        """End every job that has not ended and may be ended; they, by age, once the orders to stop are on their way.

        Raises:
            StoreFailed: a cancellation could not be written down; all jobs were told to stop all the same.
        """
        job_ids = [
            job_id for job_id in self._live.ids() if (job := self.live_job(job_id)) is not None and may_stop(job)
        ]
        await self._end(job_ids, operator)
        return [await self.job(job_id) for job_id in job_ids]

    async def _end(self, job_ids: Sequence[str], operator: str) -> None:
        self._live.tell_to_stop(job_ids, f"cancelled by {operator}")
        event = CancelAsked(self._clock_ms(), operator)
        outcomes = await asyncio.gather(
            *(self._live.handle(job_id, event) for job_id in job_ids), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    def live_job(self, job_id: str) -> Job | None:
        """A job that has not ended, up to the last report; None when it has, or never was."""
        live = self._live.get(job_id)
        return live.job if live is not None else None

    def live_jobs(self) -> list[Job]:
        """Those that have not ended, oldest first."""
        return self._live.jobs()

    def interim_parts(self, job_id: str) -> list[HostPart]:
        """What the hosts of a live job have sent so far, the newest of each run; none once the job has ended."""
        live = self._live.get(job_id)
        return [live.interim[key] for key in sorted(live.interim)] if live is not None else []

    async def job(self, job_id: str) -> Job:
        """See :meth:`LiveJobs.job`."""
        return await self._live.job(job_id)

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
        connection = self._fleet.connection(host.name)
        await self._store.call(lambda store: store.save_host(host))
        for key in sorted(keys):
            if self._live.get(key.job_id) is None:
                self._live.perform(SendStop(key, "its job has ended"))
        if connection is not None:
            await self._live.tell_all(HostReturned(self._clock_ms(), connection.number, host.name, keys))
            connection.ordered = None
        self._intake.host_back(host.name, runs=bool(keys))

    async def facts_told(self, name: str, facts: HostFacts) -> None:
        """A connected host says what has changed since it greeted; that it is dirty, or clean again, is audited."""
        before = self._fleet.host(name)
        host = self._fleet.update(name, facts)
        audit = []
        if before is not None and before.facts.dirty_reason != facts.dirty_reason:
            state = "dirty" if facts.dirty_reason else "clean"
            detail = {"reason": facts.dirty_reason or before.facts.dirty_reason}
            audit.append(AuditEntry(self._clock_ms(), "", "", "host.leftovers", name, state, "", detail, (name,)))
        await self._store.call(lambda store: store.save_host(host, audit))

    async def clear_host(self, name: str, operator: str) -> Host:
        """An operator has looked at what a run has left on a host: the host as it is once its agent has looked again.

        Raises:
            NotFound: there is no such host.
            Unreachable: its agent is not connected, or does not answer.
        """
        host, connection = self._fleet.host(name), self._fleet.connection(name)
        if host is None:
            raise NotFound(f"there is no host {name!r}; see 'fleettrace hosts'")
        if connection is None:
            raise Unreachable(f"the agent of {name} is not connected: run 'fleettrace-agent clear' on it")
        detail = {"reason": host.facts.dirty_reason}
        entry = AuditEntry(self._clock_ms(), operator, "", "host.clear", name, "asked", "", detail, (name,))
        await self._store.call(lambda store: store.audit([entry]))
        connection.facts_told.clear()
        connection.send(link_pb.ControllerMessage(clear=link_pb.ClearHost()))
        try:
            async with asyncio.timeout(CLEAR_LIMIT_S):
                await connection.facts_told.wait()
        except TimeoutError:
            raise Unreachable(f"the agent of {name} did not answer within {CLEAR_LIMIT_S:g} s: try again") from None
        return self._fleet.host(name) or host

    async def host_gone(self, host: Host) -> None:
        """A host's stream is over."""
        await self._store.call(lambda store: store.save_host(host))
        await self._live.tell_all(HostGone(self._clock_ms(), host.name, host.missing_reason))

    async def progressed(self, key: RunKey, elapsed_ms: int, cost: RunCost) -> None:
        """A host reports a live run."""
        await self._live.handle(key.job_id, RunProgressed(self._clock_ms(), key, elapsed_ms, cost))

    async def part_arrived(self, host_part: HostPart) -> bool:
        """Take in a part; True when it may be acknowledged (it is durable, or nobody wants it)."""
        part = host_part.part
        live = self._live.get(part.run.job_id)
        if not part.final:
            if live is not None and part.run in live.job.runs:
                live.interim[part.run] = host_part
            return False
        job = await self.job_or_none(part.run.job_id)
        if job is None or part.run not in job.runs:
            _log.warning("%s sent a part of a run that was never ordered: %s", part.run.host, part.run)
            return True
        await self._results.keep(host_part)
        await self._live.handle(part.run.job_id, _ended(part, self._clock_ms()))
        ended = live.job if live is not None else job
        if ended.state.ended and ended.runs[part.run].state is RunState.LOST:
            # The job ended without this part. Also when it was kept before: between keeping and merging the store may
            # have failed, or the controller ended.
            await self._results.merge(ended)
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
        await self._live.close()


def _ended(part: Part, at_ms: int) -> RunEnded:
    return RunEnded(at_ms, part.run, part.outcome, part.reason, part.duration_ms, part.cost)
