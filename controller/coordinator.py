"""What operators and hosts ask of jobs, brought to the live ones and to the store.

A part is durable before it is acknowledged.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping

from controller.aborts import MAX_KEPT, AbortLedger
from controller.fleet import Fleet
from controller.judgement import Judgement
from controller.live import LiveJobs
from controller.policy.decide import Granted, decide
from controller.policy.model import Policy
from controller.requests import RequestLedger, Submitted
from controller.results import ResultKeeper
from controller.scheduler.events import (
    Approved,
    CancelAsked,
    Disapproved,
    HostGone,
    HostReturned,
    RunEnded,
    RunProgressed,
    SendStop,
    Withdrawn,
)
from controller.scheduler.ledger import Room
from controller.scheduler.machine import interrupt
from controller.store.worker import StoreWorker
from controller.submission import Asked, Plan, find_identical, open_job, plan_job, request_of
from fleettrace.errors import BadInput, NotFound, Refused, StoreFailed, Unreachable
from fleettrace.model.audit import AuditEntry
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.job import HostPart, Job, JobState, RunState, program_id
from fleettrace.model.redaction import KEY_BYTES
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunOutcome
from fleettrace.wire.v1 import agent_link_pb2 as link_pb

__all__ = ["Coordinator"]

WATCH_INTERVAL_S = 0.1
"""A watcher gets at most one update in this time; what comes in between is one update."""
MAX_LIVE_JOBS = 64
"""Jobs that have not ended; more are refused until one has."""
MAX_QUEUED_JOBS = 32
"""Those among them that may wait for their hosts."""
MAX_AWAITING_JOBS = 32
"""Jobs beside them that may wait for a second person."""
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
        self._judgement = Judgement(policy, store, clock_ms)
        self._clock_ms = clock_ms
        self._new_id = new_id
        self._requests = RequestLedger(store)
        self._results = ResultKeeper(store)
        self._aborts = AbortLedger()
        self._live = LiveJobs(fleet, store, self._results, clock_ms, self._ended, room_of=self._room_of)

    async def recover(self) -> int:
        """Take over from an earlier controller: what it did not finish is left in a state that says so; how many."""
        unfinished = await self._store.call(lambda store: store.unfinished_jobs())
        for job in unfinished:
            await self._results.finish(interrupt(job, self._clock_ms()), {})
        since_ms = self._clock_ms() - self.policy.aborts.window_ms
        self._aborts.load(await self._store.call(lambda store: store.aborted_jobs(since_ms, MAX_KEPT)))
        return len(unfinished)

    @property
    def policy(self) -> Policy:
        """What holds now."""
        return self._judgement.policy

    async def submit(self, asked: Asked, may_see: Callable[[Host], bool] = lambda _: True) -> Submitted:
        """Open a job, or find the one that the same request has opened, or an identical one that is under way.

        ``may_see`` says which hosts there are for who asks.

        Raises:
            BadInput, NoHostMatches: see :func:`controller.submission.plan_job`.
            Refused: policy said no, or too many jobs are running or waiting.
            StoreFailed: the job could not be written down, and was not begun.
            Unreachable: the controller is stopping.
        """
        submitted = await self._requests.job_of(asked.request_id, lambda: self._submit(asked, may_see))
        if asked.request_id and (await self.job(submitted.job_id)).spec.team != asked.team:
            raise BadInput(
                f"the request {asked.request_id!r} was made by another team: ask again with an id of your own"
            )
        return submitted

    async def _submit(self, asked: Asked, may_see: Callable[[Host], bool]) -> Submitted:
        if sum(job.state is not JobState.AWAITING for job in self._live.jobs()) >= MAX_LIVE_JOBS:
            raise await self._refused(
                asked, f"{MAX_LIVE_JOBS} jobs are running; wait for one to end or cancel one", "jobs.max_live"
            )
        if self._live.closing:
            raise Unreachable("the controller is stopping: ask again when it is back")
        plan = plan_job(asked, list(filter(may_see, self._fleet.hosts())))
        now_ms = self._clock_ms()
        async with self._judgement.counted(asked.team) as jobs_today:
            return await self._judge(asked, plan, now_ms, jobs_today)

    async def _judge(self, asked: Asked, plan: Plan, now_ms: int, jobs_today: Mapping[str, int]) -> Submitted:
        policy = self.policy
        aborted = self._aborts.of(program_id(plan.tool.digest, plan.params), now_ms - policy.aborts.window_ms)
        request = request_of(plan, aborted, jobs_today)
        verdict = decide(policy, request)
        opened = open_job(plan, policy, verdict, self._new_id(), now_ms, key=secrets.token_bytes(KEY_BYTES))
        if isinstance(opened, Job):
            await self._store.call(lambda store: store.save_job(opened, asked.request_id))
            raise Refused(opened.reason, opened.decisions[0].rule)
        assert isinstance(verdict, Granted)
        spec = opened.execution.job.spec
        if not asked.no_share and (same := find_identical(spec, self._live.jobs())) is not None:
            detail = {"reason": "an identical job is under way", "selector": asked.selector}
            entry = AuditEntry(now_ms, asked.operator, asked.team, "job.share", same, "shared", "", detail)
            await self._store.call(lambda store: store.share_job(asked.request_id, same, [entry]))
            return Submitted(same, shared=True)
        if sum(job.state is JobState.QUEUED for job in self._live.jobs()) >= MAX_QUEUED_JOBS:
            waiting = f"{MAX_QUEUED_JOBS} jobs wait for their hosts; ask again when one has begun"
            raise await self._refused(asked, waiting, "jobs.max_queued")
        if sum(job.state is JobState.AWAITING for job in self._live.jobs()) >= MAX_AWAITING_JOBS:
            waiting = (
                f"{MAX_AWAITING_JOBS} jobs wait for approval; ask again when one has been approved, or has expired"
            )
            raise await self._refused(asked, waiting, "jobs.max_awaiting")
        self._judgement.remember(spec.job_id, request, verdict)
        try:
            await self._live.open(opened, asked.request_id)
        except StoreFailed:
            self._judgement.forget(opened.execution.job)
            raise
        if self.policy is not policy:
            await self._judge_again(spec.job_id, "")  # it was changed while the job was written down
        _log.info("job %s: %s on %s", spec.job_id, asked.tool, asked.selector)
        return Submitted(spec.job_id)

    async def jobs_today(self, team: str) -> Mapping[str, int]:
        """How many of a team's jobs each rule has let run within 24 hours, where some grant limits that."""
        async with self._judgement.counted(team) as counted:
            return counted

    async def change_policy(self, policy: Policy, operator: str) -> list[str]:
        """Hold to another policy from now on; the jobs that it no longer grants, once they were told to stop.

        Raises:
            StoreFailed: it could not be written down, and the old policy holds; or a job's end could not be, and
                all were told to stop all the same.
        """
        detail = {"from": self.policy.version, "file": policy.origin}
        entry = AuditEntry(self._clock_ms(), operator, "", "policy.change", policy.version, "in force", detail=detail)
        await self._store.call(lambda store: store.audit([entry]))
        self._judgement.policy = policy
        outcomes = await asyncio.gather(
            *(self._judge_again(job_id, operator) for job_id in self._live.ids()), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return [outcome for outcome in outcomes if isinstance(outcome, str)]

    async def refuse_policy(self, origin: str, reason: str, operator: str) -> None:
        """Write down that a policy was to hold and does not; the one in force goes on.

        Raises:
            StoreFailed: it could not be written down.
        """
        detail = {"file": origin, "reason": reason}
        held = self.policy.version
        entry = AuditEntry(self._clock_ms(), operator, "", "policy.change", held, "refused", detail=detail)
        await self._store.call(lambda store: store.audit([entry]))

    async def _judge_again(self, job_id: str, operator: str) -> str | None:
        """Stop a job that the policy as it stands does not grant; its id, when it was."""
        job = self.live_job(job_id)
        denied = self._judgement.no_longer_granted(job) if job is not None else None
        if denied is None:
            return None
        event = Withdrawn(self._clock_ms(), self.policy.version, denied.rule, denied.reason, operator)
        await self._live.handle(job_id, event)
        return job_id

    async def tell(self, job_id: str, event: Approved | Disapproved) -> Job:
        """Let a second person's word change a job; it as it stands then."""
        await self._live.handle(job_id, event)
        return await self.job(job_id)

    def _ended(self, job: Job) -> None:
        self._aborts.note(job)
        self._judgement.forget(job)

    def _room_of(self, name: str) -> Room:
        host = self._fleet.host(name)
        allowed = host.facts.max_runs if host is not None else None
        return Room(MAX_RUNS_UNSAID if allowed is None else allowed, self.policy.limits.max_host_cpu_pct)

    async def _refused(self, asked: Asked, reason: str, rule: str) -> Refused:
        """A refusal that makes no job, once it is in the audit log."""
        detail = {"reason": reason, "tool": asked.tool, "selector": asked.selector}
        entry = AuditEntry(
            self._clock_ms(), asked.operator, asked.team, "job.policy", asked.request_id, "denied", rule, detail
        )
        await self._store.call(lambda store: store.audit([entry]))
        return Refused(reason, rule)

    async def cancel(self, job_id: str, operator: str) -> Job:
        """End a job; the orders to stop are on their way when this returns."""
        await self._live.handle(job_id, CancelAsked(self._clock_ms(), operator))
        return await self.job(job_id)

    async def cancel_all(self, operator: str, may_stop: Callable[[Job], bool] = lambda _: True) -> list[Job]:
        """End every job that has not ended and may be ended; they, by age, once the orders to stop are on their way.

        Raises:
            StoreFailed: a cancellation could not be written down; all jobs were told to stop all the same.
        """
        job_ids = [
            job_id for job_id in self._live.ids() if (job := self.live_job(job_id)) is not None and may_stop(job)
        ]
        event = CancelAsked(self._clock_ms(), operator)
        outcomes = await asyncio.gather(
            *(self._live.handle(job_id, event) for job_id in job_ids), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return [await self.job(job_id) for job_id in job_ids]

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
            if self._live.get(key.job_id) is None:
                self._live.perform(SendStop(key, "its job has ended"))
        await self._live.tell_all(HostReturned(self._clock_ms(), host.last_seen_ms, host.name, keys))

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
