"""How long credentials live. All in milliseconds, like every time on the wire."""

from fleettrace.errors import BadInput

__all__ = [
    "AUTHORITY_LIFE_MS",
    "CLOCK_SKEW_MS",
    "CONTROLLER_LIFE_MS",
    "HOST_LIFE_MS",
    "MAX_JOIN_TOKEN_LIFE_MS",
    "MAX_LATE_RENEWAL_MS",
    "MAX_OPERATOR_TOKEN_LIFE_MS",
    "RENEW_AT_FRACTION",
    "join_token_life_ms",
]

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS

AUTHORITY_LIFE_MS = 10 * 365 * _DAY_MS
"""Of a private authority; every host enrols anew under the next one."""

CONTROLLER_LIFE_MS = 7 * _DAY_MS
"""Of the controller's own certificate, which it renews by itself."""

HOST_LIFE_MS = 24 * _HOUR_MS
"""Of a host's certificate, from its first valid moment to its last."""

MAX_LATE_RENEWAL_MS = 30 * _DAY_MS
"""The longest that a certificate may be over for its host to get another by it, where an operator allows that."""

CLOCK_SKEW_MS = 5 * 60_000
"""Certificates are valid from this long before they are issued, for hosts whose clocks are behind; OIDC tokens too."""

RENEW_AT_FRACTION = 0.5
"""A certificate is renewed when this much of its life is over: half of it is left for a controller that is away."""

MAX_JOIN_TOKEN_LIFE_MS = 7 * _DAY_MS
"""The longest that a one-time join token may wait to be used."""

MAX_OPERATOR_TOKEN_LIFE_MS = 366 * _DAY_MS
"""The longest life of a personal token."""


def join_token_life_ms(asked_ms: int) -> int:
    """What was asked for, if a join token may live for so long; else :class:`BadInput`."""
    if not 0 < asked_ms <= MAX_JOIN_TOKEN_LIFE_MS:
        raise BadInput(f"a join token lives for at most {MAX_JOIN_TOKEN_LIFE_MS // _DAY_MS} days: give --ttl 10m")
    return asked_ms
