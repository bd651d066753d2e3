"""The command line's side of the Access service, beside that of the Control service."""

from collections.abc import Mapping, Sequence

from controller.client import CALL_S
from controller.login import Login
from controller.policy_client import PolicyClient
from controller.speaking import speaking
from fleettrace.model.access import Caller, JoinTokenListing, OperatorTokenListing
from fleettrace.wire.codec.access import caller_from_wire, join_token_from_wire, operator_token_from_wire
from fleettrace.wire.codec.fields import wire_text
from fleettrace.wire.v1 import access_pb2 as pb
from fleettrace.wire.v1.access_pb2_grpc import AccessStub

__all__ = ["AccessClient"]


class AccessClient(PolicyClient):
    """Every method raises what those of :class:`Client` do, and :class:`Refused` without the scope ``admin``."""

    def __init__(self, address: str, login: Login | None = None, *, call_s: float = CALL_S) -> None:
        super().__init__(address, login, call_s=call_s)
        self._access = AccessStub(self._channel)

    def who_am_i(self) -> Caller:
        """Who the controller takes this caller for; needs no scope."""
        with speaking(self.address):
            return caller_from_wire(self._access.WhoAmI(pb.WhoAmIRequest(), timeout=self._call_s))

    def create_join_token(
        self, host: str, labels: Mapping[str, str], lifetime_ms: int, operator: str
    ) -> tuple[JoinTokenListing, str]:
        """A one-time token, and its text, which cannot be had again."""
        with speaking(self.address):
            request = pb.CreateJoinTokenRequest(
                host=wire_text(host), labels=labels, lifetime_ms=lifetime_ms, operator=wire_text(operator)
            )
            answer = self._access.CreateJoinToken(request, timeout=self._call_s)
            return join_token_from_wire(answer.token), answer.text

    def join_tokens(self) -> list[JoinTokenListing]:
        """All join tokens, newest first."""
        with speaking(self.address):
            answer = self._access.ListJoinTokens(pb.ListJoinTokensRequest(), timeout=self._call_s)
            return [join_token_from_wire(token) for token in answer.tokens]

    def revoke_join_token(self, token_id: str, operator: str) -> None:
        """Make a join token worthless.

        Raises:
            NotFound: there is none that could still be used.
        """
        with speaking(self.address):
            request = pb.RevokeJoinTokenRequest(token_id=wire_text(token_id), operator=wire_text(operator))
            self._access.RevokeJoinToken(request, timeout=self._call_s)

    def revoke_host(self, host: str, reason: str, operator: str) -> bool:
        """Let a host connect no more; whether it was connected.

        Raises:
            NotFound: no such host is enrolled, or it was revoked already.
        """
        with speaking(self.address):
            request = pb.RevokeHostRequest(host=wire_text(host), reason=wire_text(reason), operator=wire_text(operator))
            return self._access.RevokeHost(request, timeout=self._call_s).was_connected

    def add_operator(
        self, name: str, teams: Sequence[str], scopes: Sequence[str], lifetime_ms: int, operator: str
    ) -> tuple[OperatorTokenListing, str]:
        """A personal token, and its text, which cannot be had again."""
        with speaking(self.address):
            request = pb.AddOperatorRequest(
                operator_name=wire_text(name),
                teams=[wire_text(team) for team in teams],
                scopes=[wire_text(scope) for scope in scopes],
                lifetime_ms=lifetime_ms,
                operator=wire_text(operator),
            )
            answer = self._access.AddOperator(request, timeout=self._call_s)
            return operator_token_from_wire(answer.token), answer.text

    def operators(self) -> list[OperatorTokenListing]:
        """All personal tokens, by operator."""
        with speaking(self.address):
            answer = self._access.ListOperators(pb.ListOperatorsRequest(), timeout=self._call_s)
            return [operator_token_from_wire(token) for token in answer.tokens]

    def revoke_operator(self, name: str, operator: str) -> int:
        """Make every personal token of an operator worthless; how many there were.

        Raises:
            NotFound: there is none left.
        """
        with speaking(self.address):
            request = pb.RevokeOperatorRequest(operator_name=wire_text(name), operator=wire_text(operator))
            return self._access.RevokeOperator(request, timeout=self._call_s).revoked
