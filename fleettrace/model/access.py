"""Who may come in, as it is listed: no secret is ever in these. Times are Unix milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Caller", "JoinTokenListing", "OperatorTokenListing"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who the controller takes a caller for."""

    operator: str
    teams: tuple[str, ...]
    scopes: tuple[str, ...]
    proof: str
    local: bool


@dataclass(frozen=True, slots=True)
class JoinTokenListing:
    """A join token; ``state`` is ``open``, ``used``, ``expired`` or ``revoked``; ``host`` empty: any new one."""

    token_id: str
    host: str
    labels: Mapping[str, str]
    created_by: str
    created_at_ms: int
    expires_at_ms: int
    state: str
    used_by: str


@dataclass(frozen=True, slots=True)
class OperatorTokenListing:
    """A personal token; ``state`` is ``valid``, ``expired`` or ``revoked``."""

    token_id: str
    operator: str
    teams: tuple[str, ...]
    scopes: tuple[str, ...]
    created_by: str
    created_at_ms: int
    expires_at_ms: int
    state: str
