"""The one place where a call is let through or not: every method behind its row of the table."""

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from grpc.aio import ServicerContext

from controller.identity.principal import Principal, principal_of
from controller.rpc.requirements import REQUIREMENTS, JobRight, Requirement
from controller.rpc.status import abort_with
from controller.visibility import Visibility, may_stop
from fleettrace.errors import BadInput, FleettraceError, Refused
from fleettrace.model.names import check_team

__all__ = ["LOCAL_TEAM", "Authorised", "acting_team", "approving_teams"]

LOCAL_TEAM = "default"
"""The team of a request over the controller's own socket that names none."""

Context = ServicerContext[Any, Any]


class Authorised:
    """A service, each of whose methods is called only by who may.

    What a request says of its operator and its team is replaced by what is proven, so that nothing behind it has to
    look again.
    """

    def __init__(self, descriptor: ServiceDescriptor, service: object, visibility: Visibility) -> None:
        self._visibility = visibility
        for method in descriptor.methods:
            guarded = self._stream if method.server_streaming else self._unary
            requirement = REQUIREMENTS[f"{descriptor.name}/{method.name}"]
            setattr(self, method.name, guarded(getattr(service, method.name), requirement))

    def _unary(self, call: Any, requirement: Requirement) -> Any:
        async def guarded(request: Message, context: Context) -> Any:
            try:
                await self._admit(request, context, requirement)
            except FleettraceError as error:
                await abort_with(context, error)
            return await call(request, context)

        return guarded

    def _stream(self, call: Any, requirement: Requirement) -> Any:
        async def guarded(request: Message, context: Context) -> AsyncIterator[Any]:
            try:
                await self._admit(request, context, requirement)
            except FleettraceError as error:
                await abort_with(context, error)
            async for reply in call(request, context):
                yield reply

        return guarded

    async def _admit(self, request: Any, context: Context, requirement: Requirement) -> None:
        """Let a request through, with what is proven written into it.

        Raises:
            Unauthenticated: nobody was proven to call.
            Refused: the credential is not for this, or the team is not theirs.
            NotFound: there is no such job for them to see.
            BadInput: no team is named by somebody who has several.
        """
        principal = principal_of(context)
        if requirement.scope is not None and requirement.scope not in principal.scopes:
            raise Refused(
                f"this takes a credential with the scope {requirement.scope.value}, which {principal.operator}'s "
                "has not: ask an administrator for one that has",
                f"scope {requirement.scope.value}",
            )
        if "operator" in request.DESCRIPTOR.fields_by_name:
            request.operator = principal.operator_named(request.operator)
        if requirement.for_team:
            request.team = acting_team(principal, request.team)
        if requirement.job is not None:
            await self._check_job(principal, request.job_id, requirement.job)

    async def _check_job(self, principal: Principal, job_id: str, right: JobRight) -> None:
        job = await self._visibility.job(principal, job_id)
        allowed = {
            JobRight.SEE: True,
            JobRight.OWN: principal.is_of(job.spec.team),
            JobRight.STOP: may_stop(principal, job),
        }
        if not allowed[right]:
            raise Refused(
                f"job {job_id} is of team {job.spec.team}, and {principal.operator} is not: ask somebody of that team",
                "own team",
            )


def acting_team(principal: Principal, named: str) -> str:
    """The team that somebody acts for.

    Raises:
        Refused: the one that is named is not theirs.
        BadInput: none is named and they have several, or it is no name of a team.
    """
    if named:
        check_team(named)
    if principal.local:
        return named or LOCAL_TEAM
    theirs = ", ".join(principal.teams)
    if not named and len(principal.teams) == 1:
        return principal.teams[0]
    if not named:
        raise BadInput(
            f"{principal.operator} has {'the teams ' + theirs if theirs else 'no team'}: name one with --team"
        )
    if named not in principal.teams:
        raise Refused(f"{principal.operator} is not of team {named} (but of {theirs or 'none'})", "own team")
    return named


def approving_teams(principal: Principal, named: str) -> tuple[str, ...]:
    """The teams for which somebody may approve; none named: all of theirs.

    Raises:
        Refused, BadInput: as :func:`acting_team`.
    """
    if not named and not principal.local:
        return principal.teams
    return (acting_team(principal, named),)
