"""Ranges of numbers within sentences, which no line may end in the middle of."""

import re

__all__ = ["RANGE"]

RANGE = re.compile(
    r"(\[[0-9, ]{1,40}\](?: [a-z]{1,7}\b)?|(?<![-\w.])[0-9][0-9,.]{0,20}-[0-9][0-9,.]{0,20} [a-z]{1,7}\b)"
)
"""``[16, 31] us`` and ``4.1-32.8 ms``."""
