"""Chance that is none: a stream of numbers that the data themselves choose, so that the same data give the same
answer."""

import hashlib
from collections.abc import Iterator

__all__ = ["uniforms"]

WORD_BITS = 64
BLOCK_WORDS = 64


def uniforms(seed: str) -> Iterator[float]:
    """Numbers within 0 <= u < 1, endless, by SHAKE-128 in counter mode; equal seeds give equal streams."""
    block = 0
    while True:
        digest = hashlib.shake_128(f"{seed}/{block}".encode()).digest(BLOCK_WORDS * WORD_BITS // 8)
        for start in range(0, len(digest), WORD_BITS // 8):
            # 53 bits are what a float holds.
            yield (int.from_bytes(digest[start : start + 8], "big") >> 11) / (1 << 53)
        block += 1
