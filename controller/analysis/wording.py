"""Numbers in sentences."""

__all__ = ["factor_text", "number_text", "share_text", "span_text", "times_text"]

MAX_FACTOR = 100
"""What is told of it is that it is more: what is left of the other side then is next to nothing, or chance."""
_ROUNDING = 1e-9
"""Sums of shares are off by so much at most."""
_LARGER = {"ns": ("us", "ms", "s"), "us": ("ms", "s"), "ms": ("s",)}
"""Units of time, each 1000 of the one before."""


def share_text(part: float, total: float = 1.0) -> str:
    """``45.8%`` of 0.458; what is there is never ``0.0%`` and what is not all never ``100.0%``."""
    share = part / total if total else 0.0
    if share <= _ROUNDING:
        return "0%"
    if share >= 1 - _ROUNDING:
        return "100%"
    return "<0.1%" if share < 0.0005 else ">99.9%" if share >= 0.9995 else f"{100 * share:.1f}%"


def factor_text(factor: float) -> str:
    """``2.3``, ``0.15``, ``62``; beyond a hundred either way it says no more than that: ``>100``, ``<0.01``."""
    if factor > MAX_FACTOR:
        return f">{MAX_FACTOR}"
    if factor < 1 / MAX_FACTOR:
        return f"<{1 / MAX_FACTOR:g}"
    return f"{factor:.0f}" if factor >= 10 else f"{factor:.1f}" if factor >= 0.995 else f"{factor:#.2g}"


def times_text(factor: float) -> str:
    """``2.3 times``, ``more than 100 times``."""
    return f"{factor_text(factor).replace('>', 'more than ').replace('<', 'less than ')} times"


def number_text(count: int, noun: str) -> str:
    """``1 value``, ``1,204 values``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def span_text(low: int, high: int, unit: str) -> str:
    """``4.1-32.8 ms`` of 4096 to 32767 us: in the largest unit of time in which the lower end is 1 or more."""
    factor = 1
    for larger in _LARGER.get(unit, ()):
        if low < 1000 * factor:
            break
        unit, factor = larger, 1000 * factor
    if factor == 1:
        return f"{low}-{high} {unit}"
    return f"{_decimal(low / factor)}-{_decimal((high + 1) / factor)} {unit}"


def _decimal(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}".removesuffix(".0")
