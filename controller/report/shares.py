"""Shares as people read them."""

__all__ = ["share_text"]

_ROUNDING = 1e-9
"""Sums of shares are off by so much at most."""


def share_text(share: float) -> str:
    """``45.8%`` of 0.458; what is there is never ``0.0%`` and what is not all never ``100.0%``."""
    if share <= _ROUNDING:
        return "0%"
    if share >= 1 - _ROUNDING:
        return "100%"
    return "<0.1%" if share < 0.0005 else ">99.9%" if share >= 0.9995 else f"{100 * share:.1f}%"
