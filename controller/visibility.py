"""Who sees which hosts and jobs: the team that ran a job, the teams it is shared with, and readers by grant.

A job that somebody may not see is as one that is not there.
"""

from controller.approvals import Approvals
from controller.identity.principal import Principal, Scope
from controller.jobs.coordinator import Coordinator
from controller.policy.request import Denied
from controller.policy.rights import may_see_host, reading
from controller.store.port import SeenBy
from controller.store.worker import StoreWorker
from fleettrace.errors import NotFound, Refused
from fleettrace.model.audit import AuditEntry
from fleettrace.model.host import Host
from fleettrace.model.job import Job, JobState
from fleettrace.model.names import check_team

__all__ = ["MAX_SHARES", "Visibility", "may_stop", "sees_everything"]

MAX_SHARES = 64
"""Teams that one job is shared with."""


def sees_everything(principal: Principal) -> bool:
    """Whether no team bounds what somebody sees: over the controller's own socket, and as an administrator."""
    return principal.local or Scope.ADMIN in principal.scopes


class Visibility:
    """Answers by the policy as it stands, and by what the store holds of shares."""

    def __init__(self, coordinator: Coordinator, store: StoreWorker, approvals: Approvals) -> None:
        self._coordinator = coordinator
        self._store = store
        self._approvals = approvals

    def host(self, principal: Principal, host: Host) -> bool:
        """Whether somebody sees a host: one that a grant of their teams is for."""
        return sees_everything(principal) or may_see_host(self._coordinator.policy, principal.teams, host)

    async def job(self, principal: Principal, job_id: str) -> Job:
        """A job that somebody sees, as it stands.

        Raises:
            NotFound: there is none, or none for them to see.
        """
        job = await self._coordinator.job(job_id)
        if sees_everything(principal) or reading(self._coordinator.policy, principal.teams, job.spec.team):
            return job
        if job.state is JobState.AWAITING and self._may_approve(principal, job):
            return job
        shares = await self._store.call(lambda store: store.shares(job_id))
        if set(shares).isdisjoint(principal.teams):
            raise NotFound(f"there is no job {job_id!r}; see 'fleettrace jobs'")
        return job

    async def jobs(self, principal: Principal) -> SeenBy | None:
        """Which jobs somebody sees in a list; None: all."""
        if sees_everything(principal):
            return None
        teams = await self.readable_teams(principal)
        return SeenBy(teams, principal.teams)

    def awaiting(self, principal: Principal) -> list[Job]:
        """Jobs of other teams that wait for somebody's approval, the newest first."""
        live = reversed(self._coordinator.live_jobs())
        return [job for job in live if job.state is JobState.AWAITING and self._may_approve(principal, job)]

    def _may_approve(self, principal: Principal, job: Job) -> bool:
        return not isinstance(self._approvals.rule(principal.teams, job), Denied)

    async def readable_teams(self, principal: Principal) -> tuple[str, ...]:
        """Teams whose results somebody sees, of those that have asked for a job, and their own."""
        known = await self._store.call(lambda store: store.teams())
        policy = self._coordinator.policy
        return tuple(sorted({*principal.teams, *(team for team in known if reading(policy, principal.teams, team))}))

    async def share(self, job: Job, team: str, shared: bool, operator: str, at_ms: int) -> tuple[str, ...]:
        """Let a team see a job, or no longer; the teams that it is shared with now.

        Raises:
            BadInput: no name of a team.
            Refused: it is shared with too many already.
        """
        check_team(team)
        job_id = job.spec.job_id
        shares = await self._store.call(lambda store: store.shares(job_id))
        if shared and team not in shares and len(shares) >= MAX_SHARES:
            raise Refused(f"job {job_id} is shared with {MAX_SHARES} teams already: end a share first", "shares.max")
        outcome = "shared" if shared else "unshared"
        entry = AuditEntry(at_ms, operator, job.spec.team, "job.visibility", job_id, outcome, detail={"with": team})
        await self._store.call(lambda store: store.set_share(job_id, team, shared, [entry]))
        return await self._store.call(lambda store: store.shares(job_id))


def may_stop(principal: Principal, job: Job) -> bool:
    """Whether somebody may end a job; who may end all may so in doubt, since stopping is never the danger."""
    return sees_everything(principal) or job.spec.team in principal.teams
