"""Unix milliseconds as UTC."""

from datetime import UTC, datetime, timedelta

__all__ = ["utc"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc(at_ms: int) -> datetime | None:
    """The time, or None for 0 (has not happened) and for what no calendar has, which only a broken clock says."""
    if not at_ms:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=at_ms)
    except OverflowError:
        return None
