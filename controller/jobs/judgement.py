"""The policy as it stands, and what it has granted: asked when a job is submitted, and again when it is another one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from controller.policy.model import Policy
from controller.policy.rejudging import no_longer_granted
from controller.policy.request import Denied, Granted, Request
from controller.store.worker import StoreWorker
from fleettrace.model.job import Job, JobState

__all__ = ["Judgement"]

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class _Judged:
    request: Request
    granted: Granted


class Judgement:
    """``policy`` is what holds now. What was granted is remembered for as long as its job lives."""

    def __init__(self, policy: Policy, store: StoreWorker, clock_ms: Callable[[], int]) -> None:
        self.policy = policy
        self._store = store
        self._clock_ms = clock_ms
        self._counting = asyncio.Lock()
        self._judged: dict[str, _Judged] = {}

    @asynccontextmanager
    async def counted(self, team: str) -> AsyncIterator[Mapping[str, int]]:
        """How many of a team's jobs each rule has let run within 24 hours, as the store has it.

        Where some grant limits that, one job at a time is decided within the context: two that come together are not
        both the last one of the day.
        """
        if not any(grant.max_jobs_per_day is not None and grant.names_team(team) for grant in self.policy.grants):
            yield {}
            return
        async with self._counting:
            since_ms = self._clock_ms() - DAY_MS
            yield await self._store.call(lambda store: store.granted_since(team, since_ms))

    def remember(self, job_id: str, request: Request, granted: Granted) -> None:
        """Take in a job that begins."""
        self._judged[job_id] = _Judged(request, granted)

    def forget(self, job: Job) -> None:
        """A job has ended."""
        self._judged.pop(job.spec.job_id, None)

    def no_longer_granted(self, job: Job) -> Denied | None:
        """Why the policy as it stands would not grant a live job; None: it would."""
        judged = self._judged.get(job.spec.job_id)
        if judged is None:
            return None
        approved = bool(job.approved_by) or job.state is JobState.AWAITING
        return no_longer_granted(self.policy, judged.request, judged.granted, approved=approved)
