"""Counts by key, and bounded events."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from fleettrace.errors import Malformed
from fleettrace.snapshot.key import Key, check_key

__all__ = ["MAX_SUMS", "Count", "Event", "merge_counts", "merge_events"]

MAX_SUMS = 4


@dataclass(frozen=True, slots=True)
class Count:
    """``count`` events carried this key; ``sums`` holds, in order of the units, what they add up to: bytes, us."""

    key: Key
    count: int
    sums: tuple[tuple[str, int], ...] = ()

    def check_valid(self) -> None:
        """Raise :class:`Malformed` unless the key is well-formed, the count at least 1 and the sums canonical."""
        check_key(self.key)
        if self.count < 1:
            raise Malformed("a count must be at least 1")
        units = [unit for unit, _ in self.sums]
        if len(units) > MAX_SUMS or not all(units) or units != sorted(set(units)):
            raise Malformed(f"a count has at most {MAX_SUMS} sums, of different units in their order: {units[:9]}")
        if any(value < 0 for _, value in self.sums):
            raise Malformed("a sum must not be negative")


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """One event that was worth keeping whole: when (Unix ms, the host's clock) and its fields."""

    at_ms: int
    fields: Key

    def check_valid(self) -> None:
        """Raise :class:`Malformed` unless the fields are well-formed."""
        check_key(self.fields)


def merge_counts(counts: Iterable[Count]) -> tuple[Count, ...]:
    """Add counts and their sums up, key by key."""
    totals: Counter[Key] = Counter()
    sums: dict[Key, Counter[str]] = {}
    for count in counts:
        totals[count.key] += count.count
        for unit, value in count.sums:
            sums.setdefault(count.key, Counter())[unit] += value
    return tuple(Count(key, totals[key], tuple(sorted(sums.get(key, {}).items()))) for key in sorted(totals))


def merge_events(events: Iterable[Event]) -> tuple[Event, ...]:
    """All events in order of time; events are kept whole, so that equal ones stay two."""
    return tuple(sorted(events))
