"""Jobs on their way in: judged by policy when they are asked for, when it changes, and after a restart."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controller.fleet import Fleet
from controller.jobs.aborts import MAX_KEPT, AbortLedger
from controller.jobs.asking import Asked, Plan, plan_job
from controller.jobs.judgement import Judgement
from controller.jobs.live import LiveJobs
from controller.jobs.requests import RequestLedger, Submitted
from controller.jobs.results import ResultKeeper
from controller.jobs.resuming import Resumed, resume
from controller.jobs.returning import RETURN_MS, Returning
from controller.jobs.submission import find_identical, open_job, request_of
from controller.policy.decide import decide
from controller.policy.model import Policy
from controller.policy.request import Granted
from controller.scheduler.events import Withdrawn
from controller.scheduler.restarting import WAITING, interrupt
from controller.store.worker import StoreWorker
from fleettrace.errors import BadInput, Refused, StoreFailed, Unreachable
from fleettrace.model.audit import AuditEntry
from fleettrace.model.host import Host
from fleettrace.model.job import Job, JobState, program_id
from fleettrace.model.redaction import KEY_BYTES

__all__ = ["Intake", "Recovered"]

MAX_LIVE_JOBS = 64
"""Jobs that have not ended; more are refused until one has."""
MAX_QUEUED_JOBS = 32
"""Those among them that may wait for their hosts."""
MAX_AWAITING_JOBS = 32
"""Jobs beside them that may wait for a second person."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many jobs of an earlier controller were ended, and how many wait on."""

    interrupted: int
    waiting: int


class Intake:
    """``clock_ms`` gives Unix milliseconds, ``new_id`` an id that no job has."""

    def __init__(
        self,
        fleet: Fleet,
        store: StoreWorker,
        live: LiveJobs,
        policy: Policy,
        clock_ms: Callable[[], int],
        *,
        new_id: Callable[[], str],
    ) -> None:
        self._fleet = fleet
        self._store = store
        self._live = live
        self._judgement = Judgement(policy, store, clock_ms)
        self._clock_ms = clock_ms
        self._new_id = new_id
        self._requests = RequestLedger(store)
        self._aborts = AbortLedger()
        self._returning = Returning()

    async def recover(self, results: ResultKeeper) -> Recovered:
        """Take over from an earlier controller: what waits goes on waiting, what ran has ended, and says so."""
        since_ms = self._clock_ms() - self.policy.aborts.window_ms
        self._aborts.load(await self._store.call(lambda store: store.aborted_jobs(since_ms, MAX_KEPT)))
        awaited: set[str] = set()
        interrupted, waiting = 0, 0
        for job in await self._store.call(lambda store: store.unfinished_jobs()):
            resumed = self._resumed(job) if job.state in WAITING else ""
            if isinstance(resumed, Resumed):
                await self._wait_on(resumed)
                awaited |= resumed.execution.classes.keys()
                waiting += 1
            else:
                await results.finish(interrupt(job, self._clock_ms(), resumed), {})
                interrupted += 1
        if awaited:
            self._returning = Returning(awaited, self._clock_ms() + RETURN_MS)
            self._live.admit_in(RETURN_MS / 1000)
        return Recovered(interrupted, waiting)

    def _resumed(self, job: Job) -> Resumed | str:
        now_ms = self._clock_ms()
        aborted = self._aborts.of(job.spec.program_id, now_ms - self.policy.aborts.window_ms)
        return resume(job, self._fleet.host, self.policy, aborted, now_ms, key=secrets.token_bytes(KEY_BYTES))

    async def _wait_on(self, resumed: Resumed) -> None:
        job = resumed.execution.job
        await self._store.call(lambda store: store.save_job(job))
        self._judgement.remember(job.spec.job_id, resumed.request, resumed.granted)
        self._live.resume(resumed.execution)

    def host_back(self, host: str, *, runs: bool) -> None:
        """A host greeted, with live ``runs`` or without: jobs of an earlier controller may wait for it."""
        if (wait_ms := self._returning.back(host, self._clock_ms(), runs=runs)) is not None:
            self._live.admit_in(wait_ms / 1000)

    def closed(self, host: str) -> str:
        """Why nothing may begin on a host yet; empty: it may."""
        return self._returning.awaited(host, self._clock_ms())

    def ended(self, job: Job) -> None:
        """A job has ended."""
        self._aborts.note(job)
        self._judgement.forget(job)

    @property
    def policy(self) -> Policy:
        """What holds now."""
        return self._judgement.policy

    async def submit(self, asked: Asked, may_see: Callable[[Host], bool] = lambda _: True) -> Submitted:
        """Open a job, or find the one that the same request has opened, or an identical one that is under way.

        ``may_see`` says which hosts there are for who asks.

        Raises:
            BadInput, NoHostMatches: see :func:`controller.jobs.asking.plan_job`.
            Refused: policy said no, or too many jobs are running or waiting.
            StoreFailed: the job could not be written down, and was not begun.
            Unreachable: the controller is stopping.
        """
        submitted = await self._requests.job_of(asked.request_id, lambda: self._submit(asked, may_see))
        if asked.request_id and (await self._live.job(submitted.job_id)).spec.team != asked.team:
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

    async def _judge_again(self, job_id: str, operator: str) -> str | None:
        """Stop a job that the policy as it stands does not grant; its id, when it was."""
        live = self._live.get(job_id)
        denied = self._judgement.no_longer_granted(live.job) if live is not None else None
        if denied is None:
            return None
        event = Withdrawn(self._clock_ms(), self.policy.version, denied.rule, denied.reason, operator)
        await self._live.handle(job_id, event)
        return job_id

    async def _refused(self, asked: Asked, reason: str, rule: str) -> Refused:
        """A refusal that makes no job, once it is in the audit log."""
        detail = {"reason": reason, "tool": asked.tool, "selector": asked.selector}
        entry = AuditEntry(
            self._clock_ms(), asked.operator, asked.team, "job.policy", asked.request_id, "denied", rule, detail
        )
        await self._store.call(lambda store: store.audit([entry]))
        return Refused(reason, rule)
