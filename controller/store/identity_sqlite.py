"""Identities in SQLite."""

import json
from collections.abc import Sequence

from controller.identity.principal import Scope
from controller.identity.records import Enrolment, JoinTokenRecord, OperatorTokenRecord
from controller.store.audit_log import AuditLog
from controller.store.identity_port import KEEP_ENDED_MS
from controller.store.rows import Row
from controller.store.tables import Tables
from fleettrace.model.audit import AuditEntry

__all__ = ["SqliteIdentities"]

_OPEN = "token_id = ? AND used_at_ms = 0 AND revoked_at_ms = 0"


class SqliteIdentities:
    """Implements :class:`~controller.store.identity_port.IdentityStore`, which says what each method does."""

    def __init__(self, tables: Tables, audit: AuditLog) -> None:
        self._tables = tables
        self._audit = audit

    def add_join_token(self, token: JoinTokenRecord, audit: Sequence[AuditEntry] = ()) -> None:
        """Keep a new token."""
        with self._tables.writing():
            self._tables.delete("join_tokens", "expires_at_ms < ?", [token.created_at_ms - KEEP_ENDED_MS])
            self._tables.insert("join_tokens", [_join_token_row(token)])
            self._audit.append(audit)

    def join_tokens(self) -> list[JoinTokenRecord]:
        """All tokens, newest first."""
        with self._tables.reading():
            rows = self._tables.rows("join_tokens", order_by="created_at_ms DESC, rowid DESC")
            return [_join_token_of_row(row) for row in rows]

    def join_token(self, token_id: str) -> JoinTokenRecord | None:
        """One token, or None."""
        with self._tables.reading():
            rows = self._tables.rows("join_tokens", "token_id = ?", [token_id])
            return _join_token_of_row(rows[0]) if rows else None

    def revoke_join_token(self, token_id: str, at_ms: int, audit: Sequence[AuditEntry] = ()) -> bool:
        """Make an open token worthless."""
        with self._tables.writing():
            if not self._tables.update("join_tokens", {"revoked_at_ms": at_ms}, _OPEN, [token_id]):
                return False
            self._audit.append(audit)
        return True

    def enrol(self, enrolment: Enrolment, audit: Sequence[AuditEntry] = ()) -> bool:
        """Use up a token and keep the enrolment that it is for."""
        at_ms = enrolment.enrolled_at_ms
        with self._tables.writing():
            used = {"used_at_ms": at_ms, "used_by": enrolment.host}
            where = f"{_OPEN} AND expires_at_ms > ?"
            if not self._tables.update("join_tokens", used, where, [enrolment.token_id, at_ms]):
                return False
            self._tables.upsert("enrolments", [_enrolment_row(enrolment)], "host")
            self._audit.append(audit)
        return True

    def enrolments(self) -> list[Enrolment]:
        """The newest enrolment of every host."""
        with self._tables.reading():
            return [_enrolment_of_row(row) for row in self._tables.rows("enrolments", order_by="host")]

    def revoke_enrolment(self, host: str, at_ms: int, reason: str, audit: Sequence[AuditEntry] = ()) -> bool:
        """Let a host connect no more."""
        with self._tables.writing():
            revoked = {"revoked_at_ms": at_ms, "revoked_reason": reason}
            if not self._tables.update("enrolments", revoked, "host = ? AND revoked_at_ms = 0", [host]):
                return False
            self._audit.append(audit)
        return True

    def add_operator_token(self, token: OperatorTokenRecord, audit: Sequence[AuditEntry] = ()) -> None:
        """Keep a new personal token."""
        with self._tables.writing():
            self._tables.delete("operator_tokens", "expires_at_ms < ?", [token.created_at_ms - KEEP_ENDED_MS])
            self._tables.insert("operator_tokens", [_operator_token_row(token)])
            self._audit.append(audit)

    def operator_tokens(self) -> list[OperatorTokenRecord]:
        """All personal tokens, by operator."""
        with self._tables.reading():
            rows = self._tables.rows("operator_tokens", order_by="operator, created_at_ms DESC, rowid DESC")
            return [_operator_token_of_row(row) for row in rows]

    def revoke_operator(self, operator: str, at_ms: int, audit: Sequence[AuditEntry] = ()) -> int:
        """Make all tokens of an operator worthless."""
        with self._tables.writing():
            where = "operator = ? AND revoked_at_ms = 0"
            revoked = self._tables.update("operator_tokens", {"revoked_at_ms": at_ms}, where, [operator])
            if revoked:
                self._audit.append(audit)
        return revoked


def _join_token_row(token: JoinTokenRecord) -> Row:
    return {
        "token_id": token.token_id,
        "secret_sha256": token.secret_sha256,
        "host": token.host,
        "labels": json.dumps(dict(token.labels), sort_keys=True),
        "created_by": token.created_by,
        "created_at_ms": token.created_at_ms,
        "expires_at_ms": token.expires_at_ms,
        "used_at_ms": token.used_at_ms,
        "used_by": token.used_by,
        "revoked_at_ms": token.revoked_at_ms,
    }


def _join_token_of_row(row: Row) -> JoinTokenRecord:
    return JoinTokenRecord(**{**row, "labels": json.loads(row["labels"])})


def _enrolment_row(enrolment: Enrolment) -> Row:
    return {
        "host": enrolment.host,
        "enrolment_id": enrolment.enrolment_id,
        "labels": json.dumps(dict(enrolment.labels), sort_keys=True),
        "token_id": enrolment.token_id,
        "enrolled_at_ms": enrolment.enrolled_at_ms,
        "revoked_at_ms": enrolment.revoked_at_ms,
        "revoked_reason": enrolment.revoked_reason,
    }


def _enrolment_of_row(row: Row) -> Enrolment:
    return Enrolment(**{**row, "labels": json.loads(row["labels"])})


def _operator_token_row(token: OperatorTokenRecord) -> Row:
    return {
        "token_id": token.token_id,
        "secret_sha256": token.secret_sha256,
        "operator": token.operator,
        "teams": json.dumps(token.teams),
        "scopes": json.dumps(sorted(token.scopes)),
        "created_by": token.created_by,
        "created_at_ms": token.created_at_ms,
        "expires_at_ms": token.expires_at_ms,
        "revoked_at_ms": token.revoked_at_ms,
    }


def _operator_token_of_row(row: Row) -> OperatorTokenRecord:
    teams = tuple(json.loads(row["teams"]))
    scopes = frozenset(Scope(name) for name in json.loads(row["scopes"]))
    return OperatorTokenRecord(**{**row, "teams": teams, "scopes": scopes})
