"""Identities in memory: what SQLite's do, for tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from controller.identity.records import Enrolment, JoinTokenRecord, OperatorTokenRecord
from controller.store.identity_port import KEEP_ENDED_MS
from fleettrace.errors import StoreFailed
from fleettrace.model.audit import AuditEntry

__all__ = ["KeptIdentities", "MemoryIdentities"]


@dataclass(slots=True)
class KeptIdentities:
    """What outlives a store that is opened again."""

    join_tokens: dict[str, JoinTokenRecord] = field(default_factory=dict)
    enrolments: dict[str, Enrolment] = field(default_factory=dict)
    operator_tokens: dict[str, OperatorTokenRecord] = field(default_factory=dict)


class MemoryIdentities:
    """Implements :class:`~controller.store.identity_port.IdentityStore`; ``check_open`` raises on a closed store."""

    def __init__(
        self, kept: KeptIdentities, append: Callable[[Sequence[AuditEntry]], None], check_open: Callable[[], None]
    ) -> None:
        self._kept = kept
        self._append = append
        self._check_open = check_open

    def add_join_token(self, token: JoinTokenRecord, audit: Sequence[AuditEntry] = ()) -> None:
        """Keep a new token."""
        self._check_open()
        if token.token_id in self._kept.join_tokens:
            raise StoreFailed("there is a join token of this number already")
        forgotten_ms = token.created_at_ms - KEEP_ENDED_MS
        kept = {key: one for key, one in self._kept.join_tokens.items() if one.expires_at_ms >= forgotten_ms}
        self._kept.join_tokens = {**kept, token.token_id: token}
        self._append(audit)

    def join_tokens(self) -> list[JoinTokenRecord]:
        """All tokens, newest first."""
        self._check_open()
        return sorted(self._kept.join_tokens.values(), key=lambda token: token.created_at_ms)[::-1]

    def join_token(self, token_id: str) -> JoinTokenRecord | None:
        """One token, or None."""
        self._check_open()
        return self._kept.join_tokens.get(token_id)

    def revoke_join_token(self, token_id: str, at_ms: int, audit: Sequence[AuditEntry] = ()) -> bool:
        """Make an open token worthless."""
        token = self.join_token(token_id)
        if token is None or token.used_at_ms or token.revoked_at_ms:
            return False
        self._kept.join_tokens[token_id] = replace(token, revoked_at_ms=at_ms)
        self._append(audit)
        return True

    def enrol(self, enrolment: Enrolment, audit: Sequence[AuditEntry] = ()) -> bool:
        """Use up a token and keep the enrolment that it is for."""
        token = self.join_token(enrolment.token_id)
        at_ms = enrolment.enrolled_at_ms
        if token is None or token.state(at_ms) != "open":
            return False
        self._kept.join_tokens[token.token_id] = replace(token, used_at_ms=at_ms, used_by=enrolment.host)
        self._kept.enrolments[enrolment.host] = enrolment
        self._append(audit)
        return True

    def enrolments(self) -> list[Enrolment]:
        """The newest enrolment of every host."""
        self._check_open()
        return [self._kept.enrolments[host] for host in sorted(self._kept.enrolments)]

    def revoke_enrolment(self, host: str, at_ms: int, reason: str, audit: Sequence[AuditEntry] = ()) -> bool:
        """Let a host connect no more."""
        self._check_open()
        enrolment = self._kept.enrolments.get(host)
        if enrolment is None or enrolment.is_revoked:
            return False
        self._kept.enrolments[host] = replace(enrolment, revoked_at_ms=at_ms, revoked_reason=reason)
        self._append(audit)
        return True

    def add_operator_token(self, token: OperatorTokenRecord, audit: Sequence[AuditEntry] = ()) -> None:
        """Keep a new personal token."""
        self._check_open()
        if token.token_id in self._kept.operator_tokens:
            raise StoreFailed("there is a personal token of this number already")
        forgotten_ms = token.created_at_ms - KEEP_ENDED_MS
        kept = {key: one for key, one in self._kept.operator_tokens.items() if one.expires_at_ms >= forgotten_ms}
        self._kept.operator_tokens = {**kept, token.token_id: token}
        self._append(audit)

    def operator_tokens(self) -> list[OperatorTokenRecord]:
        """All personal tokens, by operator."""
        self._check_open()
        newest_first = sorted(self._kept.operator_tokens.values(), key=lambda token: token.created_at_ms)[::-1]
        return sorted(newest_first, key=lambda token: token.operator)

    def revoke_operator(self, operator: str, at_ms: int, audit: Sequence[AuditEntry] = ()) -> int:
        """Make all tokens of an operator worthless."""
        mine = [one for one in self.operator_tokens() if one.operator == operator and not one.revoked_at_ms]
        for token in mine:
            self._kept.operator_tokens[token.token_id] = replace(token, revoked_at_ms=at_ms)
        if mine:
            self._append(audit)
        return len(mine)
