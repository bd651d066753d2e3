"""The part of the operators' service that is about who may do what, and who did."""

from collections.abc import Callable
from typing import Any

from grpc.aio import ServicerContext

from controller.approvals import Approvals
from controller.auditing import AuditReader
from controller.identity.principal import Principal, principal_of
from controller.jobs.asking import Asked
from controller.jobs.coordinator import Coordinator
from controller.policing import Policing
from controller.rpc.authorised import approving_teams
from controller.rpc.status import guarded
from controller.visibility import Visibility, sees_everything
from fleettrace.errors import Refused
from fleettrace.model.audit import AuditFilter
from fleettrace.model.host import Host
from fleettrace.wire.codec import audit_page_to_wire, job_to_wire, policy_answer_to_wire
from fleettrace.wire.v1 import control_pb2 as pb
from fleettrace.wire.v1.control_pb2_grpc import ControlServicer

__all__ = ["Context", "RightsService"]

Context = ServicerContext[Any, Any]


class RightsService(ControlServicer):
    """Policy, second persons, sharing and the audit log."""

    def __init__(
        self,
        coordinator: Coordinator,
        *,
        audit: AuditReader,
        visibility: Visibility,
        approvals: Approvals,
        policing: Policing,
        clock_ms: Callable[[], int],
    ) -> None:
        self._coordinator = coordinator
        self._audit = audit
        self._visibility = visibility
        self._approvals = approvals
        self._policing = policing
        self._clock_ms = clock_ms

    @guarded
    async def ApproveJob(self, request: pb.ApproveJobRequest, context: Context) -> pb.Job:
        """Let a job go on that waits for a second person."""
        teams = approving_teams(principal_of(context), request.team)
        return job_to_wire(await self._approvals.approve(request.job_id, request.operator, teams))

    @guarded
    async def DenyJob(self, request: pb.DenyJobRequest, context: Context) -> pb.Job:
        """End it instead."""
        teams = approving_teams(principal_of(context), request.team)
        return job_to_wire(await self._approvals.deny(request.job_id, request.operator, teams, request.reason))

    @guarded
    async def ExplainPolicy(self, request: pb.ExplainPolicyRequest, context: Context) -> pb.PolicyAnswer:
        """What policy would answer."""
        asked = Asked(
            tool=request.tool,
            selector=request.selector,
            duration_ms=request.duration_ms,
            params=dict(request.params),
            team=request.team,
            operator=request.operator,
            program=request.program,
            break_glass=request.break_glass,
        )
        return policy_answer_to_wire(await self._policing.explain(asked, self._seen(context)))

    @guarded
    async def ReloadPolicy(self, request: pb.ReloadPolicyRequest, context: Context) -> pb.ReloadPolicyResponse:
        """Read the policy's file again."""
        done = await self._policing.reload(request.operator)
        return pb.ReloadPolicyResponse(
            origin=done.origin, version=done.version, before=done.before, stopped=done.stopped
        )

    @guarded
    async def ShareJob(self, request: pb.ShareJobRequest, context: Context) -> pb.ShareJobResponse:
        """Let another team see a job, or no longer."""
        job = await self._coordinator.job(request.job_id)
        shares = await self._visibility.share(
            job, request.team, not request.unshare, request.operator, self._clock_ms()
        )
        return pb.ShareJobResponse(teams=shares)

    @guarded
    async def ListAudit(self, request: pb.ListAuditRequest, context: Context) -> pb.ListAuditResponse:
        """A page of the audit log."""
        wanted = AuditFilter(
            teams=await self._audited_teams(principal_of(context), request.team),
            host=request.host,
            kind=request.kind,
            since_ms=request.since_ms,
        )
        page = await self._audit.page(
            wanted, cursor=request.cursor, limit=request.limit, oldest_first=request.oldest_first
        )
        return audit_page_to_wire(page)

    def _seen(self, context: Context) -> Callable[[Host], bool]:
        """Which hosts there are for who calls."""
        principal = principal_of(context)
        return lambda host: self._visibility.host(principal, host)

    async def _audited_teams(self, principal: Principal, team: str) -> tuple[str, ...]:
        """Whose entries are listed; none named: all that who calls may see.

        Raises:
            Refused: the team's are not theirs to see.
        """
        if sees_everything(principal):
            return (team,) if team else ()
        readable = await self._visibility.readable_teams(principal)
        if team and team not in readable:
            raise Refused(f"{principal.operator} may not read what is recorded of team {team}", "own team")
        if not readable:
            raise Refused(f"{principal.operator} has no team whose entries could be listed", "own team")
        return (team,) if team else readable
