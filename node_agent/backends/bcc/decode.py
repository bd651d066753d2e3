"""Raw map contents to canonical snapshots, by the kind of result that a tool declares."""

import struct
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from fleettrace.errors import Malformed
from fleettrace.model.output import Decode, EventLayout
from fleettrace.snapshot import LOG2, MAX_ENTRIES, NO_KEY, Count, Event, Histogram, Key, Snapshot, merge
from node_agent.backends.bcc.fields import record_bytes, record_labels

__all__ = ["clock_offset_ns", "decode_counts", "decode_events", "decode_histogram", "totals"]

RawEntries = Iterable[tuple[bytes, Sequence[bytes]]]
"""Keys with their values, several for a per-CPU map, as :meth:`node_agent.kernel.maps.BpfMap.entries` yields them."""

_BUCKET_BYTES = 4
_TIME_BYTES = 8


def decode_histogram(entries: RawEntries, decode: Decode, unit: str, scheme: str = LOG2) -> Snapshot:
    """Counts by bucket of a scheme: the map's key is the declared fields and then the bucket's index.

    Raises:
        Malformed: the fields do not fill the key: the manifest does not describe the program.
    """
    buckets: defaultdict[Key, Counter[int]] = defaultdict(Counter)
    for key, values in entries:
        (count,) = totals(values, 1)
        if count:
            labels = _labels(key[:-_BUCKET_BYTES], decode) if decode.key else NO_KEY
            buckets[labels][int.from_bytes(key[-_BUCKET_BYTES:], "little")] += count
    _check_size(sum(map(len, buckets.values())))
    histograms = tuple(Histogram(key, unit, scheme, tuple(sorted(counts.items()))) for key, counts in buckets.items())
    return merge([Snapshot(histograms=histograms)])


def decode_counts(entries: RawEntries, decode: Decode, *, with_sums: bool = True) -> Snapshot:
    """A hash whose key is the declared fields, one after the other; a value is the count and then the sums.

    Without ``with_sums`` these are left out: nobody added them up.

    Raises:
        Malformed: the fields do not fill the key: the manifest does not describe the program.
    """
    divisors = decode.sum_divisors or (1,) * len(decode.sums)
    counts = []
    for key, values in entries:
        count, *sums = totals(values, 1 + len(decode.sums))
        if count:
            divided = (value // divisor for value, divisor in zip(sums, divisors, strict=True))
            named = tuple(sorted(zip(decode.sums, divided, strict=True))) if with_sums else ()
            counts.append(Count(_labels(key, decode), count, named))
    _check_size(len(counts))
    return merge([Snapshot(counts=tuple(counts))])


def decode_events(entries: RawEntries, layout: EventLayout, offset_ns: int) -> Snapshot:
    """Events that were kept whole: a value is the time in ns by the kernel's clock, and then the declared fields.

    ``offset_ns`` is :func:`clock_offset_ns`.
    """
    events = []
    for _, (value, *_) in entries:
        at_ns = int.from_bytes(value[:_TIME_BYTES], "little")
        if at_ns:
            events.append(Event((at_ns + offset_ns) // 1_000_000, record_labels(value[_TIME_BYTES:], layout.fields)))
    _check_size(len(events))
    return merge([Snapshot(events=tuple(events))])


def clock_offset_ns() -> int:
    """What to add to ``bpf_ktime_get_ns()`` for Unix time."""
    return time.time_ns() - time.monotonic_ns()


def totals(values: Sequence[bytes], numbers: int) -> list[int]:
    """So many little-endian 64-bit numbers of a value, summed over CPUs where there is one value for each."""
    layout = struct.Struct(f"<{numbers}Q")
    return [sum(column) for column in zip(*(layout.unpack_from(value) for value in values), strict=True)]


def _labels(key: bytes, decode: Decode) -> Key:
    if record_bytes(decode.key) != len(key):
        raise Malformed(f"the key has {len(key)} bytes, but its fields take {record_bytes(decode.key)}")
    return record_labels(key, decode.key)


def _check_size(entries: int) -> None:
    if entries > MAX_ENTRIES:
        raise Malformed(f"the map holds {entries} entries; a snapshot holds at most {MAX_ENTRIES}")
