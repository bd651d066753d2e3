"""Who calls: the operator behind a call, and what proves it.

A call over the controller's Unix socket is local: only the socket's owner and root can open it, and both could read the
database as well, so that it needs no further proof. Every other call is somebody only when it was authenticated before
its method began (:func:`proven`); there is no anonymous one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from fleettrace.errors import Unauthenticated

__all__ = ["LOCAL", "Principal", "Scope", "is_local", "principal_of", "proven", "set_proven"]

UNIX_PEER = "unix:"
"""How gRPC begins the name of a peer on a Unix socket; those on TCP begin with ``ipv4:`` or ``ipv6:``."""


class Scope(StrEnum):
    """What a credential may be used for, at most: policy decides within it."""

    READ = "read"
    RUN = "run"
    APPROVE = "approve"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """A proven caller. ``proof`` says in words what proved it, and holds no secret.

    A ``local`` one may name any team and any operator; of any other the operator is this one, whatever a request says.
    """

    operator: str
    teams: tuple[str, ...]
    scopes: frozenset[Scope]
    proof: str
    local: bool = False

    def operator_named(self, named: str) -> str:
        """The operator to write down, when a request names one: what is proven goes before what is said."""
        return (named or self.operator) if self.local else self.operator

    def is_of(self, team: str) -> bool:
        """Whether it may act for a team."""
        return self.local or team in self.teams


LOCAL = Principal("local", (), frozenset(Scope), "the controller's Unix socket", local=True)


class CallContext(Protocol):
    """What is needed of gRPC's servicer context."""

    def peer(self) -> str:
        """The transport address of who called."""


_proven: ContextVar[Principal | None] = ContextVar("proven", default=None)


@contextmanager
def proven(principal: Principal) -> Iterator[None]:
    """Within it, and in its task alone, calls that are not local are this principal's."""
    token = _proven.set(principal)
    try:
        yield
    finally:
        _proven.reset(token)


def set_proven(principal: Principal) -> None:
    """From here on, the calls of this task are this principal's; gRPC has a task for each call."""
    _proven.set(principal)


def is_local(context: CallContext) -> bool:
    """Whether a call came over a Unix socket."""
    return context.peer().startswith(UNIX_PEER)


def principal_of(context: CallContext) -> Principal:
    """Who is behind a call.

    Raises:
        Unauthenticated: nobody was proven to be.
    """
    if is_local(context):
        return LOCAL
    principal = _proven.get()
    if principal is None:
        raise Unauthenticated(
            "this call names no operator: log in with 'fleettrace login', or use the controller's Unix socket"
        )
    return principal
