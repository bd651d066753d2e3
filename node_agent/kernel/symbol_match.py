"""Finding which symbol an address lies in, without keeping a table: one pass over the symbols, for a few addresses."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TypeVar

__all__ = ["match_nearest_below"]

Symbol = TypeVar("Symbol")


def match_nearest_below(
    addresses: Sequence[int], symbols: Iterable[tuple[int, Symbol]]
) -> dict[int, tuple[int, Symbol]]:
    """For each address the symbol that starts nearest at or below it; of several with one start the first.

    Args:
        addresses: ascending, without repeats.
        symbols: (start, symbol), in any order; each costs O(log(addresses)), whatever it says of itself.

    Returns:
        (start, symbol) by address; addresses below every symbol are left out.
    """
    # A symbol is kept for the first address that it could be nearest to; it is carried on to later ones below.
    nearest: list[tuple[int, Symbol] | None] = [None] * len(addresses)
    for start, symbol in symbols:
        index = bisect_left(addresses, start)
        if index < len(addresses):
            known = nearest[index]
            if known is None or start > known[0]:
                nearest[index] = (start, symbol)
    matched: dict[int, tuple[int, Symbol]] = {}
    last: tuple[int, Symbol] | None = None
    for address, candidate in zip(addresses, nearest, strict=True):
        last = candidate or last  # a candidate starts above the address before it, so above the last one too
        if last is not None:
            matched[address] = last
    return matched
