"""Counts by key, and bounded events."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from fleettrace.errors import Malformed
from fleettrace.snapshot.key import Key, check_key

__all__ = ["Count", "Event", "merge_counts", "merge_events"]


@dataclass(frozen=True, slots=True)
class Count:
    """``count`` events carried this key."""

    key: Key
    count: int

    def check_valid(self) -> None:
        """Raise :class:`Malformed` unless the key is well-formed and the count at least 1."""
        check_key(self.key)
        if self.count < 1:
            raise Malformed("a count must be at least 1")


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """One event that was worth keeping whole: when (Unix ms, the host's clock) and its fields."""

    at_ms: int
    fields: Key

    def check_valid(self) -> None:
        """Raise :class:`Malformed` unless the fields are well-formed."""
        check_key(self.fields)


def merge_counts(counts: Iterable[Count]) -> tuple[Count, ...]:
    """Add counts up, key by key."""
    sums: Counter[Key] = Counter()
    for count in counts:
        sums[count.key] += count.count
    return tuple(Count(key, sums[key]) for key in sorted(sums))


def merge_events(events: Iterable[Event]) -> tuple[Event, ...]:
    """All events in order of time; events are kept whole, so that equal ones stay two."""
    return tuple(sorted(events))
