"""A second person's word on a job that waits for one."""

from collections.abc import Callable, Sequence

from controller.fleet import Fleet
from controller.jobs.coordinator import Coordinator
from controller.policy.cases import imagined_host
from controller.policy.request import Denied
from controller.policy.rights import approving
from controller.scheduler.approving import same_operator
from controller.scheduler.events import Approved, Disapproved
from fleettrace.errors import BadInput, Refused
from fleettrace.model.job import Job, JobState

__all__ = ["MAX_REASON_CHARS", "Approvals"]

MAX_REASON_CHARS = 500


class Approvals:
    """``clock_ms`` gives Unix milliseconds."""

    def __init__(self, coordinator: Coordinator, fleet: Fleet, clock_ms: Callable[[], int]) -> None:
        self._coordinator = coordinator
        self._fleet = fleet
        self._clock_ms = clock_ms

    def rule(self, teams: Sequence[str], job: Job) -> str | Denied:
        """The grant by which one of these teams may approve a job, or why none may."""
        hosts = [self._fleet.host(name) or imagined_host(name, {}) for name in job.spec.targets]
        return approving(self._coordinator.policy, teams, job.spec.team, hosts)

    async def approve(self, job_id: str, operator: str, teams: Sequence[str]) -> Job:
        """Let a job go on.

        Raises:
            Refused: it is the operator's own, or no grant lets the teams approve it.
            BadInput: it does not wait for approval.
        """
        rule = await self._rule(job_id, operator, teams)
        return await self._coordinator.tell(job_id, Approved(self._clock_ms(), operator, rule))

    async def deny(self, job_id: str, operator: str, teams: Sequence[str], reason: str) -> Job:
        """End a job instead; raises as :meth:`approve`, and :class:`BadInput` without a reason."""
        text = " ".join(reason.split())
        if not text or len(text) > MAX_REASON_CHARS:
            raise BadInput(f"say why with --reason, in at most {MAX_REASON_CHARS} characters: it is kept with the job")
        rule = await self._rule(job_id, operator, teams)
        return await self._coordinator.tell(job_id, Disapproved(self._clock_ms(), operator, rule, text))

    async def _rule(self, job_id: str, operator: str, teams: Sequence[str]) -> str:
        job = await self._coordinator.job(job_id)
        if job.state is not JobState.AWAITING:
            raise BadInput(f"job {job_id} does not wait for approval: it is {job.state.value}")
        if same_operator(operator, job.spec.operator):
            raise Refused(f"job {job_id} is {operator}'s own: somebody else must approve it", "approval.second_person")
        rule = self.rule(teams, job)
        if isinstance(rule, Denied):
            raise Refused(rule.reason, rule.rule)
        return rule
