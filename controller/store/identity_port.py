"""What the store keeps of identities: join tokens, enrolments of hosts, operators' personal tokens."""

from collections.abc import Sequence
from typing import Protocol

from controller.identity.records import Enrolment, JoinTokenRecord, OperatorTokenRecord
from fleettrace.model.audit import AuditEntry

__all__ = ["KEEP_ENDED_MS", "IdentityStore"]

KEEP_ENDED_MS = 90 * 24 * 3_600_000
"""A token is forgotten so long after it expired; the audit log still tells of it."""


class IdentityStore(Protocol):
    """Each method is one transaction, with the ``audit`` entries of what it decides: they are written when it changed
    something, and not otherwise. All raise :class:`~fleettrace.errors.StoreFailed`.
    """

    def add_join_token(self, token: JoinTokenRecord, audit: Sequence[AuditEntry] = ()) -> None:
        """Keep a new token; those that ended more than :data:`KEEP_ENDED_MS` before it was made are forgotten."""

    def join_tokens(self) -> list[JoinTokenRecord]:
        """All tokens, newest first."""

    def join_token(self, token_id: str) -> JoinTokenRecord | None:
        """One token, or None."""

    def revoke_join_token(self, token_id: str, at_ms: int, audit: Sequence[AuditEntry] = ()) -> bool:
        """Make an open token worthless; False when there is none, or it was used or revoked already."""

    def enrol(self, enrolment: Enrolment, audit: Sequence[AuditEntry] = ()) -> bool:
        """Use up the token of an enrolment and keep the enrolment, instead of an earlier one of the host.

        False, and nothing has changed, when the token is unknown, used, revoked, or expired by then.
        """

    def enrolments(self) -> list[Enrolment]:
        """The enrolment of every host that ever enrolled, by host; the newest of each."""

    def revoke_enrolment(self, host: str, at_ms: int, reason: str, audit: Sequence[AuditEntry] = ()) -> bool:
        """Let a host connect no more; False when it has no enrolment, or was revoked already."""

    def add_operator_token(self, token: OperatorTokenRecord, audit: Sequence[AuditEntry] = ()) -> None:
        """Keep a new personal token; forgets old ones as :meth:`add_join_token` does."""

    def operator_tokens(self) -> list[OperatorTokenRecord]:
        """All personal tokens, by operator, the newest of each first."""

    def revoke_operator(self, operator: str, at_ms: int, audit: Sequence[AuditEntry] = ()) -> int:
        """Make all tokens of an operator worthless; how many were not revoked before."""
