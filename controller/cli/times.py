"""Times as people type them: how long ago or from now, or a date."""

import time
from datetime import UTC, datetime

from fleettrace.errors import BadDuration, BadInput
from fleettrace.model.names import parse_duration_ms

__all__ = ["ago_ms", "ahead_ms", "now_ms"]

_DAY_MS = 86_400_000
LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last one that a date can be written of."""


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


def ago_ms(text: str) -> int:
    """Unix ms of ``2h`` ago, or of a time in UTC; raises :class:`BadInput`."""
    return _moment_ms(text, -1, "write how long ago, such as 2h, or 2026-11-26T03:00")


def ahead_ms(text: str) -> int:
    """Unix ms of ``30d`` from now, or of a time in UTC; raises :class:`BadInput` also for what is over."""
    at_ms = _moment_ms(text, 1, "write how long from now, such as 30d, or 2026-12-31")
    if at_ms > LAST_MS:
        raise BadInput(f"{text} is beyond the year 9999: name an earlier time")
    if at_ms <= now_ms():
        raise BadInput(f"{text} is over already: name a time that is still to come")
    return at_ms


def _moment_ms(text: str, direction: int, way_out: str) -> int:
    try:
        return max(now_ms() + direction * _duration_ms(text), 0)
    except BadDuration:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no time: {way_out}") from None
    return max(int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000), 0)


def _duration_ms(text: str) -> int:
    days = text.removesuffix("d")
    return int(days) * _DAY_MS if days != text and days.isascii() and days.isdecimal() else parse_duration_ms(text)
