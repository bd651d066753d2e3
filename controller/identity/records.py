"""What the store keeps of identities. Secrets are kept as digests alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.identity.principal import Scope

__all__ = ["Enrolment", "JoinTokenRecord", "OperatorTokenRecord"]


@dataclass(frozen=True, slots=True)
class JoinTokenRecord:
    """A one-time token. ``host`` empty: for a host of any new name. Times are Unix milliseconds, 0: it never was."""

    token_id: str
    secret_sha256: bytes = field(repr=False)
    host: str
    labels: Mapping[str, str]
    created_by: str
    created_at_ms: int
    expires_at_ms: int
    used_at_ms: int = 0
    used_by: str = ""
    revoked_at_ms: int = 0

    def state(self, now_ms: int) -> str:
        """``used``, ``revoked``, ``expired`` or ``open``."""
        if self.used_at_ms:
            return "used"
        if self.revoked_at_ms:
            return "revoked"
        return "expired" if self.expires_at_ms <= now_ms else "open"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A host that may connect, or may no more. Its certificates carry ``enrolment_id``; name and labels are these."""

    host: str
    enrolment_id: str
    labels: Mapping[str, str]
    token_id: str
    enrolled_at_ms: int
    revoked_at_ms: int = 0
    revoked_reason: str = ""

    @property
    def is_revoked(self) -> bool:
        """Whether it may connect no more."""
        return self.revoked_at_ms > 0


@dataclass(frozen=True, slots=True)
class OperatorTokenRecord:
    """A personal token of an operator."""

    token_id: str
    secret_sha256: bytes = field(repr=False)
    operator: str
    teams: tuple[str, ...]
    scopes: frozenset[Scope]
    created_by: str
    created_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int = 0

    def state(self, now_ms: int) -> str:
        """``revoked``, ``expired`` or ``valid``."""
        if self.revoked_at_ms:
            return "revoked"
        return "expired" if self.expires_at_ms <= now_ms else "valid"
