"""The administrators' service: join tokens, hosts that may come no more, operators.

Who may call what is decided before (:mod:`controller.rpc.authorised`), and the operator of a request is the proven one.
"""

from collections.abc import Callable
from typing import Any

from grpc.aio import ServicerContext

from controller.admission.hosts import HostAdmission
from controller.admission.join_tokens import JoinTokens
from controller.admission.operators import OperatorAdmission
from controller.identity.principal import principal_of
from controller.identity.records import JoinTokenRecord, OperatorTokenRecord
from controller.rpc.status import guarded
from fleettrace.wire.v1 import access_pb2 as pb
from fleettrace.wire.v1.access_pb2_grpc import AccessServicer

__all__ = ["AccessService"]

Context = ServicerContext[Any, Any]


class AccessService(AccessServicer):
    """What administrators do, and who somebody is."""

    def __init__(
        self, tokens: JoinTokens, hosts: HostAdmission, operators: OperatorAdmission, clock_ms: Callable[[], int]
    ) -> None:
        self._tokens = tokens
        self._hosts = hosts
        self._operators = operators
        self._clock_ms = clock_ms

    @guarded
    async def WhoAmI(self, request: pb.WhoAmIRequest, context: Context) -> pb.WhoAmIResponse:
        """Who calls, as far as it is proven."""
        caller = principal_of(context)
        return pb.WhoAmIResponse(
            operator=caller.operator,
            teams=caller.teams,
            scopes=sorted(caller.scopes),
            proof=caller.proof,
            local=caller.local,
        )

    @guarded
    async def CreateJoinToken(self, request: pb.CreateJoinTokenRequest, context: Context) -> pb.CreateJoinTokenResponse:
        """A one-time token for a host."""
        labels = dict(request.labels)
        record, token = await self._tokens.create(request.host, labels, request.lifetime_ms, request.operator)
        return pb.CreateJoinTokenResponse(token=self._join_token(record), text=token.text())

    @guarded
    async def ListJoinTokens(self, request: pb.ListJoinTokensRequest, context: Context) -> pb.ListJoinTokensResponse:
        """All tokens, without their secrets."""
        tokens = await self._tokens.list()
        return pb.ListJoinTokensResponse(tokens=[self._join_token(token) for token in tokens])

    @guarded
    async def RevokeJoinToken(self, request: pb.RevokeJoinTokenRequest, context: Context) -> pb.RevokeJoinTokenResponse:
        """Make a token worthless."""
        await self._tokens.revoke(request.token_id, request.operator)
        return pb.RevokeJoinTokenResponse()

    @guarded
    async def RevokeHost(self, request: pb.RevokeHostRequest, context: Context) -> pb.RevokeHostResponse:
        """Let a host connect no more, and cut its stream."""
        was_connected = await self._hosts.revoke(request.host, request.reason, request.operator)
        return pb.RevokeHostResponse(was_connected=was_connected)

    @guarded
    async def AddOperator(self, request: pb.AddOperatorRequest, context: Context) -> pb.AddOperatorResponse:
        """A personal token for an operator."""
        record, token = await self._operators.add(
            request.operator_name, request.teams, request.scopes, request.lifetime_ms, request.operator
        )
        return pb.AddOperatorResponse(token=self._operator_token(record), text=token.text())

    @guarded
    async def ListOperators(self, request: pb.ListOperatorsRequest, context: Context) -> pb.ListOperatorsResponse:
        """All personal tokens, without their secrets."""
        tokens = await self._operators.list()
        return pb.ListOperatorsResponse(tokens=[self._operator_token(token) for token in tokens])

    @guarded
    async def RevokeOperator(self, request: pb.RevokeOperatorRequest, context: Context) -> pb.RevokeOperatorResponse:
        """Make all tokens of an operator worthless."""
        return pb.RevokeOperatorResponse(revoked=await self._operators.revoke(request.operator_name, request.operator))

    def _join_token(self, token: JoinTokenRecord) -> pb.JoinToken:
        return pb.JoinToken(
            token_id=token.token_id,
            host=token.host,
            labels=dict(token.labels),
            created_by=token.created_by,
            created_at_ms=token.created_at_ms,
            expires_at_ms=token.expires_at_ms,
            state=token.state(self._clock_ms()),
            used_by=token.used_by,
        )

    def _operator_token(self, token: OperatorTokenRecord) -> pb.OperatorToken:
        return pb.OperatorToken(
            token_id=token.token_id,
            operator=token.operator,
            teams=token.teams,
            scopes=sorted(token.scopes),
            created_by=token.created_by,
            created_at_ms=token.created_at_ms,
            expires_at_ms=token.expires_at_ms,
            state=token.state(self._clock_ms()),
        )
