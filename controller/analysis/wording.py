"""Numbers in sentences."""

__all__ = ["number_text", "share_text"]


def share_text(part: float, total: float = 1.0) -> str:
    """``12.3%``; never 0.0% of something, nor 100.0% of almost all."""
    percent = 100 * part / total
    if 0 < percent < 0.05:
        return "under 0.1%"
    if 99.95 <= percent < 100:
        return "over 99.9%"
    return f"{percent:.1f}%"


def number_text(count: int, noun: str) -> str:
    """``1 value``, ``1,204 values``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
