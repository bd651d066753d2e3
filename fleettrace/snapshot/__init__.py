"""What a run measured, and the laws by which results are merged.

A snapshot is a tuple of four commutative monoids. Merging is associative, commutative and has
:data:`EMPTY` as its identity; the result is canonical (sorted), so that any order of the same parts gives
the same bytes. Being idempotent per part is the store's business: it keeps one part per run.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from fleettrace.errors import Malformed
from fleettrace.snapshot.columns import (
    StackChains,
    StackColumns,
    columns_of,
    heaviest,
    merge_columns,
    stacks_in_columns,
    total_of,
    units_of,
)
from fleettrace.snapshot.counts import Count, Event, merge_counts, merge_events
from fleettrace.snapshot.histogram import LOG2, Histogram, bucket_bounds, bucket_index, merge_histograms
from fleettrace.snapshot.key import NO_KEY, Key, key_text
from fleettrace.snapshot.stacks import KERNEL_SUFFIX, Stack, merge_stacks, stack_hash

__all__ = [
    "EMPTY",
    "KERNEL_SUFFIX",
    "LOG2",
    "MAX_ENTRIES",
    "MAX_MERGED_ENTRIES",
    "NO_KEY",
    "Count",
    "Event",
    "Histogram",
    "Key",
    "Snapshot",
    "Stack",
    "StackChains",
    "StackColumns",
    "bucket_bounds",
    "bucket_index",
    "check_entries",
    "columns_of",
    "heaviest",
    "key_text",
    "merge",
    "stack_hash",
    "stacks_in_columns",
    "total_of",
    "units_of",
]

MAX_ENTRIES = 100_000
"""The most entries of one kind that one host's snapshot may hold; more is refused as malformed."""

MAX_MERGED_ENTRIES = 100 * MAX_ENTRIES
"""The same for the merge of a whole fleet."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Histograms, stacks, counts and events; most tools fill one of them.

    Stacks of large fleets are in columns (:class:`StackColumns`), which read and compare like any others.
    """

    histograms: tuple[Histogram, ...] = ()
    stacks: Sequence[Stack] = ()
    counts: tuple[Count, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def total(self) -> int:
        """What was recorded in all: values, samples, counts and events.

        A tool may record one event in several kinds, which each count.
        """
        return (
            sum(histogram.total for histogram in self.histograms)
            + _events_of(self.stacks)
            + sum(count.count for count in self.counts)
            + len(self.events)
        )

    def check_valid(self, max_entries: int = MAX_ENTRIES) -> None:
        """Raise :class:`Malformed` unless every entry is valid and each kind has at most ``max_entries``."""
        for entries in (self.histograms, self.stacks, self.counts, self.events):
            check_entries(len(entries), max_entries)
            if isinstance(entries, StackColumns):
                entries.check_valid()
                continue
            for entry in entries:
                entry.check_valid()


def check_entries(count: int, max_entries: int) -> None:
    """Raise :class:`Malformed` when a snapshot has more entries of a kind than it may."""
    if count > max_entries:
        raise Malformed(f"a snapshot holds at most {max_entries} entries of a kind, not {count}")


def _events_of(stacks: Sequence[Stack]) -> int:
    if isinstance(stacks, StackColumns):
        return stacks.total_events
    return sum(stack.events or stack.value for stack in stacks)


EMPTY = Snapshot()


def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Add snapshots up into a canonical one.

    Raises:
        SnapshotMismatch: units or bucket schemes differ.
    """
    parts = list(snapshots)
    return Snapshot(
        histograms=merge_histograms(chain.from_iterable(part.histograms for part in parts)),
        stacks=_merge_stacks([part.stacks for part in parts]),
        counts=merge_counts(chain.from_iterable(part.counts for part in parts)),
        events=merge_events(chain.from_iterable(part.events for part in parts)),
    )


def _merge_stacks(stacks: Sequence[Sequence[Stack]]) -> Sequence[Stack]:
    columns = stacks_in_columns(stacks)
    if columns is None and any(isinstance(own, StackColumns) for own in stacks):
        filled = [own for own in stacks if own]
        # Different units are refused below.
        columns = columns_of(filled) if len(set().union(*map(units_of, filled))) == 1 else None
    return merge_columns(columns) if columns else merge_stacks(chain.from_iterable(stacks))
