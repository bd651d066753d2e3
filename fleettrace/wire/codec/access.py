"""Tokens and callers, to and from their messages."""

from fleettrace.errors import Malformed
from fleettrace.model.access import Caller, JoinTokenListing, OperatorTokenListing
from fleettrace.wire.v1 import access_pb2 as pb

__all__ = ["caller_from_wire", "join_token_from_wire", "operator_token_from_wire"]


def caller_from_wire(message: pb.WhoAmIResponse) -> Caller:
    """Who a caller is taken for."""
    return Caller(message.operator, tuple(message.teams), tuple(message.scopes), message.proof, message.local)


def join_token_from_wire(message: pb.JoinToken) -> JoinTokenListing:
    """A join token.

    Raises:
        Malformed: it has no number.
    """
    if not message.token_id:
        raise Malformed("a join token has no number")
    return JoinTokenListing(
        token_id=message.token_id,
        host=message.host,
        labels=dict(sorted(message.labels.items())),
        created_by=message.created_by,
        created_at_ms=message.created_at_ms,
        expires_at_ms=message.expires_at_ms,
        state=message.state,
        used_by=message.used_by,
    )


def operator_token_from_wire(message: pb.OperatorToken) -> OperatorTokenListing:
    """A personal token.

    Raises:
        Malformed: it has no number.
    """
    if not message.token_id:
        raise Malformed("a personal token has no number")
    return OperatorTokenListing(
        token_id=message.token_id,
        operator=message.operator,
        teams=tuple(message.teams),
        scopes=tuple(message.scopes),
        created_by=message.created_by,
        created_at_ms=message.created_at_ms,
        expires_at_ms=message.expires_at_ms,
        state=message.state,
    )
