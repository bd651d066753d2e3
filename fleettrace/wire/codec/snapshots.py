"""Snapshots on the wire."""

from fleettrace.errors import Malformed
from fleettrace.snapshot import MAX_ENTRIES, Count, Event, Histogram, Key, Snapshot, Stack
from fleettrace.wire.codec.fields import wire_text
from fleettrace.wire.v1 import types_pb2 as types

__all__ = ["key_from_wire", "key_to_wire", "snapshot_from_wire", "snapshot_to_wire"]


def snapshot_to_wire(snapshot: Snapshot) -> types.Snapshot:
    """The entries in their order; a merged snapshot is canonical, and so are its bytes."""
    return types.Snapshot(
        histograms=[_histogram_to_wire(histogram) for histogram in snapshot.histograms],
        stacks=[_stack_to_wire(stack) for stack in snapshot.stacks],
        counts=[_count_to_wire(count) for count in snapshot.counts],
        events=[types.Event(at_ms=event.at_ms, fields=key_to_wire(event.fields)) for event in snapshot.events],
    )


def snapshot_from_wire(message: types.Snapshot, max_entries: int = MAX_ENTRIES) -> Snapshot:
    """A valid snapshot (:meth:`~fleettrace.snapshot.Snapshot.check_valid`) with its frames in it.

    Raises:
        Malformed: an entry is invalid, there are too many, or stacks come by hash alone.
    """
    if message.stack_columns or message.stack_refs or message.numbered_stacks:
        raise Malformed("stacks by hash or number are not for this message: a snapshot must come with its frames")
    snapshot = Snapshot(
        histograms=tuple(_histogram_from_wire(histogram) for histogram in message.histograms),
        stacks=tuple(Stack(tuple(stack.frames), stack.value, stack.unit, stack.events) for stack in message.stacks),
        counts=tuple(_count_from_wire(count) for count in message.counts),
        events=tuple(Event(event.at_ms, key_from_wire(event.fields)) for event in message.events),
    )
    snapshot.check_valid(max_entries)
    return snapshot


def key_to_wire(key: Key) -> types.Key:
    """Labels in their order."""
    return types.Key(labels=[types.Label(name=name, value=wire_text(value)) for name, value in key])


def key_from_wire(message: types.Key) -> Key:
    """What a snapshot checks when it is whole."""
    return tuple((label.name, label.value) for label in message.labels)


def _histogram_to_wire(histogram: Histogram) -> types.Histogram:
    return types.Histogram(
        key=key_to_wire(histogram.key),
        unit=histogram.unit,
        scheme=histogram.scheme,
        buckets=[types.Bucket(index=index, count=count) for index, count in histogram.counts],
    )


def _histogram_from_wire(message: types.Histogram) -> Histogram:
    return Histogram(
        key=key_from_wire(message.key),
        unit=message.unit,
        scheme=message.scheme,
        counts=tuple((bucket.index, bucket.count) for bucket in message.buckets),
    )


def _stack_to_wire(stack: Stack) -> types.Stack:
    frames = [wire_text(frame) for frame in stack.frames]
    return types.Stack(frames=frames, value=stack.value, unit=stack.unit, events=stack.events)


def _count_to_wire(count: Count) -> types.Count:
    sums = [types.Sum(unit=unit, value=value) for unit, value in count.sums]
    return types.Count(key=key_to_wire(count.key), count=count.count, sums=sums)


def _count_from_wire(message: types.Count) -> Count:
    return Count(key_from_wire(message.key), message.count, tuple((sum_.unit, sum_.value) for sum_ in message.sums))
