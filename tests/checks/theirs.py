"""What other programs printed, read as checks say, and what it is to agree with them."""

import re
from collections import Counter
from collections.abc import Mapping
from math import sqrt

import pytest

from tests.checks.description import Theirs
from tests.checks.parts import TOTAL
from tests.kernel.reference import buckets_of, counts_of, histogram_of, maps_of

__all__ = ["assert_alike", "read_theirs"]

WITHIN = 0.05
"""How far two measurements of the same thing may be apart."""
WORTH = 0.01
"""The share of the total from which a bucket is compared."""


def read_theirs(theirs: Theirs, output: str) -> Counter[str]:
    """Numbers by what they are compared by."""
    if theirs.table == "buckets":
        return Counter({str(bucket): number for bucket, number in histogram_of(output).items()})
    if theirs.table == "names":
        return Counter(counts_of(output))
    if theirs.numbers:
        found_numbers = re.finditer(theirs.numbers, output, re.MULTILINE)
        return Counter({TOTAL: sum(sum(map(int, match.groups())) for match in found_numbers)})
    if theirs.map:
        return _of_map(maps_of(output).get(theirs.map, 0))
    found = Counter[str]()
    for line in output.splitlines():
        if match := re.search(theirs.lines, line):
            found[match[1] if match.groups() else TOTAL] += 1
    return found


def _of_map(value: int | list[dict[str, int]] | dict[str, int]) -> Counter[str]:
    match value:
        case int():
            return Counter({TOTAL: value})
        case list():
            return Counter({str(bucket): number for bucket, number in buckets_of(value).items()})
        case dict():
            return Counter(value)


def assert_alike(ours: Mapping[str, int], theirs: Mapping[str, int], edge: float) -> None:
    """Within 5% in total, and in every bucket or name with 1% or more.

    Both see the same events, but each program runs at a moment of its own and they round differently: an event near an
    edge falls on either side, by chance. Of a bucket with n events the number that did so is about Poisson's, with a
    standard deviation of at most sqrt(n); two of these are allowed, and ``edge`` of the total where a check says so.
    """
    total = sum(theirs.values())
    assert total, "the other program saw nothing"
    assert sum(ours.values()) == pytest.approx(total, rel=WITHIN), (theirs, ours)
    if set(theirs) == {TOTAL}:
        return
    for name, number in theirs.items():
        if number >= total * WORTH:
            tolerance = max(2 * sqrt(number), edge * total)
            assert ours.get(name, 0) == pytest.approx(number, rel=WITHIN, abs=tolerance), (name, theirs, ours)
