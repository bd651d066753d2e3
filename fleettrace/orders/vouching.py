"""How a later key of a controller follows from an earlier one, for hosts that know the earlier one alone."""

from collections.abc import Iterable, Mapping

from fleettrace.model.order import KeyVouch, SignedBytes
from fleettrace.orders.keys import PublicKey, SigningKey

__all__ = ["MAX_VOUCHES", "believed", "vouch"]

DOMAIN = "fleettrace key 1"
MAX_VOUCHES = 16


def vouch(by: SigningKey, key: PublicKey, until_ms: int) -> KeyVouch:
    """``by`` vouches for ``key``."""
    signed = by.sign(DOMAIN, _body(key.raw, until_ms))
    return KeyVouch(key.raw, by.public.raw, until_ms, signed.signature)


def believed(known: Mapping[bytes, int], vouches: Iterable[KeyVouch], now_ms: int) -> dict[bytes, int]:
    """Known keys with those that they vouch for; key -> until when it counts (Unix ms, 0: without end).

    A key that has vouched for another counts until the vouch ends, and no longer: it was replaced.
    """
    found = {key: until_ms for key, until_ms in known.items() if not until_ms or until_ms > now_ms}
    waiting = list(vouches)[:MAX_VOUCHES]
    while step := next((one for one in waiting if one.by in found), None):
        waiting.remove(step)
        earlier = PublicKey(step.by)
        signed = SignedBytes(_body(step.key, step.until_ms), earlier.key_id, step.signature)
        if step.until_ms > now_ms and earlier.verifies(DOMAIN, signed):
            found.setdefault(step.key, 0)
            found[step.by] = min(found[step.by] or step.until_ms, step.until_ms)
    return found


def _body(key: bytes, until_ms: int) -> bytes:
    return key + until_ms.to_bytes(8, "big")
