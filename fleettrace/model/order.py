"""Who orders, and what is signed."""

from dataclasses import dataclass

__all__ = ["Authority", "KeyVouch", "SignedBytes"]


@dataclass(frozen=True, slots=True)
class SignedBytes:
    """Bytes and a signature of them; whether it is good, :class:`fleettrace.orders.keys.PublicKey` says."""

    body: bytes
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """Who orders: a database, how often a controller has been started on it, and which controller that is."""

    database_id: str
    epoch: int
    controller_id: str


@dataclass(frozen=True, slots=True)
class KeyVouch:
    """An earlier key (``by``) of a controller vouches for a later one, to whoever hears of it until a time (Unix)."""

    key: bytes
    by: bytes
    until_ms: int
    signature: bytes
